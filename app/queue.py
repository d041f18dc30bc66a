"""The queue: a narrow port over procrastinate, so that another engine can take its place.

A job carries the id of a run, or of a node's call, and nothing else; the row is the truth. A job is deferred and
withdrawn on the caller's own connection, so it comes and goes with the caller's transaction.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from procrastinate import App, JobContext
from procrastinate.exceptions import ConnectorException
from procrastinate.job_context import AbortReason
from psycopg import AsyncConnection

from app.db import Pool
from app.jobs import Jobs, PatientConnector

TASK = "run.execute"
CALL_TASK = "node.call"
DEFAULT = "default"
DEFAULT_WINDOW = 100
OWN_QUEUE = "local-"
"""How the names of queues begin that belong to one process, and end with it."""
JOB: LiteralString = f"""(procrastinate_defer_jobs_v1(array[row(
  queue, '{TASK}', priority, null, null, json_build_object('run_id', id), null)::procrastinate_job_to_defer_v1]))[1]"""
"""SQL over a row with a run's `id`, `queue` and `priority`: puts a job into the queue, and is its id."""
Handler = Callable[[UUID, int, Callable[[], bool]], Awaitable[None]]
"""Executes a run, or a call: its id, the id of the job, and a function that tells whether a cancellation means a
shutdown.
"""


def queue_after(queue: str) -> str:
    """Where what was in the queue goes on after the process that it belonged to, if it did, has ended."""
    return DEFAULT if queue.startswith(OWN_QUEUE) else queue


@contextmanager
def _plain_errors() -> Iterator[None]:
    """Let errors of the caller's connection be those that it knows, not the engine's."""
    try:
        yield
    except ConnectorException as error:
        if isinstance(error.__cause__, psycopg.Error):
            raise error.__cause__ from error
        raise


class Queue:
    """Defers, withdraws and works off jobs.

    `window` is how many runs of one project have a job that waits in a queue; the others are held back.
    """

    def __init__(self, window: int = DEFAULT_WINDOW) -> None:
        self.window = window
        self._connector = connector = PatientConnector()
        self._app = App(connector=connector)
        self._jobs = Jobs(self._app, connector)
        self._handler: Handler | None = None
        self._callee: Handler | None = None
        self._app.task(name=TASK, pass_context=True)(self._execute)
        self._app.task(name=CALL_TASK, pass_context=True)(self._call)

    async def open(self, pool: Pool, url: str | None = None) -> None:
        """Use this pool from now on, and listen at the `url`, where it is another one than the pool's."""
        self._connector.listen_url = url
        await self._app.open_async(pool)

    async def close(self) -> None:
        """Let go of the pool, which stays open."""
        await self._app.close_async()

    async def defer(
        self,
        connection: AsyncConnection[Any],
        run_id: UUID,
        *,
        queue: str = DEFAULT,
        priority: int = 0,
        at: datetime | None = None,
    ) -> int:
        """Put a job for the run into the queue, in the connection's transaction; returns the job's id."""
        deferrer = self._app.configure_task(TASK, queue=queue, priority=priority, schedule_at=at, connection=connection)
        with _plain_errors():
            return await deferrer.defer_async(run_id=str(run_id))

    async def defer_call(
        self, connection: AsyncConnection[Any], call_id: UUID, *, queue: str, priority: int = 0
    ) -> int:
        """Put a job for a node's call into the queue, in the connection's transaction; returns the job's id."""
        deferrer = self._app.configure_task(CALL_TASK, queue=queue, priority=priority, connection=connection)
        with _plain_errors():
            return await deferrer.defer_async(call_id=str(call_id))

    async def defer_many(self, connection: AsyncConnection[Any], runs: Sequence[tuple[UUID, str, int]]) -> list[int]:
        """Put a job into the queue for each (run, queue, priority); the ids of the jobs in the same order."""
        jobs = [
            self._app.configure_task(TASK, queue=queue, priority=priority, task_kwargs={"run_id": str(run_id)}).job
            for run_id, queue, priority in runs
        ]
        with _plain_errors():
            deferred = await self._app.job_manager.batch_defer_jobs_async(jobs, connection=connection)
        return [job.id for job in deferred if job.id is not None]

    async def withdraw(self, connection: AsyncConnection[Any], job_id: int) -> None:
        """Delete a waiting job, or have a running one cancelled, once the connection's transaction commits."""
        with _plain_errors():
            await self._app.job_manager.cancel_job_by_id_async(
                job_id, abort=True, delete_job=True, connection=connection
            )

    async def withdraw_many(self, connection: AsyncConnection[Any], job_ids: Sequence[int]) -> None:
        """Delete those of the jobs that wait, and have the running ones cancelled, once the transaction commits."""
        cursor = await connection.execute(
            "delete from procrastinate_jobs where id = any(%s) and status = 'todo' returning id", (list(job_ids),)
        )
        waiting = {row["id"] if isinstance(row, dict) else row[0] for row in await cursor.fetchall()}
        for job_id in job_ids:
            if job_id not in waiting:
                await self.withdraw(connection, job_id)

    async def discard(self, connection: AsyncConnection[Any], job_id: int) -> None:
        """Delete a job that nobody works on any more, in the connection's transaction."""
        await connection.execute("delete from procrastinate_jobs where id = %s and status = 'doing'", (job_id,))

    async def work(
        self, handler: Handler, callee: Handler, *, queues: Sequence[str], concurrency: int, drain_seconds: float
    ) -> None:
        """Work off runs by `handler` and calls by `callee` until cancelled; then give running ones `drain_seconds`.

        Those that do not end within it are cancelled and told that the process ends. Waits for a database that is away;
        raises ProcrastinateException when the engine gives up all the same: the caller starts it again.
        """
        self._handler, self._callee = handler, callee
        await self._jobs.work(queues=queues, concurrency=concurrency, drain_seconds=drain_seconds)

    def hurry(self) -> None:
        """Give what is worked on no more time, once the work ends."""
        self._jobs.hurry()

    async def _execute(self, context: JobContext, run_id: str) -> None:
        await self._handle(self._handler, context, UUID(run_id))

    async def _call(self, context: JobContext, call_id: str) -> None:
        await self._handle(self._callee, context, UUID(call_id))

    async def _handle(self, handler: Handler | None, context: JobContext, subject: UUID) -> None:
        if handler is None or context.job.id is None:
            raise asyncio.CancelledError

        def shutting_down() -> bool:
            return self._jobs.is_closing or context.abort_reason() is AbortReason.SHUTDOWN

        await self._jobs.do(partial(handler, subject, context.job.id, shutting_down))
