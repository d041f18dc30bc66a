"""Schedules over the API."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from tests.support import DOUBLE, Project, waiting
from tests.triggers.conftest import Schedules, Times, minutes


@pytest.mark.spec("SCHED-4")
async def test_a_schedule_is_made_listed_changed_and_deleted(schedules: Schedules) -> None:
    client = schedules.project.client
    made = await schedules.make(cron="0 9 * * mon-fri", timezone="Europe/Berlin", input_data={"n": 1}, priority=3)
    assert made == await schedules.get(made)
    assert (made["catch_up"], made["overlap"], made["active"], made["version"]) == ("last", "skip", True, None)
    assert made["next_at"] is not None
    second = await schedules.make(name="Second", catch_up="all", overlap="queue", active=False)
    assert second["next_at"] is None

    listed = (await client.get(schedules.path)).json()
    assert [one["id"] for one in listed["items"]] == [second["id"], made["id"]]

    path = f"{schedules.path}/{made['id']}"
    paused = (await client.patch(path, json={"active": False})).json()
    assert (paused["active"], paused["next_at"], paused["input_data"]) == (False, None, {"n": 1})
    change = {"active": True, "cron": "@hourly", "input_data": None, "version": 1, "name": "New"}
    changed = (await client.patch(path, json=change)).json()
    assert (changed["cron"], changed["input_data"], changed["version"], changed["name"]) == ("@hourly", None, 1, "New")
    assert changed["next_at"] is not None
    assert (await client.patch(path, json={"version": None})).json()["version"] is None

    assert (await client.delete(path)).status_code == 204
    assert (await client.get(path)).status_code == 404
    assert (await client.delete(path)).status_code == 404


@pytest.mark.spec("SCHED-2")
@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"cron": "x"}, "/cron"),
        ({"cron": "0 0 30 2 *"}, "/cron"),
        ({"timezone": "Mars"}, "/timezone"),
        ({"version": 7}, "/version"),
        ({"catch_up": "some"}, "/catch_up"),
        ({"overlap": "some"}, "/overlap"),
        ({"priority": 1000}, "/priority"),
        ({"starts_at": "2026-01-02T00:00:00Z", "ends_at": "2026-01-01T00:00:00Z"}, "/ends_at"),
        ({"starts_at": "tomorrow"}, "/starts_at"),
        ({"starts_at": "9999-12-31T23:59:59-23:59"}, "/starts_at"),
        ({"ends_at": "0001-01-01T00:00:00+14:00"}, "/ends_at"),
        ({"cron": "0 0 \0 * *"}, "/cron"),
        ({"timezone": "Europe/\0Berlin"}, "/timezone"),
        ({"name": ""}, "/name"),
        ({"unknown": 1}, "/unknown"),
    ],
)
async def test_what_cannot_be_is_refused_with_a_pointer(
    schedules: Schedules, body: dict[str, Any], pointer: str
) -> None:
    full = {"name": "x", "cron": "@daily", **body}
    made = await schedules.make()

    for answer in (
        await schedules.project.client.post(schedules.path, json=full),
        await schedules.project.client.patch(f"{schedules.path}/{made['id']}", json=body),
    ):
        assert answer.status_code == 422, answer.text
        assert pointer in [problem["pointer"] for problem in answer.json()["errors"]]
        assert answer.json()["detail"]


@pytest.mark.spec("SCHED-2")
async def test_an_input_that_the_workflow_does_not_take_is_refused(project: Project) -> None:
    schedules = Schedules(project, await project.workflow(DOUBLE))

    answer = await project.client.post(schedules.path, json={"name": "x", "cron": "@daily", "input_data": {"m": 1}})

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
    assert answer.json()["errors"][0]["pointer"].startswith("/input_data")


@pytest.mark.spec("SCHED-10")
async def test_nothing_is_due_outside_the_bounds_or_while_paused(schedules: Schedules, times: Times) -> None:
    late = await schedules.make(cron="@yearly", starts_at="2100-06-01T00:00:00Z", ends_at="2102-06-01T00:00:00Z")
    assert late["next_at"] == "2101-01-01T00:00:00Z"
    exact = await schedules.make(cron="@yearly", starts_at="2100-01-01T00:00:00+00:00")
    assert exact["next_at"] == "2100-01-01T00:00:00Z"
    over = await schedules.make(ends_at="2020-01-01T00:00:00Z")
    assert over["next_at"] is None
    ending = await schedules.make(overlap="allow", catch_up="all")
    change = {"ends_at": "2026-06-01T12:01:00Z"}
    assert (await schedules.project.client.patch(f"{schedules.path}/{ending['id']}", json=change)).status_code == 200
    paused = await schedules.make(overlap="allow")
    assert (
        await schedules.project.client.patch(f"{schedules.path}/{paused['id']}", json={"active": False})
    ).status_code == 200
    for one in (ending, paused):
        await times.stands(one, "2026-06-01 12:00:00")

    await times.look("2026-06-01 12:05:00")

    assert minutes(await schedules.firings(ending)) == ["12:00", "12:01"]
    assert (await schedules.get(ending))["next_at"] is None
    assert await schedules.firings(paused) == []
    again = await schedules.project.client.patch(f"{schedules.path}/{paused['id']}", json={"active": True})
    assert (again.json()["missed"], again.json()["next_at"] is None) == (0, False)


@pytest.mark.spec("SCHED-11")
async def test_a_schedule_is_triggered_by_hand(schedules: Schedules) -> None:
    client = schedules.project.client
    made = await schedules.make(cron="@yearly", input_data={"n": 5}, active=False)
    path = f"{schedules.path}/{made['id']}/trigger"

    first = await client.post(path, headers={"Idempotency-Key": "k"})
    again = await client.post(path, headers={"Idempotency-Key": "k"})
    second = await client.post(path)

    assert (first.status_code, second.status_code, again.json()["id"]) == (201, 201, first.json()["id"])
    run = first.json()
    assert (run["status"], run["input"], run["trigger"]["manual"]) == ("QUEUED", {"n": 5}, True)
    assert first.headers["location"].endswith(run["id"])
    assert (await schedules.get(made))["last_run_id"] == second.json()["id"]
    assert [one["status"] for one in await schedules.firings(made)] == ["started", "started"]
    assert (await client.post(f"{schedules.path}/{schedules.workflow['id']}/trigger")).status_code == 404
    workflow = f"{schedules.project.workflows}/{schedules.workflow['id']}"
    await client.patch(workflow, json={"active": False})
    assert (await client.post(path)).status_code == 409


@pytest.mark.spec("SCHED-12")
async def test_schedules_of_other_projects_and_workflows_are_not_there(app: FastAPI, schedules: Schedules) -> None:
    made = await schedules.make()
    other = await Project.make(schedules.project.client, "Other")
    elsewhere = [
        Schedules(other, schedules.workflow).path,
        Schedules(schedules.project, await schedules.project.workflow(waiting())).path,
    ]
    for path in elsewhere:
        for method, rest in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/trigger"), ("GET", "/firings")):
            body = {"json": {}} if method == "PATCH" else {}
            answer = await schedules.project.client.request(method, f"{path}/{made['id']}{rest}", **body)
            assert answer.status_code == 404, (method, path, rest)
    posted = await schedules.project.client.post(elsewhere[0], json={"name": "x", "cron": "@daily"})
    assert posted.status_code == 404


@pytest.mark.spec("SCHED-12")
async def test_viewers_look_runners_trigger_and_editors_change(app: FastAPI, schedules: Schedules) -> None:
    made = await schedules.make()
    steps = [
        ("viewer", "GET", schedules.path, None),
        ("viewer", "GET", f"{schedules.path}/{made['id']}/firings", None),
        ("runner", "POST", f"{schedules.path}/{made['id']}/trigger", None),
        ("editor", "POST", schedules.path, {"name": "x", "cron": "@daily"}),
        ("editor", "PATCH", f"{schedules.path}/{made['id']}", {"name": "y"}),
        ("editor", "DELETE", f"{schedules.path}/{made['id']}", None),
    ]
    roles = ["viewer", "runner", "editor"]
    for role in roles:
        key = await schedules.project.client.post(
            f"/projects/{schedules.project.id}/keys", json={"name": role, "role": role}
        )
        headers = {"Authorization": f"Bearer {key.json()['secret']}"}
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url=schedules.project.client.base_url, headers=headers
        ) as client:
            for needed, method, path, body in steps:
                answer = await client.request(method, path, json=body)
                allowed = roles.index(role) >= roles.index(needed)
                assert (answer.status_code < 400) == allowed, (role, method, path, answer.text)


@pytest.mark.spec("SCHED-10")
async def test_a_schedule_whose_input_is_no_longer_taken_can_be_paused(schedules: Schedules) -> None:
    client, made = schedules.project.client, await schedules.make(input_data={"m": 1})
    await client.put(f"{schedules.project.workflows}/{schedules.workflow['id']}", json={"graph": DOUBLE})
    path = f"{schedules.path}/{made['id']}"

    assert (await client.patch(path, json={"active": False})).status_code == 200
    assert (await client.patch(path, json={"input_data": {"m": 2}})).json()["code"] == "invalid_input"
    assert (await client.patch(path, json={"input_data": {"n": 2}, "active": True})).status_code == 200
