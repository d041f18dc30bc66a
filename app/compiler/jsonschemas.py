"""JSON Schemas that people write: whether one is usable, and whether a value fits it.

References stay inside the schema. Nothing is ever fetched.
"""

from collections.abc import Iterator
from typing import Annotated, Any

import referencing
import referencing.exceptions
import referencing.jsonschema
from jsonschema import Draft202012Validator, SchemaError
from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import validator_for
from pydantic import AfterValidator

Schema = dict[str, Any] | bool
MAX_PROBLEMS = 100
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")


def schema_problem(schema: Schema) -> str | None:
    """What is wrong with a schema, in one sentence; None when it can be used."""
    try:
        for reference in _references(schema):
            if not reference.startswith("#"):
                return f"the schema refers to {reference}; copy what it needs into its own $defs"
        kind = validator_for(schema, default=Draft202012Validator)
        kind.check_schema(schema)  # type: ignore[arg-type]  # true and false are schemas, too
        dialect = referencing.jsonschema.specification_with(kind.META_SCHEMA["$schema"])
        resolver = referencing.Registry().resolver_with_root(dialect.create_resource(schema))
        for reference in _references(schema):
            resolver.lookup(reference)
    except SchemaError as error:
        return f"this is no valid JSON Schema: {error.json_path}: {error.message[:300]}"
    except (referencing.exceptions.Unresolvable, referencing.exceptions.NoSuchAnchor) as error:
        return f"the schema refers to {error.ref}, which it does not have"
    except RecursionError:
        return "the schema is nested too deeply"
    return None


def _usable(schema: Schema) -> Schema:
    problem = schema_problem(schema)
    if problem is not None:
        raise ValueError(problem)
    return schema


UsableSchema = Annotated[dict[str, Any] | bool, AfterValidator(_usable)]
"""A field of a config that holds a JSON Schema."""


def misfits(schema: Schema, value: Any) -> list[tuple[str, str]]:
    """Where a value does not fit a schema: (JSON pointer into the value, sentence) in document order, at most 100."""
    kind = validator_for(schema, default=Draft202012Validator)
    validator: Validator = kind(schema, registry=referencing.Registry(), format_checker=kind.FORMAT_CHECKER)
    found: list[tuple[str, str]] = []
    try:
        for error in validator.iter_errors(value):
            found.append((_pointer(error), error.message[:500]))
            if len(found) == MAX_PROBLEMS:
                break
    except RecursionError:
        return [("", "the schema never ends for this value")]
    return sorted(found)


def _references(schema: Any) -> Iterator[str]:
    waiting = [schema]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting.extend(part)
        elif isinstance(part, dict):
            waiting.extend(value for key, value in part.items() if key not in ("const", "enum", "default", "examples"))
            yield from (part[key] for key in _REFERENCES if isinstance(part.get(key), str))


def _pointer(error: ValidationError) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in error.absolute_path)
