"""Every move of a run's status, each one conditional UPDATE under the lock of the run's row.

    PENDING ─execute─► QUEUED ─claim─► RUNNING ─advance─► COMPLETED | FAILED
                          ▲  ▲            │ │
                          │  └─hand_back──┘ └─advance─► WAITING ─claim─► RUNNING
                          └─retry─ FAILED | CANCELLED        cancel: any live status ─► CANCELLED

Each function works on a psycopg connection inside the caller's transaction and writes the events of the move with it.
The row's lock orders the writers of one run, so the seqs of its events commit in order and without gaps.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row

from app import jsontext
from app.db import as_arrays
from app.errors import ConflictError, NotFoundError
from app.ids import new_id
from app.models import NODE_ENDED, RUN_ENDED, NodeStatus, RunStatus, now
from app.queue import Queue

Connection = AsyncConnection[Any]


@dataclass(frozen=True, slots=True)
class Moved:
    """What a move left behind: enough to wake the readers of the run's events."""

    project_id: UUID
    run_id: UUID
    last_seq: int


@dataclass(slots=True)
class NewEvent:
    """An event to be written; its seq is given when it is."""

    type: str
    data: Mapping[str, Any] = field(default_factory=dict)
    node_id: str | None = None
    at: datetime = field(default_factory=now)


def reason(code: str, message: str) -> dict[str, str]:
    """Why something is as it is: a code for programs, a sentence for people."""
    return {"code": code, "message": message}


async def create(
    connection: Connection,
    *,
    project_id: UUID,
    workflow_id: UUID,
    version: int,
    input_data: Any,
    metadata: Mapping[str, Any],
) -> Moved:
    """Write a new run in PENDING with its first event."""
    moved = Moved(project_id, new_id(), 1)
    await _execute(
        connection,
        """insert into runs (id, project_id, workflow_id, version, status, attempt, claim, losses, last_seq,
                             input, meta, created_at)
           values (%s, %s, %s, %s, 'PENDING', 0, 0, 0, 1, %s::json, %s::json, %s)""",
        (
            moved.run_id,
            project_id,
            workflow_id,
            version,
            jsontext.dumps(input_data),
            jsontext.dumps(dict(metadata)),
            now(),
        ),
    )
    created = NewEvent("workflow.run.created", {"status": "PENDING", "workflow_id": workflow_id, "version": version})
    await write_events(connection, moved, [created])
    return moved


async def execute(connection: Connection, queue: Queue, project_id: UUID, run_id: UUID) -> Moved:
    """PENDING → QUEUED with a job; of concurrent calls exactly one wins, the others get a ConflictError."""
    row = await _one(
        connection,
        """update runs set status = 'QUEUED', attempt = 1, queued_at = %s, last_seq = last_seq + 1
           where project_id = %s and id = %s and status = 'PENDING' returning last_seq""",
        (now(), project_id, run_id),
    )
    if row is None:
        status = await _status(connection, project_id, run_id)
        raise ConflictError(
            f"The run is {status}; only a run in PENDING can be executed. Create a new run, or retry one that failed.",
            code="not_pending",
        )
    moved = Moved(project_id, run_id, row["last_seq"])
    await _queue(connection, queue, moved, NewEvent("workflow.run.queued", {"status": "QUEUED", "attempt": 1}))
    return moved


async def claim(connection: Connection, run_id: UUID, job_id: int, worker_id: UUID) -> DictRow | None:
    """QUEUED, or WAITING whose time has come → RUNNING, for the worker that holds the run's job.

    Returns the run's row, its `claim` now the token of this execution, or None when there is nothing to do: the run
    was cancelled, or has gone to another job.
    """
    return await _one(
        connection,
        """with before as (select id, claim from runs where id = %(run)s for update),
           claimed as (
             update runs r set status = 'RUNNING', claim = r.claim + 1, worker_id = %(worker)s,
                    started_at = coalesce(started_at, %(now)s), wake_at = null, last_seq = last_seq + 1
             from before b
             where r.id = b.id and r.status in ('QUEUED', 'WAITING') and r.job_id = %(job)s
             returning r.*),
           event as (
             insert into run_events (run_id, seq, id, project_id, type, at, data)
             select id, last_seq, %(event)s, project_id,
                    case when claim = 1 then 'workflow.run.started' else 'workflow.run.resumed' end, %(now)s,
                    json_build_object('status', 'RUNNING', 'attempt', attempt, 'worker_id', worker_id)
             from claimed)
           select * from claimed""",
        {"run": run_id, "job": job_id, "worker": worker_id, "now": now(), "event": new_id()},
    )


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
    job_id: int | None = None

    def as_row(self) -> tuple[Any, ...]:
        ended = self.status in RUN_ENDED
        return (
            self.run_id,
            self.claim,
            self.last_seq,
            self.status,
            _json(self.result) if ended else None,
            _json(self.state) if ended else None,
            _json(self.error),
            _json(self.reason),
            self.wake_at,
            self.job_id,
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
        """update runs r set last_seq = v.last_seq, status = coalesce(v.status, r.status), result = v.result,
                  state = v.state, error = v.error, reason = v.reason, wake_at = v.wake_at,
                  job_id = coalesce(v.job_id, r.job_id), finished_at = v.finished_at
           from unnest(%s::uuid[], %s::int[], %s::bigint[], %s::text[], %s::json[], %s::json[], %s::json[], %s::json[],
                       %s::timestamptz[], %s::bigint[], %s::timestamptz[])
                as v(id, claim, last_seq, status, result, state, error, reason, wake_at, job_id, finished_at)
           where r.id = v.id and r.claim = v.claim and r.status = 'RUNNING'
           returning r.id""",
        as_arrays(rows),
    )
    return {row["id"] if isinstance(row, dict) else row[0] for row in await cursor.fetchall()}


