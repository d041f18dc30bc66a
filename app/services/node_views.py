"""The states of a run's nodes as people see them."""

from collections import defaultdict
from typing import Any
from uuid import UUID

from psycopg.rows import DictRow

from app.errors import NotFoundError
from app.schemas.common import JsonObject, Page
from app.schemas.run import NodeStateOut
from app.services.inputs import make_whole
from app.services.pages import decode_cursor, encode_cursor, maybe_rfc3339, milliseconds
from app.services.work import Work
from app.statuses import NodeStatus

PENDING: dict[str, Any] = {
    "iteration": 0,
    "path": [],
    "status": NodeStatus.PENDING,
    "attempt": 0,
    "progress": None,
    "input": None,
    "output": None,
    "error": None,
    "reason": None,
    "edges": None,
    "started_at": None,
    "finished_at": None,
    "wake_at": None,
}


async def list_nodes(work: Work, project_id: UUID, run_id: UUID, limit: int, cursor: str | None) -> Page[NodeStateOut]:
    """Every node of the run's graph in document order, its turns in their order; those not begun are PENDING."""
    nodes = await _nodes(work, project_id, run_id)
    return await _page(work, run_id, nodes, limit, cursor)


async def get_node(
    work: Work, project_id: UUID, run_id: UUID, node_id: str, *, limit: int, cursor: str | None
) -> Page[NodeStateOut]:
    """All turns of one node. Raises NotFoundError."""
    nodes = [node for node in await _nodes(work, project_id, run_id) if node["id"] == node_id]
    if not nodes:
        raise NotFoundError("The run's graph has no such node.")
    return await _page(work, run_id, nodes, limit, cursor)


async def _nodes(work: Work, project_id: UUID, run_id: UUID) -> list[JsonObject]:
    row = await work.first(
        """SELECT v.graph FROM runs r
           JOIN workflow_versions v ON v.workflow_id = r.workflow_id AND v.version = r.version
           WHERE r.project_id = %s AND r.id = %s""",
        (project_id, run_id),
    )
    if row is None:
        raise NotFoundError("There is no such run in this project.")
    nodes: list[JsonObject] = row["graph"]["nodes"]
    return nodes


async def _page(
    work: Work, run_id: UUID, nodes: list[JsonObject], limit: int, cursor: str | None
) -> Page[NodeStateOut]:
    """The turns from the cursor's (number of the node, iteration) on."""
    first, iteration = decode_cursor(cursor, int, int) or (0, 0)
    window = nodes[first : first + limit + 1]
    rows = await work.all(
        """SELECT n.* FROM (
               SELECT place, id, turn.iteration FROM unnest(%(ids)s::text[]) WITH ORDINALITY AS wanted (id, place)
               CROSS JOIN LATERAL (
                   SELECT s.iteration FROM node_states s WHERE s.run_id = %(run)s AND s.node_id = wanted.id
                   AND s.iteration >= CASE place WHEN 1 THEN %(iteration)s ELSE 0 END
                   ORDER BY s.iteration LIMIT %(limit)s
               ) AS turn
               ORDER BY place, turn.iteration LIMIT %(limit)s
           ) AS page CROSS JOIN LATERAL (
               SELECT * FROM node_states s WHERE s.run_id = %(run)s AND s.node_id = page.id
               AND s.iteration = page.iteration LIMIT 1
           ) AS n ORDER BY place, n.iteration""",
        {"ids": [node["id"] for node in window], "run": run_id, "iteration": iteration, "limit": limit + 1},
    )
    await make_whole(await work.connection(), run_id, rows)
    turns: dict[str, list[DictRow]] = defaultdict(list)
    for row in rows:
        turns[row["node_id"]].append(row)
    found = [
        (first + place, turn, node)
        for place, node in enumerate(window)
        for turn in turns.get(node["id"]) or ([] if place == 0 and iteration else [PENDING])
    ]
    more = found[limit] if len(found) > limit else None
    return {
        "items": [_view(node, turn) for _, turn, node in found[:limit]],
        "next_cursor": encode_cursor(more[0], more[1]["iteration"]) if more else None,
    }


def _view(node: JsonObject, turn: dict[str, Any]) -> NodeStateOut:
    return {
        "node_id": node["id"],
        "iteration": turn["iteration"],
        "path": turn["path"],
        "type": node["type"],
        "name": node.get("name"),
        "status": turn["status"],
        "attempt": turn["attempt"],
        "progress": turn["progress"],
        "input": turn["input"],
        "output": turn["output"],
        "error": turn["error"],
        "reason": turn["reason"],
        "edges": turn["edges"] or {},
        "started_at": maybe_rfc3339(turn["started_at"]),
        "finished_at": maybe_rfc3339(turn["finished_at"]),
        "duration_ms": milliseconds(turn["started_at"], turn["finished_at"]),
        "wake_at": maybe_rfc3339(turn["wake_at"]),
    }
