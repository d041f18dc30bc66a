"""Workflows and their versions."""

from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID

from psycopg.rows import DictRow

from app.clock import now
from app.errors import NotFoundError, PreconditionFailedError
from app.ids import new_id
from app.schemas.common import Page
from app.schemas.workflow import DiffOut, VersionOut, VersionSummary, WorkflowChange, WorkflowOut
from app.services.diff import difference
from app.services.graphs import CheckedGraph
from app.services.pages import decode_cursor, page, rfc3339
from app.services.projects import must_exist
from app.services.work import Work

FIELDS: LiteralString = """w.id, w.project_id, w.name, w.description, w.active, w.version, w.revision, w.created_at,
    w.updated_at, w.max_running, v.graph, v.content_hash"""
FROM: LiteralString = "workflows w JOIN workflow_versions v ON v.workflow_id = w.id AND v.version = w.version"


@dataclass(frozen=True, slots=True)
class Revision:
    """A workflow and the count of its changes, which is its ETag."""

    workflow: WorkflowOut
    number: int


async def create(
    work: Work,
    project_id: UUID,
    *,
    name: str,
    description: str,
    checked: CheckedGraph,
    template: str | None = None,
    max_running: int | None = None,
) -> Revision:
    """A new workflow with its version 1. Raises NotFoundError when there is no such project."""
    await must_exist(work, project_id)
    workflow_id, time = new_id(), now()
    connection = await work.connection()
    await connection.execute(
        """INSERT INTO workflows (id, project_id, name, description, active, version, revision, template, max_running,
                                  created_at, updated_at)
           VALUES (%s, %s, %s, %s, true, 1, 1, %s, %s, %s, %s)""",
        (workflow_id, project_id, name, description, template, max_running, time, time),
    )
    await _add_version(work, project_id, workflow_id, 1, checked)
    return await get(work, project_id, workflow_id)


async def get(work: Work, project_id: UUID, workflow_id: UUID) -> Revision:
    """Raises NotFoundError."""
    return _revision(await _row(work, project_id, workflow_id))


async def list_workflows(work: Work, project_id: UUID, limit: int, cursor: str | None) -> Page[WorkflowOut]:
    """The project's workflows, newest first."""
    before = decode_cursor(cursor, UUID)
    rows = await work.all(
        f"""SELECT {FIELDS} FROM {FROM}
            WHERE w.project_id = %(project)s AND w.deleted_at IS NULL
              AND (%(before)s::uuid IS NULL OR w.id < %(before)s)
            ORDER BY w.id DESC LIMIT %(limit)s""",
        {"project": project_id, "before": before[0] if before else None, "limit": limit + 1},
    )
    if not rows:
        await must_exist(work, project_id)
    return page(rows, limit, _view, lambda row: (str(row["id"]),))


async def change(
    work: Work,
    project_id: UUID,
    workflow_id: UUID,
    wanted: WorkflowChange,
    *,
    checked: CheckedGraph | None = None,
    revisions: set[int] | None = None,
) -> Revision:
    """Change what is given; another graph becomes the next version, and the same graph changes nothing.

    `revisions` are those that the caller knows, None for any. Raises NotFoundError, PreconditionFailedError.
    """
    row = await _locked_row(work, project_id, workflow_id)
    _must_match(row, revisions)
    fields = {
        name: value
        for name in ("name", "description", "active")
        if (value := getattr(wanted, name)) is not None and value != row[name]
    }
    if "max_running" in wanted.model_fields_set and wanted.max_running != row["max_running"]:
        fields["max_running"] = wanted.max_running
    if checked is not None and checked.content_hash != row["content_hash"]:
        fields["version"] = row["version"] + 1
        await _add_version(work, project_id, workflow_id, row["version"] + 1, checked)
    if fields:
        await (await work.connection()).execute(
            """UPDATE workflows SET name = %(name)s, description = %(description)s, active = %(active)s,
                      max_running = %(max_running)s, version = %(version)s, revision = revision + 1,
                      updated_at = %(now)s WHERE id = %(id)s""",
            {**row, **fields, "now": now()},
        )
        row = await _row(work, project_id, workflow_id)
    return _revision(row)


async def delete(work: Work, project_id: UUID, workflow_id: UUID, revisions: set[int] | None = None) -> None:
    """Take the workflow out of all lists; its runs stay. Raises NotFoundError, PreconditionFailedError."""
    row = await _locked_row(work, project_id, workflow_id)
    _must_match(row, revisions)
    await (await work.connection()).execute(
        "UPDATE workflows SET deleted_at = %s, revision = revision + 1 WHERE id = %s", (now(), workflow_id)
    )


