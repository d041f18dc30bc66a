"""What becomes of the due times of schedules; the clock is set by hand."""

import asyncio
from typing import Any

import pytest

from tests.support import DOUBLE, Project
from tests.triggers.conftest import ECHO, Schedules, Times, minutes


async def run_of(project: Project, firing: dict[str, Any]) -> dict[str, Any]:
    answer = await project.client.get(f"{project.runs}/{firing['run_id']}")
    run: dict[str, Any] = answer.json()
    return run


async def events_of(project: Project, run_id: str) -> list[dict[str, Any]]:
    answer = await project.client.get(f"{project.runs}/{run_id}/events", headers={"Accept": "application/json"})
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


async def end(project: Project, run_id: str) -> None:
    assert (await project.client.post(f"{project.runs}/{run_id}/cancel")).status_code == 202


@pytest.mark.spec("SCHED-5")
async def test_a_due_time_has_a_run_that_names_it(schedules: Schedules, times: Times) -> None:
    made = await schedules.make(input_data={"n": 21}, metadata={"team": "a"}, priority=7)
    await times.stands(made, "2026-06-01 12:01:00")

    await times.look("2026-06-01 12:00:59")
    assert await schedules.firings(made) == []
    await times.look("2026-06-01 12:01:00")

    (firing,) = await schedules.firings(made)
    assert (firing["status"], firing["scheduled_for"]) == ("started", "2026-06-01T12:01:00Z")
    run = await run_of(schedules.project, firing)
    trigger = {"type": "schedule", "schedule_id": made["id"], "scheduled_for": "2026-06-01T12:01:00Z"}
    assert (run["trigger"], run["status"], run["input"]) == (trigger, "QUEUED", {"n": 21})
    assert (run["metadata"], run["priority"]) == ({"team": "a"}, 7)
    events = await events_of(schedules.project, run["id"])
    assert (events[0]["type"], events[0]["data"]["trigger"]) == ("workflow.run.created", trigger)
    now = await schedules.get(made)
    assert (now["last_at"], now["last_run_id"]) == ("2026-06-01T12:01:00Z", run["id"])
    assert now["next_at"] == "2026-06-01T12:02:00Z"
    assert (now["missed"], now["skipped"], now["failed"], now["problem"]) == (0, 0, 0, None)


@pytest.mark.spec("SCHED-5")
async def test_a_run_is_on_the_pinned_version_or_the_newest(schedules: Schedules, times: Times) -> None:
    pinned = await schedules.make(version=1)
    newest = await schedules.make()
    graph = {"nodes": [{"id": "b", "type": "transform", "config": {"value": 2}}], "edges": []}
    path = f"{schedules.project.workflows}/{schedules.workflow['id']}"
    assert (await schedules.project.client.put(path, json={"graph": graph})).json()["version"] == 2
    for made in (pinned, newest):
        await times.stands(made, "2026-06-01 12:01:00")

    await times.look("2026-06-01 12:01:00")

    assert [
        (await run_of(schedules.project, (await schedules.firings(made))[0]))["version"] for made in (pinned, newest)
    ] == [1, 2]


@pytest.mark.spec("SCHED-6")
async def test_however_many_look_a_due_time_has_one_run(schedules: Schedules, times: Times) -> None:
    made = [await schedules.make(cron="*/5 * * * * *", overlap="allow") for _ in range(4)]
    for one in made:
        await times.stands(one, "2026-06-01 12:00:00")
    times.clock.at("2026-06-01 12:00:40")

    await asyncio.gather(*(times.scheduler().look() for _ in range(8)))
    await times.look()

    for one in made:
        firings = await schedules.firings(one)
        assert [firing["scheduled_for"][17:19] for firing in firings] == [f"{n:02}" for n in range(0, 45, 5)]
    assert len(await schedules.runs()) == 36


