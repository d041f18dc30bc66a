"""One evaluation of a template: what it may spend, and how its values stand in a text."""

import json
from collections.abc import Callable
from typing import Any, Final

from app.compiler.allowance import MAX_ITEMS, MAX_WALKED, Allowance, ExpressionError, late, too_expensive

_JSON: Final = json.JSONEncoder(ensure_ascii=False, separators=(", ", ": "))
_STEPS: Final = 32  # so many values are given between two looks at the clock


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
        self.miss: tuple[Any, object] | None = None
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
            allowance.walked += 8 if sorting and not isinstance(item, int | float) else 4
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
        self.tick()
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


def _has_whole_number(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(map(_has_whole_number, value))
    if isinstance(value, dict):
        return any(map(_has_whole_number, value.values()))
    return type(value) is int
