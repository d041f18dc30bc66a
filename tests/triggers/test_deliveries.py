"""Events that go out to a real server: signed, in order, until they are taken."""

import asyncio
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.compiler.guard import HttpGuard
from app.db import Database
from app.worker.courier import Courier
from tests.support import Project, ThreadServer, settings_for, until
from tests.triggers.conftest import CHAIN, Hooks
from tests.triggers.receiver import Receiver


@pytest.mark.spec("HOOK-1")
async def test_the_end_of_a_run_is_told_signed_as_the_log_has_it(hooks: Hooks) -> None:
    made = await hooks.make()
    path = await hooks.run(await hooks.project.workflow(CHAIN), {"n": "ä\0\u2028"})

    (delivery,) = await hooks.settled(made, 1)
    (got,) = hooks.receiver.got
    assert got.event == (await hooks.log(path))[-1]
    assert (got.event["type"], got.headers["content-type"]) == ("workflow.run.completed", "application/json")
    assert got.headers["webhook-id"] == delivery["id"]
    assert got.signed_with(made["secret"])
    assert (delivery["attempts"], delivery["answer"]["status"], delivery["next_at"]) == (1, 204, None)
    one = await hooks.client.get(f"{hooks.path}/{made['id']}/deliveries/{delivery['id']}")
    assert one.json()["body"] == got.event


@pytest.mark.spec("HOOK-2")
async def test_a_hook_hears_the_events_and_workflows_that_it_names(hooks: Hooks) -> None:
    first, second = [await hooks.project.workflow(CHAIN, name) for name in ("First", "Second")]
    runs = await hooks.make("/runs", events=["workflow.run.*"])
    nodes = await hooks.make("/nodes", events=["workflow.node.completed", "workflow.run.failed"])
    every = await hooks.make("/every", events=["*"], workflow_id=second["id"])

    paths = [await hooks.run(workflow) for workflow in (first, second)]
    logs = [await hooks.log(path) for path in paths]
    await hooks.settled(runs, 8)
    await hooks.settled(nodes, 8)
    await hooks.settled(every, len(logs[1]))

    kinds = {one.event["type"] for one in hooks.receiver.at("/runs")}
    assert kinds == {f"workflow.run.{what}" for what in ("created", "queued", "started", "completed")}
    assert {one.event["type"] for one in hooks.receiver.at("/nodes")} == {"workflow.node.completed"}
    assert [one.event for one in hooks.receiver.at("/every")] == logs[1]


@pytest.mark.spec("HOOK-3")
async def test_every_event_of_many_runs_is_told_once_and_in_order(hooks: Hooks) -> None:
    made = await hooks.make(events=["*"])
    workflow = await hooks.project.workflow(CHAIN)
    paths = await asyncio.gather(*(hooks.run(workflow, n) for n in range(12)))
    logs = {path.rsplit("/", 1)[1]: await hooks.log(path) for path in paths}

    async def all_there() -> bool:
        return len(hooks.receiver.got) >= sum(map(len, logs.values()))

    await until(all_there, seconds=30)
    for run_id, log in logs.items():
        assert [one.event for one in hooks.receiver.got if one.event["run_id"] == run_id] == log
    assert len({one.headers["webhook-id"] for one in hooks.receiver.got}) == len(hooks.receiver.got)
    assert (await hooks.get(made))["failing_since"] is None


@pytest.mark.spec("HOOK-4")
async def test_what_fails_is_sent_again_under_its_id_after_growing_pauses(hooks: Hooks) -> None:
    hooks.receiver.reply = lambda _: (204, {}) if len(hooks.receiver.got) >= 4 else (503, {})
    made = await hooks.make()
    await hooks.run(await hooks.project.workflow(CHAIN))

    (delivery,) = await hooks.settled(made, 1)

    got = hooks.receiver.got
    assert (delivery["attempts"], len(got)) == (4, 4)
    assert {one.headers["webhook-id"] for one in got} == {delivery["id"]}
    assert all(one.signed_with(made["secret"]) for one in got)
    pauses = [later.at - earlier.at for earlier, later in pairwise(got)]
    assert all(pause >= 0.08 * 2**n for n, pause in enumerate(pauses))
    assert (await hooks.get(made))["failing_since"] is None


@pytest.mark.spec("HOOK-4")
async def test_a_receiver_is_left_alone_as_long_as_it_asks(hooks: Hooks) -> None:
    hooks.receiver.reply = lambda _: (204, {}) if len(hooks.receiver.got) > 1 else (429, {"Retry-After": "2"})
    made = await hooks.make()
    await hooks.run(await hooks.project.workflow(CHAIN))

    await hooks.settled(made, 1)

    first, second = hooks.receiver.got
    assert second.at - first.at >= 2


