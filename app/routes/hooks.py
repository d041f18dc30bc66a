"""Hooks: addresses that are told of a project's events."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.routes.answers import Json, errors
from app.routes.bodies import Route
from app.routes.deps import EditedProject, OnceDep, PagingDep, Produced, ViewedProject, WorkDep
from app.schemas.common import Page
from app.schemas.hook import DeliveryOut, DeliveryStatus, DeliveryWithBody, HookChange, HookIn, HookOut
from app.schemas.trigger import RotationIn
from app.services import hooks

router = APIRouter(tags=["hooks"], route_class=Route)

BASE = "/projects/{project_id}/hooks"
ONE = BASE + "/{hook_id}"
DELIVERIES = ONE + "/deliveries"


@router.post(
    BASE,
    operation_id="create_hook",
    summary="Have an address told of a project's events",
    status_code=201,
    response_model=HookOut,
    responses=errors(),
)
async def create_hook(body: HookIn, project: EditedProject, work: WorkDep, once: OnceDep) -> Response:
    """The secret is in this answer only. The answer to a repeated Idempotency-Key has null in its place."""

    async def produce() -> Produced:
        made = await hooks.create(work, project, body)
        location = f"/api/v1/projects/{project}/hooks/{made['id']}"
        return Produced(made, {"Location": location}, kept={**made, "secret": None})

    return await once(201, produce)


@router.get(
    BASE,
    operation_id="list_hooks",
    summary="List the hooks of a project, newest first",
    response_model=Page[HookOut],
    responses=errors(),
)
async def list_hooks(project: ViewedProject, work: WorkDep, paging: PagingDep) -> Any:
    """Without their secrets."""
    return Json(await hooks.list_hooks(work, project, paging.limit, paging.cursor))


@router.get(ONE, operation_id="get_hook", summary="Get a hook", response_model=HookOut, responses=errors())
async def get_hook(project: ViewedProject, hook_id: UUID, work: WorkDep) -> Any:
    return Json(await hooks.get(work, project, hook_id))


@router.patch(
    ONE,
    operation_id="change_hook",
    summary="Change, pause or resume a hook",
    response_model=HookOut,
    responses=errors(),
)
async def change_hook(body: HookChange, project: EditedProject, hook_id: UUID, work: WorkDep) -> Any:
    """A hook that is not active sends nothing; of what happens meanwhile it is not told later."""
    return Json(await hooks.change(work, project, hook_id, body))


@router.delete(
    ONE,
    operation_id="delete_hook",
    summary="Delete a hook with its deliveries",
    status_code=204,
    responses=errors(),
)
async def delete_hook(project: EditedProject, hook_id: UUID, work: WorkDep) -> Response:
    await hooks.delete(work, project, hook_id)
    return Response(status_code=204)


@router.post(
    ONE + "/rotate",
    operation_id="rotate_hook_secret",
    summary="Give a hook another secret",
    response_model=HookOut,
    responses=errors(),
)
async def rotate_hook_secret(
    project: EditedProject, hook_id: UUID, work: WorkDep, once: OnceDep, body: RotationIn | None = None
) -> Response:
    """The secret is in this answer only; for `keep_old_seconds` deliveries are signed with both."""

    async def produce() -> Produced:
        made = await hooks.rotate(work, project, hook_id, body or RotationIn())
        return Produced(made, kept={**made, "secret": None})

    return await once(200, produce)


@router.post(
    ONE + "/ping",
    operation_id="ping_hook",
    summary="Send a hook an event of the type `hook.ping`",
    status_code=202,
    response_model=DeliveryOut,
    responses=errors(409),
)
async def ping_hook(project: EditedProject, hook_id: UUID, work: WorkDep, once: OnceDep) -> Response:
    """It is sent as any other; the delivery tells what came of it."""

    async def produce() -> Produced:
        return Produced(await hooks.ping(work, project, hook_id))

    return await once(202, produce)


@router.get(
    DELIVERIES,
    operation_id="list_deliveries",
    summary="List what a hook was sent or is to be sent, newest first",
    response_model=Page[DeliveryOut],
    responses=errors(),
)
async def list_deliveries(
    project: ViewedProject,
    hook_id: UUID,
    work: WorkDep,
    paging: PagingDep,
    status: Annotated[DeliveryStatus | None, Query(description="Only these.")] = None,
) -> Any:
    """Kept for seven days after their end."""
    return Json(
        await hooks.list_deliveries(work, project, hook_id, status=status, limit=paging.limit, cursor=paging.cursor)
    )


@router.get(
    DELIVERIES + "/{delivery_id}",
    operation_id="get_delivery",
    summary="Get a delivery with its body",
    response_model=DeliveryWithBody,
    responses=errors(),
)
async def get_delivery(project: ViewedProject, hook_id: UUID, delivery_id: UUID, work: WorkDep) -> Any:
    return Json(await hooks.get_delivery(work, project, hook_id, delivery_id))


@router.post(
    DELIVERIES + "/{delivery_id}/redeliver",
    operation_id="redeliver",
    summary="Send a delivery again",
    status_code=202,
    response_model=DeliveryOut,
    responses=errors(409),
)
async def redeliver(project: EditedProject, hook_id: UUID, delivery_id: UUID, work: WorkDep, once: OnceDep) -> Response:
    """Now, under the same webhook-id, and for another day if it fails."""

    async def produce() -> Produced:
        return Produced(await hooks.redeliver(work, project, hook_id, delivery_id))

    return await once(202, produce)
