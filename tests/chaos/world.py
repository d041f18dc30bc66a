"""A small Graphwright of real processes: a database of its own behind a proxy, an API, workers, two projects."""

import asyncio
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg

from tests.chaos.forks import Forked
from tests.postgres import TestServer
from tests.support import ROOT, Process, Project, ServerProcess, until

TOOLS = ROOT / "tests" / "chaos" / "tools"
LONG = os.environ.get("GRAPHWRIGHT_CHAOS") == "long"
"""Whether the long forms are wanted: `make chaos`."""
FAST = {
    "GRAPHWRIGHT_WORKFLOWS": str(TOOLS),
    "GRAPHWRIGHT_HEARTBEAT_SECONDS": "0.2",
    "GRAPHWRIGHT_WORKER_LOST_SECONDS": "1",
    "GRAPHWRIGHT_DRAIN_SECONDS": "1",
    "GRAPHWRIGHT_PARK_SECONDS": "0.5",
    "GRAPHWRIGHT_LOG_LEVEL": "warning",
}


def scaled(small: int, long: int) -> int:
    """A number of the small form, or of the long one."""
    return long if LONG else small


def tell(what: str) -> None:
    """A line of progress, for the long form."""
    if LONG:
        sys.stderr.write(f"{what}\n")


class Api(ServerProcess):
    """The API as a process."""

    def spawn(self, arguments: list[str], environment: dict[str, str]) -> Process:
        return super().spawn(arguments, environment) if LONG else Forked(arguments, environment, None)


@dataclass
class WorkerProcess:
    """`graphwright worker` as a process, to be hurt in every way."""

    environment: dict[str, str]
    log: Path
    process: Process | None = None

    async def start(self) -> None:
        if LONG:
            command = [sys.executable, "-m", "app.cli", "worker"]
            with self.log.open("ab") as log:
                self.process = subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=log, stderr=log)
        else:
            self.process = Forked(["worker"], self.environment, self.log)
        await until(self._is_up, seconds=60)

    def send(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def kill(self) -> None:
        """kill -9."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(30)
            self.process = None

    async def wait(self, seconds: float) -> int:
        """The exit code, once it has ended."""
        assert self.process is not None
        return await asyncio.to_thread(self.process.wait, seconds)

    @property
    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    async def _is_up(self) -> bool:
        assert self.is_alive, self.log.read_text()
        return self.log.exists() and b"serves" in await asyncio.to_thread(self.log.read_bytes)


@dataclass
class World:
    """What a scenario plays in. `url` is the database for the processes, `direct` the same without a proxy."""

    folder: Path
    url: str
    direct: str
    environment: dict[str, str]
    api: Api
    client: httpx.AsyncClient
    projects: list[Project] = field(default_factory=list)
    workers: list[WorkerProcess] = field(default_factory=list)

    @classmethod
    async def make(cls, folder: Path, url: str | None, direct: str, *, workers: int = 1) -> "World":
        """An API and so many workers; without these it executes runs itself, without a URL it brings a database."""
        environment = {**FAST, "CHAOS_CALLS": str(folder / "calls")}
        api = Api(folder / "api", url, environment)
        client = httpx.AsyncClient(base_url=api.api, timeout=30)
        world = cls(folder, url or "", direct, environment, api, client)
        (folder / "calls").touch()
        try:
            starts = [world.add_worker() for _ in range(workers)]
            await asyncio.gather(api.start(*(["--no-worker"] if workers else [])), *starts)
            world.projects = [await Project.make(client, name) for name in ("One", "Two")]
        except BaseException:
            await world.close()
            raise
        return world

    async def add_worker(self, **more: str) -> WorkerProcess:
        plain = {k: v for k, v in os.environ.items() if not k.startswith("GRAPHWRIGHT_") and k != "DATABASE_URL"}
        home = self.folder / f"worker-{uuid4().hex}"
        environment = {**plain, **self.environment, "DATABASE_URL": self.url, "GRAPHWRIGHT_HOME": str(home), **more}
        worker = WorkerProcess(environment, self.folder / f"{home.name}.log")
        self.workers.append(worker)
        await worker.start()
        return worker

    async def close(self) -> None:
        """End all processes, those that stand still, too."""
        await self.client.aclose()
        for worker in self.workers:
            worker.kill()
        self.api.kill()

    async def rows(self, query: Any, values: Any = None) -> list[tuple[Any, ...]]:
        """What the database says to a query, asked without the proxy."""
        async with await psycopg.AsyncConnection.connect(self.direct, autocommit=True) as connection:
            return await (await connection.execute(query, values)).fetchall()

    async def post(self, path: str, body: Any = None, **params: str) -> httpx.Response:
        """POST with one Idempotency-Key until it is answered by something that is not an outage."""
        key = {"Idempotency-Key": uuid4().hex}

        async def answered() -> httpx.Response | None:
            try:
                answer = await self.client.post(path, json=body, params=params, headers=key)
            except httpx.TransportError:
                return None
            return answer if answer.status_code < 500 else None

        answer: httpx.Response = await until(answered, seconds=scaled(60, 150))
        return answer

    async def calls(self) -> str:
        return await asyncio.to_thread((self.folder / "calls").read_text)


@dataclass
class Postgres:
    """A PostgreSQL of the scenario's own, to be stopped and started."""

    server: TestServer

    async def stop(self, mode: str = "immediate") -> None:
        await asyncio.to_thread(self.server.halt, mode)

    async def start(self) -> None:
        await asyncio.to_thread(self.server.launch)
