import asyncio
import time
from datetime import datetime
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from app.config import Settings
from app.db import Database
from app.services import transitions
from tests.retention.keeping import age, finished, prune_now, rows_of
from tests.support import DOUBLE, Project, ended, until, waiting, waits_for_a_lock
from tests.worker.conftest import Trace
from tests.worker.runs import graph, in_status, started, transform

THREAD = {"checkpoints", "checkpoint_blobs", "checkpoint_writes"}
MAP = graph(
    [
        {
            "id": "each",
            "type": "map",
            "config": {
                "items": "{{ [1, 2, 3] }}",
                "node": {"type": "transform", "config": {"value": "{{ item * 2 }}"}},
            },
        }
    ]
)


@pytest.mark.spec("KEEP-1")
async def test_only_the_checkpoints_of_runs_that_ended_long_ago_go(
    server_project: Project, database: Database, settings: Settings
) -> None:
    old, new = [await finished(server_project, DOUBLE, {"n": 1}) for _ in range(2)]
    live = await started(server_project, graph([transform("a", 1), *waiting()["nodes"]], ("a", "wait")))
    await in_status(server_project.client, live, "WAITING")
    before = await rows_of(database, old)
    async with database.pool.connection() as connection:
        await connection.execute(
            """insert into checkpoints (thread_id, checkpoint_ns, checkpoint_id, checkpoint)
               values ('0', '', '1', '{}'), ('00000000-0000-4000-8000-000000000000', '', '1', '{}')"""
        )

    runs = (await server_project.client.get(server_project.runs, params={"status": "COMPLETED"})).json()["items"]
    between = sum(datetime.fromisoformat(run["finished_at"]).timestamp() for run in runs) / 2
    deleted = await prune_now(database, settings, keep_checkpoints_seconds=time.time() - between)

    assert set(deleted) == THREAD
    assert set(before) >= THREAD
    assert await rows_of(database, old) == {name: count for name, count in before.items() if name not in THREAD}
    assert set(await rows_of(database, new)) >= THREAD
    assert set(await rows_of(database, live.rsplit("/", 1)[1])) >= THREAD
    assert set(await rows_of(database, "00000000-0000-4000-8000-000000000000")) == {"checkpoints"}


@pytest.mark.spec("KEEP-2")
async def test_a_failed_run_without_checkpoints_is_retried(
    server_project: Project, database: Database, settings: Settings, trace: Trace, tmp_path: Path
) -> None:
    client, gate = server_project.client, tmp_path / "gate"
    nodes = [trace.node("first"), trace.node("second", "fail_unless", gate=str(gate))]
    run = await finished(server_project, graph(nodes, ("first", "second")))
    deleted = await prune_now(database, settings, keep_checkpoints_seconds=0)
    assert set(deleted) == THREAD
    gate.touch()

    await client.post(f"{server_project.runs}/{run}/retry")

    done = await ended(client, f"{server_project.runs}/{run}")
    assert (done["status"], trace.lines().count("start first")) == ("COMPLETED", 1)


@pytest.mark.spec("KEEP-3")
async def test_with_a_project_the_threads_of_its_runs_go(server_project: Project, database: Database) -> None:
    run = await finished(server_project, DOUBLE, {"n": 1})
    other = await Project.make(server_project.client)
    kept = await finished(other, DOUBLE, {"n": 1})

    assert (await server_project.client.delete(f"/projects/{server_project.id}")).status_code == 204

    assert await rows_of(database, run) == {}
    assert set(await rows_of(database, kept)) >= THREAD


@pytest.mark.spec("RUN-93")
async def test_with_a_project_a_run_goes_that_is_made_at_that_moment(project: Project, database: Database) -> None:
    workflow = await project.workflow(DOUBLE)
    async with database.pool.connection() as connection:
        async with connection.transaction():
            making = {"project_id": UUID(project.id), "workflow_id": UUID(workflow["id"]), "version": 1}
            made = await transitions.create(connection, **making, input_data={"n": 1}, metadata={})
            deleting = asyncio.create_task(project.client.delete(f"/projects/{project.id}"))
            await until(lambda: waits_for_a_lock(database))
        assert (await deleting).status_code == 204

    assert await rows_of(database, str(made.run_id)) == {}


