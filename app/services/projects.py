"""Projects and their keys."""

import math
from typing import Final, Literal
from uuid import UUID

from psycopg.rows import DictRow

from app.clock import now
from app.errors import NotFoundError
from app.ids import new_id
from app.schemas.common import Page
from app.schemas.project import KeyOut, ProjectChange, ProjectOut, RoleName
from app.services.access import Caller, hashed, new_secret
from app.services.pages import decode_cursor, page, rfc3339
from app.services.pruning import delete_runs
from app.services.work import Work

FOREVER: Final = "forever"


def project_view(project: DictRow) -> ProjectOut:
    return {
        "id": str(project["id"]),
        "name": project["name"],
        "max_running": project["max_running"],
        "keep_runs_days": _days(project["keep_runs_days"]),
        "keep_events_days": _days(project["keep_events_days"]),
        "created_at": rfc3339(project["created_at"]),
    }


async def create_project(work: Work, name: str, max_running: int | None = None) -> ProjectOut:
    row = await work.first(
        "INSERT INTO projects (id, name, max_running, created_at) VALUES (%s, %s, %s, %s) RETURNING *",
        (new_id(), name, max_running, now()),
    )
    assert row is not None  # noqa: S101  # it has just been written
    return project_view(row)


async def list_projects(work: Work, caller: Caller, limit: int, cursor: str | None) -> Page[ProjectOut]:
    """The projects that the caller may see, oldest first."""
    after = decode_cursor(cursor, UUID)
    rows = await work.all(
        """SELECT * FROM projects WHERE (%(own)s::uuid IS NULL OR id = %(own)s)
           AND (%(after)s::uuid IS NULL OR id > %(after)s) ORDER BY id LIMIT %(limit)s""",
        {"own": caller.project_id, "after": after[0] if after else None, "limit": limit + 1},
    )
    return page(rows, limit, project_view, lambda row: (str(row["id"]),))


async def get_project(work: Work, project_id: UUID) -> ProjectOut:
    """Raises NotFoundError."""
    row = await work.first("SELECT * FROM projects WHERE id = %s", (project_id,))
    if row is None:
        raise _no_project()
    return project_view(row)


async def change_project(work: Work, project_id: UUID, wanted: ProjectChange) -> ProjectOut:
    """Change what is given. Raises NotFoundError."""
    given = {name: getattr(wanted, name) for name in wanted.model_fields_set}
    if given.get("name", "") is None:
        del given["name"]
    row = await work.first("SELECT * FROM projects WHERE id = %s FOR NO KEY UPDATE", (project_id,))
    if row is None:
        raise _no_project()
    row |= {name: math.inf if value == FOREVER else value for name, value in given.items()}
    await work.run(
        """UPDATE projects SET name = %(name)s, max_running = %(max_running)s, keep_runs_days = %(keep_runs_days)s,
           keep_events_days = %(keep_events_days)s WHERE id = %(id)s""",
        row,
    )
    return project_view(row)


async def delete_project(work: Work, project_id: UUID) -> None:
    """Remove the project with everything in it. Raises NotFoundError."""
    # However long it takes: what is broken off would never be done.
    await work.run("SELECT set_config(name, '0', true) FROM pg_settings WHERE name = 'transaction_timeout'")
    # Before its runs, as whoever takes up a run or releases it does.
    await work.run("SELECT 1 FROM projects WHERE id = %s FOR NO KEY UPDATE", (project_id,))
    await _delete_runs(work, project_id)
    # Who was about to make a run has made it when this is done, and nobody makes another one.
    await work.run("SELECT 1 FROM workflow_versions WHERE project_id = %s FOR UPDATE", (project_id,))
    await _delete_runs(work, project_id)
    if not await work.run("DELETE FROM projects WHERE id = %s", (project_id,)):
        raise _no_project()


async def _delete_runs(work: Work, project_id: UUID) -> None:
    # In the order in which everybody locks them: nobody writes for them from here on.
    runs = await work.all("SELECT id FROM runs WHERE project_id = %s ORDER BY id FOR UPDATE", (project_id,))
    await delete_runs(await work.connection(), [row["id"] for row in runs])


async def must_exist(work: Work, project_id: UUID) -> None:
    """Raise NotFoundError when there is no such project."""
    if await work.first("SELECT 1 FROM projects WHERE id = %s", (project_id,)) is None:
        raise _no_project()


def key_view(key: DictRow) -> KeyOut:
    role: RoleName = key["role"]
    return {
        "id": str(key["id"]),
        "project_id": str(key["project_id"]),
        "name": key["name"],
        "role": role,
        "prefix": key["prefix"],
        "created_at": rfc3339(key["created_at"]),
    }


async def create_key(work: Work, project_id: UUID, name: str, role: RoleName) -> KeyOut:
    """Make a key; its secret is in this answer and nowhere else. Raises NotFoundError."""
    await must_exist(work, project_id)
    secret, prefix = new_secret()
    key = {
        "id": new_id(),
        "project_id": project_id,
        "name": name,
        "role": role,
        "prefix": prefix,
        "secret_hash": hashed(secret),
        "created_at": now(),
    }
    await work.run(
        """INSERT INTO api_keys (id, project_id, name, role, prefix, secret_hash, created_at)
           VALUES (%(id)s, %(project_id)s, %(name)s, %(role)s, %(prefix)s, %(secret_hash)s, %(created_at)s)""",
        key,
    )
    return {**key_view(key), "secret": secret}


async def list_keys(work: Work, project_id: UUID, limit: int, cursor: str | None) -> Page[KeyOut]:
    """The project's keys without their secrets, oldest first."""
    after = decode_cursor(cursor, UUID)
    rows = await work.all(
        """SELECT * FROM api_keys WHERE project_id = %(project)s AND (%(after)s::uuid IS NULL OR id > %(after)s)
           ORDER BY id LIMIT %(limit)s""",
        {"project": project_id, "after": after[0] if after else None, "limit": limit + 1},
    )
    if not rows:
        await must_exist(work, project_id)
    return page(rows, limit, key_view, lambda row: (str(row["id"]),))


async def delete_key(work: Work, project_id: UUID, key_id: UUID) -> None:
    """Remove the key; it opens nothing from now on. Raises NotFoundError."""
    if not await work.run("DELETE FROM api_keys WHERE project_id = %s AND id = %s", (project_id, key_id)):
        raise NotFoundError("There is no such key in this project.")


def _days(kept: float | None) -> float | Literal["forever"] | None:
    return FOREVER if kept == math.inf else kept


def _no_project() -> NotFoundError:
    return NotFoundError("There is no such project.")
