"""JSON Schemas that people write: whether one is usable, and whether a value fits it.

References stay inside the schema. Nothing is ever fetched.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, Any, Final

import referencing
import referencing.exceptions
import referencing.jsonschema
import regex
from jsonschema import Draft202012Validator, SchemaError
from jsonschema.exceptions import ValidationError
from jsonschema.protocols import Validator
from jsonschema.validators import extend, validator_for
from pydantic import AfterValidator

from app.errors import pointer_to

Schema = dict[str, Any] | bool
MAX_PROBLEMS = 100
MAX_SECONDS: Final = 2.0
PATTERN_SECONDS: Final = 0.1
_Keyword = Callable[[Validator, Any, Any, Any], Iterable[ValidationError] | None]
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
    keys = set(_keywords(schema))
    if "patternProperties" in keys and "unevaluatedProperties" in keys:
        return "the schema has patternProperties and unevaluatedProperties; use additionalProperties with the patterns"
    return None


def _usable(schema: Schema) -> Schema:
    problem = schema_problem(schema)
    if problem is not None:
        raise ValueError(problem)
    return schema


UsableSchema = Annotated[dict[str, Any] | bool, AfterValidator(_usable)]
"""A field of a config that holds a JSON Schema."""


def misfits(schema: Schema, value: Any) -> list[tuple[str, str]]:
    """Where a value does not fit a schema: (JSON pointer into the value, sentence) in document order, at most 100.

    A value that takes two seconds of CPU time does not fit: schemas can be written so that looking never ends.
    """
    kind = _bounded(validator_for(schema, default=Draft202012Validator))
    validator: Validator = kind(schema, registry=referencing.Registry(), format_checker=kind.FORMAT_CHECKER)
    found: list[tuple[str, str]] = []
    try:
        for error in validator.iter_errors(value):
            found.append((pointer_to(*error.absolute_path), error.message[:500]))
            if len(found) == MAX_PROBLEMS:
                break
    except RecursionError:
        return [("", "the schema never ends for this value")]
    except TimeoutError:
        return [("", "the schema takes too long for this value; make its patterns and references simpler")]
    except regex.error as error:
        return [("", f"the schema has a pattern that cannot be read: {error}")]
    return sorted(found)


def _bounded(kind: type[Validator]) -> type[Validator]:
    """The same dialect, raising TimeoutError where a value takes too long."""
    end = time.thread_time() + MAX_SECONDS
    keywords = {key: _until(end, _OWN.get(key) or look) for key, look in kind.VALIDATORS.items() if look}
    bounded: type[Validator] = extend(kind, keywords)  # type: ignore[no-untyped-call]  # its stubs have no types
    return bounded


def _until(end: float, look: _Keyword) -> _Keyword:
    def looked(validator: Validator, said: Any, value: Any, schema: Any) -> Iterator[ValidationError]:
        if time.thread_time() > end:
            raise TimeoutError
        yield from look(validator, said, value, schema) or ()

    return looked


def _pattern(validator: Validator, pattern: str, value: Any, _schema: Any) -> Iterator[ValidationError]:
    if validator.is_type(value, "string") and not _found(pattern, value):
        yield ValidationError(f"{value!r} does not match {pattern!r}")


def _pattern_properties(
    validator: Validator, patterns: dict[str, Any], value: Any, _schema: Any
) -> Iterator[ValidationError]:
    if not validator.is_type(value, "object"):
        return
    for pattern, schema in patterns.items():
        for key, held in value.items():
            if _found(pattern, key):
                yield from _below(validator, held, schema, key)


def _additional(validator: Validator, said: Any, value: Any, schema: dict[str, Any]) -> Iterator[ValidationError]:
    if not validator.is_type(value, "object"):
        return
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    extra = [key for key in value if key not in known and not any(_found(pattern, key) for pattern in patterns)]
    if isinstance(said, dict):
        for key in extra:
            yield from _below(validator, value[key], said, key)
    elif said is False and extra:
        names = ", ".join(repr(key) for key in sorted(extra))
        were = "was" if len(extra) == 1 else "were"
        yield ValidationError(f"Additional properties are not allowed ({names} {were} unexpected)")


def _below(validator: Validator, value: Any, schema: Any, key: str) -> Iterator[ValidationError]:
    for error in validator.evolve(schema=schema).iter_errors(value):
        error.path.appendleft(key)
        yield error


def _found(pattern: str, text: str) -> bool:
    return regex.search(pattern, text, timeout=PATTERN_SECONDS) is not None


def _unique(validator: Validator, wanted: Any, value: Any, _schema: Any) -> Iterator[ValidationError]:
    if wanted and validator.is_type(value, "array") and len({_hashable(item) for item in value}) < len(value):
        yield ValidationError(f"{value!r} has non-unique elements")


def _hashable(value: Any) -> Any:
    """A key that is the same for equal JSON values only: 1 and 1.0 are equal, 1 and true are not."""
    if isinstance(value, dict):
        return ("object", frozenset((key, _hashable(held)) for key, held in value.items()))
    if isinstance(value, list):
        return ("array", tuple(_hashable(item) for item in value))
    return (isinstance(value, bool), value)


_OWN: Final[dict[str, _Keyword]] = {
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "additionalProperties": _additional,
    "uniqueItems": _unique,
}


def _references(schema: Any) -> Iterator[str]:
    return (part[key] for part in _parts(schema) for key in _REFERENCES if isinstance(part.get(key), str))


def _keywords(schema: Any) -> Iterator[str]:
    return (key for part in _parts(schema) for key in part)


def _parts(schema: Any) -> Iterator[dict[str, Any]]:
    waiting = [schema]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting.extend(part)
        elif isinstance(part, dict):
            waiting.extend(value for key, value in part.items() if key not in ("const", "enum", "default", "examples"))
            yield part
