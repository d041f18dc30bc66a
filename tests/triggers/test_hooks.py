"""Hooks: events that go out to a real server, signed, in order, until they are taken."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from app.compiler.guard import HttpGuard
from app.config import Settings
from app.db import Database
from app.services import deliveries, transitions
from app.worker.courier import Courier
from tests.support import Project, ThreadServer, client_of, ended, settings_for, until
from tests.triggers.receiver import Received, Receiver, receiving

CHAIN: dict[str, Any] = {
    "nodes": [{"id": name, "type": "transform", "config": {"value": "{{ input }}"}} for name in "abcd"],
    "edges": [{"source": one, "target": two} for one, two in ("ab", "bc", "cd")],
}


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return settings_for(database_url, tmp_path, hook_retry_seconds=0.1)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


class Hooks:
    """The hooks of a project over the API."""

    def __init__(self, project: Project, receiver: Receiver) -> None:
        self.project = project
        self.client = project.client
        self.receiver = receiver
        self.path = f"/projects/{project.id}/hooks"

    async def make(self, path: str = "/", **fields: Any) -> dict[str, Any]:
        answer = await self.client.post(self.path, json={"url": self.receiver.url(path), **fields})
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def get(self, hook: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = (await self.client.get(f"{self.path}/{hook['id']}")).json()
        return found

    async def post(self, hook: dict[str, Any], what: str) -> httpx.Response:
        return await self.client.post(f"{self.path}/{hook['id']}/{what}")

    async def deliveries(self, hook: dict[str, Any], **wanted: Any) -> list[dict[str, Any]]:
        """Oldest first."""
        answer = await self.client.get(f"{self.path}/{hook['id']}/deliveries", params={"limit": 200, **wanted})
        assert answer.status_code == 200, answer.text
        return list(reversed(answer.json()["items"]))

    async def settled(self, hook: dict[str, Any], count: int, status: str = "delivered") -> list[dict[str, Any]]:
        """The deliveries, once so many of them have that status."""

        async def there() -> list[dict[str, Any]] | None:
            found = await self.deliveries(hook, status=status)
            return found if len(found) >= count else None

        found: list[dict[str, Any]] = await until(there)
        return found

    async def run(self, workflow: dict[str, Any], value: Any = None) -> str:
        """The path of a run that has ended."""
        run = await self.project.run(workflow["id"], value, execute=True)
        path = f"{self.project.runs}/{run['id']}"
        await ended(self.client, path)
        return path

    async def log(self, path: str) -> list[dict[str, Any]]:
        answer = await self.client.get(f"{path}/events", headers={"Accept": "application/json"}, params={"limit": 200})
        items: list[dict[str, Any]] = answer.json()["items"]
        return items


@pytest.fixture
async def hooks(server: ThreadServer, server_project: Project, receiver: Receiver) -> Hooks:
    return Hooks(server_project, receiver)


@pytest.fixture
async def still(project: Project, receiver: Receiver) -> Hooks:
    """Hooks of a server without a worker, so that nothing is sent."""
    return Hooks(project, receiver)


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


@pytest.mark.spec("HOOK-8")
async def test_a_secret_is_shown_once_and_changed_without_a_gap(hooks: Hooks) -> None:
    body = {"url": hooks.receiver.url()}
    posted = [await hooks.client.post(hooks.path, json=body, headers={"Idempotency-Key": "k"}) for _ in range(2)]
    made = posted[0].json()
    assert (posted[1].json()["id"], posted[1].json()["secret"]) == (made["id"], None)
    assert "secret" not in await hooks.get(made)
    path = f"{hooks.path}/{made['id']}/rotate"

    second = (await hooks.client.post(path, json={"keep_old_seconds": 60})).json()["secret"]
    await hooks.post(made, "ping")
    await hooks.settled(made, 1)
    third = (await hooks.client.post(path)).json()["secret"]
    await hooks.post(made, "ping")
    await hooks.settled(made, 2)

    both, alone = hooks.receiver.got
    assert (both.signed_with(made["secret"]), both.signed_with(second)) == (True, True)
    assert (alone.signed_with(second), alone.signed_with(third)) == (False, True)


@pytest.mark.spec("HOOK-9")
async def test_a_hook_is_pinged_and_a_delivery_sent_again(hooks: Hooks) -> None:
    made = await hooks.make()
    pinged = await hooks.post(made, "ping")
    assert (pinged.status_code, pinged.json()["status"], pinged.json()["type"]) == (202, "pending", "hook.ping")
    (first,) = await hooks.settled(made, 1)

    again = await hooks.post(made, f"deliveries/{first['id']}/redeliver")
    assert (again.status_code, again.json()["status"]) == (202, "pending")

    async def twice() -> bool:
        return (await hooks.deliveries(made, status="delivered")) != [] and len(hooks.receiver.got) == 2

    await until(twice)
    ids = {one.headers["webhook-id"] for one in hooks.receiver.got}
    assert ids == {first["id"]}
    assert hooks.receiver.got[0].event["data"] == {"hook_id": made["id"]}
    assert (await hooks.deliveries(made))[0]["attempts"] == 2
    assert (await hooks.post(made, f"deliveries/{made['id']}/redeliver")).status_code == 404


@pytest.mark.spec("HOOK-10")
async def test_a_hook_hears_what_happens_from_then_on(hooks: Hooks) -> None:
    asking = {"nodes": [{"id": "ask", "type": "approval"}], "edges": []}
    workflow = await hooks.project.workflow(asking)
    run = await hooks.project.run(workflow["id"], execute=True)
    path = f"{hooks.project.runs}/{run['id']}"

    async def waits() -> bool:
        return (await hooks.client.get(path)).json()["status"] == "WAITING"

    await until(waits)
    before = await hooks.log(path)
    made = await hooks.make(events=["*"])
    await hooks.client.post(f"{path}/resume", json={"node_id": "ask", "answer": 1})
    await ended(hooks.client, path)
    log = await hooks.log(path)

    await hooks.settled(made, len(log) - len(before))
    assert [one.event for one in hooks.receiver.got] == log[len(before) :]

    patched = f"{hooks.path}/{made['id']}"
    await hooks.client.patch(patched, json={"active": False})
    await hooks.run(await hooks.project.workflow(CHAIN))
    await hooks.client.patch(patched, json={"active": True})
    last = await hooks.run(await hooks.project.workflow(CHAIN))
    heard = len(log) - len(before) + len(await hooks.log(last))
    await hooks.settled(made, heard)
    assert {one.event["run_id"] for one in hooks.receiver.got} == {run["id"], last.rsplit("/", 1)[1]}
    assert len(hooks.receiver.got) == heard


@pytest.mark.spec("HOOK-11")
async def test_what_commits_late_is_found(still: Hooks, database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that was written in a transaction older than the looks at the log, and ends before it is seen."""
    monkeypatch.setattr(deliveries, "SLACK", timedelta(0))
    made = await still.make(events=["*"])
    workflow = await still.project.workflow(CHAIN)

    async def look() -> bool:
        async with database.pool.connection() as connection, connection.transaction():
            (hook,) = await deliveries.active_hooks(connection)
            return await deliveries.collect(connection, hook)

    async with database.pool.connection() as slow, slow.transaction():
        moved = await transitions.create(
            slow,
            project_id=UUID(still.project.id),
            workflow_id=UUID(workflow["id"]),
            version=1,
            input_data=None,
            metadata={},
        )
        for _ in range(3):
            assert not await look()
            await asyncio.sleep(0.1)
        await slow.execute(
            "update runs set status = 'CANCELLED', finished_at = created_at where id = %s", (moved.run_id,)
        )
    assert await look()
    assert [one["type"] for one in await still.deliveries(made)] == ["workflow.run.created"]
    assert not await look()


