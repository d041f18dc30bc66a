"""What all moves of runs share: the event that tells of a move, the lock of the run's row, the job behind it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row

from app import jsontext
from app.clock import now
from app.db import as_arrays
from app.errors import NotFoundError
from app.ids import new_id
from app.queue import JOB

Connection = AsyncConnection[Any]
EVENT_BYTES = 64_000
"""An output larger than this is cut in the event and whole at the node."""


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


async def write_events(connection: Connection, moved: Moved, events: list[NewEvent]) -> None:
    """Write the events that end at `moved.last_seq`; the caller holds the run's row."""
    first = moved.last_seq - len(events) + 1
    rows = [
        (moved.run_id, first + n, new_id(), moved.project_id, e.type, e.node_id, e.at, jsontext.dumps(dict(e.data)))
        for n, e in enumerate(events)
    ]
    await run_sql(connection, INSERT_EVENTS, as_arrays(rows))


INSERT_EVENTS: LiteralString = """
insert into run_events (run_id, seq, id, project_id, type, node_id, at, data)
select * from unnest(%s::uuid[], %s::bigint[], %s::uuid[], %s::uuid[], %s::text[], %s::text[], %s::timestamptz[],
                     %s::json[])"""


async def enqueue(connection: Connection, run: DictRow, data: Mapping[str, Any]) -> Moved:
    """Give a run that has just become QUEUED a job, unless it is held, and write the event that tells of it.

    `run` has its id, project_id, last_seq, queue, priority, held and reason.
    """
    moved = Moved(run["project_id"], run["id"], run["last_seq"])
    told = {**data, "reason": run["reason"]} if run["held"] else data
    values = {**run, "event": new_id(), "at": now(), "data": jsontext.dumps(told)}
    await run_sql(connection, _ENQUEUE, values)
    return moved


_ENQUEUE: LiteralString = f"""
with run as (select %(id)s::uuid as id, %(queue)s::text as queue, %(priority)s::int as priority),
job as materialized (select {JOB} as id from run where not %(held)s),
event as (
  insert into run_events (run_id, seq, id, project_id, type, at, data)
  values (%(id)s, %(last_seq)s, %(event)s, %(project_id)s, 'workflow.run.queued', %(at)s, %(data)s))
update runs set job_id = (select id from job) where id = %(id)s"""


async def locked(connection: Connection, project_id: UUID, run_id: UUID) -> DictRow:
    """The run's row, locked, with its graph; read after the lock, as a retry may have changed the version meanwhile.

    Raises NotFoundError.
    """
    row = await one(connection, "select * from runs where project_id = %s and id = %s for update", (project_id, run_id))
    if row is None:
        raise NotFoundError("There is no such run in this project.")
    version = await one(
        connection,
        "select graph from workflow_versions where workflow_id = %s and version = %s",
        (row["workflow_id"], row["version"]),
    )
    return {**row, **(version or {})}


async def lock_with_children(connection: Connection, run_ids: Sequence[UUID]) -> None:
    """Lock runs, their child runs and theirs, all in the order of their ids, before any of them is moved."""
    await run_sql(connection, _LOCK_WITH_CHILDREN, (list(run_ids),))


_LOCK_WITH_CHILDREN: LiteralString = """
with recursive below as (
  select id from runs where id = any(%s)
  union
  select c.id from below b join runs c on c.parent_run_id = b.id where c.parent_current and c.status <> 'COMPLETED')
select 1 from runs where id in (select id from below) order by id for update"""


async def one(connection: Connection, query: LiteralString, values: Any) -> DictRow | None:
    """The first row of a query, or None."""
    cursor = connection.cursor(row_factory=dict_row)
    await cursor.execute(query, values)
    return await cursor.fetchone()


async def several(connection: Connection, query: LiteralString, values: Any) -> list[DictRow]:
    """All rows of a query."""
    cursor = connection.cursor(row_factory=dict_row)
    await cursor.execute(query, values)
    return await cursor.fetchall()


async def run_sql(connection: Connection, query: LiteralString, values: Any) -> None:
    """Run a statement."""
    await connection.execute(query, values)


def json_or_null(value: Any) -> str | None:
    """JSON text of a value; None stays SQL's null."""
    return None if value is None else jsontext.dumps(value)
