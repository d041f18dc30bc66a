import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from fastapi import FastAPI

from app.db import Database
from app.services.run_views import RunFilter, list_runs
from app.services.work import Work, unit_of_work
from app.statuses import RunStatus
from tests.support import DOUBLE, Project


@pytest.mark.spec("API-40")
async def test_a_run_is_made_pending_pinned_to_its_version_with_its_metadata(project: Project) -> None:
    workflow = await project.workflow(DOUBLE)
    body = {"workflow_id": workflow["id"], "input_data": {"n": 1}, "metadata": {"subject": "s1", "x": [1]}}
    answer = await project.client.post(project.runs, json=body)
    assert answer.status_code == 201
    run = answer.json()
    assert (run["status"], run["version"], run["attempt"]) == ("PENDING", 1, 0)
    assert (run["input"], run["metadata"]) == ({"n": 1}, {"subject": "s1", "x": [1]})
    assert run["progress"] == {
        "total": 3, "completed": 0, "running": 0, "failed": 0, "skipped": 0, "percentage": 0.0
    }  # fmt: skip
    assert run["queued_at"] is run["started_at"] is run["finished_at"] is run["duration_ms"] is None
    graph = {
        "nodes": [*DOUBLE["nodes"], {"id": "more", "type": "transform", "config": {"value": 1}}],
        "edges": DOUBLE["edges"],
    }
    assert (await project.client.put(f"{project.workflows}/{workflow['id']}", json={"graph": graph})).json()[
        "version"
    ] == 2
    assert (await project.client.get(f"{project.runs}/{run['id']}")).json() == run
    newest = await project.run(workflow["id"], {"n": 1})
    assert (newest["version"], newest["progress"]["total"]) == (2, 4)
    old = await project.client.post(project.runs, json={**body, "version": 1})
    assert old.json()["version"] == 1
    assert (await project.client.post(project.runs, json={**body, "version": 9})).status_code == 404


@pytest.mark.spec("API-41")
async def test_an_input_that_does_not_fit_is_refused(project: Project) -> None:
    workflow = await project.workflow(DOUBLE)
    for value in (None, 1, {}, []):
        answer = await project.client.post(project.runs, json={"workflow_id": workflow["id"], "input_data": value})
        assert answer.status_code == 422, value
        assert answer.json()["code"] == "invalid_input"
        assert answer.json()["errors"][0]["pointer"].startswith("/input_data")


@pytest.mark.spec("API-42")
async def test_execute_queues_a_pending_run_and_of_concurrent_calls_one_wins(project: Project, app: FastAPI) -> None:
    workflow = await project.workflow(DOUBLE)
    run = await project.run(workflow["id"], {"n": 1})
    path = f"{project.runs}/{run['id']}/execute"
    answers = await asyncio.gather(*(project.client.post(path) for _ in range(20)))
    assert sorted(answer.status_code for answer in answers) == [202] + [409] * 19
    won = next(answer for answer in answers if answer.status_code == 202)
    assert (won.json()["status"], won.json()["attempt"]) == ("QUEUED", 1)
    lost = next(answer for answer in answers if answer.status_code == 409)
    assert lost.json()["code"] == "not_pending"
    assert await jobs(app.state.server.database) == 1


async def jobs(database: Database) -> int:
    async with database.pool.connection() as connection:
        row = await (await connection.execute("SELECT count(*) AS n FROM procrastinate_jobs")).fetchone()
        assert row is not None
        return int(row["n"])


@pytest.mark.spec("API-43")
async def test_a_run_can_be_made_and_started_at_once(project: Project, app: FastAPI) -> None:
    workflow = await project.workflow(DOUBLE)
    run = await project.run(workflow["id"], {"n": 1}, execute=True)
    assert run["status"] == "QUEUED"
    assert await jobs(app.state.server.database) == 1


@pytest.mark.spec("API-44")
async def test_what_fails_leaves_nothing_behind(project: Project, app: FastAPI) -> None:
    workflow = await project.workflow(DOUBLE)
    run = await project.run(workflow["id"], {"n": 1})
    server = app.state.server

    async def fail_late() -> None:
        async with unit_of_work(server.database, server.wakeups) as work:
            await server.queue.defer(await work.connection(), run["id"])
            raise RuntimeError("late")

    with pytest.raises(RuntimeError, match="late"):
        await fail_late()
    assert await jobs(server.database) == 0


@pytest.mark.spec("API-45")
async def test_a_cancelled_run_and_its_nodes_are_cancelled_with_a_reason(project: Project) -> None:
    workflow = await project.workflow(DOUBLE)
    for execute in (False, True):
        run = await project.run(workflow["id"], {"n": 1}, execute=execute)
        path = f"{project.runs}/{run['id']}"
        answer = await project.client.post(f"{path}/cancel")
        assert answer.status_code == 202
        assert answer.json()["status"] == "CANCELLED"
        assert answer.json()["reason"]["code"] == "cancelled_by_user"
        nodes = (await project.client.get(f"{path}/nodes")).json()["items"]
        assert [(node["node_id"], node["status"]) for node in nodes] == [
            ("start", "CANCELLED"),
            ("double", "CANCELLED"),
            ("end", "CANCELLED"),
        ]
        again = await project.client.post(f"{path}/cancel")
        assert (again.status_code, again.json()["code"]) == (409, "cannot_cancel")
        assert (await project.client.post(f"{path}/execute")).status_code == 409


