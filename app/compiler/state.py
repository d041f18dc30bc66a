"""Shared state: writes are reduced in topological order, so that the state never depends on timing."""

from collections.abc import Callable, Iterable, Mapping

from pydantic import JsonValue

from app.compiler.document import StateKey
from app.compiler.failures import HardError

Write = tuple[str, JsonValue]


def _add(old: JsonValue, new: JsonValue) -> JsonValue:
    if old is None or new is None:
        return new if old is None else old
    if isinstance(old, list) and isinstance(new, list):
        return [*old, *new]
    if isinstance(old, str) and isinstance(new, str):
        return old + new
    if isinstance(old, int | float) and isinstance(new, int | float):
        return old + new
    raise TypeError("numbers, texts or lists of the same kind can be added")


def _append(old: JsonValue, new: JsonValue) -> JsonValue:
    if old is None:
        return [new]
    if isinstance(old, list):
        return [*old, new]
    raise TypeError("only a list can be appended to")


def _merge(old: JsonValue, new: JsonValue) -> JsonValue:
    if old is None or new is None:
        return new if old is None else old
    if isinstance(old, dict) and isinstance(new, dict):
        return {**old, **new}
    raise TypeError("only objects can be merged")


REDUCERS: Mapping[str, Callable[[JsonValue, JsonValue], JsonValue]] = {
    "replace": lambda _old, new: new,
    "add": _add,
    "append": _append,
    "merge": _merge,
}


class Reduction:
    """The reducers and defaults of a graph's state."""

    def __init__(self, keys: Mapping[str, StateKey]) -> None:
        self.defaults: dict[str, JsonValue] = {name: key.default for name, key in keys.items()}
        self._reducers = {name: key.reducer for name, key in keys.items()}

    def reduce(self, base: Mapping[str, JsonValue], writes: Iterable[Write]) -> dict[str, JsonValue]:
        """The state that results from `writes` on top of `base`; raises HardError where a write does not fit."""
        state = dict(base)
        for key, value in writes:
            try:
                state[key] = REDUCERS[self._reducers[key]](state.get(key), value)
            except TypeError as error:
                message = f"`state.{key}` has the reducer `{self._reducers[key]}`: {error}."
                raise HardError(message, type="state_error") from error
        return state