@pytest.mark.spec("SCHED-6")
async def test_a_due_time_that_has_its_run_gets_no_other(schedules: Schedules, times: Times) -> None:
    made = await schedules.make(overlap="allow")
    for _ in range(3):
        await times.stands(made, "2026-06-01 12:01:00")
        await times.look("2026-06-01 12:01:10")

    assert len(await schedules.firings(made)) == len(await schedules.runs()) == 1


@pytest.mark.spec("SCHED-7")
@pytest.mark.parametrize(
    ("catch_up", "ran", "missed"), [("none", [], 5), ("last", ["12:04"], 4), ("all", [f"12:0{n}" for n in range(5)], 0)]
)
async def test_what_was_missed_is_caught_up_as_wanted(
    schedules: Schedules, times: Times, catch_up: str, ran: list[str], missed: int
) -> None:
    made = await schedules.make(cron="0-4 * * * *", catch_up=catch_up, overlap="allow")
    await times.stands(made, "2026-06-01 12:00:00")

    await times.look("2026-06-01 12:10:30")

    firings = await schedules.firings(made)
    assert minutes([one for one in firings if one["status"] == "started"]) == ran
    now = await schedules.get(made)
    assert (now["missed"], now["next_at"]) == (missed, "2026-06-01T13:00:00Z")
    if missed:
        assert now["problem"]["code"] == "missed"
        assert [one["status"] for one in firings].count("missed") == 1


@pytest.mark.spec("SCHED-7")
@pytest.mark.parametrize("catch_up", ["none", "last", "all"])
async def test_what_is_less_than_a_minute_late_is_on_time(schedules: Schedules, times: Times, catch_up: str) -> None:
    made = await schedules.make(catch_up=catch_up, overlap="allow")
    await times.stands(made, "2026-06-01 12:00:00")

    await times.look("2026-06-01 12:00:50")

    assert minutes(await schedules.firings(made)) == ["12:00"]
    assert (await schedules.get(made))["missed"] == 0


@pytest.mark.spec("SCHED-95")
@pytest.mark.parametrize(("catch_up", "missed"), [("none", 3), ("last", 3), ("all", 0)])
async def test_what_is_on_time_takes_the_place_of_the_newest_that_was_missed(
    schedules: Schedules, times: Times, catch_up: str, missed: int
) -> None:
    made = await schedules.make(catch_up=catch_up, overlap="allow")
    await times.stands(made, "2026-06-01 12:00:00")

    await times.look("2026-06-01 12:03:30")

    started = [one for one in await schedules.firings(made) if one["status"] == "started"]
    assert minutes(started) == [f"12:0{n}" for n in range(missed, 4)]
    assert (await schedules.get(made))["missed"] == missed


@pytest.mark.spec("SCHED-7")
async def test_no_more_than_the_newest_hundred_are_caught_up(schedules: Schedules, times: Times) -> None:
    made = await schedules.make(catch_up="all", overlap="allow")
    await times.stands(made, "2026-05-31 12:00:00")

    await times.look("2026-06-01 12:00:30")
    await times.look()

    firings = [one for one in await schedules.firings(made) if one["status"] == "started"]
    assert len(firings) == 100
    assert (firings[0]["scheduled_for"], firings[-1]["scheduled_for"]) == (
        "2026-06-01T10:21:00Z",
        "2026-06-01T12:00:00Z",
    )
    now = await schedules.get(made)
    assert (now["missed"], now["next_at"]) == (1341, "2026-06-01T12:01:00Z")
    assert "due times" in now["problem"]["message"]


@pytest.mark.spec("SCHED-8")
async def test_skip_leaves_out_what_is_due_while_a_run_goes_on(schedules: Schedules, times: Times) -> None:
    made = await schedules.make(overlap="skip")
    await times.stands(made, "2026-06-01 12:00:00")

    await times.look("2026-06-01 12:00:00")
    await times.look("2026-06-01 12:01:00")
    first, second = await schedules.firings(made)
    assert (second["status"], second["reason"]["code"]) == ("skipped", "overlap")
    assert second["reason"]["run_id"] == first["run_id"]
    await end(schedules.project, first["run_id"])
    await times.look("2026-06-01 12:02:00")

    assert [one["status"] for one in await schedules.firings(made)] == ["started", "skipped", "started"]
    now = await schedules.get(made)
    assert (now["skipped"], now["problem"]["code"]) == (1, "overlap")


