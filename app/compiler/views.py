# ruff: noqa: SLF001 - what templates must not reach begins with an underscore, and this module is its owner
"""What the engine sees of JSON values: views that can be read, never changed, and that lead to nothing of Python."""

import math
from collections.abc import Iterator, Sequence
from typing import Any, Final

from app.compiler.allowance import MAX_LIST, MAX_TEXT, Allowance, ExpressionError, late, too_expensive
from app.compiler.evaluation import Run

_INT_BITS: Final = 127
_SHORT: Final = 1000  # items of a list that an expression may spell out; longer ones are parts of the scope
_LONG: Final = 4096  # characters of a text that is worth a look at the clock


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
        if not self._run.step():
            return ""
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
