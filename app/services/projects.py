"""Projects and their keys."""

from uuid import UUID

from sqlmodel import col, delete, select

from app.errors import NotFoundError
from app.models import ApiKey, Project
from app.schemas.common import Page
from app.schemas.project import KeyOut, ProjectOut, RoleName
from app.services.access import Caller, hashed, new_secret
from app.services.pages import decode_cursor, page, rfc3339
from app.services.work import Work


def project_view(project: Project) -> ProjectOut:
    return {"id": str(project.id), "name": project.name, "created_at": rfc3339(project.created_at)}


async def create_project(work: Work, name: str) -> ProjectOut:
    project = Project(name=name)
    work.session.add(project)
    await work.session.flush()
    return project_view(project)


async def list_projects(work: Work, caller: Caller, limit: int, cursor: str | None) -> Page[ProjectOut]:
    """The projects that the caller may see, oldest first."""
    query = select(Project).order_by(col(Project.id)).limit(limit + 1)
    if caller.project_id is not None:
        query = query.where(Project.id == caller.project_id)
    after = decode_cursor(cursor, UUID)
    if after is not None:
        query = query.where(col(Project.id) > after[0])
    rows = (await work.session.exec(query)).all()
    return page(rows, limit, project_view, lambda row: (str(row.id),))


async def get_project(work: Work, project_id: UUID) -> ProjectOut:
    """Raises NotFoundError."""
    return project_view(await _project(work, project_id))


async def delete_project(work: Work, project_id: UUID) -> None:
    """Remove the project with everything in it. Raises NotFoundError."""
    await work.session.delete(await _project(work, project_id))
    await work.session.flush()


async def must_exist(work: Work, project_id: UUID) -> None:
    """Raise NotFoundError when there is no such project."""
    if await work.first("SELECT 1 FROM projects WHERE id = %s", (project_id,)) is None:
        raise NotFoundError("There is no such project.")


def key_view(key: ApiKey) -> KeyOut:
    role: RoleName = key.role  # type: ignore[assignment] # only the names of roles are ever stored
    return {
        "id": str(key.id),
        "project_id": str(key.project_id),
        "name": key.name,
        "role": role,
        "prefix": key.prefix,
        "created_at": rfc3339(key.created_at),
    }


async def create_key(work: Work, project_id: UUID, name: str, role: RoleName) -> KeyOut:
    """Make a key; its secret is in this answer and nowhere else. Raises NotFoundError."""
    await must_exist(work, project_id)
    secret, prefix = new_secret()
    key = ApiKey(project_id=project_id, name=name, role=role, prefix=prefix, secret_hash=hashed(secret))
    work.session.add(key)
    await work.session.flush()
    return {**key_view(key), "secret": secret}


async def list_keys(work: Work, project_id: UUID, limit: int, cursor: str | None) -> Page[KeyOut]:
    """The project's keys without their secrets, oldest first."""
    query = select(ApiKey).where(ApiKey.project_id == project_id).order_by(col(ApiKey.id)).limit(limit + 1)
    after = decode_cursor(cursor, UUID)
    if after is not None:
        query = query.where(col(ApiKey.id) > after[0])
    rows = (await work.session.exec(query)).all()
    if not rows:
        await must_exist(work, project_id)
    return page(rows, limit, key_view, lambda row: (str(row.id),))


async def delete_key(work: Work, project_id: UUID, key_id: UUID) -> None:
    """Remove the key; it opens nothing from now on. Raises NotFoundError."""
    query = (
        delete(ApiKey).where(col(ApiKey.project_id) == project_id, col(ApiKey.id) == key_id).returning(col(ApiKey.id))
    )
    if (await work.session.exec(query)).first() is None:
        raise NotFoundError("There is no such key in this project.")


async def _project(work: Work, project_id: UUID) -> Project:
    project = await work.session.get(Project, project_id)
    if project is None:
        raise NotFoundError("There is no such project.")
    return project
