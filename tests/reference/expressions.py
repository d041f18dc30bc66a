"""Expressions and templates of the graph language, evaluated by MiniJinja over a scope."""

import re
from functools import cache
from typing import Any

from minijinja import Environment, TemplateError

_WHOLE = re.compile(r"\A\{\{(.*)\}\}\Z", re.DOTALL)
_ENVIRONMENT = Environment()
_ENVIRONMENT.undefined_behavior = "strict"
_ENVIRONMENT.fuel = 100_000


# A dotted path outside of quotes, and the words behind which a path may be left unread.
_PATH = re.compile(r"""(?:"[^"]*"|'[^']*')|(?<![\w.\])])([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+)(?!\w*\()""")
_LAZY = re.compile(r"\b(?:if|and|or|default|defined|undefined|for)\b")


class ExpressionError(Exception):
    """An expression or template that cannot be evaluated over its scope."""


def evaluate(expression: str, scope: dict[str, Any]) -> Any:
    """Return the value of `expression`; one that cannot be evaluated, or is undefined, raises ExpressionError."""
    if not _LAZY.search(expression):
        # In lists and objects MiniJinja lets a missing field pass, which the language does not.
        for match in _PATH.finditer(expression):
            _walk(match[1], scope)
    try:
        # MiniJinja is strict about undefined values in operations only, not about an undefined result.
        if not _ENVIRONMENT.eval_expr(f"({expression}) is defined", **scope):
            raise ExpressionError(f"{expression.strip()} is undefined")
        return _ENVIRONMENT.eval_expr(expression, **scope)
    except TemplateError as error:
        raise ExpressionError(str(error).splitlines()[0]) from error


@cache
def _is_expression(text: str) -> bool:
    try:
        _ENVIRONMENT.eval_expr(text)
    except TemplateError as error:
        return error.kind != "SyntaxError"
    return True


def _walk(path: str | None, scope: dict[str, Any]) -> None:
    root, *steps = (path or "").split(".")
    found = scope.get(root)
    for step in steps if root in scope else ():
        if not isinstance(found, dict) or step not in found:
            raise ExpressionError(f"{path} is undefined")
        found = found[step]


def render(value: Any, scope: dict[str, Any]) -> Any:
    """Return `value`, any JSON, with the templates in its strings replaced; raises ExpressionError."""
    if isinstance(value, dict):
        return {key: render(item, scope) for key, item in value.items()}
    if isinstance(value, list):
        return [render(item, scope) for item in value]
    if not isinstance(value, str) or "{" not in value:
        return value
    whole = _WHOLE.match(value)
    if whole and _is_expression(whole[1]):
        return evaluate(whole[1], scope)
    try:
        return _ENVIRONMENT.render_str(value, **scope)
    except TemplateError as error:
        raise ExpressionError(str(error).splitlines()[0]) from error