@pytest.mark.spec("API-46")
async def test_a_result_is_there_only_after_the_end(project: Project) -> None:
    workflow = await project.workflow(DOUBLE)
    run = await project.run(workflow["id"], {"n": 1})
    path = f"{project.runs}/{run['id']}"
    early = await project.client.get(f"{path}/result")
    assert (early.status_code, early.json()["code"]) == (409, "not_finished")
    await project.client.post(f"{path}/cancel")
    late = await project.client.get(f"{path}/result")
    assert late.json() == {"run_id": run["id"], "status": "CANCELLED", "result": None, "error": None}


@pytest.mark.spec("API-47")
async def test_runs_are_listed_newest_first_and_filtered(project: Project) -> None:
    first, second = [await project.workflow(DOUBLE, name=name) for name in ("a", "b")]
    made = [
        await project.run(workflow["id"], {"n": 1}, execute=execute)
        for workflow, execute in ((first, False), (first, True), (second, False), (second, True))
    ]

    async def listed(**params: str) -> list[int]:
        answer = await project.client.get(project.runs, params=params)
        assert answer.status_code == 200, answer.text
        return [[run["id"] for run in made].index(item["id"]) for item in answer.json()["items"]]

    assert await listed() == [3, 2, 1, 0]
    assert await listed(status="PENDING") == [2, 0]
    assert await listed(status="PENDING,QUEUED") == [3, 2, 1, 0]
    assert await listed(workflow_id=first["id"]) == [1, 0]
    assert await listed(workflow_id=first["id"], status="queued") == [1]
    assert await listed(created_after=made[1]["created_at"]) == [3, 2]
    assert await listed(created_before=made[1]["created_at"]) == [0]
    assert await listed(created_after=(datetime.now(UTC) + timedelta(hours=1)).isoformat()) == []
    page = (await project.client.get(project.runs, params={"limit": 3})).json()
    rest = (await project.client.get(project.runs, params={"limit": 3, "cursor": page["next_cursor"]})).json()
    assert len(page["items"]) == 3
    assert [item["id"] for item in rest["items"]] == [made[0]["id"]]
    assert rest["next_cursor"] is None
    assert page["items"][0]["workflow_name"] == "b"
    assert "input" not in page["items"][0]


@pytest.mark.spec("API-93")
@pytest.mark.parametrize("status", ["COMPLETED", "COMPLETED,FAILED", None])
async def test_a_page_of_runs_costs_the_same_however_many_there_are(
    project: Project, app: FastAPI, status: str | None
) -> None:
    workflow = await project.workflow(DOUBLE)
    run = await project.run(workflow["id"], {"n": 1})
    async with app.state.server.database.pool.connection() as connection:
        await connection.execute(
            """insert into runs (id, project_id, workflow_id, version, status, attempt, claim, losses, last_seq,
                                 created_at)
               select gen_random_uuid(), project_id, workflow_id, 1, 'COMPLETED', 1, 1, 0, 1, now()
               from runs, generate_series(1, 3000) where runs.id = %s""",
            (run["id"],),
        )
        await connection.execute(
            """insert into node_states (run_id, node_id, iteration, project_id, path, status, attempt, handled)
               select id, 'start', 0, project_id, '{}', 'COMPLETED', 1, true from runs where status = 'COMPLETED'"""
        )
        await connection.execute("analyze runs, node_states")
    wanted = RunFilter(statuses=tuple(RunStatus(name) for name in status.split(",")) if status else ())
    async with unit_of_work(app.state.server.database, app.state.server.wakeups) as work:
        # After some times the server makes a plan that does not look at the values any more.
        for _ in range(12):
            before = await rows_read(work)
            found = await list_runs(work, UUID(project.id), wanted, 10, None)
            assert len(found["items"]) == 10
            assert await rows_read(work) - before < 100


async def rows_read(work: Work) -> int:
    """How many rows of runs and their nodes this connection has read so far."""
    row = await work.first(
        """select sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::int as read from pg_stat_xact_user_tables
           where relname in ('runs', 'node_states')"""
    )
    return row["read"] if row else 0


async def add_turns(app: FastAPI, run: dict[str, str], turns: list[tuple[str, int, str]]) -> None:
    async with app.state.server.database.pool.connection() as connection:
        for node_id, iteration, status in turns:
            await connection.execute(
                """INSERT INTO node_states (run_id, node_id, iteration, project_id, path, status, attempt, handled)
                   VALUES (%s, %s, %s, %s, '{}', %s, 1, true)""",
                (run["id"], node_id, iteration, run["project_id"], status),
            )


