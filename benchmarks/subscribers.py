"""A thousand readers at one API process: what they miss, how late they are, and what each costs the server."""

import asyncio
import bisect
import re
import resource
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from itertools import cycle
from typing import cast

import orjson
import psutil

from benchmarks.client import BadAnswerError
from benchmarks.figures import Figure, Report, percentile, spread
from benchmarks.server import Service
from benchmarks.shapes import Shape, chain

PART = "subscribers"
READERS = 1000
RUNS = 50
# Connections that are opened at once: more than the backlog of a busy machine's kernel would be refused.
OPENING = 100
LATE_MS = 300.0
AIM_MS = 100.0
KILOBYTES = 100.0
END_SECONDS = 120.0
FRAME = re.compile(rb"id: (\d+)\nevent: (.+)\ndata: (\{.*\})\n\n")
ENDS = {f"workflow.run.{end}".encode() for end in ("completed", "failed", "cancelled")}


async def measure(report: Report, service: Service, *, quick: bool) -> None:
    """All readers on one run, all on many, and all on one while some do not read and some come and go."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    shape = chain(10, 0.2)
    await service.store(shape)
    server = psutil.Process(service.pid)
    await _round(service, shape, server, readers=1, runs=1)  # what a first run loads is no reader's cost
    alone = await _round(service, shape, server, readers=1, runs=1)
    for name, runs in ((f"{READERS} of one run", 1), (f"{READERS} of {RUNS} runs", RUNS)):
        report.note(f"{PART}: {name}")
        _add(report, name, await _round(service, shape, server, readers=READERS, runs=runs), alone.cpu * runs)
        if quick:
            break
    report.note(f"{PART}: some freeze, some come and go")
    mixed = await _round(service, shape, server, readers=READERS, runs=1, frozen=50, hasty=50)
    name = f"{READERS} of one run, 50 frozen, 50 reconnecting at every event"
    report.add(Figure(PART, f"events missed or twice, {name}", mixed.wrong, "", limit=0))
    report.add(Figure(PART, f"delay, {name}, p95", percentile(mixed.delays, 95), "ms", spread=spread(mixed.delays)))
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Round:
    """What one round showed: delays in ms, wrong events, seconds of the server's CPU, bytes, connections."""

    def __init__(self) -> None:
        self.delays: list[float] = []
        self.wrong = 0
        self.delivered = 0
        self.cpu = 0.0
        self.memory = 0
        self.connections = 0


