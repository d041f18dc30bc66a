"""Custody: which runs this process executes, and that it executes what the database says it does."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

import psycopg
from psycopg.rows import DictRow

from app import log
from app.db import Pool
from app.events.wakeups import Wakeups
from app.queue import Queue
from app.services.moves import Moved, one, reason, several
from app.services.transitions import requeue
from app.statuses import RunStatus
from app.worker.entries import RunLog
from app.worker.journal import Journal
from app.worker.suspects import keep_apart

LOOK_SECONDS = 1.0

_log = log.get(__name__)


class Custody:
    """One per worker process; knows its executions, hands their runs back, and misses those that have none."""

    def __init__(self, pool: Pool, queue: Queue, wakeups: Wakeups, journal: Journal, worker_id: UUID) -> None:
        self._pool = pool
        self._queue = queue
        self._wakeups = wakeups
        self._journal = journal
        self._worker_id = worker_id
        self._begun: Counter[UUID] = Counter()
        self._logs: dict[UUID, RunLog] = {}
        self._missed: set[tuple[UUID, int]] = set()

    @property
    def count(self) -> int:
        """How many executions there are; may be asked from any thread."""
        return len(self._begun)

    @contextmanager
    def begun(self, run_id: UUID) -> Iterator[None]:
        """While open there is an execution of the run: from before it takes the run up until it has left it."""
        self._begun[run_id] += 1
        try:
            yield
        finally:
            self._begun[run_id] -= 1
            if not self._begun[run_id]:
                del self._begun[run_id]

    @contextmanager
    def holding(self, run: RunLog) -> Iterator[None]:
        """While open the run has been taken up, and would have to be handed back."""
        self._logs[run.run_id] = run
        try:
            yield
        finally:
            if self._logs.get(run.run_id) is run:
                del self._logs[run.run_id]

    async def hand_back(self, run: RunLog) -> None:
        """Give a run back to the queue at what it has completed; others take it up."""
        if not await self._journal.written(run):
            return
        why = reason("worker_stopped", "The worker was stopped; another one goes on.")
        async with self._pool.connection() as connection, connection.transaction():
            moved = await requeue(connection, run.run_id, run.claim, why, loss=False)
            await keep_apart(connection, run.run_id)
        if moved is not None:
            self._wakeups.wake(moved.project_id, moved.run_id, moved.last_seq)

    async def abandon(self) -> None:
        """Hand back the runs of executions that do not end although they were cancelled; they write nothing more."""
        for run in list(self._logs.values()):
            if not run.is_lost:
                await self.hand_back(run)
                run.is_lost = True

    async def run(self) -> None:
        """Look after runs without an execution until cancelled; outlives the database's absence."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                for moved in await self.look():
                    self._wakeups.wake(moved.project_id, moved.run_id, moved.last_seq)
            except (psycopg.Error, OSError) as error:
                _log.warning("The runs of this worker cannot be looked after now: %s", error)

    async def look(self) -> list[Moved]:
        """Queue again what is said to be executed here, is not, and was not at the look before, either.

        So it is with runs whose execution died with its connection: worker and job are there, and nobody works.
        """
        async with self._pool.connection() as connection:
            rows = await several(
                connection,
                "select id, claim from runs where status = 'RUNNING' and worker_id = %s order by id",
                (self._worker_id,),
            )
        missing = {(row["id"], row["claim"]) for row in rows if row["id"] not in self._begun}
        again = [row for row in rows if (row["id"], row["claim"]) in missing & self._missed]
        self._missed = missing
        moves = [await self._take_back(row) for row in again]
        return [moved for moved in moves if moved is not None]

    async def _take_back(self, found: DictRow) -> Moved | None:
        async with self._pool.connection() as connection, connection.transaction():
            run = await one(connection, "select * from runs where id = %s for update", (found["id"],))
            if run is None or run["status"] != RunStatus.RUNNING or run["claim"] != found["claim"]:
                return None
            _log.warning("A run is not executed although it should be; it is queued again", run_id=str(run["id"]))
            if run["job_id"] is not None:
                await self._queue.discard(connection, run["job_id"])
            why = reason("execution_lost", "The worker has lost the run's execution; it goes on.")
            moved = await requeue(connection, run["id"], run["claim"], why, loss=False)
            await keep_apart(connection, run["id"])
            return moved
