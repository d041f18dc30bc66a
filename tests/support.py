"""What tests of the API share."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, Self

import httpx
import uvicorn
from fastapi import FastAPI

from app.cli.serve import Server
from app.config import Settings
from app.db import Database
from app.main import create_app

ROOT = Path(__file__).parents[1]
API = "/api/v1"
ENDED = ("COMPLETED", "FAILED", "CANCELLED")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def settings_for(database_url: str, home: Path, **changes: Any) -> Settings:
    """Settings of a test, whatever the environment says."""
    return Settings(**{"home": home, "database_url": database_url, "admin_key": None, **changes})


@asynccontextmanager
async def running(app: FastAPI) -> AsyncIterator[FastAPI]:
    """The application with its lifespan entered."""
    async with app.router.lifespan_context(app):
        yield app


def client_of(app: FastAPI, key: str | None = None) -> httpx.AsyncClient:
    """A client that speaks to the application without a network; server errors are answers, too."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(app, raise_app_exceptions=False),
        base_url=f"http://localhost{API}",
        headers={"Authorization": f"Bearer {key}"} if key else {},
    )


@dataclass
class ThreadServer:
    """A real HTTP server in a thread of its own, with a worker in it."""

    settings: Settings
    port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def api(self) -> str:
        return self.url + API

    def start(self) -> Self:
        api = create_app(self.settings)
        config = uvicorn.Config(
            api,
            host="127.0.0.1",
            port=self.port,
            log_config=None,
            timeout_graceful_shutdown=5,
            timeout_keep_alive=75,
        )
        self._server = Server(config, api)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        deadline = time.monotonic() + 30
        while not self._server.started:
            assert self._thread.is_alive(), "the server did not start"
            assert time.monotonic() < deadline, "the server did not start in time"
            time.sleep(0.01)
        return self

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(30)
        assert not self._thread.is_alive(), "the server did not stop"


class Process(Protocol):
    """What is used of a `subprocess.Popen`."""

    pid: int

    def poll(self) -> int | None: ...
    def wait(self, timeout: float) -> int: ...
    def send_signal(self, sig: signal.Signals, /) -> None: ...
    def kill(self) -> None: ...


@dataclass
class ServerProcess:
    """`graphwright serve` as a process, to be killed and started again on the same port and database."""

    home: Path
    database_url: str | None = None
    environment: dict[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    process: Process | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def api(self) -> str:
        return self.url + API

    async def start(self, *arguments: str) -> Self:
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("GRAPHWRIGHT_") and name != "DATABASE_URL"
        }
        environment |= {"GRAPHWRIGHT_HOME": str(self.home), **self.environment}
        if self.database_url is not None:
            environment["DATABASE_URL"] = self.database_url
        self.process = self.spawn(["serve", "--port", str(self.port), *arguments], environment)
        async with httpx.AsyncClient(base_url=self.url) as client:
            await until(lambda: self._ready(client), seconds=60)
        return self

    def spawn(self, arguments: list[str], environment: dict[str, str]) -> Process:
        """Start `graphwright` with these arguments."""
        return subprocess.Popen([sys.executable, "-m", "app.cli", *arguments], cwd=ROOT, env=environment)

    def kill(self) -> None:
        """kill -9."""
        self.signal(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM, and wait for the end."""
        self.signal(signal.SIGTERM)

    def signal(self, number: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(30)
            self.process = None

    async def _ready(self, client: httpx.AsyncClient) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, "the server ended at its start"
        try:
            return (await client.get("/readyz")).status_code == 200
        except httpx.TransportError:
            return False


async def until(condition: Callable[[], Awaitable[Any]], *, seconds: float = 15.0) -> Any:
    """Wait until the condition gives something true, and return that."""
    async with asyncio.timeout(seconds):
        while not (found := await condition()):
            await asyncio.sleep(0.02)
        return found


async def waits_for_a_lock(database: Database) -> bool:
    """Whether anybody in the database waits for a lock."""
    async with database.pool.connection() as connection:
        cursor = await connection.execute("select 1 from pg_locks where not granted")
        return await cursor.fetchone() is not None


async def ended(client: httpx.AsyncClient, path: str, *, seconds: float = 15.0) -> dict[str, Any]:
    """The run at the path, once it has ended."""

    async def look() -> dict[str, Any] | None:
        run: dict[str, Any] = (await client.get(path)).json()
        return run if run["status"] in ENDED else None

    run: dict[str, Any] = await until(look, seconds=seconds)
    return run


DOUBLE: dict[str, Any] = {
    "nodes": [
        {"id": "start", "type": "input", "config": {"schema": {"type": "object", "required": ["n"]}}},
        {"id": "double", "type": "transform", "config": {"value": "{{ input.n * 2 }}"}},
        {"id": "end", "type": "output", "config": {"value": "{{ double.output }}"}},
    ],
    "edges": [{"source": "start", "target": "double"}, {"source": "double", "target": "end"}],
}


def waiting(seconds: float = 30.0) -> dict[str, Any]:
    """A graph whose only node takes its time."""
    return {"nodes": [{"id": "wait", "type": "delay", "config": {"seconds": seconds}}], "edges": []}


class Project:
    """A project over the API, with the steps that tests take again and again."""

    def __init__(self, client: httpx.AsyncClient, project_id: str) -> None:
        self.client = client
        self.id = project_id
        self.workflows = f"/projects/{project_id}/workflows"
        self.runs = f"/projects/{project_id}/workflows/runs"

    @classmethod
    async def make(cls, client: httpx.AsyncClient, name: str = "Test") -> "Project":
        answer = await client.post("/projects", json={"name": name})
        assert answer.status_code == 201, answer.text
        return cls(client, answer.json()["id"])

    async def workflow(self, graph: Any, name: str = "A workflow") -> dict[str, Any]:
        answer = await self.client.post(self.workflows, json={"name": name, "graph": graph})
        assert answer.status_code == 201, answer.text
        workflow: dict[str, Any] = answer.json()
        return workflow

    async def run(self, workflow_id: str, input_data: Any = None, *, execute: bool = False) -> dict[str, Any]:
        answer = await self.client.post(
            self.runs,
            params={"execute": str(execute).lower()},
            json={"workflow_id": workflow_id, "input_data": input_data},
        )
        assert answer.status_code == 201, answer.text
        run: dict[str, Any] = answer.json()
        return run


@dataclass
class WorkerProcess:
    """`graphwright worker` as a process that serves some queues."""

    home: Path
    database_url: str
    queues: str
    environment: dict[str, str] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self, *arguments: str) -> Self:
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("GRAPHWRIGHT_") and name != "DATABASE_URL"
        }
        environment |= {"GRAPHWRIGHT_HOME": str(self.home), "DATABASE_URL": self.database_url, **self.environment}
        command = [sys.executable, "-m", "app.cli", "worker", "--queues", self.queues, *arguments]
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)
        return self

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, and wait for the end."""
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(30)
            self.process = None
