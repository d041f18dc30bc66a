"""What docs/promises.md says and no other page holds."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest

from app.db import Database
from app.ids import new_id
from app.worker.sweeper import Sweeper
from tests.support import ROOT, Project, ServerProcess, ended, until
from tests.worker.bench import Bench
from tests.worker.conftest import FAST, check_log
from tests.worker.runs import in_status, started

COUNT = 25
WITHIN_SECONDS = 10
"""A few heartbeats of 0.2 s, on a machine that has other things to do."""


def drawing() -> dict[str, Any]:
    """A chain in which each node adds a draw to those of the node before."""
    nodes = [
        {
            "id": f"n{place}",
            "type": "tool",
            "config": {
                "tool": "promises.draw",
                "args": {"before": f"{{{{ n{place - 1}.output }}}}" if place else []},
            },
        }
        for place in range(COUNT)
    ]
    return {"nodes": nodes, "edges": [{"source": f"n{n}", "target": f"n{n + 1}"} for n in range(COUNT - 1)]}


@pytest.mark.spec("PROM-1")
async def test_a_committed_output_stays_whatever_is_killed(process: ServerProcess, client: httpx.AsyncClient) -> None:
    project = await Project.make(client)
    path = await started(project, drawing())
    seen: dict[str, Any] = {}
    for kill in range(2):

        async def gone_on(kill: int = kill) -> bool:
            items = (await client.get(f"{path}/nodes", params={"limit": 200})).json()["items"]
            seen.update({item["node_id"]: item["output"] for item in items if item["status"] == "COMPLETED"})
            return len(seen) > 6 * (kill + 1)

        await until(gone_on, seconds=30)
        process.kill()
        await process.start()

    assert (await ended(client, path, seconds=30))["status"] == "COMPLETED"
    events = await check_log(client, path)
    items = (await client.get(f"{path}/nodes", params={"limit": 200})).json()["items"]
    rows = {item["node_id"]: item["output"] for item in items}
    told = [(e["node_id"], e["data"]["output"]) for e in events if e["type"] == "workflow.node.completed"]
    assert len(seen) > 12
    assert {node: rows[node] for node in seen} == seen
    assert len(told) == COUNT
    assert dict(told) == rows
    assert [rows[f"n{place}"] for place in range(COUNT)] == [rows[f"n{COUNT - 1}"][: n + 1] for n in range(COUNT)]


@pytest.fixture
async def workers(database_url: str, tmp_path: Path) -> AsyncIterator[list[subprocess.Popen[bytes]]]:
    environment = {**os.environ, **FAST, "DATABASE_URL": database_url, "GRAPHWRIGHT_HOME": str(tmp_path / "workers")}
    command = [sys.executable, "-m", "app.cli", "worker"]
    processes = [subprocess.Popen(command, cwd=ROOT, env=environment) for _ in range(2)]
    yield processes
    for one in processes:
        with suppress(ProcessLookupError):
            one.kill()
        one.wait(30)


@pytest.mark.spec("PROM-2")
async def test_the_runs_of_a_killed_worker_are_soon_with_another_one_and_say_so(
    database_url: str, workers: list[subprocess.Popen[bytes]], tmp_path: Path
) -> None:
    api = ServerProcess(tmp_path, database_url, FAST)
    await api.start("--no-worker")
    try:
        async with httpx.AsyncClient(base_url=api.api, timeout=30) as client:

            async def both() -> bool:
                return len((await client.get("/workers")).json()["items"]) == len(workers)

            await until(both, seconds=60)
            project = await Project.make(client)
            path = await started(project, _waits(40))
            await in_status(client, path, "RUNNING")
            victim = await _pid_of(database_url, path)
            killed = datetime.now(UTC)
            os.kill(victim, signal.SIGKILL)

            async def taken_up() -> list[dict[str, Any]]:
                page = await client.get(f"{path}/events", params={"limit": 200}, headers={"Accept": "application/json"})
                return [e for e in page.json()["items"] if (e["data"].get("reason") or {}).get("code") == "worker_lost"]

            [told] = await until(taken_up)
            run = await in_status(client, path, "RUNNING")
            await client.post(f"{path}/cancel")
    finally:
        api.kill()
    assert told["data"]["attempt"] == run["attempt"] == 2
    assert (datetime.fromisoformat(told["at"]) - killed).total_seconds() < WITHIN_SECONDS


def _waits(count: int) -> dict[str, Any]:
    nodes = [{"id": f"n{n}", "type": "delay", "config": {"seconds": 0.45}} for n in range(count)]
    return {"nodes": nodes, "edges": [{"source": f"n{n}", "target": f"n{n + 1}"} for n in range(count - 1)]}


async def _pid_of(database_url: str, path: str) -> int:
    async with await psycopg.AsyncConnection.connect(database_url) as connection:
        cursor = await connection.execute(
            "select pid from workers where id = (select worker_id from runs where id = %s)",
            (path.rpartition("/")[2],),
        )
        row = await cursor.fetchone()
    assert row is not None
    return int(row[0])


async def _silent_worker(bench: Bench) -> UUID:
    """A worker that was heard of long ago and holds no lock."""
    worker = new_id()
    async with bench.database.pool.connection() as connection:
        await connection.execute(
            """insert into workers (id, hostname, pid, queues, concurrency, started_at, heartbeat_at)
               values (%s, 'here', 1, '{default}', 1, now() - interval '1 hour', now() - interval '1 hour')""",
            (worker,),
        )
    return worker


async def _known(bench: Bench, worker: UUID) -> bool:
    return bool(await bench.rows("select 1 from workers where id = %s", worker))


@pytest.mark.spec("PROM-3")
async def test_workers_get_their_time_to_come_back_after_an_outage(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweeper = Sweeper(bench.database, bench.queue, bench.wakeups, heartbeat_seconds=0.4)
    sweep, looks = sweeper.sweep, 0

    async def away_at_first() -> list[Any]:
        nonlocal looks
        looks += 1
        if looks == 1:
            raise psycopg.OperationalError("the server closed the connection unexpectedly")
        return await sweep()

    monkeypatch.setattr(sweeper, "sweep", away_at_first)
    worker = await _silent_worker(bench)
    task = asyncio.create_task(sweeper.run())
    try:
        await until(lambda: _looked(lambda: looks >= 3))
        assert await _known(bench, worker)
        await until(lambda: _gone(bench, worker))
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _looked(condition: Any) -> bool:
    return bool(condition())


async def _gone(bench: Bench, worker: UUID) -> bool:
    return not await _known(bench, worker)


@pytest.mark.spec("PROM-4")
async def test_no_connection_of_the_pools_forgets_what_it_has_committed(database: Database) -> None:
    for pool in (database.pool, database.requests):
        async with pool.connection() as connection:
            row = await (await connection.execute("show synchronous_commit")).fetchone()
            assert row == {"synchronous_commit": "on"}
            row = await (
                await connection.execute("select source from pg_settings where name = 'synchronous_commit'")
            ).fetchone()
            assert row is not None
            assert row["source"] != "session"
