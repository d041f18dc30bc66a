"""Graphwright as its users have it: `graphwright serve` and `graphwright worker` processes on a folder of their own."""

import asyncio
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.embedded import EmbeddedPostgres
from benchmarks.client import ENDS, BadAnswerError, Client
from benchmarks.shapes import Shape

ROOT = Path(__file__).parents[1]
WORKFLOWS = Path(__file__).parent / "workflows"
READY_SECONDS = 120.0
STOP_SECONDS = 30.0
API = "/api/v1"


class Service:
    """A running server and one project in it."""

    def __init__(self, client: Client, pid: int) -> None:
        self.client = client
        self.pid = pid
        self._project = ""
        self._workflows: dict[str, str] = {}

    async def store(self, *shapes: Shape) -> None:
        """Make a workflow of each shape."""
        for shape in shapes:
            await self.store_graph(shape.name, shape.document())

    async def store_graph(self, name: str, graph: dict[str, Any]) -> None:
        """Make a workflow of a document."""
        if not self._project:
            self._project = (await self.client.call("POST", f"{API}/projects", {"name": "benchmarks"}))["id"]
        body = {"name": name, "graph": graph}
        made = await self.client.call("POST", f"{API}/projects/{self._project}/workflows", body)
        self._workflows[name] = made["id"]

    async def create(self, shape: Shape) -> str:
        """The address of a new run in PENDING."""
        return await self.create_run(shape.name)

    async def create_run(self, name: str, input_data: Any = None) -> str:
        """The address of a new run of the workflow with this name."""
        runs = f"{API}/projects/{self._project}/workflows/runs"
        body = {"workflow_id": self._workflows[name], "input_data": input_data or {}}
        return f"{runs}/{(await self.client.call('POST', runs, body))['id']}"

    async def cancel(self, run_id: str) -> None:
        """Cancel a run by its id."""
        await self.client.call("POST", f"{API}/projects/{self._project}/workflows/runs/{run_id}/cancel")

    async def follow(self, run: str) -> list[tuple[float, dict[str, Any]]]:
        """Execute a run and read its events to the terminal one; each with the time (of day) at which it came."""
        await self.client.call("POST", f"{run}/execute")
        seen = []
        async with self.client.events(f"{run}/events") as events:
            async for event in events:
                seen.append((time.time(), event))
                if event["type"] in ENDS:
                    break
        check(seen)
        return seen


def check(seen: list[tuple[float, dict[str, Any]]]) -> None:
    """Raises BadAnswerError unless the run has completed and the stream had no gap."""
    if not seen or seen[-1][1]["type"] != "workflow.run.completed":
        raise BadAnswerError(f"The run did not complete: {seen[-1:]}")
    if [event["seq"] for _, event in seen] != list(range(1, len(seen) + 1)):
        raise BadAnswerError("The stream had a gap.")


@dataclass(slots=True)
class Site:
    """A place where servers and workers run: a home folder, an address, an environment."""

    home: Path
    port: int
    env: dict[str, str]
    quiet: bool = False
    _processes: list[Process] = field(default_factory=list)

    async def serve(self, *options: str) -> Process:
        """A server that is ready."""
        process = await self._start("serve", "--port", str(self.port), *options)
        client = Client(self.port)
        try:
            async with asyncio.timeout(READY_SECONDS):
                while not await _ready(client):
                    if process.returncode is not None:
                        raise BadAnswerError(f"The server ended with {process.returncode} before it was ready.")
                    await asyncio.sleep(0.005)
        finally:
            await client.close()
        return process

    async def work(self, *options: str) -> tuple[Process, str]:
        """A worker that takes up runs, and its id."""
        process = await self._start("worker", *options, stdout=PIPE)
        assert process.stdout is not None
        async with asyncio.timeout(READY_SECONDS):
            line = (await process.stdout.readline()).decode().split()
        if not line:
            raise BadAnswerError("The worker ended before it was ready.")
        return process, line[1]

    async def stop(self, process: Process) -> None:
        """Let it end in order; kill it where it does not."""
        if process in self._processes:
            self._processes.remove(process)
        if process.returncode is not None:
            return
        process.send_signal(signal.SIGCONT)
        process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    async def close(self) -> None:
        """Stop everything, what was started last first."""
        for process in reversed(list(self._processes)):
            await self.stop(process)

    async def _start(self, *arguments: str, stdout: int = DEVNULL) -> Process:
        command = [sys.executable, "-m", "app.cli", *arguments]
        stderr = DEVNULL if self.quiet else None
        process = await asyncio.create_subprocess_exec(*command, env=self.env, cwd=ROOT, stdout=stdout, stderr=stderr)
        self._processes.append(process)
        return process


@asynccontextmanager
async def site(*, database_url: str | None = None, quiet: bool = False, **settings: object) -> AsyncIterator[Site]:
    """A place of its own, forgotten at the end; its database is the embedded one unless another is named.

    `quiet` keeps what the processes log of troubles that are made on purpose off the terminal.
    """
    home = Path(tempfile.mkdtemp(prefix="graphwright-bench-"))
    home.chmod(0o755)
    known = {"home": home, "log_level": "error", "workflows": WORKFLOWS, "drain_seconds": 1, **settings}
    env = {**os.environ, **{f"GRAPHWRIGHT_{name.upper()}": str(value) for name, value in known.items()}}
    # Bytecode is kept, as it is for everybody else: loading would be most of the time to get ready.
    for name in ("DATABASE_URL", "PYTHONDONTWRITEBYTECODE"):
        env.pop(name, None)
    if database_url is not None:
        env["DATABASE_URL"] = database_url
    place = Site(home, _free_port(), env, quiet)
    try:
        yield place
    finally:
        await place.close()
        shutil.rmtree(home, ignore_errors=True)


@asynccontextmanager
async def database() -> AsyncIterator[tuple[EmbeddedPostgres, str, Path]]:
    """A PostgreSQL server of this process, its URL and its data folder."""
    home = Path(tempfile.mkdtemp(prefix="postgres-bench-"))
    home.chmod(0o755)
    try:
        async with EmbeddedPostgres(home / "postgres") as server:
            yield server, await server.start(), home / "postgres"
    finally:
        shutil.rmtree(home, ignore_errors=True)


@asynccontextmanager
async def serving() -> AsyncIterator[Service]:
    """A server with its worker and its embedded database, stopped and forgotten at the end."""
    async with site() as place:
        process = await place.serve()
        async with using(place, process) as service:
            yield service


@asynccontextmanager
async def using(place: Site, process: Process) -> AsyncIterator[Service]:
    """A client of the site's server and a project of its own."""
    client = Client(place.port)
    try:
        yield Service(client, process.pid)
    finally:
        await client.close()


async def _ready(client: Client) -> bool:
    try:
        await client.call("GET", "/readyz")
    except (OSError, BadAnswerError, asyncio.IncompleteReadError):
        return False
    return True


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
