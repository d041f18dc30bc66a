"""What is kept, and for how long: the server's settings, and what projects say instead."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import LiteralString
from uuid import UUID

from psycopg.rows import DictRow

from app.clock import now
from app.config import Settings
from app.errors import NotFoundError
from app.services.moves import Connection, several


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one project keeps: runs and events of runs that ended before these moments go; None keeps for ever.

    The events of what ended before `looked_at` are known to be gone.
    """

    project_id: UUID
    runs: datetime | None
    events: datetime | None
    looked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a pass of the pruner deletes. `threads` and `keys` are moments, too; None leaves them alone."""

    bounds: Sequence[Bounds]
    threads: datetime | None = None
    keys: datetime | None = None
    jobs: bool = False


async def by_policy(connection: Connection, settings: Settings, project_id: UUID | None = None) -> Wanted:
    """What the settings and the projects want deleted now, of one project or (None) of all.

    Raises NotFoundError when there is no such project.
    """
    today = now()
    return Wanted(
        [
            Bounds(
                row["id"],
                _before(today, settings.keep_runs_days, row["keep_runs_days"]),
                _before(today, settings.keep_events_days, row["keep_events_days"]),
                row["events_pruned_until"],
            )
            for row in await _projects(connection, project_id)
        ],
        threads=today - timedelta(seconds=settings.keep_checkpoints_seconds),
        keys=today - timedelta(seconds=settings.keep_idempotency_seconds),
        jobs=project_id is None,
    )


async def older_than(connection: Connection, age: timedelta, project_id: UUID | None = None) -> Wanted:
    """All runs that ended longer ago, whatever the settings say. Raises NotFoundError."""
    before = now() - age
    return Wanted(
        [
            Bounds(row["id"], before, before, row["events_pruned_until"])
            for row in await _projects(connection, project_id)
        ],
        threads=before,
    )


def only_events(wanted: Wanted) -> Wanted:
    """The same, but runs stay, and so does all else."""
    return Wanted([replace(bounds, runs=None) for bounds in wanted.bounds])


def only_threads(wanted: Wanted) -> Wanted:
    """The same, but nothing goes but checkpoints."""
    return Wanted([replace(bounds, runs=None, events=None) for bounds in wanted.bounds], threads=wanted.threads)


async def _projects(connection: Connection, project_id: UUID | None) -> list[DictRow]:
    rows = await several(connection, _PROJECTS, {"project": project_id})
    if project_id is not None and not rows:
        raise NotFoundError("There is no such project.")
    return rows


def _before(today: datetime, server: float | None, project: float | None) -> datetime | None:
    days = server if project is None else project
    return None if days is None or math.isinf(days) else today - timedelta(days=days)


_PROJECTS: LiteralString = """
select id, keep_runs_days, keep_events_days, events_pruned_until from projects
where %(project)s::uuid is null or id = %(project)s order by id"""
