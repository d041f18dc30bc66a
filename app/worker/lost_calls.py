"""Calls that have lost what they need: their worker, their job, or the run that wants them."""

from typing import Any, LiteralString

from psycopg.rows import dict_row

from app.db import Pool
from app.queue import Queue
from app.services.called import explain_again, release_call
from app.services.calls import drop_calls, forget_ended
from app.services.moves import Connection, Moved, one

STRANDED_SECONDS = 10


async def mend_calls(pool: Pool, queue: Queue) -> list[Moved]:
    """Give calls of lost workers to others, and forget calls that nobody needs; each by itself."""
    async with pool.connection() as connection, connection.transaction():
        if await one(connection, "select 1 from node_calls limit 1", ()) is None:
            return []
        await forget_ended(connection)
        cursor = connection.cursor(row_factory=dict_row)
        await cursor.execute(_LOST, {"wait": STRANDED_SECONDS})
        lost = await cursor.fetchall()
        await cursor.execute(_UNWANTED)
        unwanted = await cursor.fetchall()
        await cursor.execute(_OTHERWISE)
        otherwise = await cursor.fetchall()
    moves: list[Moved] = []
    for call in lost:
        async with pool.connection() as connection, connection.transaction():
            moves += await _release(connection, queue, call)
    for run in unwanted:
        async with pool.connection() as connection, connection.transaction():
            row = await one(connection, "select status from runs where id = %s for update", (run["run_id"],))
            # It may have been retried since it was looked at.
            if row is not None and row["status"] in ("COMPLETED", "FAILED", "CANCELLED", "RETRYING"):
                await drop_calls(connection, queue, run["run_id"])
    for call in otherwise:
        async with pool.connection() as connection, connection.transaction():
            moved = await explain_again(connection, call["id"])
            moves += [] if moved is None else [moved]
    return moves


async def _release(connection: Connection, queue: Queue, call: dict[str, Any]) -> list[Moved]:
    moves = await release_call(connection, queue, call["id"], call["claim"], loss=call["status"] == "RUNNING")
    if call["job_id"] is not None:
        await queue.discard(connection, call["job_id"])
    return moves


_LOST: LiteralString = """
select c.id, c.claim, c.status, c.job_id from node_calls c
left join procrastinate_jobs j on j.id = c.job_id
where c.status = 'RUNNING' and (j.id is null or not exists (select 1 from workers w where w.id = c.worker_id))
or c.status = 'QUEUED' and c.queued_at < clock_timestamp() - make_interval(secs => %(wait)s)
   and (j.id is null or j.status <> 'todo' and not exists (
     select 1 from procrastinate_events e where e.job_id = j.id and e.type = 'started'
     and e.at > clock_timestamp() - make_interval(secs => %(wait)s)))
limit 500"""
_OTHERWISE: LiteralString = """
select c.id from node_calls c where c.status = 'QUEUED' and c.queued_at < clock_timestamp() - interval '1 second'
and (c.reason ->> 'served')::boolean <> exists (select 1 from workers w where c.queue = any(w.queues)) limit 100"""
_UNWANTED: LiteralString = """
select distinct c.run_id from node_calls c join runs r on r.id = c.run_id
where r.status in ('COMPLETED', 'FAILED', 'CANCELLED', 'RETRYING') limit 500"""
