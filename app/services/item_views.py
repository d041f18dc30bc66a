"""The items of a run's maps as people see them."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg.rows import DictRow

from app.errors import NotFoundError
from app.schemas.common import Page
from app.schemas.items import ItemOut
from app.services.pages import decode_cursor, maybe_rfc3339, milliseconds, page
from app.services.work import Work
from app.statuses import NodeStatus


@dataclass(frozen=True, slots=True)
class ItemFilter:
    """Which items a list shows; None and nothing mean all."""

    node_id: str | None = None
    iteration: int | None = None
    statuses: tuple[NodeStatus, ...] = ()


async def list_items(
    work: Work, project_id: UUID, run_id: UUID, wanted: ItemFilter, *, limit: int, cursor: str | None
) -> Page[ItemOut]:
    """The items that have ended, wait or are to be tried again, by node, iteration and path. Raises NotFoundError."""
    node_id, iteration, path = decode_cursor(cursor, str, int, _path) or (None, None, None)
    run = await work.first("SELECT 1 AS found FROM runs WHERE project_id = %s AND id = %s", (project_id, run_id))
    if run is None:
        raise NotFoundError("There is no such run in this project.")
    rows = await work.all(
        """SELECT * FROM map_items
           WHERE run_id = %(run)s
             AND (%(after_node)s::text IS NULL
                  OR (node_id, iteration, path) > (%(after_node)s, %(after_iteration)s, %(after_path)s::int[]))
             AND (%(node)s::text IS NULL OR node_id = %(node)s)
             AND (%(iteration)s::int IS NULL OR iteration = %(iteration)s)
             AND (%(statuses)s::text[] IS NULL OR status = ANY(%(statuses)s))
           ORDER BY node_id, iteration, path LIMIT %(limit)s""",
        {
            "run": run_id,
            "after_node": node_id,
            "after_iteration": iteration,
            "after_path": path,
            "node": wanted.node_id,
            "iteration": wanted.iteration,
            "statuses": [str(status) for status in wanted.statuses] or None,
            "limit": limit + 1,
        },
    )
    return page(rows, limit, _view, lambda row: (row["node_id"], row["iteration"], row["path"]))


def _path(value: Any) -> list[int]:
    return [int(index) for index in value]


def _view(row: DictRow) -> ItemOut:
    return {
        "node_id": row["node_id"],
        "iteration": row["iteration"],
        "path": row["path"],
        "status": row["status"],
        "attempt": row["attempt"],
        "output": row["output"],
        "error": row["error"],
        "reason": row["reason"],
        "started_at": maybe_rfc3339(row["started_at"]),
        "finished_at": maybe_rfc3339(row["finished_at"]),
        "duration_ms": milliseconds(row["started_at"], row["finished_at"]),
        "wake_at": maybe_rfc3339(row["wake_at"]),
    }
