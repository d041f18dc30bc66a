"""Schedules that fire: exactly one run for each due time, whoever looks and whatever crashes meanwhile.

Whoever fires holds the schedule's row, and writes the firing, the run, its job and the next due time in one
transaction. What is due by less than a minute is on time; what is older was missed, and `catch_up` says what becomes of
it. Then `overlap` says what happens while an earlier run of the schedule has not ended.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID

from psycopg.rows import DictRow

from app import jsontext
from app.compiler import CompileError
from app.errors import ConflictError, GraphwrightError
from app.queue import Queue
from app.schemas.common import JsonObject
from app.services import runs, transitions
from app.services.graphs import Graphs, must_be_active, stored_version
from app.services.moves import lock_with_children, reason
from app.services.pages import rfc3339
from app.services.schedules import next_of, row_of
from app.services.timetable import Timetable
from app.services.work import Work
from app.statuses import RUN_ENDED

ON_TIME = timedelta(seconds=60)
MOST_CAUGHT_UP = 100
MOST_QUEUED = 100
SLICE = 1000
"""Due times that are looked at in one transaction; a schedule that owes more is looked at again."""
_ENDED = [str(status) for status in RUN_ENDED]


@dataclass(frozen=True, slots=True)
class Firer:
    """What firing takes beside the database."""

    graphs: Graphs
    queue: Queue


async def due_schedules(work: Work, at: datetime) -> list[UUID]:
    """Schedules with a due time up to `at`, and those with a waiting firing whose turn has come."""
    rows = await work.all(
        """(SELECT s.id FROM schedules s JOIN workflows w ON w.id = s.workflow_id AND w.deleted_at IS NULL
            WHERE s.active AND s.next_at <= %s ORDER BY s.next_at LIMIT 100)
           UNION
           (SELECT f.schedule_id FROM schedule_firings f
            JOIN schedules s ON s.id = f.schedule_id AND s.active
            JOIN workflows w ON w.id = s.workflow_id AND w.deleted_at IS NULL
            WHERE f.status = 'queued' AND NOT EXISTS (
                SELECT 1 FROM schedule_firings l JOIN runs r ON r.id = l.run_id
                WHERE l.schedule_id = f.schedule_id AND l.live AND r.status <> ALL(%s)) LIMIT 100)""",
        (at, _ENDED),
    )
    return [row["id"] for row in rows]


async def next_moment(work: Work) -> datetime | None:
    """When the next schedule is due."""
    row = await work.first(
        """SELECT min(s.next_at) AS at FROM schedules s
           JOIN workflows w ON w.id = s.workflow_id AND w.deleted_at IS NULL
           WHERE s.active AND s.next_at IS NOT NULL"""
    )
    return row["at"] if row else None


async def fire(work: Work, firer: Firer, schedule_id: UUID, at: datetime) -> None:
    """Do what a schedule owes up to `at`; nothing where somebody else is doing so."""
    schedule = await work.first(
        "SELECT * FROM schedules WHERE id = %s AND active FOR UPDATE SKIP LOCKED", (schedule_id,)
    )
    if schedule is None:
        return
    await _start_waiting(work, firer, schedule)
    if schedule["next_at"] is None or schedule["next_at"] > at:
        return
    try:
        owed = await asyncio.to_thread(_owed, schedule, at)
    except GraphwrightError as error:
        # The library or the list of time zones is another than when the schedule was made.
        await _note(work, schedule, "failed", 1, reason(error.problem_code, error.message))
        await work.run("UPDATE schedules SET next_at = NULL WHERE id = %s", (schedule_id,))
        return
    if owed.missed:
        await _miss(work, schedule, owed.missed)
    for due in owed.chosen:
        await _fire_one(work, firer, schedule, due)
    await work.run("UPDATE schedules SET next_at = %s WHERE id = %s", (owed.next_at, schedule_id))


async def trigger(work: Work, firer: Firer, place: tuple[UUID, UUID, UUID], at: datetime) -> UUID:
    """Make and start a run of the schedule at `place` (project, workflow, id) now, whatever `overlap` says.

    Raises NotFoundError, and what making a run raises.
    """
    schedule = await row_of(work, *place, hold=True)
    await work.run(
        """INSERT INTO schedule_firings (schedule_id, scheduled_for, status, created_at)
           VALUES (%s, %s, 'started', %s)""",
        (schedule["id"], at, at),
    )
    run_id = await runs.create(work, firer.graphs, **_run_of(schedule, at, by_hand=True))
    await runs.start(work, firer.queue, schedule["project_id"], run_id)
    await _started(work, schedule, at, run_id)
    return run_id


@dataclass(frozen=True, slots=True)
class _Owed:
    chosen: Sequence[datetime]
    missed: Sequence[datetime]
    next_at: datetime | None


def _owed(schedule: DictRow, at: datetime) -> _Owed:
    """Which due times up to `at` are run and which were missed, and when the schedule is due next."""
    timetable = Timetable(schedule["cron"], schedule["timezone"])
    last = at if schedule["ends_at"] is None else min(at, schedule["ends_at"])
    due = list(islice(timetable.between(schedule["next_at"], last), SLICE + 1))
    every = schedule["catch_up"] == "all"
    if len(due) > SLICE:
        kept = MOST_CAUGHT_UP if every else 1
        return _Owed((), due[:-kept], due[-kept])
    on_time = [one for one in due if one >= at - ON_TIME]
    late = due[: len(due) - len(on_time)]
    chosen = due[-MOST_CAUGHT_UP:] if every else on_time
    if schedule["catch_up"] == "last" and not on_time:
        chosen = late[-1:]
    return _Owed(chosen, due[: len(due) - len(chosen)], next_of(schedule, at))


async def _fire_one(work: Work, firer: Firer, schedule: DictRow, due: datetime) -> None:
    """Make what becomes of one due time; nothing if that is known already."""
    taken = await work.first(
        """INSERT INTO schedule_firings (schedule_id, scheduled_for, status, created_at)
           VALUES (%s, %s, 'started', clock_timestamp()) ON CONFLICT DO NOTHING RETURNING 1 AS one""",
        (schedule["id"], due),
    )
    if taken is None:
        return
    live = [] if schedule["overlap"] == "allow" else await _live(work, schedule["id"])
    if schedule["overlap"] == "queue" and (live or await _queued(work, schedule["id"])):
        await _wait(work, schedule, due)
        return
    if schedule["overlap"] == "skip" and live:
        why = reason("overlap", "The run before had not ended.")
        await _end(work, schedule, due, "skipped", {**why, "run_id": str(live[0])})
        return
    if schedule["overlap"] == "cancel_previous":
        await _cancel(work, firer.queue, schedule["project_id"], live)
    await _start(work, firer, schedule, due)


async def _start(work: Work, firer: Firer, schedule: DictRow, due: datetime) -> None:
    """Make and start the run of a due time, or note why there can be none."""
    try:
        async with (await work.connection()).transaction():
            run_id = await _make_run(work, firer.graphs, schedule, due)
            await runs.start(work, firer.queue, schedule["project_id"], run_id)
    except GraphwrightError as error:
        told = "; ".join(problem.message for problem in error.problems[:3])
        sentence = f"{error.message} {told}".strip() if told not in error.message else error.message
        await _end(work, schedule, due, "failed", reason(error.problem_code, sentence))
        return
    await _started(work, schedule, due, run_id)


async def _make_run(work: Work, graphs: Graphs, schedule: DictRow, due: datetime) -> UUID:
    wanted = _run_of(schedule, due)
    try:
        return await runs.create(work, graphs, **wanted)
    except CompileError:
        # This process lacks a node type or a tool that others have: whoever executes the run looks at its input.
        row = await stored_version(work, schedule["project_id"], schedule["workflow_id"], schedule["version"])
        must_be_active(row)
        wanted["version"] = row["version"]
        return work.moved(await transitions.create(await work.connection(), **wanted))


def _run_of(schedule: DictRow, due: datetime, *, by_hand: bool = False) -> dict[str, Any]:
    told: JsonObject = {
        "type": "schedule",
        "schedule_id": str(schedule["id"]),
        "scheduled_for": rfc3339(due),
        **({"manual": True} if by_hand else {}),
    }
    return {
        "project_id": schedule["project_id"],
        "workflow_id": schedule["workflow_id"],
        "version": schedule["version"],
        "input_data": schedule["input"],
        "metadata": schedule["meta"] or {},
        "priority": schedule["priority"],
        "trigger": told,
    }


async def _started(work: Work, schedule: DictRow, due: datetime, run_id: UUID) -> None:
    await work.run(
        """UPDATE schedule_firings SET status = 'started', run_id = %s, live = true
           WHERE schedule_id = %s AND scheduled_for = %s""",
        (run_id, schedule["id"], due),
    )
    await work.run("UPDATE schedules SET last_at = %s, last_run_id = %s WHERE id = %s", (due, run_id, schedule["id"]))


async def _live(work: Work, schedule_id: UUID) -> list[UUID]:
    """The schedule's runs that have not ended; those that have are not looked at again."""
    rows = await work.all(
        """SELECT f.scheduled_for, f.run_id, r.status <> ALL(%s) AS live FROM schedule_firings f
           LEFT JOIN runs r ON r.id = f.run_id WHERE f.schedule_id = %s AND f.live ORDER BY f.run_id""",
        (_ENDED, schedule_id),
    )
    ended = [row["scheduled_for"] for row in rows if not row["live"]]
    if ended:
        await work.run(
            "UPDATE schedule_firings SET live = false WHERE schedule_id = %s AND scheduled_for = ANY(%s)",
            (schedule_id, ended),
        )
    return [row["run_id"] for row in rows if row["live"]]


