"""What routes take: the unit of work, the caller with its role, pages, idempotency."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Header, Query, Request, Response

from app.errors import UnprocessableError
from app.routes.answers import Json
from app.routes.bearer import Bearer
from app.routes.server import Server, server_of
from app.services import idempotency
from app.services.access import Caller, Role
from app.services.idempotency import KeptAnswer
from app.services.work import Work, unit_of_work

ServerDep = Annotated[Server, Depends(server_of)]


# FastAPI goes through what a dependency depends on again for each use of it: so these take what they need themselves.
async def _work(request: Request) -> AsyncIterator[Work]:
    server = await server_of(request)
    async with unit_of_work(server.database, server.wakeups) as work:
        yield work


# With this scope the commit comes before the answer, so that a failed commit is not answered with a success.
WorkDep = Annotated[Work, Depends(_work, scope="function")]


class _Caller(Bearer):
    async def __call__(self, request: Request) -> Caller:  # type: ignore[override]  # what depends on it takes this
        server = await server_of(request)
        return await server.access.caller(server.database.requests, await self.secret(request))


CallerDep = Annotated[Caller, Depends(_Caller())]


def _needs(role: Role) -> Callable[[UUID, Caller], Awaitable[UUID]]:
    async def project(project_id: UUID, caller: CallerDep) -> UUID:
        caller.must(role, project_id)
        return project_id

    return project


ViewedProject = Annotated[UUID, Depends(_needs(Role.VIEWER))]
RunProject = Annotated[UUID, Depends(_needs(Role.RUNNER))]
EditedProject = Annotated[UUID, Depends(_needs(Role.EDITOR))]
AdministeredProject = Annotated[UUID, Depends(_needs(Role.ADMIN))]


@dataclass(frozen=True, slots=True)
class Paging:
    """Which part of a list is asked for."""

    limit: int
    cursor: str | None


# FastAPI runs what is not async in a thread, which costs more than all the rest of a short request: so these are.
async def _paging(
    limit: Annotated[int, Query(ge=1, le=200, description="Items of a page.")] = 50,
    cursor: Annotated[str | None, Query(max_length=500, description="The next_cursor of the page before.")] = None,
) -> Paging:
    return Paging(limit, cursor)


PagingDep = Annotated[Paging, Depends(_paging)]


@dataclass(frozen=True, slots=True)
class Produced:
    """The answer to be given: its JSON, its headers, and what of the JSON to keep for an Idempotency-Key."""

    body: Any
    headers: Mapping[str, str] | None = None
    kept: Any = None


class Once:
    """Does the work of a POST once per Idempotency-Key, and gives the first answer again to the same request."""

    def __init__(self, request: Request, work: Work, caller: Caller, idempotency_key: str | None) -> None:
        self._request = request
        self._work = work
        self._caller = caller
        self._key = idempotency_key

    async def __call__(self, status: int, produce: Callable[[], Awaitable[Produced]]) -> Response:
        """The answer of `produce`, or the kept one. Raises UnprocessableError when the key had another request."""
        if self._key is None:
            done = await produce()
            return Json(done.body, status_code=status, headers=done.headers)
        if not self._key.strip():
            raise UnprocessableError("The Idempotency-Key is empty. Send any text that is new for a new request.")
        scope = f"{self._caller.scope} {self._request.method} {self._request.url.path}"
        print_ = idempotency.fingerprint(self._request.url.query, await self._request.body())
        known = await idempotency.begin(self._work, scope, self._key, print_)
        if known is not None:
            headers = {**known.headers, "Idempotent-Replayed": "true"}
            return Json(known.body, status_code=known.status, headers=headers)
        done = await produce()
        kept = done.body if done.kept is None else done.kept
        await idempotency.keep(self._work, scope, self._key, KeptAnswer(status, kept, dict(done.headers or {})))
        return Json(done.body, status_code=status, headers=done.headers)


async def _once(
    request: Request,
    work: WorkDep,
    caller: CallerDep,
    idempotency_key: Annotated[
        str | None,
        Header(max_length=idempotency.LONGEST_KEY, description="The same key and body give the first answer again."),
    ] = None,
) -> Once:
    return Once(request, work, caller, idempotency_key)


OnceDep = Annotated[Once, Depends(_once)]
