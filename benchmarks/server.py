"""Graphwright as its users have it: a `graphwright serve` process on a home folder of its own."""

import asyncio
import os
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from benchmarks.client import ENDS, BadAnswerError, Client
from benchmarks.shapes import Shape

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
        if not self._project:
            self._project = (await self.client.call("POST", f"{API}/projects", {"name": "benchmarks"}))["id"]
        for shape in shapes:
            body = {"name": shape.name, "graph": shape.document()}
            made = await self.client.call("POST", f"{API}/projects/{self._project}/workflows", body)
            self._workflows[shape.name] = made["id"]

    async def create(self, shape: Shape) -> str:
        """The address of a new run in PENDING."""
        runs = f"{API}/projects/{self._project}/workflows/runs"
        body = {"workflow_id": self._workflows[shape.name], "input_data": {}}
        return f"{runs}/{(await self.client.call('POST', runs, body))['id']}"

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


@asynccontextmanager
async def serving() -> AsyncIterator[Service]:
    """A server of its own, stopped and forgotten at the end."""
    home = Path(tempfile.mkdtemp(prefix="graphwright-bench-"))
    home.chmod(0o755)
    port = _free_port()
    command = [sys.executable, "-m", "app.cli", "serve", "--port", str(port)]
    env = {**os.environ, "GRAPHWRIGHT_HOME": str(home), "GRAPHWRIGHT_LOG_LEVEL": "error"}
    env.pop("DATABASE_URL", None)
    process = await asyncio.create_subprocess_exec(
        *command, env=env, cwd=Path(__file__).parents[1], stdout=asyncio.subprocess.DEVNULL
    )
    client = Client(port)
    try:
        await _ready(client, process)
        yield Service(client, process.pid)
    finally:
        await client.close()
        await _stop(process)
        shutil.rmtree(home, ignore_errors=True)


async def _ready(client: Client, process: asyncio.subprocess.Process) -> None:
    async with asyncio.timeout(READY_SECONDS):
        while process.returncode is None:
            try:
                await client.call("GET", "/readyz")
                return
            except (OSError, BadAnswerError):
                await asyncio.sleep(0.05)
    raise BadAnswerError(f"The server ended with {process.returncode} before it was ready.")


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