@pytest.mark.spec("SCHED-8")
@pytest.mark.parametrize(("overlap", "first"), [("allow", "QUEUED"), ("cancel_previous", "CANCELLED")])
async def test_allow_runs_side_by_side_and_cancel_previous_leaves_only_the_newest_run(
    schedules: Schedules, times: Times, overlap: str, first: str
) -> None:
    made = await schedules.make(overlap=overlap)
    await times.stands(made, "2026-06-01 12:00:00")

    await times.look("2026-06-01 12:00:00")
    await times.look("2026-06-01 12:01:00")

    assert [run["status"] for run in await schedules.runs()] == [first, "QUEUED"]


@pytest.mark.spec("SCHED-8")
async def test_queue_runs_one_after_the_other(schedules: Schedules, times: Times) -> None:
    made = await schedules.make(overlap="queue", catch_up="all")
    await times.stands(made, "2026-06-01 12:00:00")

    await times.look("2026-06-01 12:02:30")
    assert [one["status"] for one in await schedules.firings(made)] == ["started", "queued", "queued"]
    await times.look()
    assert len(await schedules.runs()) == 1
    for n in range(2):
        await end(schedules.project, (await schedules.firings(made))[n]["run_id"])
        await times.look()

    firings = await schedules.firings(made)
    assert [one["status"] for one in firings] == ["started"] * 3
    runs = await schedules.runs()
    assert [run["trigger"]["scheduled_for"][11:16] for run in runs] == ["12:00", "12:01", "12:02"]


@pytest.mark.spec("SCHED-9")
async def test_a_due_time_whose_run_cannot_be_made_is_noted_and_the_schedule_goes_on(
    project: Project, times: Times
) -> None:
    schedules = Schedules(project, await project.workflow(ECHO))
    made = await schedules.make(overlap="allow", input_data={"m": 1})
    await times.stands(made, "2026-06-01 12:00:00")
    path = f"{project.workflows}/{schedules.workflow['id']}"

    assert (await project.client.patch(path, json={"active": False})).status_code == 200
    await times.look("2026-06-01 12:00:00")
    assert (await project.client.put(path, json={"graph": DOUBLE, "active": True})).status_code == 200
    await times.look("2026-06-01 12:01:00")
    assert (await project.client.put(path, json={"graph": ECHO})).status_code == 200
    await times.look("2026-06-01 12:02:00")

    inactive, refused, good = await schedules.firings(made)
    assert (inactive["status"], inactive["reason"]["code"]) == ("failed", "workflow_inactive")
    assert (refused["status"], refused["reason"]["code"]) == ("failed", "invalid_input")
    assert "n" in refused["reason"]["message"]
    assert (good["status"], good["reason"]) == ("started", None)
    now = await schedules.get(made)
    assert (now["failed"], now["problem"]["code"]) == (2, "invalid_input")


@pytest.mark.spec("SCHED-9")
async def test_schedules_of_a_deleted_workflow_are_silent(schedules: Schedules, times: Times) -> None:
    made = await schedules.make()
    await times.stands(made, "2026-06-01 12:00:00")
    path = f"{schedules.project.workflows}/{schedules.workflow['id']}"
    assert (await schedules.project.client.delete(path)).status_code == 204

    await times.look("2026-06-01 12:00:00")

    assert await schedules.runs() == []
    assert (await schedules.project.client.get(schedules.path)).status_code == 404
    assert (await schedules.project.client.get(f"{schedules.path}/{made['id']}")).status_code == 404
