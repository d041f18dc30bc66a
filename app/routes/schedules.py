"""Schedules: runs of a workflow at times of the clock."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from app.clock import now
from app.routes.answers import Json, errors
from app.routes.bodies import Route
from app.routes.deps import EditedProject, OnceDep, PagingDep, Produced, RunProject, ServerDep, ViewedProject, WorkDep
from app.schemas.common import Page
from app.schemas.run import RunOut
from app.schemas.schedule import FiringOut, ScheduleChange, ScheduleIn, ScheduleOut
from app.services import firings, run_views, schedules
from app.services.firings import Firer

router = APIRouter(tags=["schedules"], route_class=Route)

BASE = "/projects/{project_id}/workflows/{workflow_id}/schedules"
ONE = BASE + "/{schedule_id}"


@router.post(
    BASE,
    operation_id="create_schedule",
    summary="Run a workflow by the clock",
    status_code=201,
    response_model=ScheduleOut,
    responses=errors(),
)
async def create_schedule(
    body: ScheduleIn, project: EditedProject, workflow_id: UUID, work: WorkDep, server: ServerDep, once: OnceDep
) -> Response:
    """Refused when the times cannot be read or never come, or when the workflow does not take the input."""

    async def produce() -> Produced:
        made = await schedules.create(work, server.graphs, project, workflow_id, body)
        location = f"/api/v1/projects/{project}/workflows/{workflow_id}/schedules/{made['id']}"
        return Produced(made, {"Location": location})

    return await once(201, produce)


@router.get(
    BASE,
    operation_id="list_schedules",
    summary="List the schedules of a workflow, newest first",
    response_model=Page[ScheduleOut],
    responses=errors(),
)
async def list_schedules(project: ViewedProject, workflow_id: UUID, work: WorkDep, paging: PagingDep) -> Any:
    return Json(await schedules.list_schedules(work, project, workflow_id, paging.limit, paging.cursor))


@router.get(
    ONE,
    operation_id="get_schedule",
    summary="Get a schedule with its next and last times",
    response_model=ScheduleOut,
    responses=errors(),
)
async def get_schedule(project: ViewedProject, workflow_id: UUID, schedule_id: UUID, work: WorkDep) -> Any:
    return Json(await schedules.get(work, project, workflow_id, schedule_id))


@router.patch(
    ONE,
    operation_id="change_schedule",
    summary="Change, pause or resume a schedule",
    response_model=ScheduleOut,
    responses=errors(),
)
async def change_schedule(
    body: ScheduleChange, project: EditedProject, workflow_id: UUID, schedule_id: UUID, work: WorkDep, server: ServerDep
) -> Any:
    """With other times, or active again, the schedule begins anew: what was due meanwhile is neither run nor missed."""
    return Json(await schedules.change(work, server.graphs, project, workflow_id, schedule_id=schedule_id, wanted=body))


@router.delete(
    ONE,
    operation_id="delete_schedule",
    summary="Delete a schedule; its runs stay",
    status_code=204,
    responses=errors(),
)
async def delete_schedule(project: EditedProject, workflow_id: UUID, schedule_id: UUID, work: WorkDep) -> Response:
    await schedules.delete(work, project, workflow_id, schedule_id)
    return Response(status_code=204)


@router.post(
    ONE + "/trigger",
    operation_id="trigger_schedule",
    summary="Make and start a run of a schedule now",
    status_code=201,
    response_model=RunOut,
    responses=errors(409),
)
async def trigger_schedule(
    project: RunProject, workflow_id: UUID, schedule_id: UUID, work: WorkDep, server: ServerDep, once: OnceDep
) -> Response:
    """Also while it is paused, and whatever its `overlap` says; its times stay as they are."""

    async def produce() -> Produced:
        firer = Firer(server.graphs, server.queue)
        run_id = await firings.trigger(work, firer, (project, workflow_id, schedule_id), now())
        location = f"/api/v1/projects/{project}/workflows/runs/{run_id}"
        return Produced(await run_views.get(work, project, run_id), {"Location": location})

    return await once(201, produce)


@router.get(
    ONE + "/firings",
    operation_id="list_firings",
    summary="List what became of the due times of a schedule, newest first",
    response_model=Page[FiringOut],
    responses=errors(),
)
async def list_firings(
    project: ViewedProject, workflow_id: UUID, schedule_id: UUID, work: WorkDep, paging: PagingDep
) -> Any:
    """Kept for 30 days. What was missed in a row is one entry, under its newest time."""
    return Json(
        await schedules.list_firings(work, project, workflow_id, schedule_id, limit=paging.limit, cursor=paging.cursor)
    )
