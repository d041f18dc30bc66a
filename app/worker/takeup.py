"""Taking up a run whatever becomes of the database's answer."""

import asyncio
from functools import partial
from uuid import UUID

from psycopg.rows import DictRow

from app.db import Pool
from app.queue import Queue
from app.services.claims import claim
from app.services.moves import one, reason
from app.services.transitions import requeue
from app.worker.patience import outlasting
from app.worker.suspects import keep_apart


async def take_up(pool: Pool, queue: Queue, run_id: UUID, job_id: int, worker_id: UUID) -> DictRow | None:
    """The run's row, as `claims.claim` gives it.

    Where a claim was committed and its answer lost, the run goes back into the queue, and this gives None; so it does
    where this is cancelled meanwhile.
    """
    tries = 0

    async def claimed() -> DictRow | None:
        nonlocal tries
        tries += 1
        async with pool.connection() as connection:
            row = await claim(connection, queue, run_id, job_id, worker_id)
        if row is None and tries > 1:
            await _give_back(pool, run_id, job_id, worker_id)
        return row

    try:
        return await outlasting(claimed, "A run that is taken up")
    except asyncio.CancelledError:
        # It may have been committed all the same, and would count as lost.
        give_back = partial(_give_back, pool, run_id, job_id, worker_id)
        await asyncio.shield(outlasting(give_back, "A run that is handed back"))
        raise


async def _give_back(pool: Pool, run_id: UUID, job_id: int, worker_id: UUID) -> None:
    async with pool.connection() as connection, connection.transaction():
        mine = await one(
            connection,
            "select claim from runs where id = %s and job_id = %s and worker_id = %s and status = 'RUNNING' for update",
            (run_id, job_id, worker_id),
        )
        if mine is not None:
            why = reason("answer_lost", "The worker did not hear that it had taken the run up; it comes again.")
            await requeue(connection, run_id, mine["claim"], why, loss=False)
            await keep_apart(connection, run_id)
