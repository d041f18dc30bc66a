"""What a test of interleavings needs: a loop that says when nobody can go on, and a log that answers when told."""

import asyncio
import selectors
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg

from app.events import EventText, RunHead
from app.events.store import TERMINAL, Opening

PROJECT = UUID(int=1)
Wake = tuple[UUID, UUID, int, list[tuple[UUID, int, EventText]]]
"""Project, run, newest seq, and what was written."""


class _Turns(selectors.SelectSelector):
    """Where the loop would wait for the network it learns here that nobody can go on, or that time has passed."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.until = 0.0
        self.waiter: asyncio.Future[None] | None = None

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and self.now + timeout <= self.until:
            self.now += timeout
        elif self.waiter is not None:
            self.waiter.set_result(None)
            self.waiter = None
        elif timeout != 0:
            raise AssertionError("All tasks wait for each other.")
        return []


class CalmLoop(asyncio.SelectorEventLoop):
    """A loop whose clock moves only by order, and that knows at once when all its tasks wait."""

    def __init__(self) -> None:
        self._turns = _Turns()
        super().__init__(self._turns)

    def time(self) -> float:
        return self._turns.now

    async def calm(self, seconds: float = 0) -> None:
        """Wait until nobody can go on; of those who sleep, the ones who do so for up to so many seconds go on."""
        self._turns.until = self._turns.now + seconds
        self._turns.waiter = self.create_future()
        await self._turns.waiter


class Clock:
    """Stands in for `datetime`: each look at it comes a second after the one before."""

    def __init__(self) -> None:
        self._now = datetime(2030, 1, 1, tzinfo=UTC)

    def now(self, _: Any) -> datetime:
        self._now += timedelta(seconds=1)
        return self._now


@dataclass(eq=False)
class Call:
    """A question to the log, `by` a task of this name: what it sees, and when that arrives, are two moments."""

    look: Callable[[], Any]
    answered: asyncio.Future[Any]
    by: str
    seen: list[Any] = field(default_factory=list)

    def see(self) -> None:
        if not self.seen:
            self.seen.append(self.look())

    def answer(self) -> None:
        self.see()
        if not self.answered.done():
            self.answered.set_result(self.seen[0])

    def fail(self) -> None:
        if not self.answered.done():
            self.answered.set_exception(psycopg.OperationalError("The test wants it so."))


class MemoryLog:
    """Stands in for `app.events.store`; answers at once while `open`, else when the call in `calls` is told to."""

    def __init__(self, clock: Clock) -> None:
        self.open = False
        self.calls: list[Call] = []
        self.events: dict[UUID, list[EventText]] = {}
        # Seqs at which somebody who read the log of a run saw its end.
        self.tips: dict[UUID, set[int]] = defaultdict(set)
        self._ends: dict[UUID, list[tuple[int, datetime]]] = defaultdict(list)
        self._clock = clock

    def commit(self, run_id: UUID, kinds: Sequence[str]) -> Wake:
        log = self.events.setdefault(run_id, [])
        before = len(log)
        for kind in kinds:
            seq = len(log) + 1
            log.append(EventText(run_id, seq, kind, f'{{"type":"{kind}","run_id":"{run_id}","seq":{seq}}}'))
            if kind in TERMINAL:
                self._ends[run_id].append((seq, self._clock.now(UTC)))
        return PROJECT, run_id, len(log), [(run_id, event.seq, event) for event in log[before:]]

    def ended(self, run_id: UUID) -> bool:
        log = self.events.get(run_id)
        return bool(log) and log[-1].terminal

    def ended_by(self, run_id: UUID, moment: datetime) -> int:
        """The seq of the last end that came up to a moment, or 0."""
        return max((seq for seq, at in self._ends[run_id] if at <= moment), default=0)

    async def read_many(self, _: Any, cursors: Mapping[UUID, int], limit: int) -> dict[UUID, list[EventText]]:
        return await self._ask(lambda: self._read(dict(cursors), limit))

    async def opening(self, _: Any, __: UUID, run_id: UUID, after: int, limit: int) -> Opening | None:
        return await self._ask(
            lambda: (
                (self._head(run_id), self._read({run_id: after}, limit).get(run_id, []))
                if run_id in self.events
                else None
            )
        )

    async def last_seqs(self, _: Any, run_ids: Sequence[UUID]) -> list[tuple[UUID, UUID, int, int]]:
        return await self._ask(
            lambda: [(PROJECT, run, len(self.events[run]), 0) for run in run_ids if run in self.events]
        )

    async def changed_runs(self, _: Any, __: Any, since: datetime, ___: Any) -> list[tuple[UUID, UUID, int]]:
        return await self._ask(
            lambda: [
                (PROJECT, run, len(log))
                for run, log in self.events.items()
                if not self.ended(run) or self._ends[run][-1][1] > since
            ]
        )

    async def ends(self, _: Any, run_ids: Sequence[UUID]) -> dict[UUID, list[tuple[int, datetime]]]:
        return await self._ask(lambda: {run: list(self._ends[run]) for run in run_ids if run in self.events})

    async def heads(self, _: Any, __: UUID, run_ids: Sequence[UUID]) -> list[RunHead]:
        return await self._ask(lambda: [self._head(run) for run in run_ids if run in self.events])

    async def live_heads(self, _: Any, __: UUID) -> list[RunHead]:
        return await self._ask(lambda: [self._head(run) for run in self.events if not self.ended(run)])

    async def _ask(self, look: Callable[[], Any]) -> Any:
        task = asyncio.current_task()
        assert task is not None
        call = Call(look, asyncio.get_running_loop().create_future(), task.get_name())
        if self.open:
            call.answer()
        self.calls.append(call)
        try:
            return await call.answered
        finally:
            self.calls.remove(call)

    def _read(self, cursors: Mapping[UUID, int], limit: int) -> dict[UUID, list[EventText]]:
        found = {run: self.events.get(run, [])[after : after + limit] for run, after in cursors.items()}
        for run, events in found.items():
            if events and events[-1].seq == len(self.events[run]):
                self.tips[run].add(events[-1].seq)
        return {run: events for run, events in found.items() if events}

    def _head(self, run_id: UUID) -> RunHead:
        return RunHead(run_id, PROJECT, "FAILED" if self.ended(run_id) else "RUNNING", len(self.events[run_id]))
