"""Places inside of configs: found by pattern or by pointer, hidden from templates, put back."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from pydantic import JsonValue

from app.errors import pointer_to


def masked(config: dict[str, JsonValue], patterns: Sequence[str]) -> dict[str, JsonValue]:
    """The config with null at every place that a pattern such as `branches.*.when` names."""
    result: Any = config
    for pattern in patterns:
        result = _replaced(result, pattern.split("."), lambda _value: None)
    return dict(result)


def restorer(config: Mapping[str, JsonValue], patterns: Sequence[str]) -> Callable[[Any], Any] | None:
    """A function that puts the original values into a rendered config at the places that were masked.

    None where nothing was masked.
    """
    flat = {pattern: config[pattern] for pattern in patterns if pattern in config}
    deep = [pattern for pattern in patterns if "." in pattern and pattern.split(".")[0] in config]
    originals = [(pattern, [value for _, value in selected(config, (pattern,))]) for pattern in deep]
    if not flat and not deep:
        return None

    def restore(rendered: Any) -> Any:
        result: Any = {**rendered, **flat}
        for pattern, values in originals:
            result = _replaced(result, pattern.split("."), partial(_next, iter(values)))
        return result

    return restore


def _next(values: Iterator[Any], _replaced: Any) -> Any:
    return next(values)


def selected(value: Any, patterns: Sequence[str]) -> list[tuple[str, Any]]:
    """The values at the places that the patterns name, each with its JSON pointer."""
    found: list[tuple[str, Any]] = []

    def visit(current: Any, parts: Sequence[str], pointer: str) -> None:
        if not parts:
            found.append((pointer, current))
        elif parts[0] == "*" and isinstance(current, list):
            for n, item in enumerate(current):
                visit(item, parts[1:], f"{pointer}/{n}")
        elif isinstance(current, Mapping) and parts[0] in current:
            visit(current[parts[0]], parts[1:], f"{pointer}{pointer_to(parts[0])}")

    for pattern in patterns:
        visit(value, pattern.split("."), "")
    return found


def _replaced(value: Any, parts: Sequence[str], change: Callable[[Any], Any]) -> Any:
    if not parts:
        return change(value)
    if parts[0] == "*" and isinstance(value, list):
        return [_replaced(item, parts[1:], change) for item in value]
    if isinstance(value, Mapping) and parts[0] in value:
        return {**value, parts[0]: _replaced(value[parts[0]], parts[1:], change)}
    return value


def place_in(value: Any, location: Sequence[int | str], *, missing: bool) -> tuple[str, Any]:
    """The JSON pointer and value of a place that pydantic names in a value.

    Steps that are not in the value, such as the names of what a union could be, are left out; only where something is
    missing the last step is that thing.
    """
    pointer = ""
    for part in location[:-1] if missing else location:
        known: Any = value if isinstance(value, Mapping) else range(len(value)) if isinstance(value, list) else ()
        if part in known:
            value = value[part]
            pointer += pointer_to(part)
    return (pointer + pointer_to(*location[-1:]), None) if missing else (pointer, value)
