"""Going on with runs that have ended."""

from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from typing import Any
from uuid import UUID

from psycopg.rows import DictRow

from app.clock import now
from app.db import as_arrays
from app.errors import ConflictError
from app.queue import Queue, queue_after
from app.services.calls import drop_calls
from app.services.holds import HOLD, hold_values
from app.services.moves import (
    Connection,
    Moved,
    enqueue,
    json_or_null,
    lock_with_children,
    locked,
    one,
    run_sql,
    several,
)
from app.services.plans import Plan
from app.statuses import RunStatus

MOST_TOLD = 1000
"""More nodes than these are not named in an event."""


async def retry(  # who, what and how
    connection: Connection,
    queue: Queue,
    project_id: UUID,
    run_id: UUID,
    plan: Plan | None = None,
    *,
    parent_queue: str | None = None,
) -> Moved:
    """FAILED or CANCELLED → QUEUED: what completed stays, unless `plan` says otherwise.

    A child run that is retried by its parent goes to the `parent_queue` and tells the parent of its end; by hand only
    if the parent has not ended before.

    Raises ConflictError (`cannot_retry`) in any other status.
    """
    run = await locked(connection, project_id, run_id)
    if run["status"] not in (RunStatus.FAILED, RunStatus.CANCELLED):
        raise ConflictError(
            f"The run is {run['status']}; only a FAILED or CANCELLED run can be retried.", code="cannot_retry"
        )
    run["queue"] = await _queue_of(connection, run) if parent_queue is None else parent_queue
    again: list[str] | None = []
    if plan is not None:
        again = await _nodes_with_states(connection, run_id, plan.restart.forgotten)
        await keep_results(connection, run_id, run_id, plan)
    await clear(connection, queue, run, () if plan is None else plan.restart.forgotten)
    if plan is not None:
        await _move_edges(connection, run_id, plan)
    version = run["version"] if plan is None else plan.version
    row = await one(
        connection,
        f"""update runs r set status = 'QUEUED', version = %(version)s, queue = %(queue)s, attempt = attempt + 1,
                   losses = 0, resumes = 0,
                   parent_told = not %(by_parent)s and exists (select 1 from runs p where p.id = r.parent_run_id
                                                               and p.status in ('COMPLETED', 'FAILED', 'CANCELLED')),
                   queued_at = %(now)s, started_at = null, finished_at = null, result = null, state = null,
                   error = null, last_seq = last_seq + 1, held = h.code is not null,
                   reason = (%(reasons)s::jsonb -> h.code)::json
            from {HOLD} h where r.id = h.id and r.status in ('FAILED', 'CANCELLED') returning r.*""",
        {
            "version": version,
            "queue": run["queue"],
            "by_parent": parent_queue is not None,
            "now": now(),
            **hold_values(queue, run_id),
        },
    )
    if row is None:
        raise ConflictError("The run is no longer FAILED or CANCELLED.", code="cannot_retry")
    data: dict[str, Any] = {"status": "QUEUED", "attempt": row["attempt"], "version": version, "retry": True}
    if again is not None:
        data["again"] = again
    return await enqueue(connection, row, data)


async def _queue_of(connection: Connection, run: DictRow) -> str:
    """Where a run goes on that is retried by hand: with a parent that goes on, else where a worker may be."""
    if run["parent_run_id"] is not None:
        parent = await one(
            connection,
            """select queue from runs where id = %s and status not in ('COMPLETED', 'FAILED', 'CANCELLED')""",
            (run["parent_run_id"],),
        )
        if parent is not None:
            return str(parent["queue"])
    return queue_after(run["queue"])


async def keep_results(connection: Connection, source: UUID, target: UUID, plan: Plan) -> None:
    """Put aside for `target` what nodes of `source` gave and may give again, before their states go."""
    if source == target:
        await run_sql(
            connection,
            "delete from kept_results where run_id = %s and node_id = any(%s)",
            (target, list(plan.restart.dropped)),
        )
    await run_sql(
        connection,
        """insert into kept_results (run_id, node_id, iteration, attempt, input, input_parts, output, started_at,
                                     finished_at)
           select %s, node_id, iteration, attempt, input, input_parts, output, started_at, finished_at
           from node_states join unnest(%s::text[], %s::int[]) as v(node_id, iteration) using (node_id, iteration)
           where run_id = %s and status = 'COMPLETED'
           on conflict (run_id, node_id, iteration) do update set attempt = excluded.attempt, input = excluded.input,
             input_parts = excluded.input_parts, output = excluded.output, started_at = excluded.started_at,
             finished_at = excluded.finished_at""",
        (target, [name for name, _ in plan.restart.kept], [turn for _, turn in plan.restart.kept], source),
    )