async def _queued(work: Work, schedule_id: UUID) -> int:
    row = await work.first(
        "SELECT count(*) AS waiting FROM schedule_firings WHERE schedule_id = %s AND status = 'queued'", (schedule_id,)
    )
    return row["waiting"] if row else 0


async def _wait(work: Work, schedule: DictRow, due: datetime) -> None:
    """Let a due time wait until the runs before it have ended, unless too many do so already."""
    if await _queued(work, schedule["id"]) >= MOST_QUEUED:
        why = reason("queue_full", f"{MOST_QUEUED} due times wait for the run before to end already.")
        await _end(work, schedule, due, "skipped", why)
        return
    await work.run(
        "UPDATE schedule_firings SET status = 'queued' WHERE schedule_id = %s AND scheduled_for = %s",
        (schedule["id"], due),
    )


async def _start_waiting(work: Work, firer: Firer, schedule: DictRow) -> None:
    """Start the run of the oldest waiting due time, if no run of the schedule is left."""
    waiting = await work.first(
        """SELECT scheduled_for FROM schedule_firings WHERE schedule_id = %s AND status = 'queued'
           ORDER BY scheduled_for LIMIT 1""",
        (schedule["id"],),
    )
    if waiting is not None and not await _live(work, schedule["id"]):
        await _start(work, firer, schedule, waiting["scheduled_for"])


