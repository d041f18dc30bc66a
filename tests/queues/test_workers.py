"""Who works, on what, and how long a silent worker is waited for."""

import asyncio
import signal
from pathlib import Path

import pytest
from fastapi import FastAPI

from app.config import Settings
from app.ids import new_id
from app.main import create_app
from app.services import restarts, transitions
from app.services.transitions import Parent
from app.worker.forsaken import Forsaken
from app.worker.heartbeat import lock_key
from app.worker.sweeper import Sweeper
from tests.support import Project, WorkerProcess, client_of, running, settings_for, until
from tests.worker.bench import Bench
from tests.worker.conftest import FAST, Trace


@pytest.mark.spec("QUEUE-12")
async def test_workers_and_queues_are_told_by_all_who_are_asked(
    server_project: Project, trace: Trace, settings: Settings
) -> None:
    client = server_project.client
    workflow = (await server_project.workflow({"nodes": [trace.node("n", "hold")], "edges": []}))["id"]
    runs = [await server_project.run(workflow, execute=True) for _ in range(3)]
    key = (await client.post(f"/projects/{server_project.id}/keys", json={"name": "k", "role": "viewer"})).json()
    viewer = {"Authorization": f"Bearer {key['secret']}"}

    async def busy() -> dict | None:
        (one,) = (await client.get("/workers", headers=viewer)).json()["items"]
        return one if one["running"] == 3 else None

    one = await until(busy)
    assert (one["state"], one["queues"], one["concurrency"]) == ("alive", ["default"], settings.concurrency)
    assert one["started_at"] <= one["heartbeat_at"]
    stats = (await client.get("/stats")).json()
    assert stats["workers"]["alive"] == 1
    assert stats["workers"]["list"][0]["id"] == one["id"]
    (queue,) = [found for found in stats["queues"] if found["name"] == "default"]
    assert (queue["depth"], queue["running"], queue["workers"]) == (0, 3, 1)
    assert stats["held"] == 0
    text = (await client.get(str(client.base_url).removesuffix("/api/v1/") + "/metrics")).text
    assert "graphwright_workers_alive 1" in text
    assert "graphwright_workers_running 3" in text
    assert "graphwright_runs_held 0" in text
    for run in runs:
        await client.post(f"{server_project.runs}/{run['id']}/cancel")


@pytest.mark.spec("QUEUE-12")
async def test_a_worker_that_says_nothing_is_silent(database_url: str, tmp_path: Path) -> None:
    async with running(create_app(settings_for(database_url, tmp_path), worker=False)) as app, client_of(app) as client:
        await _a_silent_worker(app)
        (one,) = (await client.get("/workers")).json()["items"]
        assert (one["state"], one["queues"], one["hostname"]) == ("silent", ["gpu"], "there")
        assert (await client.get("/stats")).json()["workers"]["alive"] == 0


async def _a_silent_worker(app: FastAPI) -> None:
    async with app.state.server.database.pool.connection() as connection:
        await connection.execute(
            """insert into workers (id, hostname, pid, queues, concurrency, started_at, heartbeat_at, lost_seconds)
               values (%s, 'there', 7, '{gpu}', 2, now(), now() - interval '40 seconds', 30)""",
            (new_id(),),
        )


@pytest.mark.spec("QUEUE-13")
async def test_a_silent_worker_is_waited_for_as_long_as_its_row_says(bench: Bench) -> None:
    patient, hasty = await bench.claimed(), await bench.claimed()
    sweeper = Sweeper(bench.database, bench.queue, bench.wakeups, heartbeat_seconds=0.01)
    for run, seconds in ((patient, 120), (hasty, 0.05)):
        await bench.rows(
            f"""insert into workers (id, hostname, pid, queues, concurrency, started_at, heartbeat_at, lost_seconds)
                select worker_id, 'here', 1, '{{}}', 1, now(), now() - interval '60 seconds', {seconds}
                from runs where id = %s returning id""",
            run.run_id,
        )
    # Both still hold their lock, so that only silence tells.
    async with bench.database.pool.connection() as connection, connection.transaction():
        for worker in await (await connection.execute("select id from workers")).fetchall():
            await connection.execute("select pg_advisory_xact_lock(%s)", (lock_key(worker["id"]),))
        moved = await sweeper.sweep()
    assert [one.run_id for one in moved] == [hasty.run_id]


@pytest.mark.spec("QUEUE-13")
async def test_of_several_queues_the_longest_silence_counts(database_url: str, tmp_path: Path, bench: Bench) -> None:
    environment = {**FAST, "GRAPHWRIGHT_QUEUE_LOST_SECONDS": '{"gpu": 120, "slow": 300}'}
    worker = WorkerProcess(tmp_path, database_url, "default,gpu", environment).start()
    try:
        (row,) = await until(lambda: _workers(bench), seconds=60)
    finally:
        await asyncio.to_thread(worker.signal, signal.SIGTERM)
    assert (row["queues"], row["lost_seconds"]) == (["default", "gpu"], 120)


@pytest.mark.spec("QUEUE-3")
async def test_a_run_of_a_command_goes_to_no_server_and_ends_with_its_command(bench: Bench) -> None:
    parent = await bench.queued(queue="local-1")
    child = await bench.queued(Parent(parent, "a", 0, [], 1), queue="local-1")
    await bench.rows("delete from procrastinate_jobs where id <> %s returning id", -1)
    sweeper = Sweeper(bench.database, bench.queue, bench.wakeups, heartbeat_seconds=5)
    assert len(await sweeper.sweep()) == 2
    queues = await bench.rows("select queue_name from procrastinate_jobs where id <> %s", -1)
    assert [row["queue_name"] for row in queues] == ["local-1", "local-1"]

    await bench.rows(
        """insert into workers (id, hostname, pid, queues, concurrency, started_at, heartbeat_at)
           values (%s, 'here', 1, '{local-1}', 1, now(), now()) returning id""",
        new_id(),
    )
    forsaken = Forsaken(bench.database.pool, bench.queue, bench.wakeups, silence=0)
    assert await forsaken.look() == []
    await bench.rows("delete from workers where id <> %s returning id", new_id())
    patient = Forsaken(bench.database.pool, bench.queue, bench.wakeups)
    assert await patient.look() == await patient.look() == []
    assert {moved.run_id for moved in await forsaken.look()} == {parent, child}
    (row,) = await bench.rows("select status, reason from runs where id = %s", parent)
    assert (row["status"], row["reason"]["code"]) == ("CANCELLED", "command_ended")


@pytest.mark.spec("QUEUE-60")
async def test_a_run_of_a_command_that_has_ended_is_retried_where_servers_work_with_its_children(bench: Bench) -> None:
    parent = await bench.queued(queue="local-1")
    await bench.queued(Parent(parent, "a", 0, [], 1), queue="local-1")
    async with bench.database.pool.connection() as connection, connection.transaction():
        await transitions.cancel(connection, bench.queue, bench.project, parent)
        await restarts.retry(connection, bench.queue, bench.project, parent)
    runs = await bench.rows("select status, queue from runs where id <> %s", new_id())
    assert [(run["status"], run["queue"]) for run in runs] == [("QUEUED", "default")] * 2
    queues = await bench.rows("select queue_name from procrastinate_jobs where id <> %s", -1)
    assert [row["queue_name"] for row in queues] == ["default", "default"]


async def _workers(bench: Bench) -> list[dict]:
    return await bench.rows("select * from workers where id <> %s", new_id())
