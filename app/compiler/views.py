# ruff: noqa: SLF001 - what templates must not reach begins with an underscore, and this module is its owner
"""What the engine sees of JSON values: views that can be read, never changed, and that lead to nothing of Python."""

import json
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from app.compiler.allowance import (
    MAX_ITEMS,
    MAX_LIST,
    MAX_TEXT,
    MAX_WALKED,
    Allowance,
    ExpressionError,
    late,
    too_expensive,
)

_JSON: Final = json.JSONEncoder(ensure_ascii=False, separators=(", ", ": "))
_INT_BITS: Final = 127
_STEPS: Final = 32  # so many values are given between two looks at the clock
_SHORT: Final = 1000  # items of a list that an expression may spell out; longer ones are parts of the scope
_LONG: Final = 4096  # characters of a text that is worth a look at the clock


class Run:
    """One evaluation: what it may spend, and what went wrong where the engine could not be told.

    `missing` gives the error of a missing path and `found` its value, both by its number. `max_read` is how many
    characters may be read, which depends on how often they are copied; `is_heavy` that single steps may be expensive.
    """

    __slots__ = (
        "allowance",
        "failure",
        "found",
        "is_float",
        "is_heavy",
        "max_read",
        "miss",
        "missing",
        "opaque",
        "steps",
        "value",
    )

    def __init__(
        self,
        missing: Callable[[int, "Run"], ExpressionError],
        found: Callable[[int], Any],
        allowance: Allowance,
        max_read: int,
        *,
        is_heavy: bool,
    ) -> None:
        self.failure: ExpressionError | None = None
        self.miss: tuple[_View, object] | None = None
        self.missing = missing
        self.found = found
        self.allowance = allowance
        self.max_read = max_read
        self.is_heavy = is_heavy
        self.opaque = False
        self.steps = 0
        self.value: Any = None
        self.is_float = False

    def fail(self, message: str) -> None:
        """Notes an error where raising is impossible: the engine swallows what views raise."""
        self.failure = self.failure or ExpressionError(message)

    def tick(self) -> bool:
        """Raises ExpressionError when the time is up, or when something has failed that could not be told."""
        if self.failure is not None:
            raise self.failure
        self.steps += 1
        if self.is_heavy or self.steps % _STEPS == 0:
            self.allowance.tick()
        return False

    def step(self) -> bool:
        """Whether a view may give one more value; notes the failure when the time is up."""
        self.steps += 1
        if self.steps % _STEPS == 0 and self.failure is None and self.allowance.is_late:
            self.failure = late()
        return self.failure is None

    def walk(self, count: int) -> bool:
        """Whether a view may be gone through; notes the failure when too many items are."""
        self.allowance.items += count
        if self.allowance.items > MAX_ITEMS and self.failure is None:
            self.failure = too_expensive(f"goes through more than {MAX_ITEMS:,} items")
        return self.failure is None and not self.opaque

    def walk_item(self, item: Any, *, sorting: bool) -> bool:
        """Counts one item of what a filter is about to go through, or to sort; raises ExpressionError.

        Texts count by their length, and what can only be compared here in Python counts twice.
        """
        allowance = self.allowance
        if isinstance(item, str):
            allowance.walked += 4 + len(item) // (2 if sorting else 16)
        else:
            allowance.walked += 8 if sorting and isinstance(item, _View) else 4
        if allowance.walked > MAX_WALKED:
            raise too_expensive("sorts, compares or goes through too many items or too long ones")
        if not self.step():
            raise self.failure or late()
        return True

    def look(self) -> bool:
        """Raises ExpressionError when the time is up, without fail."""
        self.tick()
        self.allowance.tick()
        return False

    def keep(self, size: int) -> None:
        """Counts characters that a template makes and goes on working with; raises ExpressionError."""
        self.allowance.make(size)
        self.allowance.read += size
        if self.allowance.read > self.max_read:
            raise self.read_too_much()

    def read_too_much(self) -> ExpressionError:
        """The error of a template that reads more than it may."""
        return too_expensive(f"works on more than {self.max_read:,} characters of text")

    def text(self, value: Any) -> str:
        """A value as it stands in a text, counted; raises ExpressionError."""
        return spelled(value, self.allowance)

    def take(self, value: object, is_defined: bool, is_float: bool) -> bool:
        """Receives the result; true asks the engine to spell it once more, to tell 1.0 from 1 inside of it."""
        if not is_defined:
            raise self.missing(-1, self)
        self.value, self.is_float = value, is_float
        self.opaque = isinstance(value, list | tuple | dict) and _has_whole_number(value)
        return self.opaque


