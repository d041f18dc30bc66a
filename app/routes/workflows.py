"""Workflows, their versions, and what can be said about a graph."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Query, Response

from app.routes.answers import Json, errors
from app.routes.bodies import Route
from app.routes.deps import EditedProject, OnceDep, PagingDep, Produced, ServerDep, ViewedProject, WorkDep
from app.routes.etags import etag, wanted_revisions
from app.schemas.common import MOST_VERSIONS, Page
from app.schemas.workflow import (
    DiffOut,
    ExportFormat,
    GraphIn,
    ValidationOut,
    VersionOut,
    VersionSummary,
    WorkflowChange,
    WorkflowIn,
    WorkflowOut,
    WorkflowReplacement,
)
from app.services import exports, projects, workflows
from app.services.mermaid import flowchart
from app.services.workflows import Revision

router = APIRouter(tags=["workflows"], route_class=Route)

IfMatch = Annotated[str | None, Header(description="The ETag that the change is based on.")]
VersionNumber = Annotated[int, Query(ge=1, le=MOST_VERSIONS)]
BASE = "/projects/{project_id}/workflows"
ONE = BASE + "/{workflow_id}"


def _answer(revision: Revision) -> Response:
    return Json(revision.workflow, headers={"ETag": etag(revision.number)})


@router.post(
    BASE,
    operation_id="create_workflow",
    summary="Store a workflow",
    status_code=201,
    response_model=WorkflowOut,
    responses=errors(),
)
async def create_workflow(
    body: WorkflowIn, project: EditedProject, work: WorkDep, server: ServerDep, once: OnceDep
) -> Response:
    """Its graph becomes version 1; a graph with problems is refused with all of them."""

    async def produce() -> Produced:
        template = None if body.template is None else server.catalog.template(body.template)
        checked = await server.graphs.check(template["graph"] if template else body.document())
        named = template or {"name": "", "description": ""}
        made = await workflows.create(
            work,
            project,
            name=body.name or str(named["name"])[:200],
            description=str(named["description"]) if body.description is None else body.description,
            checked=checked,
            template=body.template,
            max_running=body.max_running,
        )
        location = f"/api/v1/projects/{project}/workflows/{made.workflow['id']}"
        return Produced(made.workflow, {"ETag": etag(made.number), "Location": location})

    return await once(201, produce)


@router.get(
    BASE,
    operation_id="list_workflows",
    summary="List the workflows, newest first",
    response_model=Page[WorkflowOut],
    responses=errors(),
)
async def list_workflows(project: ViewedProject, work: WorkDep, paging: PagingDep) -> Any:
    return Json(await workflows.list_workflows(work, project, paging.limit, paging.cursor))


@router.post(
    BASE + "/validate",
    operation_id="validate_graph",
    summary="Say what is wrong with a graph, or how it would run",
    response_model=ValidationOut,
    responses=errors(),
)
async def validate_graph(body: GraphIn, project: ViewedProject, work: WorkDep, server: ServerDep) -> Any:
    """Stores nothing. The plan tells entry nodes, loops, depth, and what may run side by side."""
    await projects.must_exist(work, project)
    return Json(await server.graphs.validate(body.graph))


@router.get(
    ONE,
    operation_id="get_workflow",
    summary="Get a workflow with its newest graph",
    response_model=WorkflowOut,
    responses={304: {"description": "Not changed"}, **errors()},
)
async def get_workflow(
    project: ViewedProject, workflow_id: UUID, work: WorkDep, if_none_match: Annotated[str | None, Header()] = None
) -> Any:
    found = await workflows.get(work, project, workflow_id)
    if if_none_match is not None and etag(found.number) in {tag.strip() for tag in if_none_match.split(",")}:
        return Response(status_code=304, headers={"ETag": etag(found.number)})
    return _answer(found)


@router.put(
    ONE,
    operation_id="replace_workflow",
    summary="Give a workflow a new graph",
    response_model=WorkflowOut,
    responses=errors(412),
)
async def replace_workflow(
    body: WorkflowReplacement,
    project: EditedProject,
    workflow_id: UUID,
    work: WorkDep,
    server: ServerDep,
    if_match: IfMatch = None,
) -> Any:
    """Another graph becomes the next version; the same graph changes nothing."""
    revisions = wanted_revisions(if_match)
    checked = await server.graphs.check(body.graph) if "graph" in body.model_fields_set else None
    return _answer(await workflows.change(work, project, workflow_id, body, checked=checked, revisions=revisions))


@router.patch(
    ONE,
    operation_id="change_workflow",
    summary="Change name, description or activity of a workflow",
    response_model=WorkflowOut,
    responses=errors(412),
)
async def change_workflow(
    body: WorkflowChange, project: EditedProject, workflow_id: UUID, work: WorkDep, if_match: IfMatch = None
) -> Any:
    """No run of an inactive workflow can be started."""
    revisions = wanted_revisions(if_match)
    return _answer(await workflows.change(work, project, workflow_id, body, revisions=revisions))


@router.delete(
    ONE,
    operation_id="delete_workflow",
    summary="Delete a workflow; its runs stay",
    status_code=204,
    responses=errors(412),
)
async def delete_workflow(
    project: EditedProject, workflow_id: UUID, work: WorkDep, if_match: IfMatch = None
) -> Response:
    await workflows.delete(work, project, workflow_id, wanted_revisions(if_match))
    return Response(status_code=204)


@router.get(
    ONE + "/versions",
    operation_id="list_versions",
    summary="List the versions of a workflow, newest first",
    response_model=Page[VersionSummary],
    responses=errors(),
)
async def list_versions(project: ViewedProject, workflow_id: UUID, work: WorkDep, paging: PagingDep) -> Any:
    return Json(await workflows.list_versions(work, project, workflow_id, paging.limit, paging.cursor))


@router.get(
    ONE + "/versions/{version}",
    operation_id="get_version",
    summary="Get one version of a workflow",
    response_model=VersionOut,
    responses=errors(),
)
async def get_version(project: ViewedProject, workflow_id: UUID, version: int, work: WorkDep) -> Any:
    """A version never changes; also those of a deleted workflow are kept, for its runs."""
    return Json(await workflows.get_version(work, project, workflow_id, min(version, MOST_VERSIONS)))


@router.get(
    ONE + "/diff",
    operation_id="compare_versions",
    summary="Tell what changed between two versions",
    response_model=DiffOut,
    responses=errors(),
)
async def compare_versions(
    project: ViewedProject,
    workflow_id: UUID,
    work: WorkDep,
    before: Annotated[VersionNumber, Query(alias="from")],
    after: Annotated[VersionNumber, Query(alias="to")],
) -> Any:
    """Nodes and edges that were added, removed or changed, field by field."""
    return Json(await workflows.diff(work, project, workflow_id, before, after))


@router.get(
    ONE + "/export",
    operation_id="export_workflow",
    summary="Export the newest graph, or that of a version",
    response_class=Response,
    responses={
        200: {"description": "The graph", "content": {"application/json": {}, "text/plain": {}, "text/x-python": {}}},
        **errors(),
    },
)
async def export_workflow(
    project: ViewedProject,
    workflow_id: UUID,
    work: WorkDep,
    server: ServerDep,
    form: Annotated[ExportFormat, Query(alias="format")] = "json",
    version: VersionNumber | None = None,
) -> Any:
    """As JSON, ready to be stored again, as a Mermaid flowchart, or as a Python program that needs no Graphwright."""
    name, graph = await exports.exported_graph(work, project, workflow_id, version)
    if form == "json":
        return Json(graph)
    if form == "mermaid":
        return Response(flowchart(graph), media_type="text/plain; charset=utf-8")
    program = await exports.python_program(work, project, server.graphs.compiler.registry, name, graph)
    return Response(program, media_type="text/x-python; charset=utf-8")