async def _nodes_with_states(connection: Connection, run_id: UUID, nodes: Collection[str]) -> list[str] | None:
    """Those of the nodes that have begun, for whoever reads the log alone; None where they are too many to be told."""
    rows = await several(
        connection,
        "select distinct node_id from node_states where run_id = %s and node_id = any(%s) order by node_id limit %s",
        (run_id, list(nodes), MOST_TOLD + 1),
    )
    return [row["node_id"] for row in rows] if len(rows) <= MOST_TOLD else None


async def _move_edges(connection: Connection, run_id: UUID, plan: Plan) -> None:
    """Let the edges of nodes that stay count by their places in the plan's version."""
    if plan.edges:
        await run_sql(
            connection,
            """update node_states n set edges = v.edges
               from unnest(%s::text[], %s::int[], %s::json[]) as v(node_id, iteration, edges)
               where run_id = %s and n.node_id = v.node_id and n.iteration = v.iteration""",
            (*as_arrays(plan.edges), run_id),
        )


async def hasten(connection: Connection, queue: Queue, run: DictRow) -> Moved:
    """RETRYING → QUEUED at once; the caller holds the run's row."""
    if run["job_id"] is not None:
        await queue.withdraw(connection, run["job_id"])
    return await go_on(connection, queue, run)


async def go_on(connection: Connection, queue: Queue, run: DictRow, *, held: Mapping[str, str] | None = None) -> Moved:
    """RETRYING → QUEUED with a new job, or `held` for that reason; the caller holds the run's row."""
    await clear(connection, queue, run)
    row = await one(
        connection,
        """update runs set status = 'QUEUED', attempt = attempt + 1, resumes = resumes + 1, queued_at = %s,
                  started_at = null, error = null, reason = %s::json, held = %s, wake_at = null, last_seq = last_seq + 1
           where id = %s returning *""",
        (now(), json_or_null(held), held is not None, run["id"]),
    )
    assert row is not None  # noqa: S101  # the row is locked
    return await enqueue(connection, row, {"status": "QUEUED", "attempt": row["attempt"], "retry": True})


async def clear(connection: Connection, queue: Queue, run: DictRow, forget: Iterable[str] = ()) -> None:
    """Forget what has to run again: the nodes in `forget`, and those that failed, were cancelled or skipped behind.

    Child runs of the former are let go, failed ones of the latter are retried, in the queue of `run`. The caller holds
    the run's row.
    """
    forgotten = list(forget)
    await lock_with_children(connection, [run["id"]])
    await drop_calls(connection, queue, run["id"])
    await run_sql(
        connection,
        """delete from node_states where run_id = %s
           and (node_id = any(%s) or status not in ('COMPLETED', 'SKIPPED', 'FAILED')
                or (status in ('FAILED', 'SKIPPED') and not handled))""",
        (run["id"], forgotten),
    )
    again = """node_id = any(%s) or not exists (select 1 from node_states n where n.run_id = i.run_id
               and n.node_id = i.node_id and n.iteration = i.iteration)"""
    await run_sql(connection, f"delete from run_signals i where run_id = %s and ({again})", (run["id"], forgotten))
    await run_sql(
        connection,
        f"""delete from map_items i where run_id = %s and (node_id = any(%s)
            or status <> 'COMPLETED' and ({again}))""",
        (run["id"], forgotten, forgotten),
    )
    await run_sql(
        connection,
        "update runs set parent_current = false where parent_run_id = %s and parent_node_id = any(%s)",
        (run["id"], forgotten),
    )
    children = await several(
        connection,
        """select id, project_id, version from runs c where parent_run_id = %s and parent_current
           and status in ('FAILED', 'CANCELLED')
           and not exists (select 1 from node_states n where n.run_id = c.parent_run_id
                           and n.node_id = c.parent_node_id and n.iteration = c.parent_iteration) order by id""",
        (run["id"],),
    )
    for child in children:
        # Somebody may have retried it by hand in this very moment.
        with suppress(ConflictError):
            await retry(connection, queue, child["project_id"], child["id"], parent_queue=run["queue"])
    await run_sql(
        connection,
        """update runs set parent_told = false where parent_run_id = %s and parent_current and parent_told
           and status not in ('COMPLETED', 'FAILED', 'CANCELLED')""",
        (run["id"],),
    )
