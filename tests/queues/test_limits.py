"""Limits on how many runs of a project or a workflow are RUNNING at once."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from app.clock import now
from app.ids import new_id
from app.services import transitions
from app.services.claims import _CLAIM, claim
from app.services.holds import HOLD, hold_values, release
from app.services.transitions import Advance
from app.statuses import RunStatus
from tests.support import Project, ended, until
from tests.worker.bench import Bench
from tests.worker.conftest import Trace, check_log


def most_at_once(lines: list[str]) -> int:
    """How many of the traced nodes worked at once at most."""
    most = now = 0
    for line in lines:
        now += 1 if line.startswith("start") else -1
        most = max(most, now)
    return most


async def limit(project: Project, most: int | None, workflow: str | None = None) -> None:
    path = f"/projects/{project.id}" if workflow is None else f"{project.workflows}/{workflow}"
    answer = await project.client.patch(path, json={"max_running": most})
    assert answer.status_code == 200, answer.text
    assert answer.json()["max_running"] == most


async def all_ended(project: Project, runs: list[dict], *, seconds: float = 60) -> list[dict]:
    return [await ended(project.client, f"{project.runs}/{run['id']}", seconds=seconds) for run in runs]


@pytest.mark.spec("QUEUE-4")
@pytest.mark.parametrize("of", ["project", "workflow"])
async def test_no_more_runs_run_at_once_than_may(server_project: Project, trace: Trace, of: str) -> None:
    workflow = (await server_project.workflow({"nodes": [trace.node("n", seconds=0.1)], "edges": []}))["id"]
    await limit(server_project, 2, workflow if of == "workflow" else None)

    runs = [await server_project.run(workflow, execute=True) for _ in range(12)]
    done = await all_ended(server_project, runs)

    assert {run["status"] for run in done} == {"COMPLETED"}
    assert most_at_once(trace.lines()) == 2
    for run in done:
        await check_log(server_project.client, f"{server_project.runs}/{run['id']}")


@pytest.mark.spec("QUEUE-4")
async def test_the_limit_of_a_workflow_holds_no_other_workflow_up(server_project: Project, trace: Trace) -> None:
    slow = (await server_project.workflow({"nodes": [trace.node("slow", "hold")], "edges": []}))["id"]
    quick = (await server_project.workflow({"nodes": [trace.node("quick")], "edges": []}))["id"]
    await limit(server_project, 1, slow)
    runs = [await server_project.run(slow, execute=True) for _ in range(5)]

    (done,) = await all_ended(server_project, [await server_project.run(quick, execute=True)])

    assert done["status"] == "COMPLETED"
    for run in runs:
        await server_project.client.post(f"{server_project.runs}/{run['id']}/cancel")


@pytest.mark.spec("QUEUE-5")
async def test_a_run_that_is_held_says_why_and_can_be_cancelled_and_retried(
    server_project: Project, trace: Trace
) -> None:
    workflow = (await server_project.workflow({"nodes": [trace.node("n", "hold")], "edges": []}))["id"]
    await limit(server_project, 1)
    first, second, third = [await server_project.run(workflow, execute=True) for _ in range(3)]
    paths = [f"{server_project.runs}/{run['id']}" for run in (first, second, third)]
    client = server_project.client
    await until(lambda: _has(client, paths[0], "RUNNING"))

    held = (await client.get(paths[1])).json()
    assert (held["status"], held["reason"]["code"]) == ("QUEUED", "concurrency_limit")
    assert (await client.get("/stats")).json()["held"] == 2

    assert (await client.post(f"{paths[1]}/cancel")).json()["status"] == "CANCELLED"
    again = (await client.post(f"{paths[1]}/retry")).json()
    assert (again["status"], again["reason"]["code"]) == ("QUEUED", "concurrency_limit")
    assert (await client.post(f"{paths[1]}/fork")).status_code == 201
    await client.post(f"{paths[0]}/cancel")
    # By age: the retry has not made the second one younger than the third.
    await until(lambda: _has(client, paths[1], "RUNNING"))
    assert (await client.get(paths[2])).json()["status"] == "QUEUED"
    for path in paths[1:]:
        await client.post(f"{path}/cancel")
        await check_log(client, path)


@pytest.mark.spec("QUEUE-6")
async def test_runs_whose_time_has_come_keep_to_the_limit(server_project: Project, trace: Trace) -> None:
    nodes = [{"id": "wait", "type": "delay", "config": {"seconds": 0.7}}, trace.node("n", seconds=0.1)]
    graph = {"nodes": nodes, "edges": [{"source": "wait", "target": "n"}]}
    workflow = (await server_project.workflow(graph))["id"]
    runs = [await server_project.run(workflow, execute=True) for _ in range(6)]
    await limit(server_project, 1)

    done = await all_ended(server_project, runs)

    assert {run["status"] for run in done} == {"COMPLETED"}
    assert most_at_once(trace.lines()) == 1
    for run in done:
        await check_log(server_project.client, f"{server_project.runs}/{run['id']}")


@pytest.mark.spec("QUEUE-6")
async def test_a_run_that_goes_on_by_itself_keeps_to_the_limit(server_project: Project, trace: Trace) -> None:
    gate = trace.path.with_name("gate")
    failing = trace.node("n", "flaky_unless", gate=str(gate))
    graph = {"nodes": [failing], "edges": [], "settings": {"resume": {"max_attempts": 3, "after": 0.2}}}
    flaky = (await server_project.workflow(graph))["id"]
    holding = (await server_project.workflow({"nodes": [trace.node("h", "hold")], "edges": []}))["id"]
    client = server_project.client
    run = await server_project.run(flaky, execute=True)
    path = f"{server_project.runs}/{run['id']}"
    await until(lambda: _has(client, path, "RETRYING"))
    await limit(server_project, 1)
    other = f"{server_project.runs}/{(await server_project.run(holding, execute=True))['id']}"
    gate.touch()

    held = await until(lambda: _has(client, path, "QUEUED"))
    assert held["reason"]["code"] == "concurrency_limit"
    await client.post(f"{other}/cancel")
    done = await ended(client, path)

    assert done["status"] == "COMPLETED"
    await check_log(client, path)


@pytest.mark.spec("QUEUE-7")
async def test_a_parent_makes_room_for_its_child_where_only_one_may_run(server_project: Project) -> None:
    inner = {"nodes": [{"id": "a", "type": "transform", "config": {"value": 7}}], "edges": []}
    inner["nodes"].append({"id": "out", "type": "output", "config": {"value": "{{ a.output }}"}})
    inner["edges"] = [{"source": "a", "target": "out"}]
    child = (await server_project.workflow(inner, "inner"))["id"]
    items = {"id": "m", "type": "map", "config": {"items": "{{ [1, 2, 3] }}", "workflow": child}}
    parent = (await server_project.workflow({"nodes": [items], "edges": []}, "outer"))["id"]
    await limit(server_project, 1)

    (done,) = await all_ended(server_project, [await server_project.run(parent, execute=True)], seconds=30)

    assert done["status"] == "COMPLETED", done["error"]
    await check_log(server_project.client, f"{server_project.runs}/{done['id']}")


@pytest.mark.spec("QUEUE-8")
async def test_a_raised_limit_lets_held_runs_go(server_project: Project, trace: Trace) -> None:
    workflow = (await server_project.workflow({"nodes": [trace.node("n", "hold")], "edges": []}))["id"]
    await limit(server_project, 1)
    runs = [await server_project.run(workflow, execute=True) for _ in range(4)]
    paths = [f"{server_project.runs}/{run['id']}" for run in runs]
    await until(lambda: _has(server_project.client, paths[0], "RUNNING"))

    await limit(server_project, 3)
    await until(lambda: _has(server_project.client, paths[2], "RUNNING"))
    assert (await server_project.client.get(paths[3])).json()["status"] == "QUEUED"
    await limit(server_project, None)
    await until(lambda: _has(server_project.client, paths[3], "RUNNING"))
    for path in paths:
        await server_project.client.post(f"{path}/cancel")


async def jobs(bench: Bench, count: int) -> list[tuple[UUID, int]]:
    """Queued runs with their jobs, whatever the limit says."""
    made = [await bench.queued() for _ in range(count)]
    return [(run_id, await bench.job_of(run_id)) for run_id in made]


async def set_limit(bench: Bench, most: int) -> None:
    await bench.rows(f"update projects set max_running = {most} where id = %s returning id", bench.project)


async def count(bench: Bench, where: str) -> int:
    (row,) = await bench.rows(f"select count(*) as n from runs where project_id = %s and {where}", bench.project)
    return int(row["n"])


@pytest.mark.spec("QUEUE-4")
async def test_of_many_claims_at_the_same_time_no_more_win_than_may(bench: Bench) -> None:
    waiting = await jobs(bench, 30)
    await set_limit(bench, 4)

    async def take(run_id: UUID, job_id: int) -> str:
        async with bench.database.pool.connection() as connection:
            row = await claim(connection, bench.queue, run_id, job_id, new_id())
        assert row is not None
        return str(row["status"])

    said = await asyncio.gather(*(take(*job) for job in waiting))

    assert said.count(RunStatus.RUNNING) == await count(bench, "status = 'RUNNING'") == 4
    assert await count(bench, "status = 'QUEUED' and held and job_id is null") == 26


@pytest.mark.spec("QUEUE-4")
async def test_a_run_that_waited_for_room_begins_after_the_end_that_made_it(bench: Bench) -> None:
    ((run_id, job_id),) = await jobs(bench, 1)
    await set_limit(bench, 1)
    async with bench.database.pool.connection() as other, bench.database.pool.connection() as connection:
        async with other.transaction():
            await other.execute("select id from projects where id = %s for update", (bench.project,))
            taking = asyncio.create_task(claim(connection, bench.queue, run_id, job_id, new_id()))
            await until(lambda: _is_waiting(bench, connection.info.backend_pid))
            released = now()
        row = await taking

    assert row is not None
    assert row["started_at"] >= released


async def _is_waiting(bench: Bench, pid: int) -> bool:
    return bool(await bench.rows("select pid from pg_locks where pid = %s and not granted", pid))


@pytest.mark.spec("QUEUE-8")
async def test_held_runs_are_released_by_priority_then_by_age_as_many_as_there_is_room_for(bench: Bench) -> None:
    await set_limit(bench, 2)
    waiting = await jobs(bench, 2)
    held = [run_id for run_id, _ in await jobs(bench, 6)]
    await bench.rows("update runs set priority = 5 where id = %s returning id", held[4])
    assert await count(bench, "held") == 6
    for run_id, job_id in waiting:
        async with bench.database.pool.connection() as connection:
            row = await claim(connection, bench.queue, run_id, job_id, new_id())
            await transitions.advance(connection, [Advance(run_id, row["claim"], row["last_seq"], RunStatus.COMPLETED)])

    released = await asyncio.gather(*(_release(bench) for _ in range(4)))

    assert sum(released) == 2
    assert await count(bench, "held") == 4
    for run_id in (held[4], held[0]):
        (row,) = await bench.rows("select held, job_id from runs where id = %s", run_id)
        assert not row["held"]
        assert row["job_id"] is not None


@pytest.mark.spec("QUEUE-14")
@pytest.mark.parametrize("limited", [True, False])
async def test_what_has_ended_costs_nothing(bench: Bench, limited: bool) -> None:
    ((run_id, _),) = await jobs(bench, 1)
    await bench.rows(
        """insert into runs (id, project_id, workflow_id, version, status, attempt, claim, losses, last_seq, created_at)
           select gen_random_uuid(), project_id, workflow_id, 1, 'COMPLETED', 1, 1, 0, 1, now()
           from runs, generate_series(1, 5000) where runs.id = %s returning id""",
        run_id,
    )
    if limited:
        await set_limit(bench, 10)
        await bench.rows("update workflows set max_running = 10 where id = %s returning id", bench.workflow)
    claiming = {"job": -1, "worker": new_id(), "now": now(), "event": new_id(), "locked": True, "simple": False}
    for query, values in ((f"select * from {HOLD} h", hold_values(bench.queue, run_id)), (_CLAIM, claiming)):
        async with bench.database.pool.connection() as connection:
            cursor = await connection.execute(f"explain (analyze, format json) {query}", values | {"run": run_id})
            found = await cursor.fetchone()
        assert _rows_read(found["QUERY PLAN"][0]["Plan"]) < 50


def _rows_read(plan: dict[str, Any]) -> float:
    own = (plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"]
    return float(own + sum(_rows_read(inner) for inner in plan.get("Plans", ())))


async def _release(bench: Bench) -> int:
    async with bench.database.pool.connection() as connection, connection.transaction():
        return await release(connection, bench.queue, bench.project)


async def _has(client, path: str, status: str) -> dict | None:
    run = (await client.get(path)).json()
    return run if run["status"] == status else None
