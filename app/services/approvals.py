"""What waits for people in a project."""

from functools import partial
from uuid import UUID

from psycopg.rows import DictRow

from app.schemas.approval import ApprovalOut
from app.schemas.common import Page
from app.services.pages import decode_cursor, maybe_rfc3339, page
from app.services.projects import must_exist
from app.services.resume import APPROVAL
from app.services.work import Work

# Of runs that wait as a whole the reason is the most telling one of their nodes, so that those which wait for their
# time are not gone into; nor are those that have not begun. The code is looked for in the text of the JSON: PostgreSQL
# refuses to look into JSON with a NUL character, which a prompt may have. A map waits with the words of its first item,
# which is there itself.
_WAITING = """
    SELECT r.id AS run_id, r.status AS run_status, r.workflow_id, w.name AS workflow_name, r.version, found.*
    FROM runs r JOIN workflows w ON w.id = r.workflow_id CROSS JOIN LATERAL (
        SELECT n.node_id, n.iteration, '{}'::int[] AS path, n.reason, n.started_at, n.wake_at
        FROM node_states n
        WHERE n.run_id = r.id AND n.status = 'WAITING' AND position(%(code)s in n.reason::text) > 0
          AND NOT EXISTS (SELECT 1 FROM map_items i WHERE i.run_id = n.run_id AND i.status = 'WAITING'
                          AND i.node_id = n.node_id AND i.iteration = n.iteration)
        UNION ALL
        SELECT i.node_id, i.iteration, i.path, i.reason, i.started_at, i.wake_at
        FROM map_items i
        WHERE i.run_id = r.id AND i.status = 'WAITING' AND position(%(code)s in i.reason::text) > 0
    ) AS found
    WHERE r.project_id = %(project)s AND r.status IN ('QUEUED', 'RUNNING', 'WAITING') AND r.started_at IS NOT NULL
      AND (r.status <> 'WAITING' OR position(%(code)s in r.reason::text) > 0)
      AND (%(run)s::uuid IS NULL OR (r.id, found.node_id, found.iteration, found.path)
           > (%(run)s, %(node)s, %(iteration)s, %(path)s::int[]))
      AND (%(run)s::uuid IS NULL OR r.id >= %(run)s)
      AND NOT EXISTS (SELECT 1 FROM run_signals s WHERE s.run_id = r.id AND s.node_id = found.node_id
                      AND s.iteration = found.iteration AND s.path = found.path AND s.kind = 'answer')
    ORDER BY r.id, found.node_id, found.iteration, found.path LIMIT %(limit)s"""


async def list_approvals(work: Work, project_id: UUID, limit: int, cursor: str | None) -> Page[ApprovalOut]:
    """The approvals that nobody has answered, those of the oldest run first. Raises NotFoundError for no project."""
    run_id, node_id, iteration, path = decode_cursor(cursor, UUID, str, int, _path) or (None, None, None, None)
    rows = await work.all(
        _WAITING,
        {
            "code": APPROVAL,
            "project": project_id,
            "run": run_id,
            "node": node_id,
            "iteration": iteration,
            "path": path,
            "limit": limit + 1,
        },
    )
    if not rows:
        await must_exist(work, project_id)
    names = await _names(work, rows)
    found = page(rows, limit, partial(_view, names), _place)
    return {**found, "items": [item for item in found["items"] if item["reason"]["code"] == APPROVAL]}


async def _names(work: Work, rows: list[DictRow]) -> dict[tuple[UUID, int, str], str | None]:
    """What nodes are called, by workflow, version and id; graphs are read once however many of their nodes wait."""
    versions = {(row["workflow_id"], row["version"]) for row in rows}
    graphs = await work.all(
        """SELECT v.workflow_id, v.version, v.graph FROM workflow_versions v
           JOIN unnest(%s::uuid[], %s::int[]) AS wanted (workflow_id, version) USING (workflow_id, version)""",
        ([workflow for workflow, _ in versions], [version for _, version in versions]),
    )
    return {
        (row["workflow_id"], row["version"], node["id"]): node.get("name")
        for row in graphs
        for node in row["graph"]["nodes"]
    }


def _place(row: DictRow) -> tuple[str, str, int, list[int]]:
    return str(row["run_id"]), row["node_id"], row["iteration"], row["path"]


def _path(value: object) -> list[int]:
    if not isinstance(value, list):
        raise TypeError(value)
    return [int(index) for index in value]


def _view(names: dict[tuple[UUID, int, str], str | None], row: DictRow) -> ApprovalOut:
    return {
        "run_id": str(row["run_id"]),
        "run_status": row["run_status"],
        "workflow_id": str(row["workflow_id"]),
        "workflow_name": row["workflow_name"],
        "version": row["version"],
        "node_id": row["node_id"],
        "node_name": names[row["workflow_id"], row["version"], row["node_id"]],
        "iteration": row["iteration"],
        "item": row["path"] or None,
        "reason": row["reason"],
        "waiting_since": maybe_rfc3339(row["started_at"]),
        "wake_at": maybe_rfc3339(row["wake_at"]),
    }
