"""Projects and their API keys."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter, Response

from app.routes.answers import Json, errors
from app.routes.bodies import Route
from app.routes.deps import (
    AdministeredProject,
    CallerDep,
    OnceDep,
    PagingDep,
    Produced,
    ServerDep,
    ViewedProject,
    WorkDep,
)
from app.schemas.common import Page
from app.schemas.project import CallerOut, KeyIn, KeyOut, ProjectChange, ProjectIn, ProjectOut, RoleName
from app.services import projects
from app.services.access import Role
from app.services.pages import maybe_text

router = APIRouter(tags=["projects"], route_class=Route)

ROLE_NAMES: dict[Role, RoleName] = {
    Role.VIEWER: "viewer",
    Role.RUNNER: "runner",
    Role.EDITOR: "editor",
    Role.ADMIN: "admin",
}


@router.get(
    "/me",
    operation_id="get_caller",
    summary="Tell what the key may do",
    response_model=CallerOut,
    responses=errors(),
)
async def get_caller(caller: CallerDep, server: ServerDep) -> Any:
    """Its name, its role, and the project that it is of."""
    told: CallerOut = {
        "name": caller.name,
        "role": ROLE_NAMES[caller.role],
        "project_id": maybe_text(caller.project_id),
        "open": server.access.is_open,
    }
    return Json(told)


@router.post(
    "/projects",
    operation_id="create_project",
    summary="Make a project",
    status_code=201,
    response_model=ProjectOut,
    responses=errors(),
)
async def create_project(body: ProjectIn, caller: CallerDep, work: WorkDep, once: OnceDep) -> Response:
    """Needs the server's admin key."""
    caller.must_be_server_admin()

    async def produce() -> Produced:
        project = await projects.create_project(work, body.name, body.max_running)
        return Produced(project, {"Location": f"/api/v1/projects/{project['id']}"})

    return await once(201, produce)


@router.get(
    "/projects",
    operation_id="list_projects",
    summary="List the projects that the key may see",
    response_model=Page[ProjectOut],
    responses=errors(),
)
async def list_projects(caller: CallerDep, work: WorkDep, paging: PagingDep) -> Any:
    """Oldest first; a key of a project sees that project."""
    return Json(await projects.list_projects(work, caller, paging.limit, paging.cursor))


@router.get(
    "/projects/{project_id}",
    operation_id="get_project",
    summary="Get a project",
    response_model=ProjectOut,
    responses=errors(),
)
async def get_project(project: ViewedProject, work: WorkDep) -> Any:
    return Json(await projects.get_project(work, project))


@router.patch(
    "/projects/{project_id}",
    operation_id="change_project",
    summary="Change a project's name, how many of its runs may run at once, how long they are kept",
    response_model=ProjectOut,
    responses=errors(),
)
async def change_project(body: ProjectChange, project: AdministeredProject, work: WorkDep) -> Any:
    """Runs beyond a lower limit go on to their end; no others begin meanwhile."""
    return Json(await projects.change_project(work, project, body))


@router.delete(
    "/projects/{project_id}",
    operation_id="delete_project",
    summary="Delete a project with everything in it",
    status_code=204,
    responses=errors(),
)
async def delete_project(project_id: UUID, caller: CallerDep, work: WorkDep) -> Response:
    """Needs the server's admin key."""
    caller.must_be_server_admin()
    await projects.delete_project(work, project_id)
    return Response(status_code=204)


@router.post(
    "/projects/{project_id}/keys",
    operation_id="create_key",
    summary="Make an API key",
    status_code=201,
    response_model=KeyOut,
    responses=errors(),
)
async def create_key(body: KeyIn, project: AdministeredProject, work: WorkDep, once: OnceDep) -> Response:
    """The secret is in this answer only. The answer to a repeated Idempotency-Key has null in its place."""

    async def produce() -> Produced:
        key = await projects.create_key(work, project, body.name, body.role)
        return Produced(key, kept={**key, "secret": None})

    return await once(201, produce)


@router.get(
    "/projects/{project_id}/keys",
    operation_id="list_keys",
    summary="List the API keys, without their secrets",
    response_model=Page[KeyOut],
    responses=errors(),
)
async def list_keys(project: AdministeredProject, work: WorkDep, paging: PagingDep) -> Any:
    return Json(await projects.list_keys(work, project, paging.limit, paging.cursor))


@router.delete(
    "/projects/{project_id}/keys/{key_id}",
    operation_id="delete_key",
    summary="Delete an API key",
    status_code=204,
    responses=errors(),
)
async def delete_key(project: AdministeredProject, key_id: UUID, work: WorkDep) -> Response:
    """It opens nothing from now on."""
    await projects.delete_key(work, project, key_id)
    return Response(status_code=204)
