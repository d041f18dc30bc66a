import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from app.db import Database
from app.events import Hub
from tests.streams.conftest import COMPLETED, PROGRESS, Served, Writer, eventually, serving
from tests.streams.nginx import Nginx, needs_nginx
from tests.support import ServerProcess

pytestmark = needs_nginx
Proxies = Callable[..., Any]


@pytest.fixture
async def proxies(tmp_path: Path) -> AsyncIterator[Proxies]:
    """Starts an nginx in front of the given addresses."""
    started: list[Nginx] = []

    async def start(*servers: str, **options: Any) -> Nginx:
        folder = tmp_path / f"nginx{len(started)}"
        folder.mkdir()
        started.append(Nginx(folder, servers, **options))
        return await started[-1].start()

    yield start
    for nginx in started:
        nginx.stop()


class Reader:
    """Follows a run through a proxy, and comes back by the last id whenever the stream breaks."""

    def __init__(self, address: str, writer: Writer, run_id: UUID) -> None:
        self.url = f"http://{address}/api/v1/projects/{writer.project_id}/workflows/runs/{run_id}/events"
        self.got: list[int] = []
        self.breaks = 0
        self.headers: httpx.Headers = httpx.Headers()
        self.lines: list[str] = []

    async def lines_once(self) -> AsyncIterator[str]:
        """The lines of one stream; Accept-Encoding is that of browsers."""
        headers = {"Accept": "text/event-stream", "Accept-Encoding": "gzip, deflate, br"}
        if self.got:
            headers["Last-Event-ID"] = str(self.got[-1])
        async with httpx.AsyncClient(timeout=20) as client, client.stream("GET", self.url, headers=headers) as answer:
            answer.raise_for_status()
            self.headers = answer.headers
            async for line in answer.aiter_lines():
                self.lines.append(line)
                if line.startswith("data: "):
                    self.got.append(json.loads(line[6:])["seq"])
                yield line

    async def once(self) -> None:
        """Read to the end of one stream. Raises httpx.HTTPError when it breaks."""
        async with aclosing(self.lines_once()) as lines:
            async for _ in lines:
                pass

    async def to(self, seq: int) -> None:
        """Read until the event has come, over as many streams as it takes."""
        while not self.got or self.got[-1] < seq:
            try:
                await self.once()
            except httpx.HTTPError:
                await asyncio.sleep(0.01)
            self.breaks += not self.got or self.got[-1] < seq

    @asynccontextmanager
    async def reading(self) -> AsyncIterator["asyncio.Task[None]"]:
        """One stream, read meanwhile."""
        task = asyncio.create_task(self.once())
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


@pytest.mark.spec("STREAM-40")
@pytest.mark.parametrize("plain", [True, False], ids=["as people write it", "as recommended"])
async def test_events_pass_one_by_one(served: Served, writer: Writer, proxies: Proxies, plain: bool) -> None:
    nginx = await proxies(served.address, plain=plain)
    run = await writer.run(1)
    reader = Reader(nginx.address, writer, run)
    loop = asyncio.get_running_loop()
    async with reader.reading() as stream:
        await eventually(lambda: reader.got == [1])
        began = loop.time()
        for seq in range(2, 22):
            await writer.write(run, PROGRESS)
            await eventually(lambda seq=seq: reader.got[-1] == seq, seconds=2)  # type: ignore[misc]
        assert loop.time() - began < 4
        assert reader.headers.get("content-encoding", "identity") == "identity"
        await writer.write(run, COMPLETED)
        await asyncio.wait_for(stream, 5)
    assert reader.got == list(range(1, 23))


@pytest.mark.spec("STREAM-41")
@pytest.mark.parametrize("plain", [True, False], ids=["as people write it", "as recommended"])
async def test_signs_of_life_keep_a_silent_stream_open(
    database: Database, hub: Hub, writer: Writer, proxies: Proxies, plain: bool
) -> None:
    async with serving(database, hub, ping_seconds=0.2) as served:
        nginx = await proxies(served.address, plain=plain, timeout="1s")
        run = await writer.run(1)
        reader = Reader(nginx.address, writer, run)
        async with reader.reading() as stream:
            await eventually(lambda: reader.lines.count(": ping") >= 9)
            await writer.write(run, COMPLETED)
            await asyncio.wait_for(stream, 5)
        assert reader.got == [1, 2]


