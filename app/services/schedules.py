"""Schedules: made, changed, looked at. What fires them is in `firings`."""

from datetime import datetime, timedelta
from typing import Any, LiteralString
from uuid import UUID

from psycopg.rows import DictRow

from app import jsontext
from app.clock import now
from app.errors import NotFoundError, Problem, UnprocessableError
from app.ids import new_id
from app.schemas.common import Page
from app.schemas.schedule import FiringOut, ScheduleChange, ScheduleIn, ScheduleOut
from app.services.graphs import Graphs, pinned_version, stored_version
from app.services.pages import decode_cursor, maybe_rfc3339, maybe_text, page, rfc3339
from app.services.timetable import Timetable
from app.services.work import Work

_INSTANT = timedelta(microseconds=1)
_PLAIN = ("name", "cron", "timezone", "priority", "catch_up", "overlap", "active")
_NULLABLE = ("version", "starts_at", "ends_at")
_TIMES = ("cron", "timezone", "active", "starts_at", "ends_at")
FROM: LiteralString = "schedules s JOIN workflows w ON w.id = s.workflow_id AND w.deleted_at IS NULL"


async def create(work: Work, graphs: Graphs, project_id: UUID, workflow_id: UUID, body: ScheduleIn) -> ScheduleOut:
    """A new schedule. Raises NotFoundError, UnprocessableError for times, a version or an input that cannot be."""
    time, schedule_id = now(), new_id()
    fields = body.model_dump()
    fields |= {"input": body.input_data, "meta": body.metadata}
    _must_be_times(fields)
    await _must_be_taken(work, graphs, project_id, workflow_id, fields)
    await work.run(
        """INSERT INTO schedules (id, project_id, workflow_id, name, cron, timezone, version, input, meta, priority,
                                  catch_up, overlap, active, starts_at, ends_at, next_at, created_at, updated_at)
           VALUES (%(id)s, %(project)s, %(workflow)s, %(name)s, %(cron)s, %(timezone)s, %(version)s, %(input)s::json,
                   %(meta)s::json, %(priority)s, %(catch_up)s, %(overlap)s, %(active)s, %(starts_at)s, %(ends_at)s,
                   %(next_at)s, %(now)s, %(now)s)""",
        {
            **fields,
            "id": schedule_id,
            "project": project_id,
            "workflow": workflow_id,
            "input": jsontext.dumps(body.input_data),
            "meta": jsontext.dumps(body.metadata),
            "next_at": next_of(fields, time),
            "now": time,
        },
    )
    return await get(work, project_id, workflow_id, schedule_id)


async def get(work: Work, project_id: UUID, workflow_id: UUID, schedule_id: UUID) -> ScheduleOut:
    """Raises NotFoundError."""
    return _view(await row_of(work, project_id, workflow_id, schedule_id))


async def list_schedules(
    work: Work, project_id: UUID, workflow_id: UUID, limit: int, cursor: str | None
) -> Page[ScheduleOut]:
    """The schedules of a workflow, newest first. Raises NotFoundError."""
    before = decode_cursor(cursor, UUID)
    rows = await work.all(
        f"""SELECT s.* FROM {FROM} WHERE s.project_id = %s AND s.workflow_id = %s
            AND (%s::uuid IS NULL OR s.id < %s) ORDER BY s.id DESC LIMIT %s""",
        (project_id, workflow_id, *(before or (None,)) * 2, limit + 1),
    )
    if not rows:
        await stored_version(work, project_id, workflow_id, None)
    return page(rows, limit, _view, lambda row: (str(row["id"]),))


async def change(
    work: Work, graphs: Graphs, project_id: UUID, workflow_id: UUID, *, schedule_id: UUID, wanted: ScheduleChange
) -> ScheduleOut:
    """Change what is given; with other times, what is due is reckoned from now on.

    Raises NotFoundError, UnprocessableError.
    """
    row = await row_of(work, project_id, workflow_id, schedule_id, hold=True)
    given = wanted.model_fields_set
    fields = {name: value for name in _PLAIN if (value := getattr(wanted, name)) is not None}
    fields |= {name: getattr(wanted, name) for name in _NULLABLE if name in given}
    if "input_data" in given:
        fields["input"] = wanted.input_data
    if wanted.metadata is not None:
        fields["meta"] = wanted.metadata
    merged = {**row, **fields}
    # What was fine when it was made is not asked again, so that a schedule can always be paused.
    if {"cron", "timezone", "starts_at", "ends_at"} & fields.keys():
        _must_be_times(merged)
    if {"version", "input"} & fields.keys():
        await _must_be_taken(work, graphs, project_id, workflow_id, merged)
    if any(merged[name] != row[name] for name in _TIMES):
        merged["next_at"] = next_of(merged, now())
    await work.run(
        """UPDATE schedules SET name = %(name)s, cron = %(cron)s, timezone = %(timezone)s, version = %(version)s,
                  input = %(input)s::json, meta = %(meta)s::json, priority = %(priority)s, catch_up = %(catch_up)s,
                  overlap = %(overlap)s, active = %(active)s, starts_at = %(starts_at)s, ends_at = %(ends_at)s,
                  next_at = %(next_at)s, updated_at = %(now)s WHERE id = %(id)s""",
        {
            **merged,
            "input": jsontext.dumps(merged["input"]),
            "meta": jsontext.dumps(merged["meta"]),
            "now": now(),
        },
    )
    return await get(work, project_id, workflow_id, schedule_id)


