import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from app.db import Database
from app.events import Hub
from app.events import subscriber as subscriber_module
from app.ids import new_id
from app.routes import feed
from app.services.access import hashed
from tests.streams.conftest import COMPLETED, PROGRESS, Served, Writer, eventually, serving


def address(served: Served, writer: Writer) -> str:
    return f"{served.ws}/projects/{writer.project_id}/ws"


@pytest.fixture
async def socket(served: Served, writer: Writer) -> AsyncIterator[ClientConnection]:
    async with connect(address(served, writer)) as socket:
        yield socket


async def say(socket: ClientConnection, **message: Any) -> None:
    await socket.send(json.dumps(message))


async def hear(socket: ClientConnection) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(await asyncio.wait_for(socket.recv(), 10))
    return message


async def hear_events(socket: ClientConnection, count: int) -> list[tuple[str, int]]:
    events = [await hear(socket) for _ in range(count)]
    return [(event["run_id"], event["seq"]) for event in events]


@pytest.mark.spec("STREAM-20")
async def test_a_subscription_begins_with_a_snapshot_and_goes_on_with_events(
    socket: ClientConnection, writer: Writer
) -> None:
    run, other = await writer.run(3), await writer.run(2)
    await say(socket, type="subscribe", runs=[str(run)])
    snapshot = await hear(socket)
    head = {"id": str(run), "workflow_id": str(writer.workflow_id), "status": "RUNNING", "last_seq": 3}
    assert snapshot == {"type": "snapshot", "runs": [head]}
    await writer.write(other, PROGRESS)
    await writer.write(run, PROGRESS, data={"done": 1})
    event = await hear(socket)
    assert (event["run_id"], event["seq"], event["type"]) == (str(run), 4, PROGRESS)
    assert event["data"] == {"done": 1}


@pytest.mark.spec("STREAM-20")
async def test_a_run_goes_on_after_the_seq_that_is_known(socket: ClientConnection, writer: Writer) -> None:
    run = await writer.run(450)
    for after in (0, 7, 449, 450):
        await say(socket, type="subscribe", runs=[str(run)], after={str(run): after})
        assert (await hear(socket))["runs"][0]["last_seq"] == 450
        expected = [(str(run), seq) for seq in range(after + 1, 451)]
        assert await hear_events(socket, len(expected)) == expected


@pytest.mark.spec("STREAM-21")
async def test_all_runs_are_followed_also_those_to_come(socket: ClientConnection, writer: Writer) -> None:
    live = await writer.run(2)
    ended = await writer.run(2)
    await writer.write(ended, "workflow.run.failed")
    await say(socket, type="subscribe", runs="*")
    assert [head["id"] for head in (await hear(socket))["runs"]] == [str(live)]
    later = await writer.run(3)
    assert await hear_events(socket, 3) == [(str(later), seq) for seq in (1, 2, 3)]
    await writer.write(live, PROGRESS)
    assert await hear_events(socket, 1) == [(str(live), 3)]
    await writer.write(ended, "workflow.run.queued")
    assert await hear_events(socket, 1) == [(str(ended), 4)]
    await writer.write(later, "workflow.run.failed")
    assert await hear_events(socket, 1) == [(str(later), 4)]
    await writer.write(later, "workflow.run.queued")
    assert await hear_events(socket, 1) == [(str(later), 5)]


@pytest.mark.spec("STREAM-21")
async def test_all_runs_are_followed_without_any_notification(socket: ClientConnection, writer: Writer) -> None:
    ended = await writer.run(2, wake=False)
    await writer.write(ended, "workflow.run.failed", wake=False)
    await say(socket, type="subscribe", runs="*")
    await hear(socket)
    later = await writer.run(2, wake=False)
    await writer.write(later, COMPLETED, wake=False)
    await writer.write(ended, "workflow.run.queued", COMPLETED, wake=False)
    got = await hear_events(socket, 5)
    assert [seq for run, seq in got if run == str(later)] == [1, 2, 3]
    assert [seq for run, seq in got if run == str(ended)] == [4, 5]


