"""What the templates of one visit of a node may cost together, so that no template holds up its process.

The engine holds the interpreter while it renders: a thread would not help, so the work itself is bounded. Time is
counted in CPU seconds of the thread, because a template is no more expensive on a machine that is busy.
"""

import gc
import time
from types import TracebackType
from typing import Any, Final, Self

from app.errors import GraphwrightError

SECONDS: Final = 0.06
MAX_MADE: Final = 4 * 1024 * 1024
MAX_READ: Final = 16 * 1024 * 1024
MAX_SHARED: Final = 32_000_000
MAX_ITEMS: Final = 100_000
MAX_LIST: Final = 50_000
MAX_WALKED: Final = 200_000
MAX_TEXT: Final = 1024 * 1024
_ITEM: Final = 6  # about what a number takes in JSON, with its comma
_STEPS: Final = 256  # so many cheap steps are made between two looks at the clock
_PARTS: Final = 64
_LONG: Final = 4096  # characters that are worth a look at the clock


class ExpressionError(GraphwrightError):
    """A template or condition that cannot be evaluated over its scope; codes template_error, template_too_expensive."""

    code = "template_error"
    status = 422
    title = "The template cannot be evaluated"


def too_expensive(message: str) -> ExpressionError:
    """The error of everything that takes too long or grows too large."""
    return ExpressionError(message, code="template_too_expensive")


class Allowance:
    """Counts what is spent; entered while templates are evaluated, and may be entered again later.

    `made` and `read` are in characters, `items` are those of lists and objects that were gone through, `walked` is
    what filters have sorted and compared, `shared` the size in characters of the JSON that results hold without a copy.
    `is_shared` says that several templates make one result together.
    """

    __slots__ = (
        "_end",
        "_left",
        "_shares",
        "_sizes",
        "_was_collecting",
        "is_shared",
        "items",
        "made",
        "read",
        "shared",
        "walked",
    )

    def __init__(self) -> None:
        self.made = self.read = self.items = self.shared = self.walked = 0
        self.is_shared = False
        self._left = SECONDS
        self._end = 0.0
        self._shares = 0
        self._was_collecting = False
        self._sizes: dict[int, int] = {}

    def __enter__(self) -> Self:
        # A collection takes longer than most templates, and would be charged to whichever happens to set it off. Done
        # here and not by a context manager of its own, as this is entered for every template.
        self._was_collecting = gc.isenabled()
        gc.disable()
        self._end = time.thread_time() + self._left
        return self

    def __exit__(self, _kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None) -> None:
        self._left = self._end - time.thread_time()
        self._sizes.clear()
        if self._was_collecting:
            gc.enable()

    @property
    def is_well_used(self) -> bool:
        """Whether so much has been spent that others should have their turn before anything else is evaluated."""
        return self._left < SECONDS / 2

    @property
    def is_late(self) -> bool:
        """Whether the time is up."""
        return time.thread_time() > self._end

    def tick(self) -> None:
        """Raises ExpressionError when the time is up."""
        if self.is_late:
            raise late()

    def make(self, size: int) -> None:
        """Counts characters that a template makes; raises ExpressionError when there are too many."""
        self.made += size
        if self.made > MAX_MADE:
            raise too_expensive(f"makes more than {MAX_MADE:,} characters of text")
        if size > _LONG:
            self.tick()

    def check_size(self, value: Any) -> None:
        """Raises ExpressionError when a value is too large to be written as JSON within what is left."""
        if self._size(value, MAX_MADE - self.made) > MAX_MADE - self.made:
            raise too_expensive(f"makes more than {MAX_MADE:,} characters of text")

    def share(self, value: Any, *, anew: bool = True) -> None:
        """Counts a value that a result holds as it is; raises ExpressionError when they get too large together.

        Values are not copied, but whoever stores the result writes each of them out. Without `anew` they are free
        the first time.
        """
        self._shares += 1
        if self._shares % _PARTS == 0:
            self.tick()
        kind = type(value)
        if kind is not list and kind is not dict:
            self.shared += len(value) if kind is str else _ITEM
        elif anew or id(value) in self._sizes:
            known = self._sizes.get(id(value), 0)
            if not known:
                known = self._sizes[id(value)] = self._size(value, MAX_SHARED - self.shared)
            self.shared += known
        else:
            self._sizes[id(value)] = 0
        if self.shared > MAX_SHARED:
            raise too_expensive(f"gives more than {MAX_SHARED:,} characters of JSON")

    def _size(self, value: Any, limit: int) -> int:
        """About how many characters the JSON of a value has, or anything above `limit`."""
        size, steps, todo = _ITEM, 0, [value]
        while todo and size <= limit:
            item = todo.pop()
            kind = type(item)
            if kind is str:
                size += len(item)
            elif kind is list:
                size += _ITEM * len(item)
                if size <= limit:
                    todo += item
            elif kind is dict:
                size += _ITEM * len(item)
                if size <= limit:
                    size += sum(map(len, item))
                    todo += item.values()
            steps += 1
            if steps % _STEPS == 0:
                self.tick()
        return size


def late() -> ExpressionError:
    """The error of a template that has used up its time."""
    return too_expensive(f"takes more than {SECONDS * 1000:g} ms of computing")
