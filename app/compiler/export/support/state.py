"""Shared state in an exported program."""

from typing import Any

from app.compiler.export.support.errors import HardError


def reduced(
    declared: dict[str, tuple[str, Any]], base: dict[str, Any], writes: list[tuple[str, Any]]
) -> dict[str, Any]:
    """The shared state: each write put to what is there, as the key's reducer says."""
    state = dict(base)
    for key, new in writes:
        reducer, old = declared[key][0], state.get(key)
        try:
            if reducer == "replace":
                state[key] = new
            elif reducer == "append":
                state[key] = [*(old or []), new]
            elif old is None or new is None:
                state[key] = new if old is None else old
            else:
                state[key] = {**old, **new} if reducer == "merge" else added(old, new)
        except TypeError as error:
            raise HardError(f"`state.{key}` has the reducer {reducer!r}: {error}.", "state_error") from error
    return state


def added(old: Any, new: Any) -> Any:
    """The sum of two numbers, texts or lists."""
    return [*old, *new] if isinstance(old, list) and isinstance(new, list) else old + new
