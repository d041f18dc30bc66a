"""PENDING → QUEUED, the move before every run."""

from collections.abc import Mapping
from typing import Any, LiteralString
from uuid import UUID

from psycopg.rows import DictRow

from app.clock import now
from app.errors import ConflictError, NotFoundError
from app.ids import new_id
from app.queue import JOB, Queue
from app.services.graphs import inactive
from app.services.holds import HOLD, hold_values
from app.services.moves import Connection, Moved, json_or_null, one
from app.services.run_columns import WHOLE, shown
from app.statuses import RunStatus


async def start(connection: Connection, queue: Queue, project_id: UUID, run_id: UUID) -> Moved:
    """Queue the run with a job; of concurrent calls exactly one wins.

    Raises NotFoundError, ConflictError when the run is not PENDING, or its workflow not active.
    """
    row = await _queued(connection, _START, project_id, run_id, _values(queue, run_id, None))
    return Moved(project_id, run_id, row["last_seq"])


async def start_and_show(
    connection: Connection, queue: Queue, project_id: UUID, run_id: UUID, debug: Mapping[str, Any] | None
) -> DictRow:
    """The same, and the run's row with the WHOLE columns.

    `debug` says where the run stops: `{"mode": "step"}` or `{"breakpoints": [node ids]}`; None: nowhere.
    """
    return await _queued(connection, _START_AND_SHOW, project_id, run_id, _values(queue, run_id, debug))


def _values(queue: Queue, run_id: UUID, debug: Mapping[str, Any] | None) -> dict[str, Any]:
    return {"now": now(), "event": new_id(), "debug": json_or_null(debug), **hold_values(queue, run_id)}


async def _queued(
    connection: Connection, statement: LiteralString, project_id: UUID, run_id: UUID, values: dict[str, Any]
) -> DictRow:
    row = await one(connection, statement, {**values, "project": project_id})
    if row is not None:
        return row
    known = await one(connection, "select status from runs where project_id = %s and id = %s", (project_id, run_id))
    if known is None:
        raise NotFoundError("There is no such run in this project.")
    if known["status"] == RunStatus.PENDING:
        raise inactive()
    raise ConflictError(
        f"The run is {known['status']}; only a run in PENDING can be executed. "
        "Create a new run, or retry one that failed.",
        code="not_pending",
    )


# One statement, as it stands before every run: the row of the run, its job, its event, and what is answered.
_QUEUED: LiteralString = f"""
with picked as (
  select r.id, r.queue, r.priority, h.code from runs r join {HOLD} h on h.id = r.id
  join workflows w on w.id = r.workflow_id
  where r.project_id = %(project)s and r.status = 'PENDING' and w.active for update of r),
job as materialized (select id, {JOB} as job_id from picked where code is null),
queued as (
  update runs r set status = 'QUEUED', attempt = 1, queued_at = %(now)s, debug = %(debug)s::json,
         last_seq = r.last_seq + 1, job_id = j.job_id, held = p.code is not null,
         reason = (%(reasons)s::jsonb -> p.code)::json
  from picked p left join job j on j.id = p.id where r.id = p.id
  returning r.*),
event as (
  insert into run_events (run_id, seq, id, project_id, type, at, data)
  select id, last_seq, %(event)s, project_id, 'workflow.run.queued', %(now)s,
         json_strip_nulls(json_build_object('status', 'QUEUED', 'attempt', 1, 'reason', reason))
  from queued)"""
_START: LiteralString = f"{_QUEUED} select last_seq from queued"
_START_AND_SHOW: LiteralString = f"{_QUEUED} select {WHOLE} from {shown('queued')}"
