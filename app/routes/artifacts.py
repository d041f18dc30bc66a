"""The files that nodes have saved: listed, and sent without ever being whole in memory."""

import re
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.responses import StreamingResponse

from app.filenames import file_name
from app.routes.answers import Json, errors, problem
from app.routes.bodies import Route
from app.routes.deps import PagingDep, ServerDep, ViewedProject, WorkDep
from app.schemas.artifact import ArtifactOut
from app.schemas.common import Page
from app.services import artifact_views
from app.services.artifact_views import ArtifactFilter, StoredFile
from app.services.artifacts import read

ALL = "/projects/{project_id}/workflows/runs/{run_id}/artifacts"
ONE = ALL + "/{artifact_id}"
ALONE = "default-src 'none'; frame-ancestors 'none'; sandbox"
"""Whatever a file holds, it does nothing in the name of this server."""

router = APIRouter(tags=["runs"], route_class=Route)
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)
_ANY = {"schema": {"type": "string", "format": "binary"}}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"description": "The file", "content": {"application/octet-stream": _ANY}},
    206: {"description": "The range that was asked for", "content": {"application/octet-stream": _ANY}},
    304: {"description": "The file that `If-None-Match` names"},
    **errors(416),
}


@router.get(
    ALL,
    operation_id="list_artifacts",
    summary="List the files that nodes of a run have saved",
    response_model=Page[ArtifactOut],
    responses=errors(),
)
async def list_artifacts(
    project: ViewedProject,
    run_id: UUID,
    work: WorkDep,
    paging: PagingDep,
    node_id: Annotated[str | None, Query(max_length=128, description="Of this node only.")] = None,
    iteration: Annotated[int | None, Query(ge=0, le=2**31 - 1, description="Of this turn of the node only.")] = None,
) -> Any:
    """Oldest first. Of the same turn and item there is one file of each name: that of the newest attempt."""
    wanted = ArtifactFilter(node_id, iteration)
    listed = artifact_views.list_artifacts(work, project, run_id, wanted, limit=paging.limit, cursor=paging.cursor)
    return Json(await listed)


@router.head(ONE, include_in_schema=False)
@router.get(
    ONE,
    operation_id="get_artifact",
    summary="Get a file that a node has saved",
    response_class=Response,
    responses=_RESPONSES,
)
async def get_artifact(
    request: Request,
    project: ViewedProject,
    run_id: UUID,
    artifact_id: UUID,
    *,
    work: WorkDep,
    server: ServerDep,
    if_none_match: Annotated[str | None, Header()] = None,
    if_range: Annotated[str | None, Header()] = None,
    wanted: Annotated[str | None, Header(alias="Range", description="One range, such as `bytes=0-1023`.")] = None,
) -> Response:
    """The bytes as they were saved; they never change. A file of the run's parent or child runs is found, too."""
    file = await artifact_views.stored_file(work, project, run_id, artifact_id)
    headers = _headers(file)
    if if_none_match is not None and _names(if_none_match, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    part = None if wanted is None or if_range not in (None, headers["ETag"]) else _part(wanted, file.size)
    if part is not None and part[0] >= part[1]:
        return problem(
            416,
            "range_not_satisfiable",
            "No such range",
            f"The file has {file.size} bytes.",
            headers={"Content-Range": f"bytes */{file.size}"},
        )
    start, end = part or (0, file.size)
    headers["Content-Length"] = str(end - start)
    if part is not None:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{file.size}"
    status = 200 if part is None else 206
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    body = read(server.database.requests, artifact_id, start, end)
    return StreamingResponse(body, status_code=status, headers=headers)


def _headers(file: StoredFile) -> dict[str, str]:
    name = file_name(file.name)
    plain = re.sub(r"[^A-Za-z0-9 ._()+-]", "_", name)
    return {
        "Content-Type": file.media_type,
        "Content-Disposition": f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}",
        "ETag": f'"{file.sha256}"',
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, no-cache",
        "Content-Security-Policy": ALONE,
        "X-Content-Type-Options": "nosniff",
    }


def _names(if_none_match: str, tag: str) -> bool:
    given = {one.strip().removeprefix("W/") for one in if_none_match.split(",")}
    return tag in given or "*" in given


def _part(wanted: str, size: int) -> tuple[int, int] | None:
    """Where the range begins and ends; None for what is no single range of bytes, and so is not heeded."""
    found = _RANGE.fullmatch(wanted.replace(" ", ""))
    if found is None or found.groups() == ("", ""):
        return None
    first, last = found.groups()
    if not first:
        return max(0, size - int(last)), size
    if last and int(last) < int(first):
        return None
    return int(first), min(size, int(last) + 1) if last else size