@pytest.mark.spec("API-48")
async def test_progress_counts_every_node_once_by_its_newest_turn(project: Project, app: FastAPI) -> None:
    workflow = await project.workflow(DOUBLE)
    run = await project.run(workflow["id"], {"n": 1})
    turns = [("start", 0, "COMPLETED"), ("double", 0, "COMPLETED"), ("double", 1, "FAILED"), ("double", 2, "RUNNING")]
    await add_turns(app, run, turns)
    expected = {"total": 3, "completed": 1, "running": 1, "failed": 0, "skipped": 0, "percentage": 33.3}
    assert (await project.client.get(f"{project.runs}/{run['id']}")).json()["progress"] == expected
    assert (await project.client.get(project.runs)).json()["items"][0]["progress"] == expected


@pytest.mark.spec("API-49")
@pytest.mark.parametrize("limit", [1, 2, 3, 4, 200])
async def test_all_nodes_are_listed_in_document_order_and_by_iteration(
    project: Project, app: FastAPI, limit: int
) -> None:
    workflow = await project.workflow(DOUBLE)
    run = await project.run(workflow["id"], {"n": 1})
    await add_turns(app, run, [("double", 2, "RUNNING"), ("double", 0, "COMPLETED"), ("double", 1, "COMPLETED")])
    path = f"{project.runs}/{run['id']}/nodes"
    found: list[tuple[str, int, str]] = []
    cursor: str | None = None
    while True:
        params: dict[str, str | int] = {"limit": limit, **({"cursor": cursor} if cursor else {})}
        page = (await project.client.get(path, params=params)).json()
        assert len(page["items"]) <= limit
        found += [(node["node_id"], node["iteration"], node["status"]) for node in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert found == [
        ("start", 0, "PENDING"),
        ("double", 0, "COMPLETED"),
        ("double", 1, "COMPLETED"),
        ("double", 2, "RUNNING"),
        ("end", 0, "PENDING"),
    ]
    one = (await project.client.get(f"{path}/double")).json()
    assert [node["iteration"] for node in one["items"]] == [0, 1, 2]
    assert (await project.client.get(f"{path}/nobody")).status_code == 404


@pytest.mark.spec("API-50")
async def test_only_failed_and_cancelled_runs_are_retried(project: Project) -> None:
    workflow = await project.workflow(DOUBLE)
    run = await project.run(workflow["id"], {"n": 1})
    path = f"{project.runs}/{run['id']}"
    early = await project.client.post(f"{path}/retry")
    assert (early.status_code, early.json()["code"]) == (409, "cannot_retry")
    await project.client.post(f"{path}/cancel")
    assert (await project.client.post(f"{path}/retry", json={"from_node": "nobody"})).status_code == 422
    assert (await project.client.post(f"{path}/retry", json={"version": 7})).status_code == 404
    answer = await project.client.post(f"{path}/retry")
    assert answer.status_code == 202, answer.text
    assert (answer.json()["status"], answer.json()["reason"]) == ("QUEUED", None)
    assert (await project.client.post(f"{path}/retry")).status_code == 409


@pytest.mark.spec("API-51")
async def test_a_retry_runs_again_what_is_named_and_what_is_behind_it(project: Project, app: FastAPI) -> None:
    workflow = await project.workflow(DOUBLE)
    run = await project.run(workflow["id"], {"n": 1})
    done = [("start", 0, "COMPLETED"), ("double", 0, "COMPLETED"), ("end", 0, "COMPLETED")]
    await add_turns(app, run, done[:2])
    path = f"{project.runs}/{run['id']}"
    await project.client.post(f"{path}/cancel")
    answer = await project.client.post(f"{path}/retry", json={"from_node": "double"})
    assert answer.status_code == 202
    assert answer.json()["progress"]["completed"] == 1


@pytest.mark.spec("API-52")
async def test_a_retry_on_a_newer_version_keeps_what_has_not_changed(project: Project, app: FastAPI) -> None:
    workflow = await project.workflow(DOUBLE)
    run = await project.run(workflow["id"], {"n": 1})
    await add_turns(app, run, [("start", 0, "COMPLETED"), ("double", 0, "COMPLETED")])
    path = f"{project.runs}/{run['id']}"
    await project.client.post(f"{path}/cancel")
    nodes = [*DOUBLE["nodes"][:2], {"id": "end", "type": "output", "config": {"value": "{{ double.output + 1 }}"}}]
    put = await project.client.put(
        f"{project.workflows}/{workflow['id']}", json={"graph": {"nodes": nodes, "edges": DOUBLE["edges"]}}
    )
    assert put.json()["version"] == 2
    answer = await project.client.post(f"{path}/retry", json={"version": 2})
    assert answer.status_code == 202, answer.text
    assert (answer.json()["version"], answer.json()["progress"]["completed"]) == (2, 2)
