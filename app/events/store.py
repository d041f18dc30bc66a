"""Reading the event log. The JSON of an event is put together by the database, and goes to the wire as it comes."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import tuple_row

from app import jsontext
from app.db import Pool
from app.statuses import RUN_ENDED, RUN_LIVE, RunStatus

READ_SECONDS = 10.0
"""A database that takes longer is away, for all that streams know: they ask again, on another connection."""

TERMINAL = frozenset({"workflow.run.completed", "workflow.run.failed", "workflow.run.cancelled"})
_ENDED = frozenset(str(status) for status in RUN_ENDED)
_LIVE = [str(status) for status in RUN_LIVE]
_MOVING = [str(status) for status in RUN_LIVE if status is not RunStatus.PENDING]

EVENT_JSON = """concat('{"id":"', e.id, '","seq":', e.seq, ',"type":', to_json(e.type), ',"at":"',
       to_char(e.at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS.US'), 'Z","project_id":"', e.project_id,
       '","run_id":"', e.run_id, '","node_id":', coalesce(to_json(e.node_id)::text, 'null'),
       ',"data":', coalesce(e.data::text, '{}'), '}')"""

_READ_MANY = f"""
    select e.run_id, e.seq, e.type, e.text
    from unnest(%s::uuid[], %s::bigint[]) as c (run_id, after)
    cross join lateral (
        select e.run_id, e.seq, e.type, {EVENT_JSON} as text from run_events e
        where e.run_id = c.run_id and e.seq > c.after order by e.seq limit %s
    ) e
    order by e.run_id, e.seq"""

_OPENING = f"""
    select r.id, r.workflow_id, r.status, r.last_seq, r.pruned_seq, e.seq, e.type, e.text
    from runs r
    left join lateral (
        select e.seq, e.type, {EVENT_JSON} as text from run_events e
        where e.run_id = r.id and e.seq > %s order by e.seq limit %s
    ) e on true
    where r.project_id = %s and r.id = %s order by e.seq"""

_CHANGED = """
    select id, project_id, last_seq from runs where project_id = any(%(projects)s) and status = any(%(moving)s)
    union select id, project_id, last_seq from runs where project_id = any(%(projects)s) and id > %(since_id)s
    union select id, project_id, last_seq from runs where project_id = any(%(projects)s) and finished_at > %(since)s"""


@dataclass(slots=True, eq=False)
class EventText:
    """One event as it goes out: `text` is its JSON. Shared by all who read it, so nobody changes it."""

    run_id: UUID
    seq: int
    type: str
    text: str
    _frame: bytes | None = field(default=None, init=False, repr=False)
    _joined: tuple[int, bytes] | None = field(default=None, init=False, repr=False)

    @property
    def terminal(self) -> bool:
        """Whether the run has ended with this event."""
        return self.type in TERMINAL

    @property
    def frame(self) -> bytes:
        """The event as a frame of an event stream, encoded once for all streams."""
        if self._frame is None:
            # A line break in JSON text can only stand between tokens, where a space means the same.
            line = self.text.replace("\n", " ").replace("\r", " ")
            self._frame = f"id: {self.seq}\nevent: {self.type}\ndata: {line}\n\n".encode()
        return self._frame


def frames(events: Sequence[EventText]) -> bytes:
    """The frames of events of one run that follow each other, joined once for all streams that send just these."""
    first = events[0]
    # There are no gaps in a log, so how many they are says which.
    if first._joined is None or first._joined[0] != len(events):  # noqa: SLF001  # this module's own
        first._joined = (len(events), b"".join([event.frame for event in events]))  # noqa: SLF001
    return first._joined[1]  # noqa: SLF001


EventRow = tuple[UUID, int, UUID, UUID, str, str | None, datetime, str]
"""An event as it is written: run, seq, id, project, type, node, time in UTC, data as JSON text."""


def as_text(row: EventRow) -> EventText:
    """What the database would make of the row, by EVENT_JSON."""
    run_id, seq, event_id, project_id, kind, node_id, at, data = row
    node = "null" if node_id is None else jsontext.dumps(node_id)
    time = at.replace(tzinfo=None).isoformat("T", "microseconds")
    text = (
        f'{{"id":"{event_id}","seq":{seq},"type":"{kind}","at":"{time}Z",'
        f'"project_id":"{project_id}","run_id":"{run_id}","node_id":{node},"data":{data}}}'
    )
    return EventText(run_id, seq, kind, text)


@dataclass(frozen=True, slots=True)
class RunHead:
    """How far a run and its log have come; events up to `pruned_seq` have been deleted as too old."""

    id: UUID
    workflow_id: UUID
    status: str
    last_seq: int
    pruned_seq: int = 0

    @property
    def ended(self) -> bool:
        """Whether nothing more comes, but after an explicit retry."""
        return self.status in _ENDED

    def as_json(self) -> dict[str, Any]:
        """The run as snapshots tell it."""
        return {
            "id": str(self.id),
            "workflow_id": str(self.workflow_id),
            "status": self.status,
            "last_seq": self.last_seq,
            **({"pruned_seq": self.pruned_seq} if self.pruned_seq else {}),
        }


async def read_many(pool: Pool, cursors: Mapping[UUID, int], limit: int) -> dict[UUID, list[EventText]]:
    """For each run, at most `limit` events after its seq, in order, in one query; runs without news are left out."""
    rows = await _rows(pool, _READ_MANY, (list(cursors), list(cursors.values()), limit))
    found: dict[UUID, list[EventText]] = defaultdict(list)
    for row in rows:
        found[row[0]].append(EventText(*row))
    return dict(found)


Opening = tuple[RunHead, list[EventText]]
"""A run, and the first events of a part of its log."""


async def opening(pool: Pool, project_id: UUID, run_id: UUID, after: int, limit: int) -> Opening | None:
    """A run of a project with at most `limit` events that follow the seq `after`; None where it has no such run."""
    rows = await _rows(pool, _OPENING, (after, limit, project_id, run_id))
    if not rows:
        return None
    return RunHead(*rows[0][:5]), [EventText(run_id, *row[5:]) for row in rows if row[5] is not None]


async def heads(pool: Pool, project_id: UUID, run_ids: Sequence[UUID]) -> list[RunHead]:
    """The given runs of a project; those that it does not have are left out."""
    query = """select id, workflow_id, status, last_seq, pruned_seq from runs
               where project_id = %s and id = any(%s) order by id"""
    return [RunHead(*row) for row in await _rows(pool, query, (project_id, list(run_ids)))]


async def live_heads(pool: Pool, project_id: UUID) -> list[RunHead]:
    """All runs of a project that have not ended."""
    query = """select id, workflow_id, status, last_seq, pruned_seq from runs
               where project_id = %s and status = any(%s) order by id"""
    return [RunHead(*row) for row in await _rows(pool, query, (project_id, _LIVE))]


async def last_seqs(pool: Pool, run_ids: Sequence[UUID]) -> list[tuple[UUID, UUID, int, int]]:
    """Project, run, newest seq and pruned seq of the given runs; those that are gone are left out."""
    query = "select project_id, id, last_seq, pruned_seq from runs where id = any(%s)"
    return [(project, run, seq, pruned) for project, run, seq, pruned in await _rows(pool, query, (list(run_ids),))]


async def changed_runs(
    pool: Pool, project_ids: Sequence[UUID], since: datetime, since_id: UUID
) -> list[tuple[UUID, UUID, int]]:
    """Project, run and newest seq of the runs that are under way, or were made or ended `since` (the same as an id)."""
    values = {"projects": list(project_ids), "moving": _MOVING, "since": since, "since_id": since_id}
    return [(project, run, seq) for run, project, seq in await _rows(pool, _CHANGED, values)]


async def ends(pool: Pool, run_ids: Sequence[UUID]) -> dict[UUID, list[tuple[int, datetime]]]:
    """Seq and time of every terminal event of the given runs, in order."""
    query = "select run_id, seq, at from run_events where run_id = any(%s) and type = any(%s) order by run_id, seq"
    found: dict[UUID, list[tuple[int, datetime]]] = defaultdict(list)
    for run_id, seq, at in await _rows(pool, query, (list(run_ids), list(TERMINAL))):
        found[run_id].append((seq, at))
    return dict(found)


async def _rows(pool: Pool, query: Any, values: Any) -> list[tuple[Any, ...]]:
    try:
        async with (
            asyncio.timeout(READ_SECONDS),
            pool.connection() as connection,
            connection.cursor(row_factory=tuple_row, binary=True) as cursor,
        ):
            await cursor.execute(query, values)
            return await cursor.fetchall()
    except TimeoutError as error:
        raise psycopg.OperationalError("The database took too long to answer.") from error
