"""The process's one listener to the event logs, and the way from there to any number of readers."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg

from app import log
from app.db import Pool
from app.events import store
from app.events.feeds import Feeds
from app.events.store import EventRow, EventText, Opening, RunHead
from app.events.subscriber import Subscriber
from app.events.wakeups import CHANNEL, parse_payload

POLL_SECONDS = 1.5
# How far clocks may differ: a poll looks back that much further than to the poll before.
SLACK = timedelta(seconds=60)
READ_EVENTS = 500
READ_RUNS = 200
REPLAY_EVENTS = 200
REPLAY_RUNS = 50
# Readers that go through the log at once, each with a connection of the pool.
REPLAYS = 3
RETRY_SECONDS = 0.5
LISTEN_CHECK_SECONDS = 15.0
ANSWER_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 2.0

_log = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a subscription begins with: the runs and how far each has come, and the ids that name no run."""

    runs: list[RunHead]
    missing: list[UUID]


class Hub:
    """Wakes by notification, reads each news once for all readers, and polls for what notifications missed.

    It holds one connection of its own, to listen, and connections of the pool only while it reads. Readers cost memory
    and no connection. Call `shutdown` when the server begins to stop: all streams end. Call `stop` at the end.
    """

    def __init__(self, url: str, pool: Pool, *, poll_seconds: float = POLL_SECONDS) -> None:
        self.stopping = False
        self._url = url
        self._pool = pool
        self._poll_seconds = poll_seconds
        self._feeds = Feeds()
        self._readers: set[Subscriber] = set()
        self._news = asyncio.Event()
        self._resync = asyncio.Event()
        self._replays = asyncio.Semaphore(REPLAYS)
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to listen; returns at once, also while the database cannot be reached."""
        loops = (self._listen, self._poll, self._read)
        self._tasks = [asyncio.create_task(_forever(loop), name=f"hub{loop.__name__}") for loop in loops]

    def shutdown(self) -> None:
        """End all streams, those to come too; returns at once."""
        self.stopping = True
        for reader in self._readers:
            reader.close()

    async def stop(self) -> None:
        """End everything and close the connection."""
        self.shutdown()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []

    async def run_events(self, run_id: UUID, after: int) -> AsyncGenerator[Sequence[EventText], None]:
        """The run's events after the seq `after`, in order and without gaps, in batches as they come.

        Ends after the terminal event that nothing follows, when the run is deleted, and when the server stops.
        """
        reader = self.open()
        self._feeds.join(reader, run_id, after, None)
        last: EventText | None = None
        try:
            while self.goes_on(reader, run_id, last):
                if events := await self.read(reader):
                    last = events[-1]
                    yield events
        finally:
            self.leave(reader)

    async def begin(self, reader: Subscriber, project_id: UUID, run_id: UUID, after: int) -> Opening | None:
        """Let a reader have the events of one run after a seq: the run, and the first of them; None for no such run.

        It is to be asked whether it `goes_on`, read, and given back. Raises psycopg.Error when the database is away.
        """
        self._feeds.join(reader, run_id, after, None)
        async with self._replays:
            found = await store.opening(self._pool, project_id, run_id, after, REPLAY_EVENTS)
        if found is None:
            self._feeds.leave(reader, [run_id])
        elif run_id in reader.cursors:
            self._take_in(reader, run_id, found[1])
        return found

    @staticmethod
    def goes_on(reader: Subscriber, run_id: UUID, last: EventText | None) -> bool:
        """Whether the reader of one run may get more, when `last` is the last event that it got."""
        if reader.closed or run_id not in reader.cursors:
            return False
        return last is None or not last.terminal or not reader.empty or run_id in reader.behind

    @property
    def readers(self) -> int:
        """How many there are."""
        return len(self._readers)

    def open(self) -> Subscriber:
        """A reader of nothing yet; give it back by `leave`."""
        reader = Subscriber()
        self._readers.add(reader)
        if self.stopping:
            reader.close()
        return reader

    def leave(self, reader: Subscriber) -> None:
        """Forget a reader."""
        self._feeds.close_project(reader)
        self._feeds.leave(reader, reader.cursors)
        self._readers.discard(reader)

    async def subscribe(
        self, reader: Subscriber, project_id: UUID, run_ids: Sequence[UUID] | None, after: Mapping[UUID, int]
    ) -> Snapshot:
        """Let a reader have the events of some runs of a project, or (None) of all its runs, also those to come.

        A run goes on after its seq in `after`, else where the reader has come in it, else after what the snapshot says;
        the reader gets nothing that lies before. Raises psycopg.Error when the database cannot be reached.
        """
        floor = datetime.now(UTC)
        asked = list(after) if run_ids is None else list(run_ids)
        heads = {head.id: head for head in await store.heads(self._pool, project_id, asked)} if asked else {}
        if run_ids is None:
            heads |= {head.id: head for head in await store.live_heads(self._pool, project_id)}
            self._feeds.open_project(reader, project_id, floor)
            self._resync.set()
        for head in heads.values():
            if head.id in after or head.id not in reader.cursors:
                self._feeds.leave(reader, [head.id])
                place = max(after.get(head.id, head.last_seq), head.pruned_seq)
                self._feeds.join(reader, head.id, place, head.last_seq)
        self._news.set()
        return Snapshot(list(heads.values()), [run_id for run_id in asked if run_id not in heads])

    def unsubscribe(self, reader: Subscriber, run_ids: Sequence[UUID] | None) -> None:
        """Let a reader have no more of some runs, or (None) of any."""
        if run_ids is None:
            self._feeds.close_project(reader)
        self._feeds.leave(reader, reader.cursors if run_ids is None else run_ids)

    async def read(self, reader: Subscriber) -> Sequence[EventText]:
        """Wait until something happened to the reader, and take its events; none if it was something else."""
        await reader.news.wait()
        reader.news.clear()
        read: Sequence[EventText] = ()
        if reader.behind and not reader.closed:
            read = await self._replay(reader)
            if reader.behind:
                reader.news.set()
        # Not before, as what has been taken is sent, also when the reader has meanwhile left the run or begun it anew.
        taken = reader.take()
        events = [*read, *taken] if read else taken
        if reader.project_id is not None:
            self._retire(reader, events)
        return events

    async def _replay(self, reader: Subscriber) -> list[EventText]:
        runs = list(reader.behind)[:REPLAY_RUNS]
        cursors = {run_id: reader.cursors[run_id] for run_id in runs}
        try:
            async with self._replays:
                found = await store.read_many(self._pool, cursors, REPLAY_EVENTS)
        except psycopg.Error as error:
            _log.warning("The event log cannot be read, streams wait: %s", error)
            await asyncio.sleep(RETRY_SECONDS)
            return []
        events: list[EventText] = []
        stuck = True
        for run_id, cursor in cursors.items():
            if reader.cursors.get(run_id) != cursor or run_id not in reader.behind:
                continue  # it was unsubscribed, or begun anew, while we read
            batch = found.get(run_id, [])
            events += batch
            caught_up = self._take_in(reader, run_id, batch)
            stuck = stuck and not batch and not caught_up
        if stuck:
            # Others were handed events that are not in the log: the run is being deleted.
            await asyncio.sleep(RETRY_SECONDS)
        return events

    def _take_in(self, reader: Subscriber, run_id: UUID, batch: Sequence[EventText]) -> bool:
        """Move a reader on by what it was read from the log, at most REPLAY_EVENTS; whether it is live now."""
        if batch:
            reader.cursors[run_id] = batch[-1].seq
        reached = reader.cursors[run_id]
        if len(batch) == REPLAY_EVENTS or not self._feeds.catch_up(reader, run_id, reached):
            return False
        if self._feeds.by_run[run_id].heard > reached:
            self._mark(run_id)
        return True

    def _retire(self, reader: Subscriber, events: Sequence[EventText]) -> None:
        for event in events:
            ended = event.terminal and reader.cursors.get(event.run_id) == event.seq
            # What follows an end, and was heard of already, would wake nobody who had left.
            if ended and event.run_id not in reader.behind and self._feeds.by_run[event.run_id].heard <= event.seq:
                self._feeds.leave(reader, [event.run_id])
                reader.remember_end(event.run_id, event.seq, datetime.now(UTC))

    def _mark(self, run_id: UUID) -> None:
        self._feeds.dirty.add(run_id)
        self._news.set()

    def hear(self, project_id: UUID, run_id: UUID, last_seq: int, written: Sequence[EventRow] = ()) -> None:
        """Take note that a run's log has been committed up to `last_seq`, `written` being the newest; never waits."""
        if self._feeds.hear(project_id, run_id, last_seq, written):
            self._news.set()

    async def _listen(self) -> None:
        pause = 0.0
        while True:
            try:
                connection = await psycopg.AsyncConnection.connect(
                    self._url,
                    autocommit=True,
                    connect_timeout=5,
                    application_name="graphwright-listen",
                )
                async with connection:
                    await connection.execute(f"listen {CHANNEL}")
                    self._resync.set()
                    pause = 0.0
                    while True:
                        async for notification in connection.notifies(timeout=LISTEN_CHECK_SECONDS):
                            for wake in parse_payload(notification.payload):
                                self.hear(*wake)
                        # Silence may mean that somebody on the way has forgotten this connection.
                        async with asyncio.timeout(ANSWER_SECONDS):
                            await connection.execute("select 1")
            except (psycopg.Error, OSError, TimeoutError) as error:
                _log.warning("The listener lost the database, readers are served by polling: %r", error)
            pause = min(pause * 2 or 0.05, LONGEST_PAUSE_SECONDS)
            await asyncio.sleep(pause)

    async def _poll(self) -> None:
        before = datetime.now(UTC)
        while True:
            try:
                async with asyncio.timeout(self._poll_seconds):
                    await self._resync.wait()
            except TimeoutError:
                pass
            self._resync.clear()
            began = datetime.now(UTC)
            try:
                await self._look(before - SLACK)
                before = began
            except psycopg.Error as error:
                _log.warning("The event logs cannot be polled: %s", error)

    async def _look(self, since: datetime) -> None:
        runs = list(self._feeds.by_run)
        if runs:
            found = await store.last_seqs(self._pool, runs)
            for project_id, run_id, last_seq, pruned_seq in found:
                self.hear(project_id, run_id, last_seq)
                self._feeds.pruned(run_id, pruned_seq)
            self._feeds.gone(set(runs).difference(row[1] for row in found))
        if self._feeds.by_project:
            since_id = UUID(int=int(since.timestamp() * 1000) << 80)
            for row in await store.changed_runs(self._pool, list(self._feeds.by_project), since, since_id):
                self.hear(*row)

    async def _read(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                await self._meet()
                await self._hand_out()
            except psycopg.Error as error:
                _log.warning("The event logs cannot be read, readers wait: %s", error)
                await asyncio.sleep(RETRY_SECONDS)
                self._resync.set()
            if self._feeds.dirty or self._feeds.unseen:
                self._news.set()

    async def _meet(self) -> None:
        unseen = self._feeds.unseen
        if unseen:
            self._feeds.unseen = {}
            self._feeds.meet(unseen, await store.ends(self._pool, list(unseen)))

    async def _hand_out(self) -> None:
        cursors = list(self._feeds.to_read())
        for first in range(0, len(cursors), READ_RUNS):
            part = dict(cursors[first : first + READ_RUNS])
            found = await store.read_many(self._pool, part, READ_EVENTS)
            for run_id, events in found.items():
                if len(events) == READ_EVENTS:
                    self._feeds.dirty.add(run_id)
                    if events[-1].terminal:
                        events.pop()  # what follows it, if anything does, has to be there when readers see it
                self._feeds.deliver(run_id, part[run_id], events)


async def _forever(loop: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await loop()
        except Exception:  # noqa: BLE001 - without this loop all streams would stand still, and nobody would know
            _log.exception("A loop of the event hub failed and begins again.")
            await asyncio.sleep(RETRY_SECONDS)
