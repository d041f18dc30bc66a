"""The smallest value that fits a JSON Schema, for the fake model."""

from collections.abc import Mapping
from typing import Any

from pydantic import JsonValue

from app.compiler.jsonschemas import misfits

_DEEPEST = 32
_TEXTS = {
    "date": "2000-01-01",
    "time": "00:00:00Z",
    "date-time": "2000-01-01T00:00:00Z",
    "email": "a@example.com",
    "uri": "https://example.com",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


def sample(schema: Mapping[str, Any]) -> JsonValue:
    """A value with no more in it than the schema asks for; it may not fit where the schema asks for patterns."""
    return _sample(schema, schema, 0)


def _sample(schema: Any, root: Mapping[str, Any], depth: int) -> JsonValue:
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        return None
    given = [schema[name] for name in ("const", "default") if name in schema] + list(schema.get("enum", ()))[:1]
    choices = schema.get("anyOf") or schema.get("oneOf")
    if given:
        return given[0]  # type: ignore[no-any-return]
    if choices:
        return _first_that_fits(schema, choices, root, depth)
    if "$ref" in schema:
        return _sample(_resolved(schema["$ref"], root), root, depth + 1)
    return _sample(_merged(schema, root), root, depth + 1) if "allOf" in schema else _by_type(schema, root, depth)


def _by_type(schema: Mapping[str, Any], root: Mapping[str, Any], depth: int) -> JsonValue:
    kind = schema.get("type", "object" if "properties" in schema else "null")
    kind = kind[0] if isinstance(kind, list) else kind
    if kind == "object":
        known = schema.get("properties", {})
        return {name: _sample(known.get(name, {}), root, depth + 1) for name in schema.get("required", [])}
    if kind == "array":
        first = schema.get("prefixItems", [])
        items = [_sample(item, root, depth + 1) for item in first]
        wanted = int(schema.get("minItems", 0)) - len(items)
        return items + [_sample(schema.get("items", {}), root, depth + 1) for _ in range(wanted)]
    if kind in ("integer", "number"):
        return _number(schema, whole=kind == "integer")
    if kind == "string":
        return _TEXTS.get(schema.get("format", ""), "").ljust(int(schema.get("minLength", 0)), "x")
    return False if kind == "boolean" else None


def _number(schema: Mapping[str, Any], *, whole: bool) -> int | float:
    """The number nearest to 0 that is within the limits, for steps and limits of everyday kinds."""
    step = schema.get("multipleOf", 1)
    least = schema.get("minimum", schema.get("exclusiveMinimum", 0))
    most = schema.get("maximum", schema.get("exclusiveMaximum", 0))
    value = least if least > 0 else min(most, 0) if "maximum" in schema or "exclusiveMaximum" in schema else 0
    value = -(-value // step) * step if value >= 0 else value // step * step
    if value in (schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")):
        value += step if value == schema.get("exclusiveMinimum") else -step
    return int(value) if whole else value


def _first_that_fits(schema: Mapping[str, Any], choices: list[Any], root: Mapping[str, Any], depth: int) -> JsonValue:
    outside = {name: part for name, part in schema.items() if name not in ("anyOf", "oneOf")}
    values = [_sample(_joined(outside, choice), root, depth + 1) for choice in choices]
    whole = {**schema, **{name: root[name] for name in ("$defs", "definitions") if name in root}}
    return next((value for value in values if not misfits(whole, value)), values[0])


def _merged(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    whole: Mapping[str, Any] = {name: part for name, part in schema.items() if name != "allOf"}
    for part in schema["allOf"]:
        whole = _joined(whole, _resolved(part["$ref"], root) if "$ref" in part else part)
    return whole


def _joined(one: Mapping[str, Any], other: Any) -> Mapping[str, Any]:
    if not isinstance(other, Mapping):
        return one
    required = [*one.get("required", []), *other.get("required", [])]
    properties = {**one.get("properties", {}), **other.get("properties", {})}
    extra = {name: part for name, part in (("required", required), ("properties", properties)) if part}
    return {**one, **other, **extra}


def _resolved(reference: str, root: Mapping[str, Any]) -> Any:
    found: Any = root
    for part in reference.removeprefix("#").split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        found = found.get(name, {}) if isinstance(found, Mapping) else {}
    return found