@pytest.mark.spec("KEEP-4")
async def test_old_runs_go_with_all_that_is_theirs(
    server_project: Project, database: Database, settings: Settings
) -> None:
    old, new = [await finished(server_project, MAP) for _ in range(2)]
    live = await started(server_project, waiting())
    await in_status(server_project.client, live, "WAITING")
    await age(database, 31, [old])
    before = await rows_of(database, old)
    assert set(before) == {"runs", "run_events", "node_states", "map_items", *THREAD}
    kept = await rows_of(database, new)

    deleted = await prune_now(database, settings, keep_runs_days=30)

    assert deleted == before
    assert await rows_of(database, old) == {}
    assert await rows_of(database, new) == kept
    assert (await server_project.client.get(live)).json()["status"] == "WAITING"
    assert (await server_project.client.get(f"{server_project.runs}/{old}")).status_code == 404


@pytest.mark.spec("KEEP-5")
async def test_child_runs_go_with_their_parent_and_not_before(
    server_project: Project, database: Database, settings: Settings
) -> None:
    client = server_project.client
    child = await server_project.workflow(DOUBLE, "Double")
    call = {"id": "call", "type": "subworkflow", "config": {"workflow": child["id"], "input": {"n": 2}}}
    path = await started(server_project, graph([call, *waiting()["nodes"]], ("call", "wait")))
    parent = path.rsplit("/", 1)[1]
    await in_status(client, path, "WAITING")

    async def done() -> str | None:
        runs = (await client.get(server_project.runs, params={"parent_run_id": parent})).json()["items"]
        return next((run["id"] for run in runs if run["status"] == "COMPLETED"), None)

    inner = await until(done)
    await age(database, 40)
    assert await prune_now(database, settings, keep_runs_days=30) == {}
    await client.post(f"{path}/cancel")
    await age(database, 20)
    assert await prune_now(database, settings, keep_runs_days=30) == {}, "the parent has not been over for so long"
    await age(database, 20, [parent])
    await age(database, -50, [inner])
    assert await prune_now(database, settings, keep_runs_days=30) == {}, "the child has not been over for so long"
    await age(database, 50, [inner])

    deleted = await prune_now(database, settings, keep_runs_days=30)

    assert deleted["runs"] == 2
    assert (await rows_of(database, parent), await rows_of(database, inner)) == ({}, {})


@pytest.mark.spec("KEEP-6")
async def test_old_events_go_and_the_run_stays(server_project: Project, database: Database, settings: Settings) -> None:
    client = server_project.client
    old, new = [await finished(server_project, DOUBLE, {"n": 1}) for _ in range(2)]
    await age(database, 8, [old])
    path = f"{server_project.runs}/{old}"
    before = [(await client.get(path + part)).json() for part in ("", "/nodes", "/result")]
    rows = await rows_of(database, old)
    kept = await rows_of(database, new)

    deleted = await prune_now(database, settings, keep_events_days=7)

    assert deleted == {"run_events": rows["run_events"]}
    assert [(await client.get(path + part)).json() for part in ("", "/nodes", "/result")] == before
    assert await rows_of(database, new) == kept
    await age(database, 7.01, [new])
    assert await prune_now(database, settings, keep_events_days=7) == {"run_events": kept["run_events"]}


