import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import httpx
import pytest

from app.config import Settings
from app.db import Database
from app.events import Hub
from app.ids import new_id
from app.routes import sse
from app.routes.accept import prefers_json
from tests.streams.conftest import COMPLETED, PROGRESS, Served, Writer, eventually, serving

SSE = {"Accept": "text/event-stream"}


def path(writer: Writer, run_id: UUID) -> str:
    return f"/projects/{writer.project_id}/workflows/runs/{run_id}/events"


@pytest.fixture
async def client(served: Served) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=served.url, timeout=10, limits=httpx.Limits(max_connections=300)) as client:
        yield client


async def follow(client: httpx.AsyncClient, url: str, *, count: int | None = None, **headers: str) -> list[str]:
    """The lines of the stream until it ends, or until so many events have come."""
    lines: list[str] = []
    async with client.stream("GET", url, headers=SSE | headers) as answer:
        assert answer.status_code == 200
        async for line in answer.aiter_lines():
            lines.append(line)
            if count is not None and sum(known.startswith("data:") for known in lines) >= count:
                break
    return lines


def ids(lines: list[str]) -> list[int]:
    return [int(line.removeprefix("id: ")) for line in lines if line.startswith("id: ")]


def hint(lines: list[str]) -> int:
    """When the stream says at its end that the client should come back, in ms."""
    assert lines[-3:-2] == [": the server is stopping, come back"]
    assert lines[-1] == ""
    return int(lines[-2].removeprefix("retry: "))


@pytest.mark.spec("STREAM-7")
async def test_frames_and_headers_are_what_event_sources_and_proxies_expect(
    client: httpx.AsyncClient, writer: Writer
) -> None:
    run = await writer.run(1)
    await writer.write(run, COMPLETED, data={"status": "COMPLETED"}, node_id=None)
    async with client.stream("GET", path(writer, run), headers=SSE) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-cache, no-transform"
        assert answer.headers["x-accel-buffering"] == "no"
        assert answer.headers["content-encoding"] == "identity"
        body = (await answer.aread()).decode()
    hint, first, last, rest = body.split("\n\n")
    assert (hint, rest) == ("retry: 1000", "")
    assert first.startswith(f"id: 1\nevent: {PROGRESS}\ndata: {{")
    event = json.loads(last.removeprefix(f"id: 2\nevent: {COMPLETED}\ndata: "))
    assert (event["seq"], event["type"], event["data"]) == (2, COMPLETED, {"status": "COMPLETED"})


@pytest.mark.spec("STREAM-8")
async def test_a_client_that_reconnects_at_every_event_gets_each_once(
    client: httpx.AsyncClient, writer: Writer
) -> None:
    run = await writer.run(29)
    await writer.write(run, COMPLETED)
    for known in range(30):
        expected = list(range(known + 1, 31))
        assert ids(await follow(client, path(writer, run), **{"Last-Event-ID": str(known)})) == expected
        assert ids(await follow(client, path(writer, run) + f"?after={known}")) == expected
    got: list[int] = []
    while len(got) < 30:
        last = {"Last-Event-ID": str(got[-1])} if got else {}
        got += ids(await follow(client, path(writer, run), count=1, **last))[:1]
    assert got == list(range(1, 31))


@pytest.mark.spec("STREAM-8")
async def test_the_header_counts_more_than_the_address(client: httpx.AsyncClient, writer: Writer) -> None:
    run = await writer.run(3)
    await writer.write(run, COMPLETED)
    assert ids(await follow(client, path(writer, run) + "?after=1", **{"Last-Event-ID": "3"})) == [4]


@pytest.mark.spec("STREAM-9")
async def test_reconnecting_after_the_end_is_204_until_a_retry_adds_events(
    client: httpx.AsyncClient, writer: Writer
) -> None:
    run = await writer.run(3)
    await writer.write(run, "workflow.run.failed")
    assert (await client.get(path(writer, run), headers=SSE | {"Last-Event-ID": "4"})).status_code == 204
    assert (await client.get(path(writer, run) + "?after=999", headers=SSE)).status_code == 204
    await writer.write(run, "workflow.run.queued", COMPLETED)
    assert ids(await follow(client, path(writer, run), **{"Last-Event-ID": "4"})) == [5, 6]


@pytest.mark.spec("STREAM-10")
async def test_silence_is_filled_with_comments(database: Database, hub: Hub, writer: Writer) -> None:
    assert Settings().ping_seconds == 15
    run = await writer.run(1)
    async with (
        serving(database, hub, ping_seconds=0.05) as served,
        httpx.AsyncClient(base_url=served.url) as client,
        asyncio.timeout(5),
        client.stream("GET", path(writer, run), headers=SSE) as answer,
    ):
        pings = 0
        async for line in answer.aiter_lines():
            pings += line == ": ping"
            if pings == 3:
                break


@pytest.mark.spec("STREAM-11")
async def test_what_cannot_be_is_refused(client: httpx.AsyncClient, writer: Writer) -> None:
    run = await writer.run(1)
    for wrong in ("x", "-1", "1.5", str(2**63)):
        assert (await client.get(path(writer, run), headers=SSE | {"Last-Event-ID": wrong})).status_code == 422
        assert (await client.get(path(writer, run), headers=SSE, params={"after": wrong})).status_code == 422
    assert (await client.get(path(writer, new_id()), headers=SSE)).status_code == 404
    assert (await client.head(path(writer, new_id()))).status_code == 404
    other = f"/projects/{new_id()}/workflows/runs/{run}/events"
    assert (await client.get(other, headers=SSE)).status_code == 404
    head = await client.head(path(writer, run), headers=SSE)
    assert (head.status_code, head.content) == (200, b"")


