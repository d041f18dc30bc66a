"""Every move of a run's status, each one conditional UPDATE under the lock of the run's row.

    PENDING ──start──► QUEUED ─claim─► RUNNING ─advance─► COMPLETED | FAILED
                          ▲  ▲            │ │
                          │  └──requeue───┘ └─advance─► WAITING | RETRYING ─claim─► RUNNING
                          └─retry─ FAILED | CANCELLED        cancel: any live status ─► CANCELLED

Each function works on a psycopg connection inside the caller's transaction and writes the events of the move with it.
The row's lock orders the writers of one run, so the seqs of its events commit in order and without gaps. Who locks
several runs locks them in the order of their ids, so a parent before its children. The start stands in `starts`,
a retry in `restarts`, what comes from outside in `signals`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import DictRow, dict_row

from app import jsontext
from app.clock import now
from app.db import as_arrays
from app.errors import ConflictError
from app.ids import new_id
from app.queue import DEFAULT, Queue
from app.services.calls import drop_calls
from app.services.moves import (
    Connection,
    Moved,
    NewEvent,
    enqueue,
    json_or_null,
    lock_with_children,
    locked,
    one,
    reason,
    run_sql,
    several,
    write_events,
)
from app.statuses import NODE_ENDED, RUN_ENDED, NodeStatus, RunStatus

PARENT_ENDED = "parent_ended"


@dataclass(frozen=True, slots=True)
class Parent:
    """The turn of a node that a child run belongs to; `path` names the item of a map."""

    run_id: UUID
    node_id: str
    iteration: int
    path: list[int]
    depth: int


async def create(
    connection: Connection,
    *,
    project_id: UUID,
    workflow_id: UUID,
    version: int,
    input_data: Any,
    metadata: Mapping[str, Any],
    parent: Parent | None = None,
    forked_from: UUID | None = None,
    trigger: Mapping[str, Any] | None = None,
    told: Mapping[str, Any] | None = None,
    queue: str = DEFAULT,
    priority: int = 0,
) -> Moved:
    """Write a new run in PENDING with its first event, which tells what `told` holds, too.

    All its jobs go to `queue`, with `priority`.
    """
    moved = Moved(project_id, new_id(), 1)
    await run_sql(
        connection,
        """insert into runs (id, project_id, workflow_id, version, status, attempt, claim, losses, last_seq, input,
                             meta, created_at, parent_run_id, parent_node_id, parent_iteration, parent_path, depth,
                             parent_current, forked_from, trigger, queue, priority)
           values (%s, %s, %s, %s, 'PENDING', 0, 0, 0, 1, %s::json, %s::json, %s, %s, %s, %s, %s, %s, %s, %s,
                   %s::json, %s, %s)""",
        (
            moved.run_id,
            project_id,
            workflow_id,
            version,
            jsontext.dumps(input_data),
            jsontext.dumps(dict(metadata)),
            now(),
            *((None, None, None, None, 0) if parent is None else _parent_columns(parent)),
            parent is not None,
            forked_from,
            json_or_null(trigger),
            queue,
            priority,
        ),
    )
    data: dict[str, Any] = {"status": "PENDING", "workflow_id": workflow_id, "version": version, **(told or {})}
    if trigger is not None:
        data["trigger"] = dict(trigger)
    if parent is not None:
        data["parent"] = {"run_id": parent.run_id, "node_id": parent.node_id, "iteration": parent.iteration}
    await write_events(connection, moved, [NewEvent("workflow.run.created", data)])
    return moved


def _parent_columns(parent: Parent) -> tuple[Any, ...]:
    return parent.run_id, parent.node_id, parent.iteration, parent.path, parent.depth


@dataclass(slots=True)
class Advance:
    """What one flush does to the row of one run; `status` None leaves it RUNNING."""

    run_id: UUID
    claim: int
    last_seq: int
    status: RunStatus | None = None
    result: Any = None
    state: Any = None
    error: Any = None
    reason: Mapping[str, str] | None = None
    wake_at: datetime | None = None

    def as_row(self) -> tuple[Any, ...]:
        ended = self.status in RUN_ENDED
        return (
            self.run_id,
            self.claim,
            self.last_seq,
            self.status,
            json_or_null(self.result) if ended else None,
            json_or_null(self.state) if ended else None,
            json_or_null(self.error),
            json_or_null(self.reason),
            self.wake_at,
            now() if ended else None,
        )


async def advance(connection: Connection, moves: Iterable[Advance]) -> set[UUID]:
    """RUNNING → RUNNING, WAITING, COMPLETED or FAILED for many runs at once, each fenced by its claim.

    Returns the runs that were still the executor's own; nothing may be written for the others. The rows stay locked
    until the transaction ends.
    """
    rows = sorted((move.as_row() for move in moves), key=lambda row: row[0])
    if not rows:
        return set()
    cursor = await connection.execute(
        """with held as materialized (select id from runs where id = any(%s::uuid[]) order by id for update)
           update runs r set last_seq = v.last_seq, status = coalesce(v.status, r.status), result = v.result,
                  state = v.state, error = v.error, reason = v.reason, wake_at = v.wake_at, finished_at = v.finished_at
           from unnest(%s::uuid[], %s::int[], %s::bigint[], %s::text[], %s::json[], %s::json[], %s::json[], %s::json[],
                       %s::timestamptz[], %s::timestamptz[])
                as v(id, claim, last_seq, status, result, state, error, reason, wake_at, finished_at)
           join held on held.id = v.id
           where r.id = v.id and r.claim = v.claim and r.status = 'RUNNING'
           returning r.id""",
        ([row[0] for row in rows], *as_arrays(rows)),
    )
    return {row["id"] if isinstance(row, dict) else row[0] for row in await cursor.fetchall()}


async def put_off(connection: Connection, queue: Queue, moves: Iterable[Advance]) -> None:
    """Give runs that have just become WAITING or RETRYING a job for the time at which they go on.

    One that was told something while it ran goes on at once. One that waits for nothing but a signal has no job.
    """
    waiting = {m.run_id: m for m in moves if m.status in (RunStatus.WAITING, RunStatus.RETRYING)}
    if not waiting:
        return
    rows = await several(
        connection,
        """select id, queue, priority, status = 'WAITING' and exists (
             select 1 from run_signals s where s.run_id = runs.id and not s.delivered
             union all select 1 from node_call_news n where n.run_id = runs.id) as told
           from runs where id = any(%s)""",
        (list(waiting),),
    )
    for row in rows:
        run_id, wake_at = row["id"], waiting[row["id"]].wake_at
        if row["told"] or wake_at is not None:
            at = None if row["told"] else wake_at
            job_id = await queue.defer(connection, run_id, queue=row["queue"], priority=row["priority"], at=at)
            await run_sql(connection, "update runs set job_id = %s where id = %s", (job_id, run_id))


async def cancel(
    connection: Connection,
    queue: Queue,
    project_id: UUID,
    run_id: UUID,
    why: Mapping[str, str] | None = None,
) -> list[Moved]:
    """Any live status → CANCELLED, and with it every node that has not ended, and the child runs.

    The terminal event is the last. Raises ConflictError (`cannot_cancel`) when the run has ended.
    """
    run = await locked(connection, project_id, run_id)
    if run["status"] in RUN_ENDED:
        raise ConflictError(f"The run is {run['status']} already; it cannot be cancelled.", code="cannot_cancel")
    why = why or reason("cancelled_by_user", "The run was cancelled.")
    nodes = await _cancel_nodes(connection, run, why)
    events = [NewEvent("workflow.node.cancelled", {**turn, "reason": why}, node) for node, turn in nodes]
    events.append(NewEvent("workflow.run.cancelled", {"status": "CANCELLED", "reason": why}))
    moved = Moved(project_id, run_id, run["last_seq"] + len(events))
    await run_sql(
        connection,
        """update runs set status = 'CANCELLED', reason = %s::json, finished_at = %s, last_seq = %s, wake_at = null,
                  held = false where id = %s""",
        (jsontext.dumps(why), now(), moved.last_seq, run_id),
    )
    await write_events(connection, moved, events)
    if run["job_id"] is not None:
        await queue.withdraw(connection, run["job_id"])
    await drop_calls(connection, queue, run_id)
    return [moved, *await cancel_children(connection, queue, run_id)]


async def cancel_children(  # noqa: PLR0917  # a place is node, iteration and path everywhere
    connection: Connection,
    queue: Queue,
    run_id: UUID,
    node_id: str | None = None,
    iteration: int | None = None,
    path: Sequence[int] = (),
) -> list[Moved]:
    """Cancel the live child runs of a run, or of one turn of a node, or of an item; the caller holds the run's row."""
    await lock_with_children(connection, [run_id])
    rows = await several(
        connection,
        """select id, project_id from runs
           where parent_run_id = %s and parent_current and status not in ('COMPLETED', 'FAILED', 'CANCELLED')
           and parent_node_id = coalesce(%s, parent_node_id) and parent_iteration = coalesce(%s, parent_iteration)
           and parent_path[1:cardinality(%s::int[])] = %s::int[] order by id""",
        (run_id, node_id, iteration, list(path), list(path)),
    )
    why = reason(PARENT_ENDED, "The run that started this one needs it no more.")
    moves: list[Moved] = []
    for row in rows:
        try:
            moves += await cancel(connection, queue, row["project_id"], row["id"], why)
        except ConflictError:
            # It has ended by itself before its row was locked.
            continue
    return moves


