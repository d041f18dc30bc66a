"""Schemas and values made so that comparing them takes very long."""

import time
from typing import Any

import pytest

from app.compiler.jsonschemas import MAX_SECONDS, misfits, schema_problem

GREEDY = "^(a|aa|a+b?)+$"
LONG = "a" * 60 + "!"
TOO_LONG = [("", "the schema takes too long for this value; make its patterns and references simpler")]


def doubling(depth: int) -> dict[str, Any]:
    """A schema that looks at its value two to the power of `depth` times."""
    parts: dict[str, Any] = {
        f"p{n}": {"allOf": [{"$ref": f"#/$defs/p{n + 1}"}, {"$ref": f"#/$defs/p{n + 1}"}]} for n in range(depth)
    }
    return {"$ref": "#/$defs/p0", "$defs": {**parts, f"p{depth}": {"type": "integer"}}}


@pytest.mark.spec("NODE-44")
@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"pattern": GREEDY}, LONG),
        ({"patternProperties": {GREEDY: True}}, {LONG: 1}),
        ({"patternProperties": {GREEDY: True}, "additionalProperties": False}, {LONG: 1}),
        ({"items": {"propertyNames": {"pattern": GREEDY}}}, [{LONG: 1}] * 100),
        (doubling(40), 1),
        ({"uniqueItems": True}, [item for n in range(20_000) for item in (n, str(n), [n], n)]),
    ],
    ids=["pattern", "patternProperties", "additionalProperties", "many patterns", "references", "uniqueItems"],
)
def test_no_schema_looks_at_a_value_for_long(schema: dict[str, Any], value: Any) -> None:
    assert schema_problem(schema) is None
    began = time.thread_time()
    found = misfits(schema, value)
    assert time.thread_time() - began < MAX_SECONDS + 1
    assert len(found) >= 1


@pytest.mark.spec("NODE-44")
def test_a_schema_that_takes_too_long_says_so() -> None:
    assert misfits(doubling(40), 1) == TOO_LONG
    assert misfits(doubling(3), 1) == []
    assert schema_problem({"patternProperties": {GREEDY: True}, "unevaluatedProperties": False}) is not None


@pytest.mark.spec("NODE-44")
@pytest.mark.parametrize(
    ("schema", "value", "places"),
    [
        ({"pattern": "^b"}, "ab", [""]),
        ({"pattern": "b"}, "ab", []),
        ({"pattern": "b"}, 7, []),
        ({"patternProperties": {"^n_": {"type": "integer"}}}, {"n_a": "x", "b": "x", "n_c": 1}, ["/n_a"]),
        ({"patternProperties": {"^n_": True}, "additionalProperties": False}, {"n_a": 1}, []),
        ({"patternProperties": {"^n_": True}, "additionalProperties": False}, {"n_a": 1, "b": 1}, [""]),
        ({"properties": {"a": True}, "additionalProperties": {"type": "integer"}}, {"a": "x", "b/c": "x"}, ["/b~1c"]),
        ({"uniqueItems": True}, [1, True, "1", [1], [True], {"a": 1}, {"a": True}, None], []),
        ({"uniqueItems": True}, [{"a": [1], "b": 2}, {"b": 2.0, "a": [1.0]}], [""]),
        ({"uniqueItems": False}, [1, 1], []),
    ],
)
def test_bounded_keywords_mean_what_json_schema_says(schema: dict[str, Any], value: Any, places: list[str]) -> None:
    assert [pointer for pointer, _ in misfits(schema, value)] == places
