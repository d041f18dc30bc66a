"""Filters that MiniJinja does not have, or has with another meaning."""

import json
from collections.abc import Callable
from typing import Any

from app.compiler.export.support.errors import HardError


def json_text(value: Any, indent: int | None = None) -> str:
    """`tojson`, without escapes for HTML."""
    return json.dumps(value, ensure_ascii=False, indent=indent)


def pluck(items: Any, attribute: str) -> list[Any]:
    """`map(attribute=…)`, where a missing field is an error."""
    found = []
    for number, item in enumerate(items):
        value = item
        for step in str(attribute).split("."):
            try:
                value = value[int(step) if step.isdigit() else step]
            except (KeyError, IndexError, TypeError):
                raise HardError(f"Item {number} of a list has no `{attribute}`.", "template_error") from None
        found.append(value)
    return found


def fromjson(text: str) -> Any:
    """`fromjson`: the value of a JSON text."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise HardError(f"`fromjson`: {error}", "template_error") from None


def replace(text: Any, old: Any, new: Any, count: int = -1) -> str:
    """`replace`."""
    body, before, after = (v if isinstance(v, str) else json_text(v) for v in (text, old, new))
    return body.replace(before, after, count)


def indent(text: str, width: int = 4, first: bool = False, blank: bool = False) -> str:
    """`indent`."""
    lines = [" " * width + line if line.strip() or blank else line for line in str(text).split("\n")]
    return "\n".join(lines if first else [str(text).split("\n", 1)[0], *lines[1:]])


def printf(pattern: str, *values: Any) -> str:
    """`format`, as in "%s has %d"|format(name, count)."""
    try:
        return pattern % tuple(value if isinstance(value, int | float | str) else json_text(value) for value in values)
    except (TypeError, ValueError, OverflowError) as error:
        raise HardError(f"`format`: {error}", "template_error") from None


FILTERS: dict[str, Callable[..., Any]] = {
    "json_text": json_text,
    "pluck": pluck,
    "fromjson": fromjson,
    "replace": replace,
    "indent": indent,
    "format": printf,
}
RENAMED = {
    r"\|\s*tojson\b": "|json_text",
    r"""\bmap\(\s*["']tojson["']""": "map('json_text'",
    r"\bmap\(\s*attribute\s*=": "pluck(",
}
