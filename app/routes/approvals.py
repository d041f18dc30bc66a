"""What waits for people."""

from typing import Any

from fastapi import APIRouter

from app.routes.answers import Json, errors
from app.routes.bodies import Route
from app.routes.deps import PagingDep, ViewedProject, WorkDep
from app.schemas.approval import ApprovalOut
from app.schemas.common import Page
from app.services import approvals

router = APIRouter(tags=["runs"], route_class=Route)


@router.get(
    "/projects/{project_id}/approvals",
    operation_id="list_approvals",
    summary="List the approvals that wait for an answer",
    response_model=Page[ApprovalOut],
    responses=errors(),
)
async def list_approvals(project: ViewedProject, work: WorkDep, paging: PagingDep) -> Any:
    """Of all runs of the project, those of the oldest run first; what has been answered is not there any more.

    `POST …/runs/{run_id}/resume` with `node_id`, `iteration`, `item` and an `answer` answers one.
    """
    return Json(await approvals.list_approvals(work, project, paging.limit, paging.cursor))