async def requeue(
    connection: Connection, run_id: UUID, claimed: int | None, why: Mapping[str, str], *, loss: bool
) -> Moved | None:
    """A live run → QUEUED: handed back by its own executor (`claimed` is its token), or taken up by the sweeper."""
    row = await one(
        connection,
        """update runs set status = 'QUEUED', reason = %s::json, worker_id = null, queued_at = %s,
                  last_seq = last_seq + 1, held = false, wake_at = null, attempt = attempt + %s, losses = losses + %s
           where id = %s and status in ('RUNNING', 'QUEUED', 'WAITING') and claim = coalesce(%s, claim)
           returning *""",
        (jsontext.dumps(why), now(), int(loss), int(loss), run_id, claimed),
    )
    if row is None:
        return None
    return await enqueue(connection, row, {"status": "QUEUED", "attempt": row["attempt"], "reason": why})


async def give_up(
    connection: Connection, project_id: UUID, run_id: UUID, why: Mapping[str, str], *, claimed: int | None = None
) -> Moved | None:
    """RUNNING or QUEUED → FAILED for a run that cannot go on; its unfinished nodes are CANCELLED.

    `claimed` is the token of the executor that gives its own run up.
    """
    run = await locked(connection, project_id, run_id)
    if run["status"] not in (RunStatus.RUNNING, RunStatus.QUEUED) or claimed not in (None, run["claim"]):
        return None
    nodes = await _cancel_nodes(connection, run, why)
    events = [NewEvent("workflow.node.cancelled", {**turn, "reason": why}, node) for node, turn in nodes]
    error = {"type": why["code"], "message": why["message"], "retryable": True}
    events.append(NewEvent("workflow.run.failed", {"status": "FAILED", "error": error, "reason": why}))
    moved = Moved(project_id, run_id, run["last_seq"] + len(events))
    await run_sql(
        connection,
        """update runs set status = 'FAILED', error = %s::json, reason = %s::json, finished_at = %s, last_seq = %s,
                  held = false where id = %s""",
        (jsontext.dumps(error), jsontext.dumps(why), now(), moved.last_seq, run_id),
    )
    await write_events(connection, moved, events)
    return moved