class _View:
    """What the engine sees of a list or an object: items, and nothing else of Python."""

    __slots__ = ("_key", "_parent", "_raw", "_run")

    def __init__(self, run: Run, raw: Any, parent: Any, key: object) -> None:
        self._run = run
        self._raw = raw
        self._parent = parent
        self._key = key

    def __len__(self) -> int:
        # The engine asks before it goes through a view by index, and would go on to the end after a failure.
        run, size = self._run, len(self._raw)
        if size > MAX_LIST and run.failure is None and not run.opaque:
            run.failure = too_expensive(f"goes through a list or an object of more than {MAX_LIST:,} items")
        return 0 if run.opaque or run.failure is not None else size

    def __bool__(self) -> bool:
        return bool(self._raw)

    def __str__(self) -> str:
        try:
            text = self._run.text(self._raw)
            self._run.allowance.read += len(text)
        except (ExpressionError, RecursionError, ValueError, TypeError) as error:
            self._run.failure = self._run.failure or _unreadable(error)
            return ""
        return text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _View) and (not self._comparable(other) or bool(self._raw == other._raw))

    def _comparable(self, other: "_View") -> bool:
        """Whether two views may be compared, which nothing can interrupt; else let the engine believe anything."""
        if self._run.failure is not None:
            return False
        if min(len(self._raw), len(other._raw)) > MAX_LIST:
            self._run.failure = too_expensive(f"compares more than {MAX_LIST:,} items")
        elif self._run.allowance.is_late:
            self._run.failure = late()
        return self._run.failure is None

    __hash__ = None  # type: ignore[assignment]


def _unreadable(error: Exception) -> ExpressionError:
    if isinstance(error, ExpressionError):
        return error
    if isinstance(error, RecursionError):
        return too_expensive("is nested too deeply")
    return ExpressionError("reads a value that is no JSON")


class ListView(_View):
    """A list, read only."""

    __slots__ = ()

    def __getitem__(self, index: object) -> Any:
        if type(index) is not int or not -len(self._raw) <= index < len(self._raw):
            self._run.miss = (self, index)
            raise KeyError
        run = self._run
        value = view(run, self._raw[index], self, index)
        if not run.step():
            raise KeyError
        return value

    def __iter__(self) -> Iterator[Any]:
        run = self._run
        for index, item in enumerate(self._raw if run.walk(len(self._raw)) else ()):
            if not run.step():
                return
            yield view(run, item, self, index)

    def __lt__(self, other: object) -> bool:
        return isinstance(other, ListView) and (not self._comparable(other) or bool(self._raw < other._raw))

    def __gt__(self, other: object) -> bool:
        return isinstance(other, ListView) and (not self._comparable(other) or bool(self._raw > other._raw))


Sequence.register(ListView)


class ObjectView(_View):
    """An object, read only."""

    __slots__ = ("_hidden",)

    def __getitem__(self, key: object) -> Any:
        if type(key) is not str or key not in self._raw:
            self._run.miss = (self, key)
            self._hidden = key == "items"
            raise KeyError
        run = self._run
        value = view(run, self._raw[key], self, key)
        if not run.step():
            raise KeyError
        return value

    def __iter__(self) -> Iterator[str]:
        for key in self._raw if self._run.walk(len(self._raw)) else ():
            if not self._run.step():
                return
            if _is_unicode(key):
                yield key
            else:
                self._run.fail("reads an object with a name that is no valid Unicode text")

    @property
    def items(self) -> None:
        """The engine takes for an object what has `items`; a template that looks for the field must not find it."""
        if getattr(self, "_hidden", False):
            self._hidden = False
            raise AttributeError


class Absent:
    """Stands for a name that is not in the scope but that Python's dict would answer to."""

    __slots__ = ()


def place(found: _View) -> tuple[str, list[Any], Any]:
    """Where a view was found and what it shows: (top-level name, steps from there, JSON value)."""
    steps: list[Any] = []
    owner = found
    while owner._parent is not None:
        steps.append(owner._key)
        owner = owner._parent
    return str(owner._key), steps[::-1], found._raw


