"""Who executes runs."""

from typing import Any

from fastapi import APIRouter

from app.routes.answers import Json, errors
from app.routes.bodies import Route
from app.routes.deps import CallerDep, PagingDep, WorkDep
from app.schemas.common import Page
from app.schemas.worker import WorkerOut
from app.services import workers

router = APIRouter(tags=["workers"], route_class=Route)


@router.get(
    "/workers",
    operation_id="list_workers",
    summary="List the workers, alive and silent",
    response_model=Page[WorkerOut],
    responses=errors(),
)
async def list_workers(_: CallerDep, work: WorkDep, paging: PagingDep) -> Any:
    """Oldest first: the queues that each serves, since when, and how busy it is. Any key may read this."""
    return Json(await workers.list_workers(work, paging.limit, paging.cursor))
