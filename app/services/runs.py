"""Runs: made, started, cancelled, retried."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from app.errors import Problem, UnprocessableError
from app.queue import DEFAULT, Queue
from app.schemas.common import JsonObject
from app.schemas.run import RestartOut, RunOut
from app.services import restarts, run_views, starts, transitions
from app.services.graphs import Graphs, must_be_active, stored_version
from app.services.moves import Moved
from app.services.plans import as_answer, plan_retry, run_of
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
    queue: str = DEFAULT,
    priority: int = 0,
    trigger: JsonObject | None = None,
) -> UUID:
    """A run in PENDING, pinned to a version; its id. `trigger` tells of the schedule or webhook that asked for it.

    Raises NotFoundError, ConflictError for an inactive workflow, UnprocessableError when the input does not fit.
    """
    row = await stored_version(work, project_id, workflow_id, version)
    must_be_active(row)
    await graphs.must_take(work, workflow_id, row, input_data)
    moved = await transitions.create(
        await work.connection(),
        project_id=project_id,
        workflow_id=workflow_id,
        version=row["version"],
        input_data=input_data,
        metadata=metadata,
        queue=queue,
        priority=priority,
        trigger=trigger,
    )
    return work.moved(moved)


async def execute(
    work: Work, queue: Queue, project_id: UUID, run_id: UUID, *, step: bool = False, breakpoints: Sequence[str] = ()
) -> RunOut:
    """Queue the run, to stop before every node (`step`) or at breakpoints; the run as it then is.

    Raises NotFoundError, ConflictError unless it is PENDING and its workflow active, UnprocessableError.
    """
    if breakpoints:
        row = await work.first(
            """SELECT v.graph FROM runs r JOIN workflow_versions v USING (workflow_id, version)
               WHERE r.project_id = %s AND r.id = %s""",
            (project_id, run_id),
        )
        if row is not None:
            _must_be_nodes(row["graph"], breakpoints)
    debug = {"mode": "step"} if step else {"breakpoints": list(breakpoints)} if breakpoints else None
    row = await starts.start_and_show(await work.lone_connection(), queue, project_id, run_id, debug)
    work.moved(Moved(project_id, run_id, row["last_seq"]))
    return run_views.whole(row)


async def start(work: Work, queue: Queue, project_id: UUID, run_id: UUID) -> None:
    """Queue a run that this transaction has made."""
    work.moved(await starts.start(await work.connection(), queue, project_id, run_id))


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
    run = await run_of(work, project_id, run_id, hold=True)
    plan = None
    if from_node is not None or version not in (None, run["version"]):
        plan = await plan_retry(work, graphs, project_id, run_id, from_node=from_node, version=version)
    work.moved(await restarts.retry(await work.connection(), queue, project_id, run_id, plan))


async def preview_retry(
    work: Work,
    graphs: Graphs,
    project_id: UUID,
    run_id: UUID,
    *,
    from_node: str | None = None,
    version: int | None = None,
) -> RestartOut:
    """What a retry would do, refused as the retry would be; changes nothing."""
    return as_answer(await plan_retry(work, graphs, project_id, run_id, from_node=from_node, version=version))


def _must_be_nodes(graph: JsonObject, breakpoints: Sequence[str]) -> None:
    known = {node["id"] for node in graph["nodes"]}
    problems = [
        Problem("unknown_node", f"/breakpoints/{n}", f"The graph has no node `{name}`.")
        for n, name in enumerate(breakpoints)
        if name not in known
    ]
    if problems:
        raise UnprocessableError(problems[0].message, code="unknown_node", problems=problems)