def view(run: Run, value: Any, parent: _View | None, key: object) -> Any:  # noqa: PLR0911 - one case for each type
    """What the engine gets for a JSON value; anything that is none is noted as a failure."""
    kind = type(value)
    if kind is str:
        return _readable(run, value)
    if kind is dict:
        return ObjectView(run, value, parent, key)
    if kind is list or kind is tuple:
        return ListView(run, value, parent, key)
    if value is None or kind is bool or kind is float:
        return value
    if kind is int:
        if value.bit_length() <= _INT_BITS:
            return value
        run.fail(f"calculates with a number of more than {_INT_BITS} bits")
    elif isinstance(value, str | int | float):
        return view(run, _plain(value), parent, key)
    else:
        run.fail(f"reads a value that is no JSON: {kind.__name__}")
    return None


def _readable(run: Run, text: str) -> str | None:
    allowance, size = run.allowance, len(text)
    allowance.read += size
    if size > MAX_TEXT:
        run.failure = run.failure or too_expensive(f"works on a text of more than {MAX_TEXT:,} characters")
    elif allowance.read > run.max_read:
        run.failure = run.failure or run.read_too_much()
    elif size > _LONG and allowance.is_late:
        run.failure = run.failure or late()
    if run.failure is not None:
        return None
    if text.isascii() or _is_unicode(text):
        return text
    run.fail("reads a text that is no valid Unicode (a lone surrogate)")
    return None


def raw(value: Any) -> Any:
    """The JSON value behind what the engine hands out: views opened, tuples as lists, marked text as plain text."""
    kind = type(value)
    if kind is ListView or kind is ObjectView:
        return value._raw
    if kind is list or kind is tuple:
        return [raw(item) for item in value]
    if kind is dict:
        return {_name(key): raw(item) for key, item in value.items()}
    if value is None or kind is bool or kind is int or kind is str:
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ExpressionError("gives a number that JSON cannot hold (infinite or not a number)")
        return float(value)
    if isinstance(value, str):
        return str.__str__(value)
    raise ExpressionError(f"gives a value that is no JSON: {kind.__name__}")


def result(value: Any, allowance: Allowance) -> Any:
    """The JSON value of an expression's result; what it holds of the scope is paid for. Raises ExpressionError."""
    kind = type(value)
    if kind is list or kind is tuple:
        is_short = len(value) <= _SHORT
        return [_part(item, allowance, anew=is_short) for item in value]
    if kind is dict:
        return {_name(key): _part(item, allowance, anew=True) for key, item in value.items()}
    return raw(value)


def _part(value: Any, allowance: Allowance, *, anew: bool) -> Any:
    kind = type(value)
    if kind is ListView or kind is ObjectView:
        allowance.share(value._raw, anew=anew)
        return value._raw
    return result(value, allowance)


def to_text(value: Any) -> str:
    """How a value stands in a text: a text as it is, everything else as JSON."""
    return value if isinstance(value, str) else _JSON.encode(value)


def spelled(value: Any, allowance: Allowance) -> str:
    """A JSON value as it stands in a text, paid for; raises ExpressionError."""
    if type(value) is dict or type(value) is list:
        allowance.check_size(value)
    text = to_text(value)
    allowance.make(len(text))
    return text


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _plain(value: str | float) -> str | int | float:
    base = next(base for base in (str, int, float) if isinstance(value, base))
    return base.__str__(value) if base is str else base(value)


def _name(key: Any) -> str:
    if not isinstance(key, str):
        raise ExpressionError("gives an object with a name that is no text")
    return str.__str__(key)


def _has_whole_number(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(map(_has_whole_number, value))
    if isinstance(value, dict):
        return any(map(_has_whole_number, value.values()))
    return type(value) is int


def with_floats(value: Any, found: Any) -> Any:
    """A result with 1.0 where the engine spelled 1.0 in `found`, in which views are empty."""
    kind = type(value)
    if kind is list:
        if isinstance(found, list) and len(found) == len(value):
            return [with_floats(item, text) for item, text in zip(value, found, strict=True)]
    elif kind is dict:
        if isinstance(found, dict) and len(found) == len(value):
            pairs = zip(value.items(), found.values(), strict=True)
            return {key: with_floats(item, text) for (key, item), text in pairs}
    elif kind is int and isinstance(found, float):
        return found
    return value
