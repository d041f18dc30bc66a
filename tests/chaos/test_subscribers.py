"""Many readers of one run: some stand still, some come again at every event, and none misses anything."""

import asyncio
import socket
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import pytest

from tests.chaos.invariants import check
from tests.chaos.load import chain
from tests.chaos.world import World, scaled, tell
from tests.support import ended
from tests.worker.runs import graph, started

pytestmark = [pytest.mark.timeout(scaled(120, 600))]


@asynccontextmanager
async def stream(world: World, path: str, after: int, *, limit: int = 2**20) -> AsyncIterator[asyncio.StreamReader]:
    """The run's stream after a seq, over a connection of its own that takes in little more than `limit` bytes."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, limit)
    sock.setblocking(False)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", world.api.port))
    reader, writer = await asyncio.open_connection(sock=sock, limit=limit)
    try:
        request = f"GET /api/v1{path}/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n"
        writer.write(f"{request}Last-Event-ID: {after}\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        yield reader
    finally:
        writer.transport.abort()
        await asyncio.sleep(0)


class Reader:
    """Follows a run as a browser does; `patience` is after how many events it comes again."""

    def __init__(self, world: World, path: str, patience: int | None) -> None:
        self.seqs: list[int] = []
        self._world = world
        self._path = path
        self._patience = patience

    async def read(self) -> None:
        while True:
            with suppress(ConnectionError, asyncio.IncompleteReadError):
                async with stream(self._world, self._path, self.seqs[-1] if self.seqs else 0) as reader:
                    if await self._follow(reader):
                        return

    async def _follow(self, reader: asyncio.StreamReader) -> bool:
        """Take events until it has enough for once; whether the end was among them."""
        seq, taken = 0, 0
        while line := await reader.readline():
            if line.startswith(b"id:"):
                seq = int(line[3:])
            elif line.startswith(b"event: workflow."):
                self.seqs.append(seq)
                taken += 1
                if line.strip().endswith((b"run.completed", b"run.failed", b"run.cancelled")):
                    return True
                if taken == self._patience:
                    return False
        return False


@pytest.mark.spec("RUN-71")
@pytest.mark.parametrize("size", [{"workers": 0}], ids=["one-process"])
async def test_readers_that_freeze_or_come_again_at_every_event_harm_nobody_and_miss_nothing(world: World) -> None:
    count = scaled(100, 1000)
    lengthy = chain(scaled(15, 40), scaled(100, 200) / 1000)
    wordy: dict[str, Any] = graph(
        [{"id": "s", "type": "transform", "config": {"value": "x" * 50_000}}, *lengthy["nodes"]],
        ("s", "n0"),
        *((edge["source"], edge["target"]) for edge in lengthy["edges"]),
    )
    path = await started(world.projects[0], wordy, {"n": 1})
    readers = [Reader(world, path, 1 if n % 10 == 0 else None) for n in range(count)]
    async with AsyncExitStack() as frozen:
        for _ in range(count // 10):
            await frozen.enter_async_context(stream(world, path, 0, limit=4096))
        async with asyncio.TaskGroup() as following:
            for reader in readers:
                following.create_task(reader.read())
            done = await ended(world.client, path, seconds=scaled(30, 120))
            over = time.monotonic()
        tell(f"{count} readers had {done['last_seq']} events each, {time.monotonic() - over:.1f} s after the end")
        assert time.monotonic() - over < scaled(20, 60)

    assert done["status"] == "COMPLETED"
    assert all(reader.seqs == list(range(1, done["last_seq"] + 1)) for reader in readers)
    await check(world, connections=40)
