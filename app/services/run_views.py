"""Runs as people see them: one, a page, the result."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg.rows import DictRow

from app.errors import ConflictError, NotFoundError
from app.schemas.common import Page
from app.schemas.run import ProgressOut, ResultOut, RunOut, RunSummary
from app.services.pages import decode_cursor, maybe_rfc3339, maybe_text, milliseconds, page, rfc3339
from app.services.projects import must_exist
from app.services.run_columns import SUMMARY, WHOLE, shown
from app.services.work import Work
from app.statuses import RUN_ENDED, RunStatus


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs a list shows; None and nothing mean all."""

    statuses: tuple[RunStatus, ...] = ()
    workflow_id: UUID | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    parent_run_id: UUID | None = None
    parent_node_id: str | None = None


async def get(work: Work, project_id: UUID, run_id: UUID) -> RunOut:
    """Raises NotFoundError."""
    row = await work.lone(
        f"SELECT {WHOLE} FROM {shown('runs')} WHERE r.project_id = %s AND r.id = %s", (project_id, run_id)
    )
    if row is None:
        raise _no_run()
    return whole(row)


def whole(row: DictRow) -> RunOut:
    """The run with its WHOLE columns, as the API gives it."""
    return {**_summary(row), "input": row["input"], "result": row["result"], "state": row["state"]}


async def list_runs(
    work: Work, project_id: UUID, wanted: RunFilter, limit: int, cursor: str | None
) -> Page[RunSummary]:
    """The project's runs, newest first. Raises NotFoundError when there is no such project."""
    before = decode_cursor(cursor, UUID)
    values: dict[str, Any] = {
        "project": project_id,
        "before": before[0] if before else None,
        "statuses": list({str(status) for status in wanted.statuses}) or None,
        "workflow": wanted.workflow_id,
        "parent": wanted.parent_run_id,
        "node": wanted.parent_node_id,
        "after": wanted.created_after,
        "until": wanted.created_before,
        "limit": limit + 1,
    }
    rows = await work.all(
        f"SELECT {SUMMARY} FROM {shown('runs')} WHERE r.id = ANY(ARRAY({_ids(values)})) ORDER BY r.id DESC", values
    )
    if not rows:
        await must_exist(work, project_id)
    return page(rows, limit, _summary, lambda row: (str(row["id"]),))


def _ids(values: Mapping[str, Any]) -> LiteralString:
    """The query for the ids of a page: they come first, so that nodes are counted of the runs that are shown only."""
    which: LiteralString = " AND ".join(sql for name, sql in _CONDITIONS.items() if values[name] is not None)
    newest: LiteralString = "ORDER BY id DESC LIMIT %(limit)s"
    if values["statuses"] is None:
        return f"SELECT id FROM runs WHERE {which} {newest}"
    # Of each status by itself, as an index has them in their order.
    return f"""SELECT id FROM unnest(%(statuses)s::text[]) AS given (status) CROSS JOIN LATERAL (
        SELECT id FROM runs WHERE {which} AND runs.status = given.status {newest}) AS found {newest}"""


_CONDITIONS: Mapping[str, LiteralString] = {
    "project": "project_id = %(project)s",
    "before": "id < %(before)s",
    "workflow": "workflow_id = %(workflow)s",
    "parent": "parent_run_id = %(parent)s",
    "node": "parent_node_id = %(node)s",
    "after": "created_at > %(after)s",
    "until": "created_at < %(until)s",
}


async def result(work: Work, project_id: UUID, run_id: UUID) -> ResultOut:
    """What the run came to. Raises NotFoundError, ConflictError (`not_finished`) before the end."""
    row = await work.lone(
        "SELECT id, status, result, error FROM runs WHERE project_id = %s AND id = %s", (project_id, run_id)
    )
    if row is None:
        raise _no_run()
    if row["status"] not in RUN_ENDED:
        raise ConflictError(
            f"The run is {row['status']}; it has no result before it ends. Follow its events, or ask again later.",
            code="not_finished",
        )
    return {"run_id": str(row["id"]), "status": row["status"], "result": row["result"], "error": row["error"]}


def _no_run() -> NotFoundError:
    return NotFoundError("There is no such run in this project.")


def _summary(row: DictRow) -> RunSummary:
    return {
        "id": str(row["id"]),
        "project_id": str(row["project_id"]),
        "workflow_id": str(row["workflow_id"]),
        "workflow_name": row["workflow_name"],
        "version": row["version"],
        "status": row["status"],
        "attempt": row["attempt"],
        "progress": _progress(row),
        "error": row["error"],
        "reason": row["reason"],
        "metadata": row["meta"] or {},
        "created_at": rfc3339(row["created_at"]),
        "queued_at": maybe_rfc3339(row["queued_at"]),
        "started_at": maybe_rfc3339(row["started_at"]),
        "finished_at": maybe_rfc3339(row["finished_at"]),
        "duration_ms": milliseconds(row["started_at"], row["finished_at"]),
        "last_seq": row["last_seq"],
        "wake_at": maybe_rfc3339(row["wake_at"]),
        "parent_run_id": maybe_text(row["parent_run_id"]),
        "parent_node_id": row["parent_node_id"],
        "parent_iteration": row["parent_iteration"],
        "depth": row["depth"],
        "forked_from": maybe_text(row["forked_from"]),
        "priority": row["priority"],
        "queue": row["queue"],
        "trigger": row["trigger"],
    }


def _progress(row: dict[str, Any]) -> ProgressOut:
    total = row["total"] or 0
    ended = row["completed"] + row["failed"] + row["skipped"]
    return {
        "total": total,
        "completed": row["completed"],
        "running": row["running"],
        "failed": row["failed"],
        "skipped": row["skipped"],
        "percentage": min(round(100 * ended / total, 1), 100.0) if total else 0.0,
    }
