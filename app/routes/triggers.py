"""Triggers: who may start runs by a webhook, and the address that takes them."""

import json
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response

from app.routes.answers import Json, errors
from app.routes.bodies import Route, problems_of
from app.routes.deps import EditedProject, OnceDep, PagingDep, Produced, ServerDep, ViewedProject, WorkDep
from app.schemas.common import Page
from app.schemas.trigger import ReceiptOut, RotationIn, TriggerChange, TriggerIn, TriggerOut
from app.services import triggers
from app.services.firings import Firer
from app.services.triggers import Webhook

router = APIRouter(tags=["triggers"], route_class=Route)

BASE = "/projects/{project_id}/workflows/{workflow_id}/triggers"
ONE = BASE + "/{trigger_id}"


@router.post(
    "/triggers/{trigger_id}",
    operation_id="receive_webhook",
    summary="Start a run by a webhook",
    status_code=202,
    response_model=ReceiptOut,
    responses=errors(409, 413),
    openapi_extra={
        "requestBody": {
            "description": "The run's input: any JSON.",
            "content": {"application/json": {"schema": {}, "example": {"order": 4711}}},
        },
        "security": [],
    },
)
async def receive_webhook(trigger_id: UUID, request: Request, work: WorkDep, server: ServerDep) -> Response:
    """Needs no API key, but the signature that the trigger was made with. The same webhook again gives the same run."""
    webhook = await _webhook(request)
    receipt = await triggers.receive(work, Firer(server.graphs, server.queue), trigger_id, webhook)
    headers = {"Idempotent-Replayed": "true"} if receipt.again else None
    return Json(receipt.answer, status_code=202, headers=headers)


@router.post(
    BASE,
    operation_id="create_trigger",
    summary="Make an address that starts runs of a workflow",
    status_code=201,
    response_model=TriggerOut,
    responses=errors(),
)
async def create_trigger(
    body: TriggerIn, project: EditedProject, workflow_id: UUID, work: WorkDep, once: OnceDep
) -> Response:
    """The secret is in this answer only. The answer to a repeated Idempotency-Key has null in its place."""

    async def produce() -> Produced:
        made = await triggers.create(work, project, workflow_id, body)
        location = f"/api/v1/projects/{project}/workflows/{workflow_id}/triggers/{made['id']}"
        return Produced(made, {"Location": location}, kept={**made, "secret": None})

    return await once(201, produce)


@router.get(
    BASE,
    operation_id="list_triggers",
    summary="List the triggers of a workflow, newest first",
    response_model=Page[TriggerOut],
    responses=errors(),
)
async def list_triggers(project: ViewedProject, workflow_id: UUID, work: WorkDep, paging: PagingDep) -> Any:
    """Without their secrets."""
    return Json(await triggers.list_triggers(work, project, workflow_id, paging.limit, paging.cursor))


@router.get(ONE, operation_id="get_trigger", summary="Get a trigger", response_model=TriggerOut, responses=errors())
async def get_trigger(project: ViewedProject, workflow_id: UUID, trigger_id: UUID, work: WorkDep) -> Any:
    return Json(await triggers.get(work, project, workflow_id, trigger_id))


@router.patch(
    ONE,
    operation_id="change_trigger",
    summary="Change, pause or resume a trigger",
    response_model=TriggerOut,
    responses=errors(),
)
async def change_trigger(
    body: TriggerChange, project: EditedProject, workflow_id: UUID, trigger_id: UUID, work: WorkDep
) -> Any:
    """A trigger that is not active answers 409 to what is signed."""
    return Json(await triggers.change(work, project, workflow_id, trigger_id, body))


@router.post(
    ONE + "/rotate",
    operation_id="rotate_trigger_secret",
    summary="Give a trigger another secret",
    response_model=TriggerOut,
    responses=errors(),
)
async def rotate_trigger_secret(
    project: EditedProject,
    workflow_id: UUID,
    trigger_id: UUID,
    work: WorkDep,
    once: OnceDep,
    body: RotationIn | None = None,
) -> Response:
    """The secret is in this answer only; with `keep_old_seconds` the one before counts for that long, too."""

    async def produce() -> Produced:
        made = await triggers.rotate(work, project, workflow_id, trigger_id, body or RotationIn())
        return Produced(made, kept={**made, "secret": None})

    return await once(200, produce)


@router.delete(
    ONE,
    operation_id="delete_trigger",
    summary="Delete a trigger; its runs stay",
    status_code=204,
    responses=errors(),
)
async def delete_trigger(project: EditedProject, workflow_id: UUID, trigger_id: UUID, work: WorkDep) -> Response:
    await triggers.delete(work, project, workflow_id, trigger_id)
    return Response(status_code=204)


async def _webhook(request: Request) -> Webhook:
    raw = await request.body()
    query: dict[str, str | list[str]] = {}
    for name in dict.fromkeys(request.query_params.keys()):
        values = request.query_params.getlist(name)
        query[name] = values[0] if len(values) == 1 else values
    value, problems = None, []
    if raw:
        try:
            value = await request.json()
        except json.JSONDecodeError as error:
            problems = problems_of(error)
    return Webhook(dict(request.headers), query, raw, value, problems)