@pytest.mark.spec("HOOK-11")
async def test_a_hook_that_lags_leaves_its_events_in_the_log(
    still: Hooks, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "MOST_PENDING", 3)
    monkeypatch.setattr(deliveries, "RUNS", 2)
    made = await still.make(events=["*"])
    workflow = await still.project.workflow(CHAIN)
    for _ in range(8):
        await still.project.run(workflow["id"])

    async def look() -> bool:
        async with database.pool.connection() as connection, connection.transaction():
            (hook,) = await deliveries.active_hooks(connection)
            return await deliveries.collect(connection, hook)

    assert [await look() for _ in range(4)] == [True, True, False, False]
    assert len(await still.deliveries(made)) == 4
    async with database.pool.connection() as connection:
        await connection.execute("update hook_deliveries set status = 'delivered', ended_at = now()")
    while await look():
        async with database.pool.connection() as connection:
            await connection.execute("update hook_deliveries set status = 'delivered', ended_at = now()")
    found = await still.deliveries(made)
    assert len({one["run_id"] for one in found}) == len(found) == 8


@pytest.mark.spec("HOOK-12")
@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"url": "ftp://example.com"}, "/url"),
        ({"url": "http://"}, "/url"),
        ({"url": "not an address"}, "/url"),
        ({"url": "http://a:b@example.com/"}, "/url"),
        ({"url": "http://example.com/a b"}, "/url"),
        ({"events": []}, "/events"),
        ({"events": ["workflow.run.complete"]}, "/events/0"),
        ({"events": ["*", "run.*"]}, "/events/1"),
        ({"workflow_id": "x"}, "/workflow_id"),
        ({"secret": "whsec_x"}, "/secret"),
        ({"name": ""}, "/name"),
    ],
)
async def test_what_a_hook_cannot_be_is_refused(still: Hooks, body: dict[str, Any], pointer: str) -> None:
    answer = await still.client.post(still.path, json={"url": "http://example.com", **body})

    assert answer.status_code == 422, answer.text
    assert [problem["pointer"] for problem in answer.json()["errors"]] == [pointer]


