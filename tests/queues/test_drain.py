"""Workers that are told to end: they hand over what they cannot finish, and are gone in time."""

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.rows import dict_row

from tests.postgres import TestServer, clone, make_template
from tests.support import Project, ServerProcess, WorkerProcess, ended, until
from tests.worker.conftest import FAST, Trace, check_log

SLOW = {**FAST, "GRAPHWRIGHT_DRAIN_SECONDS": "20"}
IN_TIME = 2.5
"""The grace of FAST and two seconds."""


class Site:
    """An API on a database, and processes that execute runs."""

    def __init__(self, home: Path, database_url: str) -> None:
        self.home = home
        self.database_url = database_url
        self.api = ServerProcess(home, database_url, FAST)
        self.begun: list[ServerProcess | WorkerProcess] = []

    async def worker(self, environment: dict[str, str] | None = None) -> WorkerProcess:
        known = await self.workers()
        one = WorkerProcess(self.home, self.database_url, "default", environment or FAST).start()
        self.begun.append(one)
        await until(lambda: self._more_than(known), seconds=60)
        return one

    async def server(self, environment: dict[str, str] | None = None) -> ServerProcess:
        one = await ServerProcess(self.home, self.database_url, environment or FAST).start()
        self.begun.append(one)
        return one

    async def rows(self, query: Any, *values: Any) -> list[dict[str, Any]]:
        async with await psycopg.AsyncConnection.connect(self.database_url, row_factory=dict_row) as connection:
            return await (await connection.execute(query, values)).fetchall()

    async def workers(self) -> int:
        return len(await self.rows("select 1 from workers"))

    def end(self) -> None:
        for one in (*self.begun, self.api):
            one.signal(signal.SIGKILL)

    async def _more_than(self, known: int) -> bool:
        return await self.workers() > known


@pytest.fixture
async def site(database_url: str, tmp_path: Path) -> AsyncIterator[Site]:
    site = Site(tmp_path, database_url)
    await site.api.start("--no-worker")
    yield site
    site.end()


@pytest.fixture
async def project(site: Site) -> AsyncIterator[Project]:
    async with httpx.AsyncClient(base_url=site.api.api, timeout=30) as client:
        yield await Project.make(client)


async def stop(one: ServerProcess | WorkerProcess, *, twice: bool = False) -> float:
    """Tell a process to end; how many seconds it took."""
    assert one.process is not None
    begun = time.monotonic()
    one.process.send_signal(signal.SIGTERM)
    if twice:
        await until(lambda: _passed(begun + 0.3))
        one.process.send_signal(signal.SIGTERM)
    await asyncio.to_thread(one.process.wait, 30)
    one.process = None
    return time.monotonic() - begun


async def executing(project: Project, trace: Trace, nodes: list[dict[str, Any]], lines: int) -> str:
    """The path of a run of a chain that has written so many lines."""
    edges = [{"source": a["id"], "target": b["id"]} for a, b in pairwise(nodes)]
    workflow = (await project.workflow({"nodes": nodes, "edges": edges}))["id"]
    run = await project.run(workflow, execute=True)
    await until(lambda: _lines(trace, lines))
    return f"{project.runs}/{run['id']}"


@pytest.mark.spec("QUEUE-22")
@pytest.mark.parametrize("kind", ["worker", "serve"])
async def test_a_run_that_is_handed_back_goes_on_elsewhere_within_a_second(
    site: Site, project: Project, trace: Trace, tmp_path: Path, kind: str
) -> None:
    gate = tmp_path / "gate"
    leaving = await (site.worker() if kind == "worker" else site.server())
    nodes = [trace.node("a"), trace.node("held", "until", gate=str(gate)), trace.node("b")]
    path = await executing(project, trace, nodes, 3)
    await site.worker()

    took = asyncio.create_task(stop(leaving))
    await until(lambda: _count(trace, "start held", 2), seconds=10)
    gate.touch()
    done = await ended(project.client, path)

    assert await took < IN_TIME
    assert (done["status"], done["attempt"]) == ("COMPLETED", 1)
    assert trace.lines().count("start a") == 1
    events = await check_log(project.client, path)
    queued, resumed = [e for e in events if e["type"] in ("workflow.run.queued", "workflow.run.resumed")][-2:]
    assert queued["data"]["reason"]["code"] == "worker_stopped"
    assert _seconds(resumed) - _seconds(queued) < 1


