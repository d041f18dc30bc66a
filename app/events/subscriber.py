"""One reader of the logs of some runs: where it stands in each, and a bounded buffer of what it has yet to take."""

import asyncio
from collections import deque
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from app.events.store import EventText

BUFFER_EVENTS = 1000
BUFFER_BYTES = 4_000_000
# How many ended runs a reader of a whole project remembers one by one.
ENDED_RUNS = 4000


class Subscriber:
    """Made by the hub. It is *behind* in a run whose events it has to read from the log before live ones reach it.

    `cursors` holds, for each run it reads, the seq up to which events were taken or are in the buffer. `lagged` names
    the runs whose buffered events were dropped since somebody last looked, with the seq to go on from.
    """

    __slots__ = (
        "_buffer",
        "_bytes",
        "_events",
        "behind",
        "closed",
        "cursors",
        "ended",
        "floor",
        "lagged",
        "news",
        "project_id",
    )

    def __init__(self) -> None:
        self.cursors: dict[UUID, int] = {}
        self.behind: set[UUID] = set()
        self.lagged: dict[UUID, int] = {}
        self.news = asyncio.Event()
        self.closed = False
        self.project_id: UUID | None = None
        # What ended up to this time, and was not read, is not news for a reader of the whole project.
        self.floor = datetime.min.replace(tzinfo=UTC)
        self.ended: dict[UUID, tuple[int, datetime]] = {}
        self._buffer: deque[Sequence[EventText]] = deque()
        self._events = 0
        self._bytes = 0

    @property
    def empty(self) -> bool:
        """Whether everything that reached the buffer has been taken."""
        return not self._buffer

    def push(self, events: Sequence[EventText], size: int) -> None:
        """Buffer further events of one run, `size` bytes in all; on overflow drop the buffer and fall behind."""
        run_id = events[0].run_id
        cursor = self.cursors[run_id]
        if events[0].seq <= cursor:
            events = [event for event in events if event.seq > cursor]
            if not events:
                return
        # An empty buffer takes any batch: it is shared with the other readers, and somebody has to deliver it.
        if self._buffer and (self._events + len(events) > BUFFER_EVENTS or self._bytes + size > BUFFER_BYTES):
            self._fall_behind(run_id)
        else:
            self._buffer.append(events)
            self._events += len(events)
            self._bytes += size
            self.cursors[run_id] = events[-1].seq
        self.news.set()

    def take(self) -> Sequence[EventText]:
        """Everything in the buffer."""
        buffer = self._buffer
        if not buffer:
            return ()
        # Mostly it is one batch, which all readers share.
        events = buffer[0] if len(buffer) == 1 else [event for batch in buffer for event in batch]
        self._clear()
        return events

    def close(self) -> None:
        """Let the reader come to its end."""
        self.closed = True
        self.news.set()

    def forget(self, run_id: UUID) -> None:
        """Read this run no longer; what is buffered of it is dropped."""
        self.cursors.pop(run_id, None)
        self.behind.discard(run_id)
        self.lagged.pop(run_id, None)
        kept = [batch for batch in self._buffer if batch[0].run_id != run_id]
        self._clear()
        for batch in kept:
            self._buffer.append(batch)
            self._events += len(batch)
            self._bytes += sum(len(event.text) for event in batch)

    def remember_end(self, run_id: UUID, seq: int, at: datetime) -> None:
        """Note where a run ended, so that a retry goes on there; the oldest notes become one time, the floor."""
        self.ended[run_id] = (seq, at)
        if len(self.ended) > ENDED_RUNS:
            _, oldest = self.ended.pop(next(iter(self.ended)))
            self.floor = max(self.floor, oldest)

    def _fall_behind(self, run_id: UUID) -> None:
        for batch in reversed(self._buffer):
            self.cursors[batch[0].run_id] = batch[0].seq - 1
        for run in {run_id, *(batch[0].run_id for batch in self._buffer)}:
            self.behind.add(run)
            self.lagged[run] = self.cursors[run]
        self._clear()

    def _clear(self) -> None:
        self._buffer.clear()
        self._events = self._bytes = 0