@pytest.mark.spec("HOOK-4")
async def test_pauses_grow_to_three_hours_and_end_after_a_day(database: Database) -> None:
    courier = Courier(database, HttpGuard(), retry_seconds=5)
    pauses = [courier._pause(n, None) for n in range(30)]
    bounds = [min(5 * 2**n, 10800) for n in range(30)]

    assert all(0.8 * bound <= pause <= 1.2 * bound for pause, bound in zip(pauses, bounds, strict=True))
    assert 15 <= next(n for n in range(30) if sum(bounds[:n]) > 24 * 3600) <= 20
    assert courier._pause(0, 3600) == 3600
    assert courier._pause(0, 1e9) == 6 * 3600
    assert courier._pause(10**6, None) <= 1.2 * 10800


@pytest.mark.spec("HOOK-4")
async def test_after_a_day_a_delivery_is_given_up(hooks: Hooks, database: Database) -> None:
    hooks.receiver.reply = lambda _: (500, {})
    made = await hooks.make()
    await hooks.run(await hooks.project.workflow(CHAIN))
    await hooks.settled(made, 1, "pending")
    async with database.pool.connection() as connection:
        await connection.execute("update hook_deliveries set give_up_at = now()")

    (delivery,) = await hooks.settled(made, 1, "failed")

    assert (delivery["answer"]["status"], delivery["answer"]["body"], delivery["next_at"]) == (500, "seen", None)
    assert (await hooks.get(made))["failing_since"] is not None


@pytest.mark.spec("HOOK-5")
async def test_a_receiver_that_is_gone_ends_its_hook(hooks: Hooks) -> None:
    hooks.receiver.reply = lambda _: (410, {})
    made = await hooks.make(events=["workflow.run.*"])
    await hooks.run(await hooks.project.workflow(CHAIN))

    found = await hooks.settled(made, 1, "failed")

    now = await hooks.get(made)
    assert (now["active"], now["problem"]["code"]) == (False, "gone")
    assert found[0]["answer"]["status"] == 410
    assert (await hooks.post(made, "ping")).json()["code"] == "hook_inactive"
    assert (await hooks.post(made, f"deliveries/{found[0]['id']}/redeliver")).status_code == 409
    hooks.receiver.reply = lambda _: (204, {})
    again = await hooks.client.patch(f"{hooks.path}/{made['id']}", json={"active": True})
    assert (again.json()["active"], again.json()["problem"]) == (True, None)


@pytest.mark.spec("HOOK-5")
async def test_redirects_are_not_followed(hooks: Hooks) -> None:
    hooks.receiver.reply = lambda _: (307, {"Location": hooks.receiver.url("/elsewhere")})
    made = await hooks.make()
    await hooks.post(made, "ping")

    async def tried() -> dict[str, Any] | None:
        (delivery,) = await hooks.deliveries(made)
        return delivery if delivery["answer"] else None

    delivery = await until(tried)
    assert (delivery["status"], delivery["answer"]["status"]) == ("pending", 307)
    assert "redirect" in delivery["answer"]["error"]
    assert hooks.receiver.at("/elsewhere") == []


@pytest.mark.spec("HOOK-6")
async def test_hooks_that_fail_or_hang_hold_no_other_up(hooks: Hooks) -> None:
    hooks.receiver.hanging = {"/hanging"}
    hooks.receiver.reply = lambda one: (500, {}) if one.path == "/failing" else (204, {})
    bad = [await hooks.make(path, events=["*"]) for path in ("/hanging", "/failing")]
    bad.append(await hooks.make("/nobody", events=["*"]))
    await hooks.client.patch(f"{hooks.path}/{bad[2]['id']}", json={"url": "http://127.0.0.1:9/"})
    good = await hooks.make("/good", events=["*"])
    workflow = await hooks.project.workflow(CHAIN)
    paths = await asyncio.gather(*(hooks.run(workflow) for _ in range(6)))
    count = sum([len(await hooks.log(path)) for path in paths])

    async def all_there() -> bool:
        return len(hooks.receiver.at("/good")) >= count

    await until(all_there, seconds=8)
    assert len(await hooks.settled(good, count)) == count
    assert all([(await hooks.deliveries(one, status="delivered")) == [] for one in bad])


@pytest.mark.spec("HOOK-7")
async def test_addresses_that_http_nodes_may_not_reach_get_nothing(
    database_url: str, tmp_path: Path, receiver: Receiver
) -> None:
    settings = settings_for(database_url, tmp_path, admin_key="the-admin-key", hook_retry_seconds=60)
    server = await asyncio.to_thread(ThreadServer(settings).start)
    try:
        headers = {"Authorization": "Bearer the-admin-key"}
        async with httpx.AsyncClient(base_url=server.api, headers=headers) as client:
            hooks = Hooks(await Project.make(client), receiver)
            made = await hooks.make()
            await hooks.post(made, "ping")

            async def tried() -> dict[str, Any] | None:
                (delivery,) = await hooks.deliveries(made)
                return delivery if delivery["answer"] else None

            delivery = await until(tried)
            assert "GRAPHWRIGHT_HTTP_ALLOW" in delivery["answer"]["error"]
            assert (delivery["status"], receiver.got) == ("pending", [])
    finally:
        await asyncio.to_thread(server.stop)
