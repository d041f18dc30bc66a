"""The composition root of the API: opens everything a server needs, in order, and closes it in reverse."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from fastapi import FastAPI

from app import log
from app.config import Settings
from app.events import Hub
from app.routes import (
    approvals,
    artifacts,
    catalog,
    errors,
    evaluation,
    health,
    hooks,
    items,
    projects,
    runs,
    schedules,
    streams,
    triggers,
    workers,
    workflows,
)
from app.routes.bodies import BodyLimit, Route
from app.routes.guard import Headlines, OpenGuard
from app.routes.server import Server
from app.routes.web import WebApplication, web_folder
from app.runtime import open_runtime
from app.services.access import Access
from app.services.catalog import Catalog, examples
from app.services.graphs import Graphs
from app.worker import Worker, http_guard

BASE = "/api/v1"

_log = log.get(__name__)


def create_app(settings: Settings, *, worker: bool = True) -> FastAPI:
    """The application; with `worker` it also executes runs.

    Raises UnauthorizedError when it would be open to others than this machine, AllowError and DetourError for settings
    of http nodes that cannot be read.
    """
    access = Access(settings)
    if worker:
        http_guard(settings)
    counts: Counter[tuple[str, str, int]] = Counter()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            server = await open_server(stack, settings, access, counts)
            app.state.server = server
            if worker:
                app.state.worker = await start_worker(stack, server)
            # Streams end before what they read from is closed.
            stack.callback(server.hub.shutdown)
            yield

    app = FastAPI(
        title="Graphwright",
        version="1",
        summary="Store a graph, get a durable LangGraph run, watch it live.",
        lifespan=lifespan,
        openapi_url=f"{BASE}/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    errors.install(app)
    app.router.route_class = Route
    # Runs before workflows: `…/workflows/runs` is no workflow. First what each run needs, as they are tried in order.
    for group in (
        runs,
        streams,
        projects,
        items,
        artifacts,
        approvals,
        schedules,
        triggers,
        hooks,
        evaluation,
        workflows,
        workers,
        catalog,
    ):
        app.include_router(group.router, prefix=BASE)
    app.include_router(health.router)
    app.router.default = WebApplication(web_folder())
    app.add_middleware(BodyLimit, limit=settings.max_body_bytes)
    if access.is_open:
        app.add_middleware(OpenGuard, allowed_origins=settings.allowed_origins)
    app.add_middleware(Headlines, counts=counts)
    return app


async def open_server(
    stack: AsyncExitStack, settings: Settings, access: Access, counts: Counter[tuple[str, str, int]] | None = None
) -> Server:
    """Everything that requests need, open and migrated; the stack closes it."""
    runtime = await stack.enter_async_context(open_runtime(settings))
    hub = Hub(runtime.database.url, runtime.database.pool)
    await hub.start()
    stack.push_async_callback(hub.stop)
    runtime.wakeups.tell(hub.hear)
    if access.is_open:
        _log.warning("This server is open: whoever reaches it may do everything. It listens on loopback only.")
    return Server(
        settings=settings,
        access=access,
        database=runtime.database,
        queue=runtime.queue,
        wakeups=runtime.wakeups,
        hub=hub,
        graphs=Graphs(runtime.compiler),
        catalog=Catalog(runtime.registry, (examples(), *settings.workflows)),
        requests=Counter() if counts is None else counts,
    )


async def start_worker(stack: AsyncExitStack, server: Server) -> Worker:
    """A worker in this process; the stack stops it."""
    worker = Worker(
        server.settings,
        database=server.database,
        queue=server.queue,
        wakeups=server.wakeups,
        compiler=server.graphs.compiler,
        open_on_loopback=server.access.is_open,
    )
    await worker.start()
    stack.push_async_callback(worker.stop)
    return worker