@pytest.mark.spec("HOOK-12")
async def test_hooks_are_listed_changed_and_deleted_and_no_other_project_sees_them(app: FastAPI, still: Hooks) -> None:
    made = [await still.make(name=f"Hook {n}") for n in range(3)]
    listed = (await still.client.get(still.path, params={"limit": 2})).json()
    rest = (await still.client.get(still.path, params={"cursor": listed["next_cursor"]})).json()
    assert [one["name"] for one in listed["items"] + rest["items"]] == ["Hook 2", "Hook 1", "Hook 0"]
    path = f"{still.path}/{made[0]['id']}"
    changed = (await still.client.patch(path, json={"events": ["*"], "url": "https://example.com/x"})).json()
    assert (changed["events"], changed["url"], changed["name"]) == (["*"], "https://example.com/x", "Hook 0")
    delivery = (await still.post(made[0], "ping")).json()
    other = Hooks(await Project.make(still.client, "Other"), still.receiver)
    for method, rest_of in (
        *(("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/rotate"), ("POST", "/ping"), ("GET", "/deliveries")),
        *(("GET", f"/deliveries/{delivery['id']}"), ("POST", f"/deliveries/{delivery['id']}/redeliver")),
    ):
        body = {"json": {}} if method == "PATCH" else {}
        answer = await still.client.request(method, f"{other.path}/{made[0]['id']}{rest_of}", **body)
        assert answer.status_code == 404, (method, rest_of)
    key = await still.client.post(f"/projects/{still.project.id}/keys", json={"name": "x", "role": "runner"})
    async with client_of(app, key.json()["secret"]) as runner:
        assert (await runner.get(path)).status_code == 200
        assert (await runner.patch(path, json={})).status_code == 403
        assert (await runner.post(still.path, json={"url": "http://example.com"})).status_code == 403
    assert (await still.client.delete(path)).status_code == 204
    assert (await still.client.get(path)).status_code == 404


@pytest.mark.spec("HOOK-13")
async def test_what_is_old_is_forgotten(still: Hooks, database: Database) -> None:
    made = await still.make(events=["*"])
    run = await still.project.run((await still.project.workflow(CHAIN))["id"])
    await still.post(made, "ping")
    async with database.pool.connection() as connection, connection.transaction():
        (hook,) = await deliveries.active_hooks(connection)
        await deliveries.collect(connection, hook)
    nowhere = (UUID(int=0), UUID(int=0))

    async def left() -> tuple[int, int]:
        async with database.pool.connection() as connection:
            cursor = await connection.execute("select count(*) as cursors from hook_cursors")
            row = await cursor.fetchone()
        return len(await still.deliveries(made)), (row or {})["cursors"]

    await deliveries.clean(database.pool, nowhere)
    assert await left() == (2, 1)
    async with database.pool.connection() as connection:
        await connection.execute(
            "update hook_deliveries set status = 'delivered', ended_at = now() - interval '8 days' where run_id is null"
        )
        await connection.execute("delete from runs where id = %s", (UUID(run["id"]),))
    await deliveries.clean(database.pool, nowhere)
    assert await left() == (1, 0)


def test_the_receiver_of_these_tests_tells_signatures_apart() -> None:
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    got = Received("/", headers, b'{"test": 2432232314}', 0.0)

    assert got.signed_with("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    assert not got.signed_with("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSx")
