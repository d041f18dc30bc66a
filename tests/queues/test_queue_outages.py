"""Outages of the database: nobody is cut off, and all goes on as soon as it is back."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.ids import new_id
from app.services.transitions import Advance
from app.worker.custody import Custody
from tests.postgres import TestServer, clone, make_template
from tests.support import Project, ServerProcess, ended, until
from tests.worker.bench import Bench
from tests.worker.conftest import FAST, Trace, check_log

OUTAGE_SECONDS = 2.0


@pytest.fixture
def postgres_of_its_own() -> Iterator[TestServer]:
    """A server that may be stopped."""
    server = TestServer.start()
    yield server
    server.stop()


@pytest.fixture
async def mortal(postgres_of_its_own: TestServer, tmp_path: Path) -> AsyncIterator[ServerProcess]:
    """`graphwright serve` on that server."""
    await make_template(postgres_of_its_own.url)
    url = await clone(postgres_of_its_own.url, "mortal")
    process = await ServerProcess(tmp_path, url, FAST).start()
    yield process
    process.kill()


@pytest.mark.spec("QUEUE-20")
async def test_runs_go_on_at_once_when_the_database_is_back(
    postgres_of_its_own: TestServer, mortal: ServerProcess, trace: Trace, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    async with httpx.AsyncClient(base_url=mortal.api, timeout=30) as client:
        project = await Project.make(client)
        nodes = [trace.node("before"), trace.node("held", "until", gate=str(gate)), trace.node("after")]
        edges = [{"source": "before", "target": "held"}, {"source": "held", "target": "after"}]
        workflow = (await project.workflow({"nodes": nodes, "edges": edges}))["id"]
        runs = [f"{project.runs}/{(await project.run(workflow, execute=True))['id']}" for _ in range(3)]
        await until(lambda: _count(trace, "start held", 3))

        await asyncio.to_thread(postgres_of_its_own.halt, "immediate")
        over = time.monotonic() + OUTAGE_SECONDS
        await until(lambda: _is_out(client), seconds=30)
        gate.touch()
        await until(lambda: _count(trace, "end held", 3))
        await until(lambda: _passed(over))
        await asyncio.to_thread(postgres_of_its_own.launch)
        back = time.monotonic()

        done = [await ended(client, path, seconds=20) for path in runs]
        fresh = await until(lambda: _fresh(project, workflow))
        await ended(client, f"{project.runs}/{fresh}")
        lasted = time.monotonic() - back

        assert {run["status"] for run in done} == {"COMPLETED"}
        # Nothing was begun again: what was executed went on in memory.
        assert trace.lines().count("start held") == 4
        assert {run["attempt"] for run in done} == {1}
        assert lasted < 5, f"the runs went on {lasted:.1f} s after the database was back"
        for path in runs:
            await check_log(client, path)


@pytest.mark.spec("QUEUE-21")
async def test_a_run_that_nobody_executes_although_its_worker_lives_is_queued_again(bench: Bench) -> None:
    run = await bench.claimed()
    (row,) = await bench.rows("select worker_id, job_id from runs where id = %s", run.run_id)
    # As an execution leaves it that died with its connection: the job is still worked on, or so it says.
    await bench.rows("update procrastinate_jobs set status = 'doing' where id = %s returning id", row["job_id"])
    custody = Custody(bench.database.pool, bench.queue, bench.wakeups, bench.journal, row["worker_id"])

    with custody.begun(run.run_id):
        assert [await custody.look() for _ in range(3)] == [[], [], []]
    assert await custody.look() == []
    (moved,) = await custody.look()

    assert moved.run_id == run.run_id
    (after,) = await bench.rows("select status, attempt, losses, job_id from runs where id = %s", run.run_id)
    assert (after["status"], after["attempt"], after["losses"]) == ("QUEUED", 1, 0)
    assert after["job_id"] != row["job_id"]
    assert await bench.rows("select 1 from procrastinate_jobs where id = %s", row["job_id"]) == []
    # Whoever executes it all the same, writes nothing.
    assert not await bench.journal.move(run, Advance(run.run_id, run.claim, run.last_seq, None))


@pytest.mark.spec("QUEUE-21")
async def test_a_run_that_has_moved_on_is_not_missed(bench: Bench) -> None:
    run = await bench.claimed()
    (row,) = await bench.rows("select worker_id from runs where id = %s", run.run_id)
    custody = Custody(bench.database.pool, bench.queue, bench.wakeups, bench.journal, row["worker_id"])
    other = Custody(bench.database.pool, bench.queue, bench.wakeups, bench.journal, new_id())
    assert [await other.look() for _ in range(3)] == [[], [], []]
    assert await custody.look() == []
    await bench.rows("update runs set claim = claim + 1 where id = %s returning id", run.run_id)
    assert await custody.look() == []


async def _fresh(project: Project, workflow: str) -> str | None:
    """A new run, once the API takes one."""
    body = {"workflow_id": workflow}
    answer = await project.client.post(project.runs, params={"execute": "true"}, json=body)
    found: dict[str, Any] = answer.json()
    return str(found["id"]) if answer.status_code == 201 else None


async def _is_out(client: httpx.AsyncClient) -> bool:
    root = str(client.base_url).removesuffix("/api/v1/")
    return (await client.get(f"{root}/readyz")).status_code == 503


async def _passed(moment: float) -> bool:
    return time.monotonic() > moment


async def _count(trace: Trace, line: str, count: int) -> bool:
    return trace.lines().count(line) >= count