class Reader(asyncio.Protocol):
    """Keeps what came and when, to be understood when all is over: so the client costs next to nothing meanwhile."""

    def __init__(self, path: str, *, frozen: bool = False, hasty: bool = False) -> None:
        self.path = path
        self.hasty = hasty
        self.opened = asyncio.get_running_loop().create_future()
        self.ended = asyncio.get_running_loop().create_future()
        self.reads: list[tuple[float, bytes]] = []
        self._frozen = frozen
        self._after = 0
        self._piece = b""

    async def connect(self, port: int) -> None:
        """Open the stream; it is open when its first event has come."""
        loop = asyncio.get_running_loop()
        self._port = port
        await loop.create_connection(lambda: self, "127.0.0.1", port)
        async with asyncio.timeout(END_SECONDS):
            await self.opened

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(
            f"GET {self.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n"
            f"Last-Event-ID: {self._after}\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        self.reads.append((time.time(), data))
        if not self.opened.done() and b"\ndata: " in data:
            self.opened.set_result(None)
            if self._frozen:
                self._transport.pause_reading()
                self.ended.set_result(None)
        if data.endswith(b"\r\n0\r\n\r\n") or (data.startswith(b"HTTP/1.1 204") and data.endswith(b"\r\n\r\n")):
            self._end()
        elif self.hasty:
            self._piece += data
            if frames := FRAME.findall(self._piece):
                self._come_again(*frames[-1])

    def connection_lost(self, _: Exception | None) -> None:
        if not self.hasty:
            self._end()

    def leave(self) -> None:
        self._transport.abort()

    def _end(self) -> None:
        if not self.ended.done():
            self.ended.set_result(None)
        self._transport.close()

    def _come_again(self, seq: bytes, kind: bytes, _: bytes) -> None:
        """Leave, and ask for what follows the last whole event."""
        self._after, self._piece = int(seq), b""
        self._transport.abort()
        if kind in ENDS:
            self._end()
        else:
            again = asyncio.get_running_loop().create_connection(lambda: self, "127.0.0.1", self._port)
            self._again = asyncio.ensure_future(again)

    def events(self) -> list[tuple[float, bytes]]:
        """The events as text, each with the time at which its last byte came. Chunks hold whole frames."""
        text = b"".join(data for _, data in self.reads)
        ends, place = [], 0
        for _, data in self.reads:
            place += len(data)
            ends.append(place)
        return [
            (self.reads[bisect.bisect_left(ends, found.end())][0], found.group(3)) for found in FRAME.finditer(text)
        ]


async def _round(
    service: Service,
    shape: Shape,
    server: psutil.Process,
    *,
    readers: int,
    runs: int,
    frozen: int = 0,
    hasty: int = 0,
) -> Round:
    found = Round()
    paths = [await service.create(shape) for _ in range(runs)]
    memory = server.memory_info().rss
    all_readers = [
        Reader(f"{path}/events", frozen=place < frozen, hasty=frozen <= place < frozen + hasty)
        for place, path in zip(range(readers), cycle(paths), strict=False)
    ]
    counts = []
    for first in range(0, readers, OPENING):
        part = all_readers[first : first + OPENING]
        await asyncio.gather(*(reader.connect(service.client.port) for reader in part))
        counts.append(_to_the_database(server))
    found.connections = counts[-1] - counts[0]
    async with _peak(server) as memories:
        cpu, began = sum(server.cpu_times()[:2]), time.time()
        for path in paths:
            await service.client.call("POST", f"{path}/execute")
        async with asyncio.timeout(END_SECONDS):
            await asyncio.gather(*(reader.ended for reader in all_readers))
        found.cpu = sum(server.cpu_times()[:2]) - cpu
    found.memory = max(memories) - memory
    for reader in all_readers[:frozen]:
        reader.leave()
    _understand(found, all_readers[frozen:], began)
    return found


def _understand(found: Round, readers: Sequence[Reader], began: float) -> None:
    known: dict[bytes, tuple[int, float]] = {}
    last: dict[str, int] = {}
    for reader in readers:
        seqs = []
        for came, text in reader.events():
            if text not in known:
                event = orjson.loads(text)
                known[text] = event["seq"], datetime.fromisoformat(event["at"]).timestamp()
            seq, at = known[text]
            seqs.append(seq)
            if at > began:
                found.delays.append((came - at) * 1000)
        if not seqs:
            raise BadAnswerError("A reader got nothing.")
        expected = last.setdefault(reader.path, seqs[-1])
        found.wrong += len(set(range(1, expected + 1)).symmetric_difference(seqs)) + len(seqs) - len(set(seqs))
        found.wrong += seqs != sorted(seqs)
        found.delivered += len(seqs)


def _add(report: Report, name: str, found: Round, cpu_of_runs: float) -> None:
    delays = spread(found.delays)
    report.add(Figure(PART, f"events missed or twice, {name}", found.wrong, "", limit=0))
    report.add(Figure(PART, f"delay, {name}, p50", percentile(found.delays, 50), "ms", spread=delays))
    p95 = percentile(found.delays, 95)
    report.add(Figure(PART, f"delay, {name}, p95", p95, "ms", limit=LATE_MS, aim=AIM_MS, spread=delays))
    each = found.memory / 1000 / READERS
    report.add(Figure(PART, f"memory of the server for each reader, {name}", each, "kB", limit=KILOBYTES))
    report.add(Figure(PART, f"database connections for the last 900 readers, {name}", found.connections, "", limit=0))
    cost = (found.cpu - cpu_of_runs) / found.delivered * 1e6
    report.add(Figure(PART, f"server's CPU for an event at a reader, {name}", cost, "µs"))


def _to_the_database(server: psutil.Process) -> int:
    """Connections through sockets of the file system: those to the embedded database are the only ones."""
    return len(server.net_connections("unix"))


@asynccontextmanager
async def _peak(server: psutil.Process) -> AsyncIterator[list[int]]:
    """The memory of the process, looked at again and again until the end of the block."""
    seen = [server.memory_info().rss]

    async def look() -> None:
        while True:
            await asyncio.sleep(0.2)
            seen.append(server.memory_info().rss)

    task = asyncio.create_task(look())
    try:
        yield seen
    finally:
        task.cancel()
        seen.append(server.memory_info().rss)
