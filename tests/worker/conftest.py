from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.config import Settings
from app.db import Database
from tests.support import ROOT, ServerProcess, settings_for
from tests.worker.bench import Bench

TOOLS = ROOT / "tests" / "tools"


FAST = {
    "GRAPHWRIGHT_WORKFLOWS": str(TOOLS),
    "GRAPHWRIGHT_HEARTBEAT_SECONDS": "0.2",
    "GRAPHWRIGHT_DRAIN_SECONDS": "0.5",
    "GRAPHWRIGHT_PARK_SECONDS": "0.5",
}


@pytest.fixture
async def process(database_url: str, tmp_path: Path) -> AsyncIterator[ServerProcess]:
    """A server as a process, with a client of it in `client`."""
    process = await ServerProcess(tmp_path, database_url, FAST).start()
    yield process
    process.kill()


@pytest.fixture
async def client(process: ServerProcess) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=process.api, timeout=30) as client:
        yield client


@pytest.fixture
async def bench(database: Database) -> AsyncIterator[Bench]:
    """A journal on the test's own database."""
    bench = Bench(database)
    await bench.open()
    yield bench
    await bench.close()


@pytest.fixture
def concurrency() -> int:
    """How many runs a worker executes at once; to be parametrized."""
    return 50


@pytest.fixture
def settings(database_url: str, tmp_path: Path, concurrency: int) -> Settings:
    return settings_for(
        database_url,
        tmp_path,
        workflows=(TOOLS,),
        park_seconds=0.5,
        heartbeat_seconds=0.2,
        drain_seconds=0.5,
        concurrency=concurrency,
    )


class Trace:
    """A file that probe tools write into."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def lines(self) -> list[str]:
        return self.path.read_text().splitlines() if self.path.exists() else []

    def node(self, name: str, function: str = "mark", **args: Any) -> dict[str, Any]:
        return {
            "id": name,
            "type": "tool",
            "config": {"tool": f"probe.{function}", "args": {"path": str(self.path), "name": name, **args}},
        }


@pytest.fixture
def trace(tmp_path: Path) -> Trace:
    return Trace(tmp_path / "trace")


async def check_log(client: httpx.AsyncClient, path: str) -> list[dict[str, Any]]:
    """The events of an ended run, after checking what must hold of every log."""
    events: list[dict[str, Any]] = []
    while True:
        answer = await client.get(
            f"{path}/events", params={"limit": 200, "after": len(events)}, headers={"Accept": "application/json"}
        )
        page = answer.json()
        events += page["items"]
        if not page["items"] or page["next_cursor"] is None:
            break
    run = (await client.get(path)).json()
    ends = [
        e for e in events if e["type"] in ("workflow.run.completed", "workflow.run.failed", "workflow.run.cancelled")
    ]

    assert [e["seq"] for e in events] == list(range(1, run["last_seq"] + 1))
    assert ends[-1] is events[-1]
    moves = [e for e in events if e["type"].startswith("workflow.run.")]
    for before, after in pairwise(moves):
        assert before not in ends or (after["type"], after["data"].get("retry")) == ("workflow.run.queued", True)
    assert ends[-1]["type"] == f"workflow.run.{run['status'].lower()}"
    nodes = (await client.get(f"{path}/nodes", params={"limit": 200})).json()["items"]
    assert not [n for n in nodes if n["status"] in ("RUNNING", "WAITING", "RETRYING")]
    last = {(e["node_id"], e["data"]["iteration"]): e for e in events if e["node_id"]}
    for node in nodes:
        if node["status"] != "PENDING":
            assert last[node["node_id"], node["iteration"]]["type"].rsplit(".", 1)[1] == node["status"].lower()
    return events
