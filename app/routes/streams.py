"""A run's events: as a live stream that resumes anywhere, or as pages."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Header, Query, Request, Response

from app.errors import GoneError, NotFoundError, StoppingError
from app.events import EventText, RunHead, Subscriber, store
from app.events.store import Opening
from app.routes.accept import prefers_json
from app.routes.answers import errors
from app.routes.feed import router as feed_router
from app.routes.sse import EventStream
from app.routes.watching import WatchedProject, Watching
from app.schemas.common import Page
from app.schemas.run import EventOut

LARGEST_SEQ = 2**63 - 1

router = APIRouter(tags=["events"])
router.include_router(feed_router)


_EVENT_EXAMPLE = {
    "id": "0199d2f0-5b1e-7cc3-9a50-1f4b6f0f7a11",
    "seq": 7,
    "type": "workflow.node.completed",
    "at": "2026-01-31T12:00:00.123456Z",
    "project_id": "0199d2f0-0000-7000-8000-000000000001",
    "run_id": "0199d2f0-0000-7000-8000-000000000002",
    "node_id": "fetch",
    "data": {"iteration": 0, "attempt": 1, "output": {"rows": 3}, "duration_ms": 12.4},
}
_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {
        "model": Page[EventOut],
        "description": "The events: live as `text/event-stream`, a page of them as `application/json`.",
        "content": {
            "text/event-stream": {"schema": {"type": "string"}},
            "application/json": {"example": {"items": [_EVENT_EXAMPLE], "next_cursor": "7"}},
        },
    },
    204: {"description": "The run has ended, and nothing follows the event that was named."},
    503: {"description": "The server is stopping; `Retry-After` says when to come back."},
    410: errors(410)[410],
}


@router.head("/projects/{project_id}/workflows/runs/{run_id}/events", include_in_schema=False)
@router.get(
    "/projects/{project_id}/workflows/runs/{run_id}/events",
    operation_id="read_run_events",
    summary="Follow a run, or list its events",
    response_class=Response,
    responses=_RESPONSES,
)
async def run_events(
    request: Request,
    project_id: WatchedProject,
    run_id: UUID,
    *,
    after: Annotated[int, Query(ge=0, le=LARGEST_SEQ, description="The seq of the last event that is known.")] = 0,
    cursor: Annotated[
        int | None, Query(ge=0, le=LARGEST_SEQ, description="The next_cursor of the page before.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=200, description="Events of a page.")] = 50,
    last_event_id: Annotated[int | None, Header(ge=0, le=LARGEST_SEQ)] = None,
) -> Response:
    """Every event after `Last-Event-ID` or `after`, then live ones until the run ends; as JSON a page of them."""
    watching = Watching.of(request)
    if prefers_json(request.headers.get("accept", "*/*"), over="text/event-stream"):
        place = after if cursor is None else cursor
        found = await store.opening(watching.pool, project_id, run_id, place, limit + 1)
        head, events = await _existing(watching, project_id, found)
        _must_be_kept(head, place)
        return _page(events, limit)
    seen = after if last_event_id is None else last_event_id

    async def begin(reader: Subscriber) -> list[EventText] | None:
        found = await watching.hub.begin(reader, project_id, run_id, seen)
        head, events = await _existing(watching, project_id, found)
        if head.ended and seen >= head.last_seq:
            return None
        _must_be_kept(head, seen)
        if watching.hub.stopping:
            raise StoppingError("This server is stopping. Follow the run at another one, or here in a moment.")
        return events

    return EventStream(watching.hub, run_id, begin, ping_seconds=watching.ping_seconds)


async def _existing(watching: Watching, project_id: UUID, found: Opening | None) -> Opening:
    """What was found of a run. Raises NotFoundError where that is nothing."""
    if found is None:
        await watching.must_exist(project_id)
        raise NotFoundError("There is no such run in this project.")
    return found


def _must_be_kept(head: RunHead, after: int) -> None:
    """Raise GoneError (`events_pruned`) when events that follow `after` have been deleted as too old."""
    if after < head.pruned_seq:
        raise GoneError(
            f"The events 1 to {head.pruned_seq} of this run are no longer kept. The run, its nodes and its result are "
            f"still there, and so are later events, if any: ask for those after {head.pruned_seq}.",
            code="events_pruned",
            facts={"pruned_seq": head.pruned_seq},
        )


def _page(events: list[EventText], limit: int) -> Response:
    shown = events[:limit]
    more = f'"{shown[-1].seq}"' if len(events) > limit else "null"
    body = f'{{"items":[{",".join(event.text for event in shown)}],"next_cursor":{more}}}'
    return Response(body, media_type="application/json", headers={"Vary": "Accept", "Cache-Control": "no-cache"})
