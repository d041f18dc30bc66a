"""What graphs can be built with, and figures."""

import asyncio
import hashlib
from typing import Annotated, Any

from fastapi import APIRouter, Header, Response
from typing_extensions import TypedDict

from app.routes.answers import Json, errors
from app.routes.bodies import Route
from app.routes.deps import CallerDep, ServerDep, WorkDep
from app.schemas.workflow import TemplateOut
from app.services import stats
from app.services.catalog import NodeTypeOut, ToolOut

SVG = "image/svg+xml"
STILL = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; sandbox"

router = APIRouter(tags=["catalog"], route_class=Route)


class NodeTypes(TypedDict):
    items: list[NodeTypeOut]


class Tools(TypedDict):
    items: list[ToolOut]


class Templates(TypedDict):
    items: list[TemplateOut]


@router.get(
    "/node-types",
    operation_id="list_node_types",
    summary="List the node types, each with the JSON Schema of its config",
    response_model=NodeTypes,
    responses=errors(),
)
async def list_node_types(server: ServerDep, _: CallerDep) -> Any:
    return Json({"items": server.catalog.node_types})


@router.get(
    "/tools",
    operation_id="list_tools",
    summary="List the tools, each with the JSON Schema of its arguments",
    response_model=Tools,
    responses=errors(),
)
async def list_tools(server: ServerDep, _: CallerDep) -> Any:
    return Json({"items": server.catalog.tools})


@router.get(
    "/templates",
    operation_id="list_templates",
    summary="List the templates: graphs to begin with",
    response_model=Templates,
    responses=errors(),
)
async def list_templates(server: ServerDep, _: CallerDep) -> Any:
    return Json({"items": server.catalog.templates()})


@router.get(
    "/templates/{template_id}/picture.svg",
    operation_id="get_template_picture",
    summary="Get the picture of a template",
    response_class=Response,
    responses={200: {"content": {SVG: {}}}, 304: {"description": "Not changed"}, **errors()},
)
async def get_template_picture(
    template_id: str, server: ServerDep, _: CallerDep, if_none_match: Annotated[str | None, Header()] = None
) -> Response:
    """Readable in light and dark: it follows the page that shows it, or the reader's system."""
    drawn = await asyncio.to_thread(server.catalog.template_picture, template_id)
    tag = f'"{hashlib.blake2b(drawn.encode(), digest_size=16).hexdigest()}"'
    headers = {"ETag": tag, "Cache-Control": "private, max-age=300", "Content-Security-Policy": STILL}
    if if_none_match is not None and tag in {one.strip() for one in if_none_match.split(",")}:
        return Response(status_code=304, headers=headers)
    return Response(drawn, media_type=SVG, headers=headers)


@router.get(
    "/schema/graph.json",
    operation_id="get_graph_schema",
    summary="Get the JSON Schema of the graph document",
    responses=errors(),
)
async def get_graph_schema(server: ServerDep, _: CallerDep) -> Any:
    return Json(server.catalog.graph_schema, media_type="application/schema+json")


@router.get(
    "/stats",
    operation_id="get_stats",
    summary="Get figures: of the server, or of the key's project",
    response_model=stats.Stats,
    responses=errors(),
)
async def get_stats(caller: CallerDep, work: WorkDep) -> Any:
    """Runs by status and those held back, durations, failures by node type, depth of the queues, workers."""
    return Json(await stats.stats(work, caller.project_id))