async def cancel(connection: Connection, queue: Queue, project_id: UUID, run_id: UUID) -> Moved:
    """Any live status → CANCELLED, and with it every node that has not ended; the terminal event is the last.

    Raises ConflictError (`cannot_cancel`) when the run has ended.
    """
    run = await _locked(connection, project_id, run_id)
    if run["status"] in RUN_ENDED:
        raise ConflictError(f"The run is {run['status']} already; it cannot be cancelled.", code="cannot_cancel")
    why = reason("cancelled_by_user", "The run was cancelled.")
    nodes = await _cancel_nodes(connection, run, why)
    events = [NewEvent("workflow.node.cancelled", {**turn, "reason": why}, node) for node, turn in nodes]
    events.append(NewEvent("workflow.run.cancelled", {"status": "CANCELLED", "reason": why}))
    moved = Moved(project_id, run_id, run["last_seq"] + len(events))
    await _execute(
        connection,
        """update runs set status = 'CANCELLED', reason = %s::json, finished_at = %s, last_seq = %s, wake_at = null
           where id = %s""",
        (jsontext.dumps(why), now(), moved.last_seq, run_id),
    )
    await write_events(connection, moved, events)
    if run["job_id"] is not None:
        await queue.withdraw(connection, run["job_id"])
    return moved


async def retry(
    connection: Connection, queue: Queue, project_id: UUID, run_id: UUID, *, version: int, forget: Iterable[str]
) -> Moved:
    """FAILED or CANCELLED → QUEUED on `version`: what completed stays, the nodes in `forget` run again in any case.

    Raises ConflictError (`cannot_retry`) in any other status.
    """
    run = await _locked(connection, project_id, run_id)
    if run["status"] not in (RunStatus.FAILED, RunStatus.CANCELLED):
        raise ConflictError(
            f"The run is {run['status']}; only a FAILED or CANCELLED run can be retried.", code="cannot_retry"
        )
    await _execute(
        connection,
        """delete from node_states where run_id = %s
           and (node_id = any(%s) or status not in ('COMPLETED', 'SKIPPED', 'FAILED')
                or (status = 'FAILED' and not handled) or (status = 'SKIPPED' and not handled))""",
        (run_id, list(forget)),
    )
    if version != run["version"]:
        await _execute(connection, "update node_states set edges = null where run_id = %s", (run_id,))
    row = await _one(
        connection,
        """update runs set status = 'QUEUED', version = %s, attempt = attempt + 1, losses = 0, queued_at = %s,
                  finished_at = null, result = null, state = null, error = null, reason = null, last_seq = last_seq + 1
           where id = %s and status in ('FAILED', 'CANCELLED') returning last_seq, attempt""",
        (version, now(), run_id),
    )
    if row is None:
        raise ConflictError("The run is no longer FAILED or CANCELLED.", code="cannot_retry")
    moved = Moved(project_id, run_id, row["last_seq"])
    data = {"status": "QUEUED", "attempt": row["attempt"], "version": version, "retry": True}
    await _queue(connection, queue, moved, NewEvent("workflow.run.queued", data))
    return moved