@pytest.mark.spec("QUEUE-22")
@pytest.mark.parametrize("kind", ["worker", "serve"])
@pytest.mark.parametrize("how", ["stubborn", "sleep"])
async def test_code_that_does_not_end_holds_nobody_up(
    site: Site, project: Project, trace: Trace, kind: str, how: str
) -> None:
    leaving = await (site.worker() if kind == "worker" else site.server())
    last = (
        trace.node("x", "stubborn")
        if how == "stubborn"
        else {"id": "x", "type": "tool", "config": {"tool": "probe.sleep", "args": {"seconds": 60}}}
    )
    path = await executing(project, trace, [trace.node("a"), last], 3 if how == "stubborn" else 2)
    if how == "sleep":
        await until(lambda: _runs_node(project, path, "x"))

    assert await stop(leaving) < IN_TIME

    (run,) = await site.rows("select status, losses, attempt from runs where id = %s", path.rsplit("/", 1)[1])
    assert run == {"status": "QUEUED", "losses": 0, "attempt": 1}
    assert await site.workers() == 0
    await project.client.post(f"{path}/cancel")
    await check_log(project.client, path)


@pytest.mark.spec("QUEUE-23")
@pytest.mark.parametrize("kind", ["worker", "serve"])
async def test_whoever_is_told_twice_gives_runs_no_more_time(
    site: Site, project: Project, trace: Trace, kind: str
) -> None:
    leaving = await (site.worker(SLOW) if kind == "worker" else site.server(SLOW))
    path = await executing(project, trace, [trace.node("held", "hold")], 1)

    assert await stop(leaving, twice=True) < 0.3 + 2

    (run,) = await site.rows("select status, losses from runs where id = %s", path.rsplit("/", 1)[1])
    assert run == {"status": "QUEUED", "losses": 0}


@pytest.mark.spec("QUEUE-24")
@pytest.mark.parametrize("kind", ["worker", "serve"])
async def test_who_drains_takes_up_nothing_new_and_lets_what_runs_end(
    site: Site, project: Project, trace: Trace, tmp_path: Path, kind: str
) -> None:
    gate = tmp_path / "gate"
    leaving = await (site.worker(SLOW) if kind == "worker" else site.server(SLOW))
    path = await executing(project, trace, [trace.node("held", "until", gate=str(gate))], 1)
    took = asyncio.create_task(stop(leaving))
    workflow = (await project.workflow({"nodes": [trace.node("other")], "edges": []}))["id"]
    # It may take up some more before it has heard the signal.
    heard = [await _status_later(project, workflow) for _ in range(5)]
    gate.touch()

    assert await took < 15
    assert (await project.client.get(path)).json()["status"] == "COMPLETED"
    assert heard[-3:] == ["QUEUED"] * 3
    assert trace.lines().count("start other") == heard.count("COMPLETED")
    assert trace.lines()[-1] == "end held"


async def _status_later(project: Project, workflow: str) -> str:
    """The status of a new run after half a second, which is many times what an idle worker takes to begin it."""
    run = f"{project.runs}/{(await project.run(workflow, execute=True))['id']}"
    over = time.monotonic() + 0.5
    await until(lambda: _passed(over))
    status: str = (await project.client.get(run)).json()["status"]
    return status


@pytest.fixture
def mortal() -> Iterator[TestServer]:
    """A database that may be stopped."""
    server = TestServer.start()
    yield server
    server.stop()


@pytest.mark.spec("QUEUE-22")
async def test_a_worker_ends_in_time_while_the_database_is_away(
    mortal: TestServer, tmp_path: Path, trace: Trace
) -> None:
    await make_template(mortal.url)
    site = Site(tmp_path, await clone(mortal.url, "mortal"))
    try:
        leaving = await site.server()
        async with httpx.AsyncClient(base_url=leaving.api, timeout=30) as client:
            project = await Project.make(client)
            path = await executing(project, trace, [trace.node("held", "hold")], 1)
        await asyncio.to_thread(mortal.halt, "immediate")
        assert await stop(leaving) < IN_TIME
        await asyncio.to_thread(mortal.launch)
        other = await site.server()
        async with httpx.AsyncClient(base_url=other.api, timeout=30) as client:
            await until(lambda: _count(trace, "start held", 2))
            assert (await client.post(f"{path}/cancel")).status_code == 202
            await check_log(client, path)
    finally:
        site.end()


def _seconds(event: dict[str, Any]) -> float:
    minutes, seconds = event["at"].rstrip("Z").split(":")[1:]
    return float(minutes) * 60 + float(seconds.split("+")[0])


async def _runs_node(project: Project, path: str, name: str) -> bool:
    found = (await project.client.get(f"{path}/nodes/{name}")).json()["items"]
    return bool(found and found[-1]["status"] == "RUNNING")


async def _passed(moment: float) -> bool:
    return time.monotonic() > moment


async def _lines(trace: Trace, count: int) -> bool:
    return len(trace.lines()) >= count


async def _count(trace: Trace, line: str, count: int) -> bool:
    return trace.lines().count(line) >= count
