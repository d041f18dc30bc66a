"""Taking runs up: the one place where a run becomes RUNNING, and so the one where limits are kept."""

from datetime import UTC
from typing import Any, LiteralString
from uuid import UUID

from psycopg.rows import DictRow

from app import jsontext
from app.clock import now
from app.events.store import EventRow
from app.ids import new_id
from app.queue import Queue
from app.services.holds import NO_ROOM, REASONS
from app.services.moves import Connection, Moved, NewEvent, one, run_sql, write_events
from app.services.restarts import clear, go_on
from app.statuses import RunStatus


async def claim(connection: Connection, queue: Queue, run_id: UUID, job_id: int, worker_id: UUID) -> DictRow | None:
    """QUEUED, or WAITING or RETRYING whose time has come → RUNNING, for the worker that holds the run's job.

    Returns the run's row, its `claim` now the token of this execution, or None when there is nothing to do: the run
    was cancelled, or has gone to another job. `limited` tells whether its project or workflow has a limit, `behind`
    whether runs of its project are held. Where the limit leaves no room the row is QUEUED, and the run held.
    The connection commits by itself, or is in a transaction.
    """
    values: dict[str, Any] = {
        "run": run_id,
        "job": job_id,
        "worker": worker_id,
        "now": now(),
        "event": new_id(),
        "locked": False,
        "simple": True,
    }
    # Mostly one statement is all it takes, and that needs no transaction around it.
    row = await one(connection, _CLAIM, values)
    if row is not None:
        return row
    async with connection.transaction():
        return await _claim_with_care(connection, queue, values | {"simple": False})


def beginning(row: DictRow) -> list[EventRow]:
    """The event that tells of a claim, by the row that `claim` gave; none where the run found no room."""
    if "event_id" not in row:
        return []
    at, data = row["event_at"].astimezone(UTC), row["event_data"]
    return [(row["id"], row["event_seq"], row["event_id"], row["project_id"], row["event_type"], None, at, data)]


async def _claim_with_care(connection: Connection, queue: Queue, values: dict[str, Any]) -> DictRow | None:
    row = await one(connection, _CLAIM, values)
    if row is None:
        limited = await one(connection, _LOCK_LIMITED, (values["run"],))
        if limited is None:
            return None
        # Whoever takes up a run of the project waits at its row, and counts what is there after that.
        # Its beginning comes after the end that has made room, so the clock is read again.
        row = await one(connection, _CLAIM, values | {"locked": True, "now": now()})
        if row is None:
            return await _hold(connection, queue, values["run"], values["job"])
    if row["status_before"] == RunStatus.RETRYING:
        await clear(connection, queue, row)
    return row


async def _hold(connection: Connection, queue: Queue, run_id: UUID, job_id: int) -> DictRow | None:
    """A run that was to be taken up → QUEUED without a job, as there is no room for it."""
    run = await one(
        connection,
        "select * from runs where id = %s and job_id = %s and status in ('QUEUED', 'WAITING', 'RETRYING') for update",
        (run_id, job_id),
    )
    if run is None:
        return None
    why = REASONS[NO_ROOM]
    if run["status"] == RunStatus.RETRYING:
        moved = await go_on(connection, queue, run, held=why)
    elif run["status"] == RunStatus.QUEUED and run["reason"] == why:
        # It was given a job for a room that somebody else has taken: its log has said so already.
        await run_sql(connection, "update runs set held = true, job_id = null where id = %s", (run_id,))
        moved = Moved(run["project_id"], run_id, run["last_seq"])
    else:
        moved = Moved(run["project_id"], run_id, run["last_seq"] + 1)
        await run_sql(
            connection,
            """update runs set status = 'QUEUED', held = true, job_id = null, worker_id = null, wake_at = null,
                      reason = %s::json, last_seq = %s,
                      queued_at = case when status = 'QUEUED' then queued_at else %s end
               where id = %s""",
            (jsontext.dumps(why), moved.last_seq, now(), run_id),
        )
        data = {"status": "QUEUED", "attempt": run["attempt"], "reason": why}
        await write_events(connection, moved, [NewEvent("workflow.run.queued", data)])
    return {**run, "status": RunStatus.QUEUED, "last_seq": moved.last_seq, "limited": True, "behind": True}


_LOCK_LIMITED: LiteralString = """
select p.id from runs r join projects p on p.id = r.project_id join workflows w on w.id = r.workflow_id
where r.id = %s and (p.max_running is not null or w.max_running is not null) for no key update of p"""

# Only who holds the project's row may count; of runs without a limit nothing is counted, and nothing else locked.
_CLAIM: LiteralString = """
with before as (
  select r.id, r.status, p.max_running is not null or w.max_running is not null as limited
  from runs r join projects p on p.id = r.project_id join workflows w on w.id = r.workflow_id
  where r.id = %(run)s and (r.status <> 'RETRYING' or not %(simple)s)
    and case when p.max_running is null and w.max_running is null then true
    when not %(locked)s then false
    else (p.max_running is null or p.max_running >
            (select count(*) from runs y where y.project_id = p.id and y.status = 'RUNNING'))
     and (w.max_running is null or w.max_running >
            (select count(*) filter (where y.workflow_id = w.id) from runs y
             where y.project_id = p.id and y.status = 'RUNNING'))
    end
  for update of r),
claimed as (
  update runs r set status = 'RUNNING', claim = r.claim + 1, worker_id = %(worker)s,
         started_at = case when r.status = 'RETRYING' then %(now)s else coalesce(started_at, %(now)s) end,
         wake_at = null, last_seq = last_seq + 1,
         reason = null, error = null,
         attempt = r.attempt + (r.status = 'RETRYING')::int, resumes = resumes + (r.status = 'RETRYING')::int
  from before b
  where r.id = b.id and r.status in ('QUEUED', 'WAITING', 'RETRYING') and r.job_id = %(job)s
  returning r.*, b.status as status_before, b.limited),
event as (
  insert into run_events (run_id, seq, id, project_id, type, at, data)
  select id, last_seq, %(event)s, project_id,
         case when claim = 1 then 'workflow.run.started' else 'workflow.run.resumed' end, %(now)s,
         json_build_object('status', 'RUNNING', 'attempt', attempt, 'worker_id', worker_id)
  from claimed
  returning run_id, seq as event_seq, id as event_id, type as event_type, at as event_at, data::text as event_data)
select c.*, exists (select 1 from runs h where h.held and h.project_id = c.project_id) as behind, e.*
from claimed c join event e on e.run_id = c.id"""
