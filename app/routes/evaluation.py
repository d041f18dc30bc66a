"""Expressions tried over the results of a run."""

from typing import Any

from fastapi import APIRouter

from app.routes.answers import Json, errors
from app.routes.bodies import Route
from app.routes.deps import ServerDep, ViewedProject, WorkDep
from app.schemas.evaluation import EvaluateIn, EvaluationOut
from app.services import evaluation, projects

router = APIRouter(tags=["workflows"], route_class=Route)


@router.post(
    "/projects/{project_id}/workflows/evaluate",
    operation_id="evaluate_expression",
    summary="Say what an expression or a template gives over a run",
    response_model=EvaluationOut,
    responses=errors(),
)
async def evaluate_expression(body: EvaluateIn, project: ViewedProject, work: WorkDep, server: ServerDep) -> Any:
    """Stores nothing. Nodes stand as their last turns have left them, or had before the `iteration` that is asked for.

    Every secret reads as `***`.
    """
    await projects.must_exist(work, project)
    return Json(await evaluation.evaluate(work, server.graphs, project, body))
