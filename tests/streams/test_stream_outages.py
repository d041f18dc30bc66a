"""What happens to streams when the way to the database fails: notifications, connections, everything."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from uuid import UUID

import httpx
import psycopg
import pytest

from app.db import LIVENESS, Database
from app.events import Hub, store
from app.events import hub as hub_module
from tests.chaos.proxy import Proxy
from tests.streams.conftest import COMPLETED, PROGRESS, Writer, collect, eventually, seqs, serving


@pytest.fixture
async def proxy(database_url: str) -> AsyncIterator[Proxy]:
    async with Proxy(database_url) as proxy:
        yield proxy


@pytest.fixture
async def behind(proxy: Proxy) -> AsyncIterator[Database]:
    """The database as a server sees it through the proxy."""
    database = Database(proxy.url)
    await database.open()
    yield database
    proxy.cut()
    await database.close()


@pytest.fixture
async def hub_behind(behind: Database) -> AsyncIterator[Hub]:
    hub = Hub(behind.url, behind.pool)
    await hub.start()
    yield hub
    await hub.stop()


def waits(hub: Hub, run_id: UUID) -> bool:
    """Whether somebody has read the log of a run, and waits for more."""
    feed = hub._feeds.by_run.get(run_id)
    return feed is not None and feed.live


@pytest.mark.spec("STREAM-60")
async def test_events_whose_notifications_are_swallowed_arrive_within_two_seconds(
    proxy: Proxy, hub_behind: Hub, writer: Writer
) -> None:
    run = await writer.run(1)
    stream = asyncio.create_task(collect(hub_behind, run))
    await eventually(lambda: waits(hub_behind, run))
    proxy.deaf = True
    loop = asyncio.get_running_loop()
    began = loop.time()
    await writer.write(run, PROGRESS, COMPLETED)
    assert seqs(await asyncio.wait_for(stream, 10)) == [1, 2, 3]
    assert loop.time() - began < 2.5
    assert proxy.dropped


@pytest.mark.spec("STREAM-61")
async def test_streams_stay_open_while_the_database_is_away_and_go_on_after(
    proxy: Proxy, behind: Database, hub_behind: Hub, writer: Writer
) -> None:
    run, other = await writer.run(1), await writer.run(1)
    async with serving(behind, hub_behind, ping_seconds=0.2) as served, httpx.AsyncClient(timeout=20) as client:
        streams = [
            asyncio.create_task(_lines(client, f"{served.url}{_path(writer, one)}")) for one in (run, other, run)
        ]
        await eventually(lambda: waits(hub_behind, run) and waits(hub_behind, other) and len(hub_behind._readers) == 3)
        proxy.refusing = True
        proxy.cut()
        for _ in range(20):
            await writer.write(run, PROGRESS)
        await writer.write(other, COMPLETED)
        loop = asyncio.get_running_loop()
        away_until = loop.time() + 3
        await eventually(lambda: loop.time() > away_until)
        assert not any(stream.done() for stream in streams)
        proxy.refusing = False
        back = loop.time()
        await writer.write(run, COMPLETED)
        first, second, third = await asyncio.wait_for(asyncio.gather(*streams), 20)
        assert loop.time() - back < 8
    assert [line for line in first if line.startswith("id: ")] == [f"id: {seq}" for seq in range(1, 23)]
    assert [line for line in second if line.startswith("id: ")] == ["id: 1", "id: 2"]
    assert [line for line in third if line.startswith("id: ")] == [f"id: {seq}" for seq in range(1, 23)]
    assert ": ping" in first


@pytest.mark.spec("STREAM-62")
async def test_connections_that_somebody_on_the_way_has_forgotten_are_given_up(
    proxy: Proxy, behind: Database, hub_behind: Hub, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "ANSWER_SECONDS", 0.3)
    monkeypatch.setattr(hub_module, "LISTEN_CHECK_SECONDS", 0.3)
    monkeypatch.setattr(store, "READ_SECONDS", 0.5)
    run = await writer.run(1)
    stream = asyncio.create_task(collect(hub_behind, run))
    await eventually(lambda: waits(hub_behind, run))
    proxy.freeze()
    await writer.write(run, PROGRESS)
    await eventually(lambda: behind.pool.get_stats()["pool_available"] < behind.pool.get_stats()["pool_size"])
    # What comes from now on passes, but the connections of before have swallowed something and stay silent.
    proxy._flowing = asyncio.Event()
    proxy._flowing.set()
    await writer.write(run, COMPLETED)
    assert seqs(await asyncio.wait_for(stream, 60)) == [1, 2, 3]


@pytest.mark.spec("STREAM-62")
async def test_the_system_is_told_how_long_a_connection_may_be_silent(database_url: str) -> None:
    database = Database(database_url)
    async with await psycopg.AsyncConnection.connect(database.url) as connection:
        sock = socket.socket(fileno=os.dup(connection.pgconn.socket))
        with sock:
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == LIVENESS["tcp_user_timeout"]
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == LIVENESS["keepalives_idle"]


def _path(writer: Writer, run_id: UUID) -> str:
    return f"/projects/{writer.project_id}/workflows/runs/{run_id}/events"


async def _lines(client: httpx.AsyncClient, url: str) -> list[str]:
    async with client.stream("GET", url, headers={"Accept": "text/event-stream"}) as answer:
        assert answer.status_code == 200
        return [line async for line in answer.aiter_lines()]
