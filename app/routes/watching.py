"""What the streams need of the server, and who may watch."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from fastapi import Depends, Request
from starlette.requests import HTTPConnection

from app.db import Pool
from app.errors import NotFoundError
from app.events import Hub
from app.routes.bearer import Bearer
from app.routes.server import Server
from app.services.access import Access, Role


@dataclass(frozen=True, slots=True)
class Watching:
    """The parts of the server that a stream uses; it holds on to them for as long as it lives."""

    hub: Hub
    pool: Pool
    access: Access
    allowed_origins: tuple[str, ...]
    ping_seconds: float = 15.0

    @classmethod
    def of(cls, connection: HTTPConnection) -> "Watching":
        """What the stream on this connection uses."""
        server: Server = connection.app.state.server
        settings = server.settings
        return cls(server.hub, server.database.pool, server.access, settings.allowed_origins, settings.ping_seconds)

    async def admit(self, secret: str | None, project_id: str) -> UUID:
        """The project, when it is there and the key may watch it. Holds a connection no longer than it takes to look.

        Raises UnauthorizedError for a missing or wrong key, NotFoundError for no project or another's.
        """
        project = await self.allowed(secret, project_id)
        await self.must_exist(project)
        return project

    async def allowed(self, secret: str | None, project_id: str) -> UUID:
        """The same without looking whether there is such a project, for who will notice anyway."""
        caller = await self.access.caller(self.pool, secret)
        try:
            project = UUID(project_id)
        except ValueError:
            raise NotFoundError("There is no such project.") from None
        caller.must(Role.VIEWER, project)
        return project

    async def must_exist(self, project: UUID) -> None:
        """Raises NotFoundError where there is no such project."""
        async with self.pool.connection() as connection:
            found = await connection.execute("select 1 from projects where id = %s", (project,))
            if await found.fetchone() is None:
                raise NotFoundError("There is no such project.")


class _WatchedProject(Bearer):
    async def __call__(self, request: Request, project_id: str) -> UUID:  # type: ignore[override]  # what depends on it takes this
        return await Watching.of(request).allowed(await self.secret(request), project_id)


WatchedProject = Annotated[UUID, Depends(_WatchedProject())]