async def _cancel_nodes(
    connection: Connection, run: DictRow, why: Mapping[str, str]
) -> list[tuple[str, dict[str, Any]]]:
    """Mark every node that has not ended CANCELLED, and every item of a map; returns the nodes' ids with their turn."""
    cursor = connection.cursor(row_factory=dict_row)
    await cursor.execute(
        """update map_items set status = 'CANCELLED', reason = %s::json, finished_at = %s, wake_at = null
           where run_id = %s and status in ('RUNNING', 'WAITING', 'RETRYING')""",
        (jsontext.dumps(why), now(), run["id"]),
    )
    await cursor.execute(
        """select distinct on (node_id) node_id, iteration, attempt, path, status from node_states
           where run_id = %s order by node_id, iteration desc""",
        (run["id"],),
    )
    latest = {row["node_id"]: row for row in await cursor.fetchall()}
    turns: list[tuple[str, dict[str, Any]]] = []
    for node in run["graph"]["nodes"]:
        row = latest.get(node["id"], {"iteration": 0, "attempt": 1, "path": [], "status": NodeStatus.PENDING})
        if row["status"] not in NODE_ENDED:
            turns.append((node["id"], {"iteration": row["iteration"], "attempt": row["attempt"], "path": row["path"]}))
    if turns:
        await cursor.execute(
            """insert into node_states (run_id, node_id, iteration, project_id, path, status, attempt, handled, reason,
                                        finished_at)
               select %s, node_id, iteration, %s, '{}', 'CANCELLED', attempt, false, %s::json, %s
               from unnest(%s::text[], %s::int[], %s::int[]) as v(node_id, iteration, attempt)
               on conflict (run_id, node_id, iteration) do update
               set status = 'CANCELLED', handled = false, reason = excluded.reason, finished_at = excluded.finished_at,
                   wake_at = null""",
            (
                run["id"],
                run["project_id"],
                jsontext.dumps(why),
                now(),
                [node for node, _ in turns],
                [turn["iteration"] for _, turn in turns],
                [turn["attempt"] for _, turn in turns],
            ),
        )
    return turns
