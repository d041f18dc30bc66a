"""Runs: made, started, cancelled, retried, looked at."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.errors import NotFoundError, UnprocessableError
from app.routes.answers import Json, errors
from app.routes.bodies import Route
from app.routes.deps import CallerDep, Once, OnceDep, PagingDep, Produced, RunProject, ServerDep, ViewedProject, WorkDep
from app.schemas.common import Page
from app.schemas.run import (
    ExecuteIn,
    ForkIn,
    NodeStateOut,
    RestartOut,
    ResultOut,
    ResumeIn,
    RetryIn,
    RunIn,
    RunOut,
    RunSummary,
)
from app.services import forks, node_views, resume, run_views, runs
from app.services.run_views import RunFilter
from app.services.work import Work
from app.statuses import RunStatus

router = APIRouter(tags=["runs"], route_class=Route)

BASE = "/projects/{project_id}/workflows/runs"
ONE = BASE + "/{run_id}"


@router.post(
    BASE,
    operation_id="create_run",
    summary="Make a run, and start it if asked to",
    status_code=201,
    response_model=RunOut,
    responses=errors(409),
)
async def create_run(
    body: RunIn,
    project: RunProject,
    work: WorkDep,
    server: ServerDep,
    once: OnceDep,
    execute: Annotated[bool, Query(description="Start it at once.")] = False,
) -> Response:
    """The run is PENDING until it is executed, and pinned to its version for good."""

    async def produce() -> Produced:
        run_id = await runs.create(
            work,
            server.graphs,
            project,
            _workflow_id(body.workflow_id),
            version=body.version,
            input_data=body.input_data,
            metadata=body.metadata,
            priority=body.priority,
        )
        if execute:
            await runs.start(work, server.queue, project, run_id)
        location = f"/api/v1/projects/{project}/workflows/runs/{run_id}"
        return Produced(await run_views.get(work, project, run_id), {"Location": location})

    return await once(201, produce)


@router.get(
    BASE,
    operation_id="list_runs",
    summary="List the runs, newest first",
    response_model=Page[RunSummary],
    responses=errors(),
)
async def list_runs(
    project: ViewedProject,
    work: WorkDep,
    paging: PagingDep,
    status: Annotated[list[str] | None, Query(description="One status or several, by commas or repeated.")] = None,
    workflow_id: UUID | None = None,
    created_after: datetime | None = None,
    created_before: datetime | None = None,
    parent_run_id: Annotated[UUID | None, Query(description="Only the child runs of this one.")] = None,
    parent_node_id: Annotated[str | None, Query(description="Only the child runs of that node of theirs.")] = None,
) -> Any:
    """Without their inputs and results."""
    wanted = RunFilter(
        _statuses(status),
        workflow_id,
        _in_utc(created_after),
        _in_utc(created_before),
        parent_run_id,
        parent_node_id,
    )
    return Json(await run_views.list_runs(work, project, wanted, paging.limit, paging.cursor))


@router.get(
    ONE, operation_id="get_run", summary="Get a run with its progress", response_model=RunOut, responses=errors()
)
async def get_run(project: ViewedProject, run_id: UUID, work: WorkDep) -> Any:
    return Json(await run_views.get(work, project, run_id))


@router.post(
    ONE + "/execute",
    operation_id="execute_run",
    summary="Start a run",
    status_code=202,
    response_model=RunOut,
    responses=errors(409),
)
async def execute_run(
    project: RunProject,
    run_id: UUID,
    work: WorkDep,
    server: ServerDep,
    once: OnceDep,
    body: ExecuteIn | None = None,
) -> Response:
    """PENDING becomes QUEUED. Of concurrent calls exactly one wins, the others get a 409."""
    wanted = body or ExecuteIn()
    step = wanted.mode == "step"

    async def produce() -> Produced:
        return Produced(
            await runs.execute(work, server.queue, project, run_id, step=step, breakpoints=wanted.breakpoints)
        )

    return await once(202, produce)


@router.post(
    ONE + "/cancel",
    operation_id="cancel_run",
    summary="Cancel a run",
    status_code=202,
    response_model=RunOut,
    responses=errors(409),
)
async def cancel_run(project: RunProject, run_id: UUID, work: WorkDep, server: ServerDep, once: OnceDep) -> Response:
    """The run and every node that has not ended become CANCELLED, and the code of running nodes is stopped."""
    move = partial(runs.cancel, work, server.queue, project, run_id)
    return await _moved(once, work, project, run_id, move)


@router.post(
    ONE + "/retry",
    operation_id="retry_run",
    summary="Go on with a failed or cancelled run",
    status_code=202,
    response_model=RunOut,
    responses={**errors(409), 200: {"model": RestartOut, "description": "What a retry would do, with `dry_run`"}},
)
async def retry_run(
    project: RunProject,
    run_id: UUID,
    work: WorkDep,
    server: ServerDep,
    once: OnceDep,
    body: RetryIn | None = None,
    dry_run: Annotated[bool, Query(description="Only say what would be done, in 200.")] = False,
) -> Response:
    """What has completed is not run again, but what stands at or behind `from_node`, or has changed in `version`.

    A node behind something that has changed takes its earlier result when its input turns out to be the same.
    """
    wanted = body or RetryIn()
    from_node, version = wanted.from_node, wanted.version
    if dry_run:
        plan = await runs.preview_retry(work, server.graphs, project, run_id, from_node=from_node, version=version)
        return Json(plan)
    move = partial(runs.retry, work, server.graphs, server.queue, project, run_id, from_node=from_node, version=version)
    return await _moved(once, work, project, run_id, move)


@router.post(
    ONE + "/resume",
    operation_id="resume_run",
    summary="Answer an approval, or step on from a breakpoint",
    status_code=202,
    response_model=RunOut,
    responses=errors(409),
)
async def resume_run(
    project: RunProject,
    run_id: UUID,
    work: WorkDep,
    server: ServerDep,
    caller: CallerDep,
    once: OnceDep,
    body: ResumeIn | None = None,
) -> Response:
    """The first answer counts, a second gets a 409. A run in RETRYING goes on at once."""
    move = partial(resume.resume, work, server.queue, project, run_id, body or ResumeIn(), by=caller.name)
    return await _moved(once, work, project, run_id, move)


@router.post(
    ONE + "/fork",
    operation_id="fork_run",
    summary="Make a run that starts from another one's results",
    status_code=201,
    response_model=RunOut,
    responses={**errors(409), 200: {"model": RestartOut, "description": "What a fork would do, with `dry_run`"}},
)
async def fork_run(
    project: RunProject,
    run_id: UUID,
    work: WorkDep,
    server: ServerDep,
    once: OnceDep,
    body: ForkIn | None = None,
    execute: Annotated[bool, Query(description="Start it at once.")] = False,
    dry_run: Annotated[bool, Query(description="Only say what would be done, in 200.")] = False,
) -> Response:
    """What the other run has completed is taken over, but what stands at or behind `from_node`; the rest runs.

    The other run may be in any status but PENDING, and stays as it is. With another `input_data` what is taken over
    stays as it was.
    """
    wanted = body or ForkIn()
    if dry_run:
        return Json(await forks.preview_fork(work, server.graphs, project, run_id, wanted))

    async def produce() -> Produced:
        made = await forks.fork(work, server.graphs, project, run_id, wanted)
        if execute:
            await runs.start(work, server.queue, project, made)
        location = f"/api/v1/projects/{project}/workflows/runs/{made}"
        return Produced(await run_views.get(work, project, made), {"Location": location})

    return await once(201, produce)


@router.get(
    ONE + "/result",
    operation_id="get_result",
    summary="Get the result of a run that has ended",
    response_model=ResultOut,
    responses=errors(409),
)
async def get_result(project: ViewedProject, run_id: UUID, work: WorkDep) -> Any:
    """409 `not_finished` before the end."""
    return Json(await run_views.result(work, project, run_id))


@router.get(
    ONE + "/nodes",
    operation_id="list_nodes",
    summary="List the nodes of a run with their states",
    response_model=Page[NodeStateOut],
    responses=errors(),
)
async def list_nodes(project: ViewedProject, run_id: UUID, work: WorkDep, paging: PagingDep) -> Any:
    """In document order, then by iteration; nodes that have not begun are PENDING."""
    return Json(await node_views.list_nodes(work, project, run_id, paging.limit, paging.cursor))


@router.get(
    ONE + "/nodes/{node_id:path}",
    operation_id="get_node",
    summary="Get the states of one node, one for each iteration",
    response_model=Page[NodeStateOut],
    responses=errors(),
)
async def get_node(project: ViewedProject, run_id: UUID, node_id: str, work: WorkDep, paging: PagingDep) -> Any:
    return Json(await node_views.get_node(work, project, run_id, node_id, limit=paging.limit, cursor=paging.cursor))


async def _moved(once: Once, work: Work, project: UUID, run_id: UUID, move: Callable[[], Awaitable[None]]) -> Response:
    """Move the run, once per Idempotency-Key, and answer 202 with it."""

    async def produce() -> Produced:
        await move()
        return Produced(await run_views.get(work, project, run_id))

    return await once(202, produce)


def _workflow_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFoundError("There is no such workflow in this project.") from None


def _statuses(given: list[str] | None) -> tuple[RunStatus, ...]:
    names = [name.strip().upper() for text in given or [] for name in text.split(",") if name.strip()]
    try:
        return tuple(RunStatus(name) for name in names)
    except ValueError as error:
        raise UnprocessableError(f"{error}. Known: {', '.join(RunStatus)}.", code="unknown_status") from error


def _in_utc(time: datetime | None) -> datetime | None:
    return time.replace(tzinfo=UTC) if time is not None and time.tzinfo is None else time