async def requeue(
    connection: Connection, queue: Queue, run_id: UUID, claimed: int | None, why: Mapping[str, str], *, loss: bool
) -> Moved | None:
    """A live run → QUEUED: handed back by its own executor (`claimed` is its token), or taken up by the sweeper."""
    row = await _one(
        connection,
        """update runs set status = 'QUEUED', worker_id = null, queued_at = %s, last_seq = last_seq + 1,
                  attempt = attempt + %s, losses = losses + %s
           where id = %s and status in ('RUNNING', 'QUEUED', 'WAITING') and claim = coalesce(%s, claim)
           returning project_id, last_seq, attempt""",
        (now(), int(loss), int(loss), run_id, claimed),
    )
    if row is None:
        return None
    moved = Moved(row["project_id"], run_id, row["last_seq"])
    data = {"status": "QUEUED", "attempt": row["attempt"], "reason": why}
    await _queue(connection, queue, moved, NewEvent("workflow.run.queued", data))
    return moved


async def give_up(
    connection: Connection, project_id: UUID, run_id: UUID, why: Mapping[str, str], *, claimed: int | None = None
) -> Moved | None:
    """RUNNING or QUEUED → FAILED for a run that cannot go on; its unfinished nodes are CANCELLED.

    `claimed` is the token of the executor that gives its own run up.
    """
    run = await _locked(connection, project_id, run_id)
    if run["status"] not in (RunStatus.RUNNING, RunStatus.QUEUED) or claimed not in (None, run["claim"]):
        return None
    nodes = await _cancel_nodes(connection, run, why)
    events = [NewEvent("workflow.node.cancelled", {**turn, "reason": why}, node) for node, turn in nodes]
    error = {"type": why["code"], "message": why["message"], "retryable": True}
    events.append(NewEvent("workflow.run.failed", {"status": "FAILED", "error": error, "reason": why}))
    moved = Moved(project_id, run_id, run["last_seq"] + len(events))
    await _execute(
        connection,
        """update runs set status = 'FAILED', error = %s::json, reason = %s::json, finished_at = %s, last_seq = %s
           where id = %s""",
        (jsontext.dumps(error), jsontext.dumps(why), now(), moved.last_seq, run_id),
    )
    await write_events(connection, moved, events)
    return moved


async def write_events(connection: Connection, moved: Moved, events: list[NewEvent]) -> None:
    """Write the events that end at `moved.last_seq`; the caller holds the run's row."""
    first = moved.last_seq - len(events) + 1
    rows = [
        (moved.run_id, first + n, new_id(), moved.project_id, e.type, e.node_id, e.at, jsontext.dumps(dict(e.data)))
        for n, e in enumerate(events)
    ]
    await _execute(connection, INSERT_EVENTS, as_arrays(rows))


INSERT_EVENTS: LiteralString = """
insert into run_events (run_id, seq, id, project_id, type, node_id, at, data)
select * from unnest(%s::uuid[], %s::bigint[], %s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::timestamptz[],
                     %s::json[])"""


async def _queue(connection: Connection, queue: Queue, moved: Moved, event: NewEvent) -> None:
    job_id = await queue.defer(connection, moved.run_id)
    await _execute(connection, "update runs set job_id = %s where id = %s", (job_id, moved.run_id))
    await write_events(connection, moved, [event])


async def _cancel_nodes(
    connection: Connection, run: DictRow, why: Mapping[str, str]
) -> list[tuple[str, dict[str, Any]]]:
    """Mark every node that has not ended CANCELLED; returns their ids with their turn."""
    cursor = connection.cursor(row_factory=dict_row)
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


async def _locked(connection: Connection, project_id: UUID, run_id: UUID) -> DictRow:
    """The run's row, locked, with its graph; read after the lock, as a retry may have changed the version meanwhile."""
    row = await _one(
        connection, "select * from runs where project_id = %s and id = %s for update", (project_id, run_id)
    )
    if row is None:
        raise NotFoundError("There is no such run in this project.")
    version = await _one(
        connection,
        "select graph from workflow_versions where workflow_id = %s and version = %s",
        (row["workflow_id"], row["version"]),
    )
    return {**row, **(version or {})}


async def _status(connection: Connection, project_id: UUID, run_id: UUID) -> str:
    row = await _one(connection, "select status from runs where project_id = %s and id = %s", (project_id, run_id))
    if row is None:
        raise NotFoundError("There is no such run in this project.")
    return str(row["status"])


async def _one(connection: Connection, query: LiteralString, values: Any) -> DictRow | None:
    cursor = connection.cursor(row_factory=dict_row)
    await cursor.execute(query, values)
    return await cursor.fetchone()


async def _execute(connection: Connection, query: LiteralString, values: Any) -> None:
    await connection.execute(query, values)


def _json(value: Any) -> str | None:
    return None if value is None else jsontext.dumps(value)
