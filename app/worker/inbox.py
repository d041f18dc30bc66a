"""The inbox: what is said from outside to runs that this process executes reaches their waiting nodes."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from uuid import UUID

import psycopg
from psycopg.rows import DictRow, dict_row

from app import log
from app.compiler import RunContext
from app.db import Pool
from app.worker.entries import RunLog
from app.worker.memory import signal_of

LOOK_SECONDS = 0.2
CALLS_LOOK_SECONDS = 0.05
"""A run with nothing but waiting nodes has parked and is woken by its job; only the others are looked after here."""
PATIENCE_SECONDS = 1.0
MOST_NEWS = 5000

_log = log.get(__name__)


class Inbox:
    """One per worker process; asks the database only while a node of a running run waits."""

    def __init__(self, pool: Pool, *, concurrency: int) -> None:
        self._pool = pool
        self._concurrency = concurrency
        self._open: dict[UUID, tuple[RunLog, RunContext]] = {}
        self._news = asyncio.Event()

    @contextmanager
    def open(self, run: RunLog, context: RunContext) -> Iterator[None]:
        """While open, signals for the run are delivered to its nodes, as long as it is this execution's own."""
        entry = (run, context)
        self._open[run.run_id] = entry
        try:
            yield
        finally:
            if self._open.get(run.run_id) is entry:
                del self._open[run.run_id]

    def patience(self) -> float:
        """How long a run may keep its slot while it waits for child runs: as long as half of the slots are free.

        A map over a workflow would else hand its slot back and take one again for every few of its items.
        """
        return PATIENCE_SECONDS if 2 * len(self._open) <= self._concurrency else 0.0

    def look(self) -> None:
        """Look at once: this process has just written a signal."""
        self._news.set()

    async def run(self) -> None:
        """Look until cancelled; outlives the database's absence."""
        while True:
            calling = [call for _, context in self._open.values() if context.calls for call in context.calls.listening]
            with suppress(TimeoutError):
                async with asyncio.timeout(CALLS_LOOK_SECONDS if calling else LOOK_SECONDS):
                    await self._news.wait()
            self._news.clear()
            waiting = [run for run, context in self._open.values() if context.waits.has_waiters]
            if not waiting and not calling:
                continue
            try:
                await self._deliver(waiting)
                if calling:
                    await self._hear(calling)
            except (psycopg.Error, OSError) as error:
                _log.warning("Signals for running runs cannot be read and are tried again: %s", error)

    async def _deliver(self, runs: list[RunLog]) -> None:
        async with self._pool.connection() as connection:
            cursor = connection.cursor(row_factory=dict_row)
            await cursor.execute(
                """select s.* from unnest(%s::uuid[], %s::int[]) as v(id, claim)
                   join runs r on r.id = v.id and r.claim = v.claim join run_signals s on s.run_id = r.id
                   where not s.delivered order by s.created_at, s.id""",
                ([run.run_id for run in runs], [run.claim for run in runs]),
            )
            rows = await cursor.fetchall()
            # What nobody takes here stays undelivered: the run that parks meanwhile goes on at once because of it.
            taken = [row["id"] for row in rows if self._tell(row)]
            if taken:
                await cursor.execute("update run_signals set delivered = true where id = any(%s)", (taken,))

    async def _hear(self, calls: list[UUID]) -> None:
        """Bring the news of calls to the nodes that wait for them; those that are taken in go with the journal."""
        async with self._pool.connection() as connection:
            cursor = connection.cursor(row_factory=dict_row)
            # Of these calls only: what nobody listens to yet stays, and must not stand before all the rest.
            await cursor.execute(
                "select * from node_call_news where call_id = any(%s) order by id limit %s", (calls, MOST_NEWS)
            )
            rows = await cursor.fetchall()
        for row in rows:
            _, context = self._open.get(row["run_id"], (None, None))
            if context is not None and context.calls is not None:
                await context.calls.hear(row["call_id"], row["id"], row["kind"], row["data"])

    def _tell(self, row: DictRow) -> bool:
        _, context = self._open.get(row["run_id"], (None, None))
        return context is not None and context.waits.tell(*signal_of(row))