async def delete(work: Work, project_id: UUID, workflow_id: UUID, schedule_id: UUID) -> None:
    """Remove the schedule; the runs that it has made stay. Raises NotFoundError."""
    await row_of(work, project_id, workflow_id, schedule_id, hold=True)
    await work.run("DELETE FROM schedules WHERE id = %s", (schedule_id,))


async def list_firings(
    work: Work, project_id: UUID, workflow_id: UUID, schedule_id: UUID, *, limit: int, cursor: str | None
) -> Page[FiringOut]:
    """What became of the due times of a schedule, newest first. Raises NotFoundError."""
    before = decode_cursor(cursor, datetime.fromisoformat)
    rows = await work.all(
        """SELECT * FROM schedule_firings WHERE schedule_id = %s
           AND (%s::timestamptz IS NULL OR scheduled_for < %s) ORDER BY scheduled_for DESC LIMIT %s""",
        (schedule_id, *(before or (None,)) * 2, limit + 1),
    )
    await row_of(work, project_id, workflow_id, schedule_id)
    return page(rows, limit, _firing_view, lambda row: (rfc3339(row["scheduled_for"]),))


async def row_of(work: Work, project_id: UUID, workflow_id: UUID, schedule_id: UUID, *, hold: bool = False) -> DictRow:
    """The schedule's row, locked if it is to be changed. Raises NotFoundError, also when its workflow is deleted."""
    lock: LiteralString = "FOR UPDATE OF s" if hold else ""
    row = await work.first(
        f"SELECT s.* FROM {FROM} WHERE s.project_id = %s AND s.workflow_id = %s AND s.id = %s {lock}",
        (project_id, workflow_id, schedule_id),
    )
    if row is None:
        raise NotFoundError("This workflow has no such schedule.")
    return row


def next_of(schedule: dict[str, Any], moment: datetime) -> datetime | None:
    """The first due time after a moment within the schedule's bounds; None when it is not active, or is over.

    Raises UnprocessableError when its cron expression or time zone cannot be read.
    """
    if not schedule["active"]:
        return None
    timetable = Timetable(schedule["cron"], schedule["timezone"])
    starts_at, ends_at = schedule["starts_at"], schedule["ends_at"]
    due = timetable.after(moment if starts_at is None else max(moment, starts_at - _INSTANT))
    return None if due is None or (ends_at is not None and due > ends_at) else due


def _must_be_times(fields: dict[str, Any]) -> None:
    """Raise UnprocessableError for times that cannot be read, never come, or end before they begin."""
    Timetable(fields["cron"], fields["timezone"])
    if fields["starts_at"] is not None and fields["ends_at"] is not None and fields["ends_at"] < fields["starts_at"]:
        sentence = "Let ends_at come after starts_at."
        raise UnprocessableError(sentence, problems=[Problem("ends_before_start", "/ends_at", sentence)])


async def _must_be_taken(
    work: Work, graphs: Graphs, project_id: UUID, workflow_id: UUID, fields: dict[str, Any]
) -> None:
    """Raise NotFoundError, UnprocessableError for a version that is not there, or an input that it does not take."""
    version = await pinned_version(work, project_id, workflow_id, fields["version"])
    await graphs.must_take(work, workflow_id, version, fields["input"])


def _view(row: DictRow) -> ScheduleOut:
    return {
        "id": str(row["id"]),
        "project_id": str(row["project_id"]),
        "workflow_id": str(row["workflow_id"]),
        "name": row["name"],
        "cron": row["cron"],
        "timezone": row["timezone"],
        "version": row["version"],
        "input_data": row["input"],
        "metadata": row["meta"] or {},
        "priority": row["priority"],
        "catch_up": row["catch_up"],
        "overlap": row["overlap"],
        "active": row["active"],
        "starts_at": maybe_rfc3339(row["starts_at"]),
        "ends_at": maybe_rfc3339(row["ends_at"]),
        "next_at": maybe_rfc3339(row["next_at"]),
        "last_at": maybe_rfc3339(row["last_at"]),
        "last_run_id": maybe_text(row["last_run_id"]),
        "missed": row["missed"],
        "skipped": row["skipped"],
        "failed": row["failed"],
        "problem": row["problem"],
        "created_at": rfc3339(row["created_at"]),
        "updated_at": rfc3339(row["updated_at"]),
    }


def _firing_view(row: DictRow) -> FiringOut:
    return {
        "scheduled_for": rfc3339(row["scheduled_for"]),
        "status": row["status"],
        "run_id": maybe_text(row["run_id"]),
        "reason": row["reason"],
        "created_at": rfc3339(row["created_at"]),
    }
