"""The journal: everything that the runs of this process have to say, in one transaction per flush.

Node states, events, the runs' own rows and LangGraph's checkpoints are appended in memory and written together, for all
runs at once: what the log says is what the tables say. Each run's rows are fenced by its claim; an executor that has
lost its run writes nothing. Readers are woken after the commit.
"""

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from sys import getsizeof
from typing import Any
from uuid import UUID

import psycopg
from psycopg import AsyncConnection

from app import jsontext, log
from app.clock import now
from app.compiler.items import ItemState
from app.db import Database
from app.events.wakeups import Wakeups
from app.ids import new_id
from app.queue import Queue
from app.services.moves import EVENT_BYTES, reason
from app.services.transitions import Advance, advance, give_up, put_off
from app.worker.batch import ROW_BYTES, Batch, Row, Speech, put, weight
from app.worker.entries import NodeRow, RunLog
from app.worker.outages import is_stale, passes, was_ended

MAX_BYTES = 32_000_000
"""Past this, runs wait for the next flush before they go on. As much again may be on its way to the database."""
LONGEST_PAUSE_SECONDS = 1.0
MOMENT_SECONDS = 0.002
"""A flush in the midst of a run's burst would make its end wait for the next one."""
MOST_ENDED = 3
"""A run whose rows the server has ended this often, as they took too long, FAILS."""

# The columns that may be large.
_STATE_TEXTS, _ITEM_TEXTS, _WRITE_TEXTS, _VALUE_TEXTS = slice(8, 16), slice(7, 10), slice(8, 9), slice(2, 3)

_log = log.get(__name__)


