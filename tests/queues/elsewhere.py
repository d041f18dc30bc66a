"""A server whose worker serves the default queue only, beside workers as processes that serve others."""

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from psycopg.rows import dict_row

from tests.postgres import VARIABLE, clone, drop, make_template
from tests.support import ThreadServer, WorkerProcess, settings_for, until
from tests.worker.conftest import FAST, TOOLS


@dataclass
class Workers:
    """Makes workers, and ends them all."""

    home: Path
    database_url: str
    made: list[WorkerProcess] = field(default_factory=list)

    async def start(self, queues: str, *arguments: str, **environment: str) -> WorkerProcess:
        """A worker that has registered itself."""
        worker = WorkerProcess(self.home, self.database_url, queues, {**FAST, **environment}).start(*arguments)
        self.made.append(worker)
        assert worker.process is not None
        pid = worker.process.pid
        await until(lambda: self.rows("select 1 from workers where pid = %s", pid), seconds=60)
        return worker

    async def count(self, queues: str) -> int:
        """How many workers that serve the queues there are."""
        rows = await self.rows("select 1 from workers where queues = %s", queues.split(","))
        return len(rows)

    async def rows(self, query: Any, *values: Any) -> list[dict[str, Any]]:
        """The rows of a query."""
        async with await psycopg.AsyncConnection.connect(self.database_url, row_factory=dict_row) as connection:
            return await (await connection.execute(query, values)).fetchall()

    def kill(self) -> None:
        """End those that are still there."""
        for worker in self.made:
            worker.signal(signal.SIGKILL)


@dataclass
class Site:
    """A server that serves the default queue, and workers on the same database."""

    server: ThreadServer
    workers: Workers

    @property
    def remote_pid(self) -> int:
        """The process of the first worker."""
        process = self.workers.made[0].process
        assert process is not None
        return process.pid


@contextmanager
def a_site(home: Path, **settings: Any) -> Iterator[Site]:
    """A server in a thread, on a database of its own."""
    postgres = os.environ[VARIABLE]
    name = f"test_{uuid4().hex}"

    async def make() -> str:
        await make_template(postgres)
        return await clone(postgres, name)

    url = asyncio.run(make())
    changes = {"workflows": (TOOLS,), "heartbeat_seconds": 0.2, "drain_seconds": 0.5, "park_seconds": 0.5, **settings}
    server = ThreadServer(settings_for(url, home, **changes)).start()
    workers = Workers(home, url)
    try:
        yield Site(server, workers)
    finally:
        workers.kill()
        server.stop()
        asyncio.run(drop(postgres, name))


def tool(node_id: str, function: str, queue: str = "gpu", /, **more: Any) -> dict[str, Any]:
    """A node that calls a probe elsewhere; what is no field of nodes is an argument."""
    rest = {key: more.pop(key) for key in ("retry", "timeout", "on_error", "writes") if key in more}
    return {
        "id": node_id,
        "type": "tool",
        "queue": queue,
        "config": {"tool": f"probe.{function}", "args": more},
        **rest,
    }


def kinds(events: list[dict[str, Any]], name: str) -> list[str]:
    """What the log tells of a node, in its order."""
    return [event["type"].rsplit(".", 1)[1] for event in events if event["node_id"] == name]
