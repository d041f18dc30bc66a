"""Calls of a run's nodes to other workers, as the run sees them: made, looked at, dropped."""

from collections.abc import Mapping, Sequence
from typing import Any, LiteralString
from uuid import UUID

from psycopg.rows import DictRow

from app import jsontext
from app.clock import now
from app.compiler.calls import WAITING_FOR_WORKER, NewCall
from app.compiler.items import digest
from app.compiler.waiting import Place
from app.ids import new_id
from app.queue import Queue
from app.services.moves import Connection, one, run_sql, several


async def make_call(connection: Connection, queue: Queue, run: DictRow, call: NewCall) -> DictRow | None:
    """The call of a place with a job in its queue, or the one that is there for the same attempt of the same thing.

    `run` is the row as its executor claimed it. None when the run is no longer its executor's own.
    """
    owned = await one(
        connection,
        "select id from runs where id = %s and claim = %s and status = 'RUNNING' for update",
        (run["id"], run["claim"]),
    )
    if owned is None:
        return None
    known, printed = await look_at_call(connection, run["id"], call.place), digest(call.request)
    if known is not None:
        if known["attempt"] == call.attempt and known["digest"] == printed:
            return known
        await _drop(connection, queue, "id = %s", (known["id"],))
    call_id, why = new_id(), await waiting_reason(connection, call.queue)
    job_id = await queue.defer_call(connection, call_id, queue=call.queue, priority=run["priority"])
    node_id, iteration, path = call.place
    return await one(
        connection,
        f"""insert into node_calls (id, run_id, node_id, iteration, path, laps, attempt, queue, status, request, digest,
                                    reason, claim, said, losses, job_id, created_at, queued_at)
            values (%s, %s, %s, %s, %s, %s, %s, %s, 'QUEUED', %s::json, %s, %s::json, 0, 0, 0, %s, %s, %s)
            returning {_SEEN}""",
        (
            call_id,
            run["id"],
            node_id,
            iteration,
            list(path),
            call.laps,
            call.attempt,
            call.queue,
            jsontext.dumps(call.request),
            printed,
            jsontext.dumps(why),
            job_id,
            now(),
            now(),
        ),
    )


_SEEN: LiteralString = "id, status, attempt, digest, reason, output, error"


async def look_at_call(connection: Connection, run_id: UUID, place: Place) -> DictRow | None:
    """The call of a place, or None."""
    node_id, iteration, path = place
    return await one(
        connection,
        f"""select {_SEEN} from node_calls
            where run_id = %s and node_id = %s and iteration = %s and path = %s::int[]""",
        (run_id, node_id, iteration, list(path)),
    )


async def news_of(connection: Connection, call_id: UUID) -> list[DictRow]:
    """The news of a call that its run has not taken in, in their order."""
    return await several(
        connection, "select id, kind, data from node_call_news where call_id = %s order by id", (call_id,)
    )


async def waiting_reason(
    connection: Connection, queue: str, before: str = "The node waits for a worker that serves the queue"
) -> dict[str, Any]:
    """Why a node waits for a worker: whether one lives that serves the queue."""
    served = await one(connection, "select 1 from workers where %s = any(queues) limit 1", (queue,))
    message = f"{before} `{queue}`."
    if served is None:
        message = f"No living worker serves the queue `{queue}`; start one with `graphwright worker --queues {queue}`."
    since = now().isoformat()
    return {
        "code": WAITING_FOR_WORKER,
        "message": message,
        "queue": queue,
        "served": served is not None,
        "since": since,
    }


async def drop_calls(
    connection: Connection,
    queue: Queue,
    run_id: UUID,
    *,
    below: Place | None = None,
) -> None:
    """Delete the calls of a run, or of one place and the items below it; those under way are cancelled.

    The caller holds the run's row.
    """
    if below is None:
        await _drop(connection, queue, "run_id = %s", (run_id,))
        return
    node_id, iteration, path = below
    await _drop(
        connection,
        queue,
        "run_id = %s and node_id = %s and iteration = %s and path[1:cardinality(%s::int[])] = %s::int[]",
        (run_id, node_id, iteration, list(path), list(path)),
    )


async def _drop(connection: Connection, queue: Queue, which: LiteralString, values: Sequence[Any]) -> None:
    rows = await several(connection, f"delete from node_calls where {which} returning status, job_id", values)
    live = [row for row in rows if row["job_id"] is not None and row["status"] in ("QUEUED", "RUNNING")]
    if live:
        await queue.withdraw_many(connection, [row["job_id"] for row in live])


async def owned_drop(connection: Connection, queue: Queue, run: Mapping[str, Any], below: Place | None) -> None:
    """Drop calls of a run that is still its executor's own, or that has just been ended by it."""
    owned = await one(
        connection, "select id from runs where id = %s and claim = %s for update", (run["id"], run["claim"])
    )
    if owned is not None:
        await drop_calls(connection, queue, run["id"], below=below)


async def forget_ended(connection: Connection) -> None:
    """Delete the calls whose outcome is on disk as that of their turn, or item, or of the map around it."""
    await run_sql(connection, _FORGET_ENDED, ())


_FORGET_ENDED: LiteralString = """
delete from node_calls where id in (select c.id from node_calls c
where c.status in ('COMPLETED', 'FAILED') and c.finished_at < clock_timestamp() - interval '5 seconds' and (
  exists (select 1 from node_states n where n.run_id = c.run_id and n.node_id = c.node_id and n.iteration = c.iteration
          and n.status in ('COMPLETED', 'FAILED', 'SKIPPED'))
  or exists (select 1 from map_items i where i.run_id = c.run_id and i.node_id = c.node_id
             and i.iteration = c.iteration and i.path = c.path and i.attempt >= c.attempt
             and i.status in ('COMPLETED', 'FAILED'))) for update skip locked)"""