@pytest.mark.spec("STREAM-21")
async def test_many_runs_arrive_each_in_order_and_without_gaps(served: Served, writer: Writer) -> None:
    runs = [await writer.run() for _ in range(20)]

    async def watch(after: dict[str, int]) -> dict[str, list[int]]:
        got: dict[str, list[int]] = {}
        async with connect(address(served, writer)) as socket:
            await say(socket, type="subscribe", runs="*", after=after)
            while sum(map(len, got.values())) < 20 * 21:
                message = await hear(socket)
                if message["type"].startswith("workflow."):
                    got.setdefault(message["run_id"], []).append(message["seq"])
        return got

    watchers = [asyncio.create_task(watch({str(run): 0 for run in runs})) for _ in range(5)]
    for _ in range(20):
        await asyncio.gather(*(writer.write(run, PROGRESS) for run in runs))
    await asyncio.gather(*(writer.write(run, COMPLETED) for run in runs))
    for got in await asyncio.wait_for(asyncio.gather(*watchers), 30):
        assert got == {str(run): list(range(1, 22)) for run in runs}


@pytest.mark.spec("STREAM-22")
async def test_unsubscribing_ends_the_events(socket: ClientConnection, writer: Writer) -> None:
    run, other = await writer.run(1), await writer.run(1)
    await say(socket, type="subscribe", runs=[str(run), str(other)])
    await hear(socket)
    await say(socket, type="unsubscribe", runs=[str(run)])
    await say(socket, type="ping")
    assert await hear(socket) == {"type": "pong"}
    await writer.write(run, PROGRESS)
    await writer.write(other, PROGRESS)
    assert await hear_events(socket, 1) == [(str(other), 2)]
    await say(socket, type="subscribe", runs="*")
    await hear(socket)
    await say(socket, type="unsubscribe", runs="*")
    await writer.write(other, PROGRESS)
    await say(socket, type="ping")
    message = await hear(socket)
    while message["type"] != "pong":
        message = await hear(socket)


@pytest.mark.spec("STREAM-23")
async def test_bad_messages_are_answered_and_end_nothing(socket: ClientConnection, writer: Writer) -> None:
    run = str(await writer.run(1))
    bad: list[str | bytes] = [
        "", "{", "[]", "1", b"\x00", '{"type": 1}', '{"type": "dance"}', "[" * 50_000,
        '{"type": "subscribe"}', '{"type": "subscribe", "runs": ["x"]}', '{"type": "subscribe", "runs": [1]}',
        json.dumps({"type": "subscribe", "runs": [run] * 1001}),
        json.dumps({"type": "subscribe", "runs": [run], "after": {run: "1"}}),
        json.dumps({"type": "subscribe", "runs": [run], "after": {run: -1}}),
        json.dumps({"type": "subscribe", "runs": [run], "after": [1]}),
    ]  # fmt: skip
    for text in bad:
        await socket.send(text)
        answer = await hear(socket)
        assert (answer["type"], answer["code"]) == ("error", "bad_message"), text
        assert answer["message"]
    missing = str(new_id())
    await say(socket, type="subscribe", runs=[run, missing])
    assert [head["id"] for head in (await hear(socket))["runs"]] == [run]
    answer = await hear(socket)
    assert (answer["type"], answer["code"]) == ("error", "not_found")
    assert missing in answer["message"]
    await socket.send("x" * 300_000)
    with pytest.raises(ConnectionClosed) as closed:
        await hear(socket)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009


@pytest.mark.spec("STREAM-23")
async def test_runs_of_another_project_do_not_exist(socket: ClientConnection, writer: Writer) -> None:
    stranger = await Writer(writer.database, writer.wakeups).set_up()
    run = await stranger.run(1)
    await say(socket, type="subscribe", runs=[str(run)], after={str(run): 0})
    assert (await hear(socket))["runs"] == []
    assert (await hear(socket))["code"] == "not_found"
    await say(socket, type="subscribe", runs="*", after={str(run): 0})
    assert (await hear(socket))["runs"] == []
    assert (await hear(socket))["code"] == "not_found"
    await stranger.write(run, PROGRESS)
    await say(socket, type="ping")
    assert await hear(socket) == {"type": "pong"}