async def get_version(work: Work, project_id: UUID, workflow_id: UUID, version: int) -> VersionOut:
    """One version of a workflow, also of a deleted one that has runs. Raises NotFoundError."""
    row = await work.first(
        """SELECT workflow_id, version, graph, content_hash, created_at FROM workflow_versions
           WHERE project_id = %s AND workflow_id = %s AND version = %s""",
        (project_id, workflow_id, version),
    )
    if row is None:
        raise NotFoundError(f"There is no version {version} of such a workflow in this project.")
    return {
        "workflow_id": str(row["workflow_id"]),
        "version": row["version"],
        "graph": row["graph"],
        "content_hash": row["content_hash"],
        "created_at": rfc3339(row["created_at"]),
    }


async def list_versions(
    work: Work, project_id: UUID, workflow_id: UUID, limit: int, cursor: str | None
) -> Page[VersionSummary]:
    """The versions without their graphs, newest first. Raises NotFoundError."""
    before = decode_cursor(cursor, int)
    rows = await work.all(
        """SELECT workflow_id, version, node_count, content_hash, created_at FROM workflow_versions
           WHERE project_id = %s AND workflow_id = %s AND version < %s ORDER BY version DESC LIMIT %s""",
        (project_id, workflow_id, before[0] if before else 2**31 - 1, limit + 1),
    )
    if not rows:
        await _row(work, project_id, workflow_id)
    return page(rows, limit, _version_summary, lambda row: (row["version"],))


async def diff(work: Work, project_id: UUID, workflow_id: UUID, before: int, after: int) -> DiffOut:
    """What changed from one version to another. Raises NotFoundError."""
    old = await get_version(work, project_id, workflow_id, before)
    new = await get_version(work, project_id, workflow_id, after)
    return difference(before, old["graph"], after, new["graph"])


async def _locked_row(work: Work, project_id: UUID, workflow_id: UUID) -> DictRow:
    """The workflow, locked. It is read after the lock is held, as a row that was waited for may have changed."""
    await work.first("SELECT 1 FROM workflows WHERE project_id = %s AND id = %s FOR UPDATE", (project_id, workflow_id))
    return await _row(work, project_id, workflow_id)


async def _row(work: Work, project_id: UUID, workflow_id: UUID) -> DictRow:
    row = await work.first(
        f"SELECT {FIELDS} FROM {FROM} WHERE w.project_id = %s AND w.id = %s AND w.deleted_at IS NULL",
        (project_id, workflow_id),
    )
    if row is None:
        raise NotFoundError("There is no such workflow in this project.")
    return row


async def _add_version(work: Work, project_id: UUID, workflow_id: UUID, version: int, checked: CheckedGraph) -> None:
    await (await work.connection()).execute(
        """INSERT INTO workflow_versions (workflow_id, version, project_id, graph, content_hash, node_count,
                                          created_at)
           VALUES (%s, %s, %s, %s::json, %s, %s, %s)""",
        (
            workflow_id,
            version,
            project_id,
            checked.text,
            checked.content_hash,
            len(checked.graph["nodes"]),
            now(),
        ),
    )


def _must_match(row: DictRow, revisions: set[int] | None) -> None:
    if revisions is not None and row["revision"] not in revisions:
        raise PreconditionFailedError(
            "Somebody changed the workflow meanwhile. Get it again, and make your change on what is there now."
        )


def _revision(row: DictRow) -> Revision:
    return Revision(_view(row), row["revision"])


def _view(row: DictRow) -> WorkflowOut:
    return {
        "id": str(row["id"]),
        "project_id": str(row["project_id"]),
        "name": row["name"],
        "description": row["description"],
        "active": row["active"],
        "max_running": row["max_running"],
        "version": row["version"],
        "graph": row["graph"],
        "created_at": rfc3339(row["created_at"]),
        "updated_at": rfc3339(row["updated_at"]),
    }


def _version_summary(row: dict[str, Any]) -> VersionSummary:
    return {
        "workflow_id": str(row["workflow_id"]),
        "version": row["version"],
        "node_count": row["node_count"],
        "content_hash": row["content_hash"],
        "created_at": rfc3339(row["created_at"]),
    }
