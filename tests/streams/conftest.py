import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
import uvicorn
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from app import jsontext
from app.cli.serve import Server
from app.config import Settings
from app.db import Database
from app.errors import GraphwrightError
from app.events import EventText, Hub, Wakeups
from app.ids import new_id
from app.routes.streams import router
from app.services.access import Access

ENDS = {"workflow.run.completed": "COMPLETED", "workflow.run.failed": "FAILED", "workflow.run.cancelled": "CANCELLED"}
PROGRESS = "workflow.node.progress"
COMPLETED = "workflow.run.completed"


@dataclass
class Writer:
    """Writes runs and events as a worker does: the row's counter and the events in one transaction, then the wake."""

    database: Database
    wakeups: Wakeups
    project_id: UUID = field(default_factory=new_id)
    workflow_id: UUID = field(default_factory=new_id)

    async def set_up(self) -> "Writer":
        async with self.database.pool.connection() as connection:
            await connection.execute(
                "insert into projects (id, name, created_at) values (%s, 'p', now())", (self.project_id,)
            )
            await connection.execute(
                """insert into workflows (id, project_id, name, description, active, version, revision, created_at,
                                          updated_at)
                   values (%s, %s, 'w', '', true, 1, 1, now(), now())""",
                (self.workflow_id, self.project_id),
            )
            await connection.execute(
                """insert into workflow_versions (workflow_id, version, project_id, graph, content_hash, created_at)
                   values (%s, 1, %s, '{}', '', now())""",
                (self.workflow_id, self.project_id),
            )
        return self

    async def run(self, events: int = 0, *, status: str = "RUNNING", wake: bool = True) -> UUID:
        run_id = new_id()
        async with self.database.pool.connection() as connection:
            await connection.execute(
                """insert into runs (id, project_id, workflow_id, version, status, attempt, claim, losses, last_seq,
                                     created_at)
                   values (%s, %s, %s, 1, %s, 1, 0, 0, 0, now())""",
                (run_id, self.project_id, self.workflow_id, status),
            )
        if events:
            await self.write(run_id, *[PROGRESS] * events, wake=wake)
        return run_id

    async def write(
        self, run_id: UUID, *types: str, data: Any = None, node_id: str | None = "n", wake: bool = True
    ) -> int:
        """Append events; returns the seq of the last."""
        status = next((ENDS[kind] for kind in reversed(types) if kind in ENDS), "RUNNING")
        text = jsontext.dumps({} if data is None else data)
        async with self.database.pool.connection() as connection, connection.transaction():
            cursor = await connection.execute(
                """update runs set last_seq = last_seq + %s, status = %s,
                          finished_at = case when %s = 'RUNNING' then null else now() end
                   where id = %s returning last_seq""",
                (len(types), status, status, run_id),
            )
            row = await cursor.fetchone()
            assert row is not None
            last = row["last_seq"]
            async with connection.cursor() as insert:
                await insert.executemany(
                    """insert into run_events (run_id, seq, id, project_id, type, node_id, at, data)
                       values (%s, %s, %s, %s, %s, %s, now(), %s::json)""",
                    [
                        (run_id, last - len(types) + 1 + place, new_id(), self.project_id, kind, node_id, text)
                        for place, kind in enumerate(types)
                    ],
                )
        if wake:
            self.wakeups.wake(self.project_id, run_id, last)
        return last


@pytest.fixture
async def wakeups(database_url: str) -> AsyncIterator[Wakeups]:
    wakeups = Wakeups(database_url)
    await wakeups.start()
    yield wakeups
    await wakeups.stop()


@pytest.fixture
async def writer(database: Database, wakeups: Wakeups) -> Writer:
    return await Writer(database, wakeups).set_up()


@pytest.fixture
async def hub(database: Database) -> AsyncIterator[Hub]:
    hub = Hub(database.url, database.pool, poll_seconds=0.2)
    await hub.start()
    await listening(database, 1)
    yield hub
    await hub.stop()


async def listening(database: Database, count: int) -> None:
    """Wait until so many processes listen."""

    async def counted() -> bool:
        async with database.pool.connection() as connection:
            cursor = await connection.execute(
                """select count(*) as n from pg_stat_activity where datname = current_database()
                   and application_name = 'graphwright-listen' and query ilike 'listen %%' and state = 'idle'"""
            )
            row = await cursor.fetchone()
            return row is not None and row["n"] == count

    await eventually(counted)


async def eventually(holds: Callable[[], Any], seconds: float = 10) -> None:
    """Wait until something holds, asking every few milliseconds."""
    async with asyncio.timeout(seconds):
        while True:
            found = holds()
            if await found if asyncio.iscoroutine(found) else found:
                return
            await asyncio.sleep(0.005)


async def collect(hub: Hub, run_id: UUID, after: int = 0, *, count: int | None = None) -> list[EventText]:
    """The run's events until the stream ends, or until so many have come."""
    events: list[EventText] = []
    async with aclosing(hub.run_events(run_id, after)) as batches:
        async for batch in batches:
            events += batch
            if count is not None and len(events) >= count:
                break
    return events


def seqs(events: list[EventText]) -> list[int]:
    return [event.seq for event in events]


@dataclass
class Served:
    """A server on a port of its own, with nothing but the streams."""

    server: uvicorn.Server
    hub: Hub
    address: str

    @property
    def url(self) -> str:
        return f"http://{self.address}/api/v1"

    @property
    def ws(self) -> str:
        return f"ws://{self.address}/api/v1"


@asynccontextmanager
async def serving(database: Database, hub: Hub, **settings: Any) -> AsyncIterator[Served]:
    """Serve the streams until the end of the block; the hub stays the caller's."""
    app = FastAPI()
    known = Settings(**settings)
    app.state.server = SimpleNamespace(hub=hub, database=database, access=Access(known), settings=known)
    app.include_router(router, prefix="/api/v1")

    async def problem(request: Request, error: Exception) -> JSONResponse:
        status = error.status if isinstance(error, GraphwrightError) else 422
        return JSONResponse({"status": status, "detail": str(error)}, status, media_type="application/problem+json")

    app.add_exception_handler(GraphwrightError, problem)
    app.add_exception_handler(RequestValidationError, problem)
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        config = uvicorn.Config(
            app,
            log_level="error",
            lifespan="off",
            timeout_graceful_shutdown=5,
            ws_ping_interval=known.ping_seconds,
        )
        server = Server(config, app)
        task = asyncio.create_task(server.serve(sockets=[bound]))
        await eventually(lambda: server.started)
        yield Served(server, hub, f"127.0.0.1:{bound.getsockname()[1]}")
        server.should_exit = True
        await task


@pytest.fixture
async def served(database: Database, hub: Hub) -> AsyncIterator[Served]:
    async with serving(database, hub) as served:
        yield served