async def _cancel(work: Work, queue: Queue, project_id: UUID, live: Sequence[UUID]) -> None:
    await lock_with_children(await work.connection(), live)
    for run_id in live:
        try:
            await runs.cancel(work, queue, project_id, run_id)
        except ConflictError:
            # It has ended by itself in this moment.
            continue


async def _miss(work: Work, schedule: DictRow, missed: Sequence[datetime]) -> None:
    """Count what was missed, with one entry for all of it under the newest."""
    count = len(missed)
    which = rfc3339(missed[-1]) if count == 1 else f"{count} due times from {rfc3339(missed[0])} on"
    why = reason("missed", f"Nobody was there to fire {which}, and catch_up: {schedule['catch_up']} leaves that out.")
    await work.run(
        """INSERT INTO schedule_firings (schedule_id, scheduled_for, status, reason, created_at)
           VALUES (%s, %s, 'missed', %s::json, clock_timestamp()) ON CONFLICT DO NOTHING""",
        (schedule["id"], missed[-1], jsontext.dumps(why)),
    )
    await _note(work, schedule, "missed", count, why)


async def _end(work: Work, schedule: DictRow, due: datetime, status: str, why: Mapping[str, Any]) -> None:
    """Note that a due time has no run, and why."""
    await work.run(
        """UPDATE schedule_firings SET status = %s, reason = %s::json
           WHERE schedule_id = %s AND scheduled_for = %s""",
        (status, jsontext.dumps(dict(why)), schedule["id"], due),
    )
    await _note(work, schedule, status, 1, why)


async def _note(work: Work, schedule: DictRow, counter: str, count: int, why: Mapping[str, Any]) -> None:
    await work.run(
        """UPDATE schedules SET missed = missed + %s, skipped = skipped + %s, failed = failed + %s, problem = %s::json
           WHERE id = %s""",
        (
            *(count if counter == name else 0 for name in ("missed", "skipped", "failed")),
            jsontext.dumps(dict(why)),
            schedule["id"],
        ),
    )