@pytest.mark.spec("STREAM-12")
async def test_the_log_can_be_read_in_pages(client: httpx.AsyncClient, writer: Writer) -> None:
    run = await writer.run(7)
    got: list[dict[str, Any]] = []
    cursor = "0"
    while cursor is not None:
        answer = await client.get(
            path(writer, run), headers={"Accept": "application/json"}, params={"limit": 3, "cursor": cursor}
        )
        page = answer.json()
        got += page["items"]
        cursor = page["next_cursor"]
    assert [event["seq"] for event in got] == list(range(1, 8))
    answer = await client.get(path(writer, run), headers={"Accept": "application/json"}, params={"after": 5})
    assert [event["seq"] for event in answer.json()["items"]] == [6, 7]


@pytest.mark.spec("STREAM-12")
@pytest.mark.parametrize(
    ("accept", "json_wanted"),
    [
        ("*/*", False),
        ("text/event-stream", False),
        ("application/json", True),
        ("application/json, text/plain, */*", True),
        ("application/json;q=0.5, text/event-stream", False),
        ("application/json, text/event-stream", False),
        ("application/*, text/event-stream;q=0.1", True),
        ("text/html", False),
        ("application/json;q=x", False),
    ],
)
def test_a_stream_is_given_unless_json_is_preferred(accept: str, json_wanted: bool) -> None:
    assert prefers_json(accept, over="text/event-stream") is json_wanted


@pytest.mark.spec("STREAM-13")
async def test_two_hundred_streams_of_one_run_while_clients_come_and_go(
    client: httpx.AsyncClient, served: Served, writer: Writer, database: Database
) -> None:
    run = await writer.run(2)
    streams = [asyncio.create_task(follow(client, path(writer, run))) for _ in range(200)]
    await eventually(lambda: len(served.hub._readers) == 200, seconds=20)
    leaving = [asyncio.create_task(follow(client, path(writer, run), count=2)) for _ in range(20)]
    await asyncio.gather(*leaving)
    await eventually(lambda: len(served.hub._readers) == 200)
    stats = database.pool.get_stats()
    assert stats["pool_available"] == stats["pool_size"]
    await writer.write(run, *[PROGRESS] * 20)
    await writer.write(run, COMPLETED)
    for lines in await asyncio.wait_for(asyncio.gather(*streams), 20):
        assert ids(lines) == list(range(1, 24))
    async with database.pool.connection() as connection:
        found = await (await connection.execute("select status from runs where id = %s", (run,))).fetchone()
    assert found == {"status": "COMPLETED"}


@pytest.mark.spec("STREAM-4")
async def test_a_client_that_reads_nothing_is_cut_off_and_harms_nobody(
    client: httpx.AsyncClient, served: Served, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "SEND_SECONDS", 0.3)
    run = await writer.run(1)
    host, port = served.address.split(":")
    _reader, frozen = await asyncio.open_connection(host, int(port), limit=1)
    frozen.write(f"GET /api/v1{path(writer, run)} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    await eventually(lambda: len(served.hub._readers) == 1)
    healthy = asyncio.create_task(follow(client, path(writer, run)))
    await eventually(lambda: len(served.hub._readers) == 2)
    for _ in range(200):
        await writer.write(run, PROGRESS, data={"text": "x" * 100_000})
    await eventually(lambda: len(served.hub._readers) == 1, seconds=20)
    await writer.write(run, COMPLETED)
    assert ids(await asyncio.wait_for(healthy, 20)) == list(range(1, 203))
    frozen.transport.abort()


@pytest.mark.spec("STREAM-6")
async def test_a_stopping_server_ends_its_streams_with_a_hint(database: Database, hub: Hub, writer: Writer) -> None:
    run = await writer.run(2)
    async with httpx.AsyncClient(timeout=10) as client:
        async with serving(database, hub) as served:
            following = [asyncio.create_task(follow(client, served.url + path(writer, run))) for _ in range(5)]
            await eventually(lambda: len(hub._readers) == 5 and not any(reader.behind for reader in hub._readers))
            loop = asyncio.get_running_loop()
            began = loop.time()
            hub.shutdown()
        assert loop.time() - began < 1
        for lines in await asyncio.gather(*following):
            assert ids(lines) == [1, 2]
            assert hint(lines) >= 500


@pytest.mark.spec("STREAM-6")
async def test_a_server_that_is_told_to_exit_ends_its_streams_by_itself(
    database: Database, hub: Hub, writer: Writer
) -> None:
    run = await writer.run(2)
    async with httpx.AsyncClient(timeout=10) as client:
        async with serving(database, hub) as served:
            following = asyncio.create_task(follow(client, served.url + path(writer, run)))
            await eventually(lambda: len(hub._readers) == 1)
            loop = asyncio.get_running_loop()
            began = loop.time()
            served.server.should_exit = True
            assert hint(await following) >= 500
        assert loop.time() - began < 2


@pytest.mark.spec("STREAM-14")
async def test_a_closed_server_asks_for_a_key(database: Database, hub: Hub, writer: Writer) -> None:
    run = await writer.run(1)
    async with serving(database, hub, admin_key="secret") as served, httpx.AsyncClient(base_url=served.url) as client:
        assert (await client.get(path(writer, run))).status_code == 401
        assert (await client.get(path(writer, run), headers={"Authorization": "Bearer no"})).status_code == 401
        headers = {"Authorization": "Bearer secret", "Accept": "application/json"}
        assert (await client.get(path(writer, run), headers=headers)).status_code == 200
