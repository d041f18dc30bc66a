"""Waiting for what happens outside of a run: an answer, a step, a child run, a moment.

A node that waits costs a future while other nodes of its run work. Once a run has nothing left but waiting, every
waiting node parks: the run gives its worker back, and the nodes are visited again when something has happened.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol, TypeVar

from pydantic import JsonValue

from app.compiler.failures import Park

GRACE_SECONDS = 0.05
"""How long nothing may happen before a run parks. Too short costs a visit more, and never a result."""

FAR = datetime(9999, 1, 1, tzinfo=UTC)
"""Later moments cannot be read back in every time zone; what waits for one of them waits for this."""
LONGEST_SECONDS = 1e11
"""Three thousand years; a longer time counts as this."""

T = TypeVar("T")
SignalKind = Literal["answer", "step", "child", "call"]
Path = tuple[int, ...]
"""Which item of a map, the index in the outermost map first; empty outside of maps."""
Place = tuple[str, int, Path]
"""A turn of a node: its id, its iteration, the item."""


@dataclass(frozen=True, slots=True)
class Signal:
    """Something that has happened outside; `by` names who did it."""

    kind: SignalKind
    data: JsonValue = None
    by: str | None = None


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a node waits: a code for programs, a sentence for people, and what helps to end it."""

    code: str
    message: str
    details: Mapping[str, JsonValue] = field(default_factory=dict)

    def as_json(self) -> dict[str, JsonValue]:
        return {"code": self.code, "message": self.message, **self.details}


def later(since: datetime, seconds: float) -> datetime:
    """The moment that is `seconds` after another one."""
    return min(FAR, since + timedelta(seconds=min(seconds, LONGEST_SECONDS)))


_TELLING = ("waiting_for_approval", "breakpoint", "waiting_for_run", "waiting_for_worker", "waiting_for_time")


def most_telling(waiting: Sequence[T], code: Callable[[T], str]) -> T:
    """Of several that wait, the one to be named: what people can do something about comes first."""
    ranks = {name: rank for rank, name in enumerate(_TELLING)}
    return min(waiting, key=lambda one: ranks.get(code(one), len(ranks)))


@dataclass(frozen=True, slots=True)
class Child:
    """A child run as its parent sees it."""

    run_id: str
    status: str
    result: JsonValue = None
    error: Mapping[str, JsonValue] | None = None

    @property
    def has_ended(self) -> bool:
        return self.status in ("COMPLETED", "FAILED", "CANCELLED")


class ChildRuns(Protocol):
    """Where a run's child runs are started; each turn of a node has at most one that counts."""

    async def start(self, place: Place, *, workflow: str, version: int | None, value: JsonValue, again: bool) -> Child:
        """The child run of the place, made now if there is none; a failed one is retried when `again` says so.

        Raises HardError when there is no such workflow, its input does not fit, or runs are nested too deeply.
        """

    async def abandon(self, node_id: str, iteration: int, path: Path) -> None:
        """Cancel the child runs of the place, and those of the items below it."""


class _Waiter:
    __slots__ = ("future", "kind", "until")

    def __init__(self, kind: SignalKind | None, until: datetime | None) -> None:
        self.kind = kind
        self.until = until
        self.future: asyncio.Future[Signal | None] = asyncio.get_running_loop().create_future()

    def settle(self, signal: Signal | None) -> bool:
        if self.future.done():
            return False
        self.future.set_result(signal)
        return True


class Waits:
    """The waiting of one execution of one run; `signals` are those that earlier executions were told of, too."""

    def __init__(
        self,
        signals: Mapping[Place, Sequence[Signal]] | None = None,
        *,
        grace_seconds: float = GRACE_SECONDS,
        patience: Callable[[], float] | None = None,
    ) -> None:
        """`patience` tells how long a run may keep its worker when it waits for child runs, or for other workers."""
        self._signals = {place: deque(found) for place, found in (signals or {}).items()}
        self._waiters: dict[Place, _Waiter] = {}
        self._grace = grace_seconds
        self._patience = patience
        self._working = 0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def has_waiters(self) -> bool:
        """Whether any node waits at this moment."""
        return bool(self._waiters)

    @contextmanager
    def working(self) -> Iterator[None]:
        """While open, the run has something to do."""
        self._begin()
        try:
            yield
        finally:
            self._end()

    @contextmanager
    def aside(self) -> Iterator[None]:
        """While open, work that was counted only waits for other work of the run."""
        self._end()
        try:
            yield
        finally:
            self._begin()

    def remember(self, signals: Mapping[Place, Sequence[Signal]]) -> None:
        """Take in the signals that earlier executions were told of."""
        self._signals = {place: deque(found) for place, found in signals.items()}

    def tell(self, place: Place, signal: Signal) -> bool:
        """Deliver a signal; False where nobody waits for it now, or no longer, as the run parks."""
        waiter = self._waiters.get(place)
        return waiter is not None and waiter.kind == signal.kind and waiter.settle(signal)

    def take(self, place: Place, kind: SignalKind) -> Signal | None:
        """A signal of that kind that has come already."""
        found = self._signals.get(place)
        for signal in found or ():
            if signal.kind == kind:
                found.remove(signal)  # type: ignore[union-attr]  # not None where something was found
                return signal
        return None

    async def wait(self, place: Place, kind: SignalKind | None, until: datetime | None) -> Signal | None:
        """The next signal of that kind, or None at `until`; raises Park when the run has nothing left but waiting."""
        waiter = self._waiters[place] = _Waiter(kind, until)
        timer: asyncio.TimerHandle | None = None
        if until is not None:
            seconds = max(0.0, (until - datetime.now(UTC)).total_seconds())
            if seconds < _LONGEST_TIMER:
                timer = asyncio.get_running_loop().call_later(seconds, waiter.settle, None)
        try:
            with self.aside():
                return await waiter.future
        finally:
            self._waiters.pop(place, None)
            if timer is not None:
                timer.cancel()

    def _begin(self) -> None:
        self._working += 1
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end(self) -> None:
        self._working -= 1
        if not self._working and self._waiters and self._timer is None:
            grace = self._grace
            if self._patience is not None and any(waiter.kind in _SHORT for waiter in self._waiters.values()):
                grace = max(grace, self._patience())
            self._timer = asyncio.get_running_loop().call_later(grace, self._park)

    def _park(self) -> None:
        self._timer = None
        if self._working:
            return
        for waiter in self._waiters.values():
            if not waiter.future.done():
                waiter.future.set_exception(Park(waiter.until))


_SHORT = ("child", "call")
"""What is likely to come soon."""
_LONGEST_TIMER = 1_000_000.0
"""Seconds. Event loops refuse timers of many years; a run that waits so long parks before."""
