"""A scope, and short ways to render over it."""

from typing import Any

import pytest

from app.compiler.expressions import ExpressionError, SyntaxProblems, parse_template

SCOPE: dict[str, Any] = {
    "input": {
        "name": "Bob",
        "html": "<a & 'b'>",
        "none": None,
        "yes": True,
        "whole": 1.0,
        "big": 2**70,
        "huge": 10**50,
        "tags": ["a", "b"],
        "floats": [1.0, 2.5],
        "rows": [{"n": 1, "s": "x"}, {"n": 2, "s": "y"}],
        "nul": "a\0b",
    },
    "fetch": {"output": {"user": {"id": 1, "email": "e"}}, "status": "COMPLETED"},
    "nodes": {"a b": {"output": 5}, "input": {"output": 6}},
}


def render(source: Any, scope: dict[str, Any] | None = None) -> Any:
    return parse_template(source).render(SCOPE if scope is None else scope)


def error_of(source: Any, scope: dict[str, Any] | None = None) -> ExpressionError:
    with pytest.raises(ExpressionError) as caught:
        render(source, scope)
    return caught.value


def refusal_of(source: Any) -> list[tuple[str, str]]:
    with pytest.raises(SyntaxProblems) as caught:
        parse_template(source)
    return caught.value.found
