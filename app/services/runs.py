"""Runs: made, started, cancelled, retried."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from psycopg.rows import DictRow

from app.errors import ConflictError, NotFoundError, Problem, UnprocessableError
from app.queue import Queue
from app.schemas.common import JsonObject
from app.services import restarts, transitions
from app.services.graphs import Graphs, graph_of
from app.services.reuse import changed_nodes
from app.services.work import Work


async def create(
    work: Work,
    graphs: Graphs,
    project_id: UUID,
    workflow_id: UUID,
    *,
    version: int | None,
    input_data: Any,
    metadata: JsonObject,
) -> UUID:
    """A run in PENDING, pinned to a version; its id.

    Raises NotFoundError, ConflictError for an inactive workflow, UnprocessableError when the input does not fit.
    """
    row = await _version(work, project_id, workflow_id, version)
    _must_be_active(row)
    compiled = await graphs.compiled(work, workflow_id, row["version"], row["content_hash"])
    problems = compiled.check_input(input_data)
    if problems:
        raise UnprocessableError("The input does not fit the workflow.", code="invalid_input", problems=problems)
    moved = await transitions.create(
        await work.connection(),
        project_id=project_id,
        workflow_id=workflow_id,
        version=row["version"],
        input_data=input_data,
        metadata=metadata,
    )
    return work.moved(moved)


async def execute(
    work: Work, queue: Queue, project_id: UUID, run_id: UUID, *, step: bool = False, breakpoints: Sequence[str] = ()
) -> None:
    """Queue the run, to stop before every node (`step`) or at breakpoints.

    Raises NotFoundError, ConflictError unless it is PENDING and its workflow active, UnprocessableError.
    """
    row = await work.first(
        """SELECT w.active, v.graph FROM runs r JOIN workflows w ON w.id = r.workflow_id
           JOIN workflow_versions v ON v.workflow_id = r.workflow_id AND v.version = r.version
           WHERE r.project_id = %s AND r.id = %s""",
        (project_id, run_id),
    )
    if row is not None:
        _must_be_active(row)
        _must_be_nodes(row["graph"], breakpoints)
    debug = {"mode": "step"} if step else {"breakpoints": list(breakpoints)} if breakpoints else None
    work.moved(await transitions.execute(await work.connection(), queue, project_id, run_id, debug))


async def start(work: Work, queue: Queue, project_id: UUID, run_id: UUID) -> None:
    """Queue a run that this transaction has made."""
    work.moved(await transitions.execute(await work.connection(), queue, project_id, run_id))


async def cancel(work: Work, queue: Queue, project_id: UUID, run_id: UUID) -> None:
    """Cancel the run and its unfinished nodes. Raises NotFoundError, ConflictError when it has ended."""
    for moved in await transitions.cancel(await work.connection(), queue, project_id, run_id):
        work.moved(moved)


async def retry(
    work: Work,
    graphs: Graphs,
    queue: Queue,
    project_id: UUID,
    run_id: UUID,
    *,
    from_node: str | None = None,
    version: int | None = None,
) -> None:
    """Queue a failed or cancelled run again. Raises NotFoundError, ConflictError, UnprocessableError."""
    row = await work.first(
        "SELECT workflow_id, version, status FROM runs WHERE project_id = %s AND id = %s FOR UPDATE",
        (project_id, run_id),
    )
    if row is None:
        raise NotFoundError("There is no such run in this project.")
    wanted = version or row["version"]
    forget: set[str] = set()
    if from_node is not None or wanted != row["version"]:
        target = await _version(work, project_id, row["workflow_id"], wanted, deleted=True)
        compiled = await graphs.compiled(work, row["workflow_id"], wanted, target["content_hash"])
        again = await _again(work, row, wanted) if wanted != row["version"] else set()
        if from_node is not None:
            if from_node not in compiled.node_ids:
                problem = Problem("unknown_node", "/from_node", "Send the id of a node of the run's graph.")
                raise UnprocessableError(f"The graph has no node `{from_node}`.", problems=[problem])
            again.add(from_node)
        forget = again.union(*(compiled.behind(name) for name in again.intersection(compiled.node_ids)))
    work.moved(await restarts.retry(await work.connection(), queue, project_id, run_id, version=wanted, forget=forget))


async def _again(work: Work, row: DictRow, version: int) -> set[str]:
    before = await graph_of(work, row["workflow_id"], row["version"])
    return changed_nodes(before, await graph_of(work, row["workflow_id"], version))


async def _version(
    work: Work, project_id: UUID, workflow_id: UUID, version: int | None, *, deleted: bool = False
) -> DictRow:
    row = await work.first(
        """SELECT w.active, v.version, v.content_hash FROM workflows w
           LEFT JOIN workflow_versions v ON v.workflow_id = w.id AND v.version = coalesce(%(version)s, w.version)
           WHERE w.project_id = %(project)s AND w.id = %(workflow)s AND (%(deleted)s OR w.deleted_at IS NULL)""",
        {"project": project_id, "workflow": workflow_id, "version": version, "deleted": deleted},
    )
    if row is None:
        raise NotFoundError("There is no such workflow in this project.")
    if row["version"] is None:
        raise NotFoundError(f"The workflow has no version {version}.")
    return row


def _must_be_nodes(graph: JsonObject, breakpoints: Sequence[str]) -> None:
    known = {node["id"] for node in graph["nodes"]}
    problems = [
        Problem("unknown_node", f"/breakpoints/{n}", f"The graph has no node `{name}`.")
        for n, name in enumerate(breakpoints)
        if name not in known
    ]
    if problems:
        raise UnprocessableError(problems[0].message, code="unknown_node", problems=problems)


def _must_be_active(row: DictRow) -> None:
    if not row["active"]:
        raise ConflictError(
            "The workflow is not active. Activate it (`active: true`) to start runs of it.", code="workflow_inactive"
        )