@pytest.mark.spec("STREAM-24")
async def test_the_key_comes_as_subprotocol_or_first_message(database: Database, hub: Hub, writer: Writer) -> None:
    async with database.pool.connection() as connection:
        await connection.execute(
            """insert into api_keys (id, project_id, name, role, prefix, secret_hash, created_at)
               values (%s, %s, 'k', 'viewer', 'gw', %s, now())""",
            (new_id(), writer.project_id, hashed("project-key")),
        )
    async with serving(database, hub, admin_key="secret") as served:
        place = address(served, writer)
        for key in ("secret", "project-key"):
            async with connect(place, subprotocols=["graphwright.v1", f"bearer.{key}"]) as socket:  # type: ignore[list-item]
                assert socket.subprotocol == "graphwright.v1"
                await say(socket, type="ping")
                assert await hear(socket) == {"type": "pong"}
        async with connect(place) as socket:
            await say(socket, type="auth", key="project-key")
            await say(socket, type="ping")
            assert await hear(socket) == {"type": "pong"}
        await refused(place, 4401, ["graphwright.v1", "bearer.wrong"])
        await refused(place, 4401, first={"type": "auth", "key": "wrong"})
        await refused(place, 4401, first={"type": "subscribe", "runs": "*"})
        for project in (new_id(), "no-id"):
            await refused(f"{served.ws}/projects/{project}/ws", 4404, ["graphwright.v1", "bearer.project-key"])
            await refused(f"{served.ws}/projects/{project}/ws", 4404, ["graphwright.v1", "bearer.secret"])


@pytest.mark.spec("STREAM-24")
async def test_a_client_that_sends_no_key_is_closed(
    database: Database, hub: Hub, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "AUTH_SECONDS", 0.05)
    async with serving(database, hub, admin_key="secret") as served:
        await refused(address(served, writer), 4401)


async def refused(
    place: str, code: int, subprotocols: list[str] | None = None, first: dict[str, Any] | None = None
) -> None:
    async with connect(place, subprotocols=subprotocols) as socket:  # type: ignore[arg-type]
        if first:
            await say(socket, **first)
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(socket.recv(), 10)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == code


@pytest.mark.spec("STREAM-25")
async def test_pages_of_other_origins_are_refused(database: Database, hub: Hub, writer: Writer) -> None:
    async with serving(database, hub, allowed_origins="https://panel.example") as served:
        for origin in (f"http://{served.address}", "https://panel.example"):
            async with connect(address(served, writer), origin=origin) as socket:  # type: ignore[arg-type]
                await say(socket, type="ping")
                assert await hear(socket) == {"type": "pong"}
        for origin in ("https://evil.example", "null", f"http://{served.address}.evil.example", "http://127.0.0.1"):
            with pytest.raises(InvalidStatus) as refusal:
                await connect(address(served, writer), origin=origin)  # type: ignore[arg-type]
            assert refusal.value.response.status_code == 403


@pytest.mark.spec("STREAM-26")
async def test_a_slow_client_is_told_that_it_lags_and_misses_nothing(
    served: Served, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriber_module, "BUFFER_EVENTS", 10)
    run = await writer.run(1)
    async with (
        connect(address(served, writer), max_queue=1, compression=None) as slow,
        connect(address(served, writer), max_queue=4096) as quick,
    ):
        for socket in (slow, quick):
            await say(socket, type="subscribe", runs=[str(run)])
            await hear(socket)
        for seq in range(2, 302):
            await writer.write(run, PROGRESS, data={"text": "x" * 60_000})
            message = await hear(quick)
            while message["type"] == "lagged":
                message = await hear(quick)
            assert message["seq"] == seq
        got: list[int] = []
        lagged: list[int] = []
        while not got or got[-1] < 301:
            message = await hear(slow)
            if message["type"] == "lagged":
                lagged.append(message["after"][str(run)])
                assert lagged[-1] == (got[-1] if got else 1)
            else:
                got.append(message["seq"])
    assert got == list(range(2, 302))
    assert lagged


@pytest.mark.spec("STREAM-26")
async def test_a_client_that_reads_nothing_is_left(
    served: Served, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "SEND_SECONDS", 0.3)
    monkeypatch.setattr(feed, "CLOSE_SECONDS", 0.1)
    run = await writer.run(1)
    async with connect(address(served, writer), max_queue=1, compression=None, close_timeout=0.1) as frozen:
        await say(frozen, type="subscribe", runs=[str(run)])
        await eventually(lambda: bool(served.hub._feeds.by_run))
        for _ in range(200):
            await writer.write(run, PROGRESS, data={"text": "x" * 100_000})
        await eventually(lambda: not served.hub._readers, seconds=20)
        frozen.transport.abort()


@pytest.mark.spec("STREAM-6")
async def test_a_stopping_server_closes_its_websockets(database: Database, hub: Hub, writer: Writer) -> None:
    async with serving(database, hub) as served, connect(address(served, writer)) as socket:
        await say(socket, type="subscribe", runs="*")
        await hear(socket)
        hub.shutdown()
        with pytest.raises(ConnectionClosed) as closed:
            await asyncio.wait_for(socket.recv(), 1)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