class Journal:
    """One per worker process; `flush_seconds` is how long a row waits for company at most, while more rows come."""

    def __init__(self, database: Database, queue: Queue, wakeups: Wakeups, *, flush_seconds: float) -> None:
        self._pool = database.pool
        self._queue = queue
        self._wakeups = wakeups
        self._flush_seconds = flush_seconds
        self._batch = Batch()
        self._writing = Batch()
        self._news = asyncio.Event()
        self._urgent = asyncio.Event()
        self._space = asyncio.Event()
        self._space.set()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to flush."""
        self._task = asyncio.create_task(self._run(), name="journal")

    async def stop(self) -> None:
        """Stop flushing; callers have waited for what they need."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def event(self, run: RunLog, kind: str, node_id: str | None, data: str) -> None:
        """Append an event; `data` is JSON text."""
        if not self._takes(run):
            return
        if self._batch.speeches:
            self._batch.hush(run.run_id, node_id)
        self._append(run, kind, node_id, data)
        self._touch(run, ROW_BYTES + getsizeof(data))

    def token(self, run: RunLog, node_id: str, about: str, text: str) -> None:
        """Append a piece of a node's text to the node's token event of this flush, or else begin one.

        `about` is the event's data without the text, a JSON object that is not empty; `text` is a JSON string. After
        another event of the node, and past EVENT_BYTES, another token event begins.
        """
        if not self._takes(run):
            return
        said, size = self._batch.speeches.setdefault((run.run_id, node_id), {}), getsizeof(text)
        speech = said.get(about)
        if speech is not None and speech.size + len(text) > EVENT_BYTES:
            self._batch.write_out(about, said.pop(about))
            speech = None
        if speech is None:
            said[about] = speech = Speech(len(self._batch.events), [])
            self._append(run, "workflow.node.token", node_id, about)
            size += ROW_BYTES + getsizeof(about)
        speech.texts.append(text[1:-1])
        speech.size += len(text)
        self._touch(run, size)

    def state(self, run: RunLog, row: NodeRow) -> None:
        """Set the state of a node's turn; the newest before the flush is the one that is written."""
        if not self._takes(run):
            return
        columns = (
            run.run_id, row.node_id, row.iteration, run.project_id, "{" + ",".join(map(str, row.path)) + "}",
            row.status, row.attempt, row.handled, row.progress, row.input, row.input_parts, row.output, row.error,
            row.reason, row.edges, row.writes, row.wake_at, row.started_at, row.finished_at,
        )  # fmt: skip
        self._touch(run, put(self._batch.states, (run.run_id, row.node_id, row.iteration), columns, _STATE_TEXTS))

    def value(self, run: RunLog, text: str) -> str:
        """Store a large piece of what nodes are given, once for the whole run; its digest in hex. `text` is JSON."""
        digest = hashlib.sha256(text.encode()).digest()
        if self._takes(run) and digest not in run.values:
            run.values.add(digest)
            self._touch(run, put(self._batch.values, (run.run_id, digest), (run.run_id, digest, text), _VALUE_TEXTS))
        return digest.hex()

    def item(self, run: RunLog, state: ItemState) -> None:
        """Set where an item of a map stands; the newest before the flush is the one that is written."""
        if not self._takes(run):
            return
        node_id, iteration, path = state.place
        columns = (
            run.name, node_id, iteration, "{" + ",".join(map(str, path)) + "}", state.digest, state.status,
            state.attempt, as_text(state.output), as_text(state.error), as_text(state.reason),
            state.wake_at, state.started_at, state.finished_at,
        )  # fmt: skip
        self._touch(run, put(self._batch.items, (run.name, state.place), columns, _ITEM_TEXTS))

    def checkpoint(self, run: RunLog, blobs: Iterable[Row], row: Row) -> None:
        """Append a checkpoint of the run's thread with the values that are new in it."""
        if not self._takes(run):
            return
        values = list(blobs)
        self._batch.blobs += values
        self._batch.checkpoints.append(row)
        self._touch(run, weight(row) + sum(map(weight, values)))

    def pending_writes(self, run: RunLog, rows: Iterable[Row]) -> None:
        """Append what tasks of the run's thread have written since its last checkpoint."""
        if not self._takes(run):
            return
        for row in rows:
            self._touch(run, put(self._batch.writes, (*row[:4], row[5]), row, _WRITE_TEXTS))

    def heard(self, run: RunLog, number: int) -> None:
        """Take down that news of the run's calls have been taken in: they go with what was said of them."""
        if not self._takes(run):
            return
        self._batch.heard.append((run.run_id, number))
        self._touch(run, 0)

    @property
    def held(self) -> int:
        """Bytes of rows in memory: those that wait for the next flush, and those on their way."""
        return self._batch.size + self._writing.size

    async def room(self) -> None:
        """Return when the journal can take more: at once, unless the database is behind."""
        if not self._space.is_set():
            await self._space.wait()

    async def written(self, run: RunLog) -> bool:
        """Flush now and return when all of the run so far is on disk; False when the run was lost."""
        if not self._takes(run):
            return False
        self._touch(run, 0)
        done = asyncio.get_running_loop().create_future()
        self._batch.waiters.append(done)
        self._urgent.set()
        await done
        return not run.is_lost

    async def move(self, run: RunLog, change: Advance) -> bool:
        """Write the run's next status with everything before it; False when the run was lost."""
        if not self._takes(run):
            return False
        self._batch.logs[run.run_id] = run
        self._batch.moves[run.run_id] = change
        run.status = change.status
        return await self.written(run)

    def _takes(self, run: RunLog) -> bool:
        """Whether the run's rows may join the batch: of two executions in this process only the later one's may.

        They have one row in the batch, so the claim of one would go with what the other has said.
        """
        other = self._batch.logs.get(run.run_id, run)
        if other is not run and not run.is_lost:
            former = min(run, other, key=lambda log: log.claim)
            self._lose([former])
            if former is other:
                self._batch.forget(run.run_id)
        return not run.is_lost

    def _append(self, run: RunLog, kind: str, node_id: str | None, data: str) -> None:
        run.last_seq += 1
        row = (run.run_id, run.last_seq, new_id(), run.project_id, kind, node_id, now(), data)
        self._batch.events.append(row)

    def _touch(self, run: RunLog, size: int) -> None:
        batch = self._batch
        known = batch.moves.get(run.run_id)
        if known is None:
            batch.moves[run.run_id] = Advance(run.run_id, run.claim, run.last_seq)
            batch.logs[run.run_id] = run
        else:
            known.last_seq = run.last_seq
        batch.size += size
        if batch.size > MAX_BYTES:
            self._space.clear()
            self._urgent.set()
        self._news.set()

    async def _run(self) -> None:
        while True:
            await self._news.wait()
            await self._gather()
            self._news.clear()
            self._urgent.clear()
            batch, self._batch = self._batch, Batch()
            batch.speak()
            self._writing = batch
            await self._write_until_done(batch)
            self._writing = Batch()
            self._space.set()
            for waiter in batch.waiters:
                if not waiter.done():
                    waiter.set_result(None)

    async def _gather(self) -> None:
        """Return when somebody waits for the flush, when no run has said anything for a moment, or when it is time."""
        clock, urgent, said = asyncio.get_running_loop(), self._urgent, -1
        latest = clock.time() + self._flush_seconds
        while not urgent.is_set() and said != self._batch.size and (left := latest - clock.time()) > 0:
            said = self._batch.size
            with suppress(TimeoutError):
                async with asyncio.timeout(min(MOMENT_SECONDS, left)):
                    await urgent.wait()

    async def _write_until_done(self, batch: Batch) -> None:
        pause = 0.0
        while True:
            try:
                await self._write(batch, again=bool(pause))
            except Exception as error:  # noqa: BLE001  # whatever it is, the journal of all runs has to go on
                if not passes(error):
                    _log.exception("The journal met rows that the database refuses; it goes on run by run")
                    await self._write_apart(batch)
                    return
                _log.warning("The journal cannot be written and keeps its rows: %s", error)
                pause = min(pause * 2 or 0.05, LONGEST_PAUSE_SECONDS)
                await asyncio.sleep(pause)
            else:
                return

    async def _write_apart(self, batch: Batch) -> None:
        """Write each run of the batch by itself, so that only those fail whose rows the database will never take."""
        for run_id in list(batch.moves):
            await self._write_alone(batch.only(run_id), batch.logs[run_id])

    async def _write_alone(self, alone: Batch, run: RunLog) -> None:
        pause, ended = 0.0, 0
        while True:
            try:
                await self._write(alone, again=True)
            except Exception as error:  # noqa: BLE001  # what cannot be written must not keep other runs from it
                # It may have stood still by chance; what takes too long each time would keep all others waiting.
                ended += was_ended(error)
                if not passes(error) and (not was_ended(error) or ended == MOST_ENDED):
                    await self._give_up_until_done(run, error)
                    return
                _log.warning("A run cannot be written and keeps its rows: %s", error)
                pause = min(pause * 2 or 0.05, LONGEST_PAUSE_SECONDS)
                await asyncio.sleep(pause)
            else:
                return

    async def _give_up_until_done(self, run: RunLog, refusal: Exception) -> None:
        while True:
            try:
                await self._give_up(run, refusal)
            except Exception as error:  # noqa: BLE001  # as above
                if not passes(error):
                    # It stays RUNNING without a job, which the sweeper looks for.
                    _log.exception("A run whose rows are refused cannot be ended", run_id=run.name)
                    self._lose([run])
                    return
                _log.warning("A run whose rows are refused cannot be ended yet: %s", error)
                await asyncio.sleep(LONGEST_PAUSE_SECONDS)
            else:
                return

    async def _give_up(self, run: RunLog, error: Exception) -> None:
        why = reason("internal_error", f"The database refused what the run had to say: {type(error).__name__}.")
        async with self._pool.connection() as connection, connection.transaction():
            moved = await give_up(connection, run.project_id, run.run_id, why, claimed=run.claim)
        if moved is not None:
            self._wakeups.wake(moved.project_id, moved.run_id, moved.last_seq)
        self._lose([run])

    async def _write(self, batch: Batch, *, again: bool) -> None:
        async with self._pool.connection() as connection:
            try:
                async with connection.transaction():
                    await self._write_into(connection, batch, again=again)
            except psycopg.Error as error:
                if is_stale(error):
                    await self._pool.drain()
                raise
        said: dict[UUID, list[Row]] = defaultdict(list)
        for row in batch.events:
            said[row[0]].append(row)
        for run_id, move in batch.moves.items():
            self._wakeups.wake(batch.logs[run_id].project_id, run_id, move.last_seq, said.get(run_id, ()))

    async def _write_into(self, connection: AsyncConnection[Any], batch: Batch, *, again: bool) -> None:
        if again:
            # Of a run without events in the batch nobody knows; its rows may be written twice.
            batch.drop(await _committed(connection, batch.events))
        kept = await advance(connection, batch.moves.values())
        lost = batch.moves.keys() - kept
        self._lose(batch.logs[run_id] for run_id in lost)
        batch.drop(lost)
        if batch.heard:
            numbers = [number for _, number in batch.heard]
            await connection.execute("delete from node_call_news where id = any(%s)", (numbers,))
        await put_off(connection, self._queue, batch.moves.values())
        await batch.insert(connection)

    @staticmethod
    def _lose(runs: Iterable[RunLog]) -> None:
        for run in runs:
            if not run.is_lost:
                run.is_lost = True
                run.lost()


async def _committed(connection: AsyncConnection[Any], events: Iterable[Row]) -> set[UUID]:
    """The runs whose events an earlier try has committed although its answer was lost."""
    newest = {row[0]: row[:3] for row in events}
    columns = [list(column) for column in zip(*newest.values(), strict=True)] or [[], [], []]
    cursor = await connection.execute(
        """select e.run_id from run_events e join unnest(%s::uuid[], %s::bigint[], %s::uuid[]) as v(run_id, seq, id)
           on e.run_id = v.run_id and e.seq = v.seq and e.id = v.id""",
        columns,
    )
    return {row["run_id"] for row in await cursor.fetchall()}


def as_text(value: Any) -> str | None:
    """JSON text of a value for a nullable column; None stays SQL's null."""
    return None if value is None else jsontext.dumps(value)