@pytest.mark.spec("STREAM-42")
async def test_a_proxy_that_drops_a_silent_stream_changes_nothing_about_the_run(
    database: Database, hub: Hub, writer: Writer, proxies: Proxies
) -> None:
    async with serving(database, hub, ping_seconds=3600) as served:
        nginx = await proxies(served.address, plain=True, timeout="200ms")
        run = await writer.run(3)
        reader = Reader(nginx.address, writer, run)
        following = asyncio.create_task(reader.to(5))
        await eventually(lambda: reader.breaks >= 2)
        async with database.pool.connection() as connection:
            found = await (await connection.execute("select status from runs where id = %s", (run,))).fetchone()
        assert found == {"status": "RUNNING"}
        await writer.write(run, PROGRESS, COMPLETED)
        await asyncio.wait_for(following, 10)
        assert reader.got == [1, 2, 3, 4, 5]


@pytest.mark.spec("STREAM-41")
async def test_a_silent_websocket_stays_open(writer: Writer, database: Database, hub: Hub, proxies: Proxies) -> None:
    async with serving(database, hub, ping_seconds=0.2) as served:
        nginx = await proxies(served.address, timeout="1s")
        run = await writer.run(1)
        place = f"ws://{nginx.address}/api/v1/projects/{writer.project_id}/ws"
        async with connect(place, origin=f"http://{nginx.address}", ping_interval=None) as socket:  # type: ignore[arg-type]
            await socket.send(json.dumps({"type": "subscribe", "runs": [str(run)]}))
            assert json.loads(await socket.recv())["type"] == "snapshot"
            loop = asyncio.get_running_loop()
            silent_until = loop.time() + 1.6
            await eventually(lambda: loop.time() > silent_until)
            await writer.write(run, PROGRESS)
            assert json.loads(await asyncio.wait_for(socket.recv(), 5))["seq"] == 2


@pytest.mark.spec("STREAM-42")
async def test_streams_go_on_over_a_reload_and_a_killed_proxy(served: Served, writer: Writer, proxies: Proxies) -> None:
    nginx = await proxies(served.address)
    run = await writer.run(1)
    readers = [Reader(nginx.address, writer, run) for _ in range(5)]
    following = [asyncio.create_task(reader.to(40)) for reader in readers]
    place = f"ws://{nginx.address}/api/v1/projects/{writer.project_id}/ws"
    watching = asyncio.create_task(_watch(place, run, 40))
    await eventually(lambda: len(served.hub._readers) == 6)
    for seq in range(2, 40):
        await writer.write(run, PROGRESS)
        await eventually(lambda seq=seq: all(reader.got[-1] == seq for reader in readers))  # type: ignore[misc]
        if seq == 12:
            nginx.reload()
        if seq == 25:
            nginx.stop(signal.SIGKILL)
            await nginx.start()
    await writer.write(run, COMPLETED)
    await asyncio.wait_for(asyncio.gather(*following), 15)
    assert all(reader.got == list(range(1, 41)) for reader in readers)
    assert all(reader.breaks for reader in readers)
    assert await asyncio.wait_for(watching, 15) == list(range(1, 41))


async def _watch(place: str, run_id: UUID, last: int) -> list[int]:
    """The seqs of a run over as many WebSockets as it takes."""
    got: list[int] = []
    while not got or got[-1] < last:
        try:
            async with connect(place) as socket:
                after = {str(run_id): got[-1] if got else 0}
                await socket.send(json.dumps({"type": "subscribe", "runs": [str(run_id)], "after": after}))
                async for text in socket:
                    message = json.loads(text)
                    got += [message["seq"]] if "seq" in message else []
                    if got and got[-1] == last:
                        break
        except (OSError, ConnectionClosed):
            await asyncio.sleep(0.01)
    return got


@pytest.mark.spec("STREAM-43")
async def test_a_killed_replica_costs_its_readers_nothing(
    database: Database, database_url: str, writer: Writer, proxies: Proxies, tmp_path: Path
) -> None:
    replicas = [ServerProcess(tmp_path / name, database_url) for name in ("a", "b")]
    try:
        await asyncio.gather(*(replica.start("--no-worker") for replica in replicas))
        nginx = await proxies(*(f"127.0.0.1:{replica.port}" for replica in replicas))
        runs = [await writer.run(1) for _ in range(2)]
        readers = [Reader(nginx.address, writer, run) for run in runs for _ in range(4)]
        following = [asyncio.create_task(reader.to(30)) for reader in readers]
        await eventually(lambda: all(reader.got for reader in readers))
        for seq in range(2, 30):
            for run in runs:
                await writer.write(run, PROGRESS)
            if seq == 10:
                replicas[0].kill()
        for run in runs:
            await writer.write(run, COMPLETED)
        await asyncio.wait_for(asyncio.gather(*following), 15)
        assert all(reader.got == list(range(1, 31)) for reader in readers)
        assert 0 < sum(bool(reader.breaks) for reader in readers) < len(readers)
    finally:
        for replica in replicas:
            replica.kill()
