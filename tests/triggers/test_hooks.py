"""Hooks over the API, and how the log becomes their deliveries."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI

from app.db import Database
from app.services import deliveries, transitions
from tests.support import Project, client_of, ended, until
from tests.triggers.conftest import CHAIN, Hooks
from tests.triggers.receiver import Received


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


@pytest.mark.spec("HOOK-41")
async def test_an_unknown_delivery_is_not_found_whether_the_hook_is_active_or_not(hooks: Hooks) -> None:
    made = await hooks.make()
    await hooks.post(made, "ping")
    (known,) = await hooks.settled(made, 1)
    await hooks.client.patch(f"{hooks.path}/{made['id']}", json={"active": False})
    assert (await hooks.post(made, f"deliveries/{made['id']}/redeliver")).status_code == 404
    inactive = await hooks.post(made, f"deliveries/{known['id']}/redeliver")
    assert (inactive.status_code, inactive.json()["code"]) == (409, "hook_inactive")


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
