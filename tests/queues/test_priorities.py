"""Priorities of runs, and the queues that they stay with."""

from pathlib import Path

import pytest

from app.ids import new_id
from tests.support import DOUBLE, Project, ended, until
from tests.worker.conftest import Trace


@pytest.mark.spec("QUEUE-1")
@pytest.mark.parametrize("concurrency", [1])
async def test_runs_of_a_higher_priority_are_taken_up_first(
    server_project: Project, trace: Trace, concurrency: int, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    held = (await server_project.workflow({"nodes": [trace.node("held", "until", gate=str(gate))], "edges": []}))["id"]
    await server_project.run(held, execute=True)
    await until(lambda: _lines(trace, 1))
    runs = []
    for priority in (0, -5, 100, 0, 7):
        workflow = (await server_project.workflow({"nodes": [trace.node(f"p{priority}")], "edges": []}))["id"]
        body = {"workflow_id": workflow, "priority": priority}
        made = await server_project.client.post(server_project.runs, params={"execute": "true"}, json=body)
        assert made.json()["priority"] == priority
        runs.append(made.json()["id"])

    gate.touch()
    for run in runs:
        await ended(server_project.client, f"{server_project.runs}/{run}")

    started = [line.removeprefix("start ") for line in trace.lines() if line.startswith("start p")]
    assert started == ["p100", "p7", "p0", "p0", "p-5"]


@pytest.mark.spec("QUEUE-1")
async def test_children_forks_and_retries_have_the_priority(server_project: Project) -> None:
    inner = (await server_project.workflow({"nodes": [_failing("x")], "edges": []}, "inner"))["id"]
    call = {"id": "call", "type": "subworkflow", "config": {"workflow": inner}}
    outer = (await server_project.workflow({"nodes": [call], "edges": []}, "outer"))["id"]
    client, runs = server_project.client, server_project.runs
    body = {"workflow_id": outer, "priority": 9}
    run = (await client.post(runs, params={"execute": "true"}, json=body)).json()

    await ended(client, f"{runs}/{run['id']}")
    children = (await client.get(runs, params={"parent_run_id": run["id"]})).json()["items"]
    fork = (await client.post(f"{runs}/{run['id']}/fork")).json()
    again = (await client.post(f"{runs}/{run['id']}/retry")).json()

    assert [child["priority"] for child in children] == [9]
    assert (fork["priority"], again["priority"]) == (9, 9)
    await ended(client, f"{runs}/{run['id']}")


@pytest.mark.spec("QUEUE-2")
async def test_a_priority_out_of_bounds_is_refused(project: Project) -> None:
    workflow = (await project.workflow(DOUBLE))["id"]
    for wrong in (101, -101, 1.5, "high"):
        answer = await project.client.post(project.runs, json={"workflow_id": workflow, "priority": wrong})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["pointer"] == "/priority"


@pytest.mark.spec("QUEUE-9")
async def test_limits_are_shown_changed_and_taken_away(project: Project) -> None:
    client, path = project.client, f"/projects/{project.id}"
    assert (await client.get(path)).json()["max_running"] is None
    changed = await client.patch(path, json={"name": "New", "max_running": 3})
    assert (changed.json()["name"], changed.json()["max_running"]) == ("New", 3)
    assert (await client.patch(path, json={"name": "Newer"})).json()["max_running"] == 3
    assert (await client.patch(path, json={"max_running": None})).json()["max_running"] is None
    assert (await client.patch(path, json={"max_running": 0})).status_code == 422
    assert (await client.patch(f"/projects/{new_id()}", json={"max_running": 1})).status_code == 404

    body = {"name": "w", "graph": DOUBLE, "max_running": 4}
    made = (await client.post(project.workflows, json=body)).json()
    one = f"{project.workflows}/{made['id']}"
    assert made["max_running"] == 4
    first = await client.get(one)
    assert (await client.patch(one, json={"max_running": 5})).json()["max_running"] == 5
    assert (await client.get(one)).headers["ETag"] != first.headers["ETag"]
    assert (await client.patch(one, json={"max_running": None})).json()["max_running"] is None

    keys = {}
    for role in ("runner", "editor", "admin"):
        key = (await client.post(f"{path}/keys", json={"name": role, "role": role})).json()
        keys[role] = {"Authorization": f"Bearer {key['secret']}"}
    allowed = {
        role: (
            (await client.patch(path, json={"max_running": 2}, headers=headers)).status_code,
            (await client.patch(one, json={"max_running": 2}, headers=headers)).status_code,
        )
        for role, headers in keys.items()
    }
    assert allowed == {"runner": (403, 403), "editor": (403, 200), "admin": (200, 200)}


def _failing(name: str) -> dict:
    return {"id": name, "type": "transform", "config": {"value": "{{ [][1] }}"}}


async def _lines(trace: Trace, count: int) -> bool:
    return len(trace.lines()) >= count
