"""The items of a run's maps."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query

from app.errors import UnprocessableError
from app.routes.answers import Json, errors
from app.routes.bodies import Route
from app.routes.deps import PagingDep, ViewedProject, WorkDep
from app.schemas.common import Page
from app.schemas.items import ItemOut
from app.services import item_views
from app.services.item_views import ItemFilter
from app.statuses import NodeStatus

router = APIRouter(tags=["runs"], route_class=Route)


@router.get(
    "/projects/{project_id}/workflows/runs/{run_id}/items",
    operation_id="list_items",
    summary="List the items of a run's maps",
    response_model=Page[ItemOut],
    responses=errors(),
)
async def list_items(
    project: ViewedProject,
    run_id: UUID,
    work: WorkDep,
    paging: PagingDep,
    node_id: Annotated[str | None, Query(max_length=128, description="Of this map only.")] = None,
    iteration: Annotated[int | None, Query(ge=0, le=2**31 - 1, description="Of this turn of the map only.")] = None,
    status: Annotated[list[str] | None, Query(description="One status or several, by commas or repeated.")] = None,
) -> Any:
    """By node, iteration and path. Items that have ended, wait, or are tried again; the others are not there yet."""
    wanted = ItemFilter(node_id, iteration, _statuses(status))
    return Json(await item_views.list_items(work, project, run_id, wanted, limit=paging.limit, cursor=paging.cursor))


def _statuses(given: list[str] | None) -> tuple[NodeStatus, ...]:
    names = [name.strip().upper() for text in given or [] for name in text.split(",") if name.strip()]
    try:
        return tuple(NodeStatus(name) for name in names)
    except ValueError as error:
        raise UnprocessableError(f"{error}. Known: {', '.join(NodeStatus)}.", code="unknown_status") from error
