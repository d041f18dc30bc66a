"""Shared state: writes are reduced in topological order, so that the state never depends on timing."""

from collections.abc import Callable, Iterable, Iterator, Mapping

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


def _has_grown(reducer: str, old: JsonValue, new: JsonValue) -> bool:
    """Put `new` into `old` in place, where that is a list or an object that the reduction itself has made."""
    if reducer == "append" and isinstance(old, list):
        old.append(new)
    elif reducer == "add" and isinstance(old, list) and isinstance(new, list):
        old.extend(new)
    elif reducer == "merge" and isinstance(old, dict) and isinstance(new, dict):
        old.update(new)
    else:
        return False
    return True


class Reduction:
    """The reducers and defaults of a graph's state."""

    def __init__(self, keys: Mapping[str, StateKey]) -> None:
        self.defaults: dict[str, JsonValue] = {name: key.default for name, key in keys.items()}
        self._reducers = {name: key.reducer for name, key in keys.items()}

    def reduce(self, base: Mapping[str, JsonValue], writes: Iterable[Write]) -> dict[str, JsonValue]:
        """The state that results from `writes` on top of `base`; raises HardError where a write does not fit."""
        state = dict(base)
        made: set[str] = set()
        for key, value in writes:
            old = state.get(key)
            if key in made and _has_grown(self._reducers[key], old, value):
                continue
            try:
                new = state[key] = REDUCERS[self._reducers[key]](old, value)
            except TypeError as error:
                message = f"`state.{key}` has the reducer `{self._reducers[key]}`: {error}."
                raise HardError(message, type="state_error") from error
            if new is not old and new is not value:
                made.add(key)
        return state

    def replaces(self, key: str) -> bool:
        """Whether only the last of all writes to the key counts."""
        return self._reducers[key] == "replace"


class Carried:
    """What the laps of a loop have written so far, in their order; grows in place, and holds only what counts."""

    __slots__ = ("_others", "_reduction", "_replaced")

    def __init__(self, reduction: Reduction) -> None:
        self._reduction = reduction
        self._others: list[Write] = []
        self._replaced: dict[str, JsonValue] = {}

    def add(self, writes: Iterable[Write]) -> None:
        """Take in what came after."""
        for key, value in writes:
            if self._reduction.replaces(key):
                self._replaced[key] = value
            else:
                self._others.append((key, value))

    def __iter__(self) -> Iterator[Write]:
        # Keys are reduced each by itself, so the order among them does not matter.
        yield from self._others
        yield from self._replaced.items()