@pytest.mark.spec("KEEP-7")
@pytest.mark.parametrize(
    ("server_says", "own", "left"), [(None, 5, 0), (5, "forever", 1), (5, 30, 1), (5, None, 0), (None, None, 1)]
)
async def test_what_a_project_says_counts_before_the_server(
    server_project: Project,
    database: Database,
    settings: Settings,
    *,
    server_says: float | None,
    own: float | str | None,
    left: int,
) -> None:
    client, place = server_project.client, f"/projects/{server_project.id}"
    run = await finished(server_project, DOUBLE, {"n": 1})
    await age(database, 10)
    changed = await client.patch(place, json={"keep_runs_days": own, "keep_events_days": "forever"})
    assert (changed.status_code, changed.json()["keep_runs_days"]) == (200, own)
    assert (await client.get(place)).json()["keep_events_days"] == "forever"

    await prune_now(database, settings, keep_runs_days=server_says, keep_events_days=1)

    assert (await rows_of(database, run)).get("runs", 0) == left
    refused = await client.patch(place, json={"keep_runs_days": -1})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"][:15]) == (422, "/keep_runs_days")


@pytest.mark.spec("KEEP-8")
async def test_old_idempotency_keys_and_jobs_that_nobody_knows_go(
    app: object, client: httpx.AsyncClient, project: Project, database: Database, settings: Settings
) -> None:
    workflow = await project.workflow(DOUBLE)
    queued = await project.run(workflow["id"], {"n": 1}, execute=True)
    body = {"workflow_id": workflow["id"], "input_data": {"n": 1}}
    for key in ("old", "new"):
        await client.post(project.runs, json=body, headers={"Idempotency-Key": key})
    async with database.pool.connection() as connection:
        await connection.execute("update idempotency_keys set created_at = now() - interval '2 days' where key = 'old'")
        await connection.execute(
            """insert into procrastinate_jobs (queue_name, task_name, status, args)
               values ('default', 'run.execute', 'failed', '{}'),
                      ('default', 'run.execute', 'doing', '{"run_id": "00000000-0000-7000-8000-000000000000"}')"""
        )
        await connection.execute("update procrastinate_events set at = now() - interval '1 hour'")

    deleted = await prune_now(database, settings, keep_idempotency_seconds=86_400)

    assert deleted == {"idempotency_keys": 1, "procrastinate_jobs": 2}
    async with database.pool.connection() as connection:
        cursor = await connection.execute("select args ->> 'run_id' as run from procrastinate_jobs")
        assert [row["run"] for row in await cursor.fetchall()] == [queued["id"]]
    again = await client.post(project.runs, json=body, headers={"Idempotency-Key": "new"})
    assert again.status_code == 201


@pytest.mark.spec("KEEP-9")
async def test_a_fork_outlives_the_run_it_was_made_from(
    server_project: Project, database: Database, settings: Settings
) -> None:
    client = server_project.client
    old = await finished(server_project, DOUBLE, {"n": 4})
    fork = (await client.post(f"{server_project.runs}/{old}/fork", json={"from_node": "end"})).json()["id"]
    await age(database, 31, [old])
    assert (await prune_now(database, settings, keep_runs_days=30))["runs"] == 1

    await client.post(f"{server_project.runs}/{fork}/execute")

    done = await ended(client, f"{server_project.runs}/{fork}")
    assert (done["status"], done["result"], done["forked_from"]) == ("COMPLETED", 8, old)


@pytest.mark.spec("KEEP-14")
async def test_a_run_that_somebody_holds_is_left_for_the_next_pass(
    server_project: Project, database: Database, settings: Settings
) -> None:
    held, free = [await finished(server_project, DOUBLE, {"n": 1}) for _ in range(2)]
    await age(database, 31)
    async with database.pool.connection() as connection, connection.transaction():
        await connection.execute("select 1 from runs where id = %s for update", (UUID(held),))
        async with asyncio.timeout(5):
            await prune_now(database, settings, keep_events_days=7, keep_checkpoints_seconds=0)
            assert "run_events" not in await rows_of(database, free)
            assert (await prune_now(database, settings, keep_runs_days=30))["runs"] == 1
    assert set(await rows_of(database, held)) >= {"runs", "run_events", *THREAD}
    assert await rows_of(database, free) == {}

    await prune_now(database, settings, keep_events_days=7)
    assert "run_events" not in await rows_of(database, held)
    assert (await prune_now(database, settings, keep_runs_days=30))["runs"] == 1
