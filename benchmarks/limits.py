"""What one PostgreSQL and this machine carry, and who is busy with it; for docs/scaling.md. Only where it is asked for.

The CPU time that each run costs says more than runs per second: it is the same on a busy machine.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg

from benchmarks.figures import Figure, Report
from benchmarks.server import Service, database, site, using
from benchmarks.shapes import Shape, chain

PART = "limits"
SLOTS = 50
BATCH = 100
SINGLE, TEN = chain(1), chain(10)
COPY_ROWS = """
insert into limits (run_id, seq, id, project_id, type, node_id, at, data)
select %(run)s::uuid, seq, gen_random_uuid(), %(run)s::uuid, 'workflow.node.completed', 'node', clock_timestamp(),
       %(data)s::json
from generate_series(%(first)s::bigint, %(first)s::bigint + %(count)s - 1) seq
"""


@dataclass(slots=True)
class Load:
    """Runs that ended, in how many seconds, and the CPU seconds that each party spent on them."""

    runs: int
    seconds: float
    cpu: dict[str, float]


async def measure(report: Report, *, quick: bool) -> None:
    """Runs per second of one, two and three workers; rows per second of the database alone; growth per run."""
    seconds = 5.0 if quick else 20.0
    async with database() as (_, url, data):
        for count in (1, 2, 3):
            for shape in (SINGLE, TEN):
                report.note(f"{PART}: {shape.name}, {count} worker processes")
                size = await size_of(url)
                load = await _loaded(url, data, shape, count, seconds)
                _tell(report, f"{shape.name}, {count} workers", load)
                if count == 1:
                    grown = await size_of(url) - size
                    name = f"{shape.name}: growth of the database per run, checkpoints and indexes included"
                    report.add(Figure(PART, name, grown / load.runs / 1000, "kB"))
        for writers in (1, 2, 4):
            report.note(f"{PART}: rows of events, {writers} connections")
            rate = await _rows(url, writers, seconds / 2)
            name = f"rows of events that the database takes, {BATCH} in a transaction, {writers} connections"
            report.add(Figure(PART, name, rate, "rows/s"))


def _tell(report: Report, name: str, load: Load) -> None:
    report.add(Figure(PART, name, load.runs / load.seconds, "runs/s"))
    for party, cpu in load.cpu.items():
        report.add(Figure(PART, f"{name}: CPU of {party} per run", cpu / load.runs * 1000, "ms"))
    busy = sum(load.cpu.values()) / load.seconds
    report.add(Figure(PART, f"{name}: processors that all of them keep busy", busy, ""))


async def _loaded(url: str, data: Path, shape: Shape, count: int, seconds: float) -> Load:
    """One API process without a worker and some workers, with always more runs asked for than there are slots."""
    async with site(database_url=url) as place:
        server = await place.serve("--no-worker")
        workers = [(await place.work("--concurrency", str(SLOTS)))[0] for _ in range(count)]
        async with using(place, server) as service:
            await service.store(shape)
            await _drive(service, shape, 1.0, SLOTS)
            parties: dict[str, Callable[[], float]] = {
                "the API": lambda: cpu_of(server.pid),
                "the workers": lambda: sum(cpu_of(worker.pid) for worker in workers),
                "PostgreSQL": lambda: cpu_of_server(data),
            }
            before = {name: look() for name, look in parties.items()}
            began = time.perf_counter()
            runs = await _drive(service, shape, seconds, SLOTS * (count + 1) // 2)
            took = time.perf_counter() - began
            return Load(runs, took, {name: look() - before[name] for name, look in parties.items()})


async def _drive(service: Service, shape: Shape, seconds: float, at_once: int) -> int:
    """Runs from `execute` to their end at a reader, `at_once` under way; how many ended."""
    ended = 0
    stop = time.perf_counter() + seconds

    async def one_after_the_other() -> None:
        nonlocal ended
        while time.perf_counter() < stop:
            await service.follow(await service.create(shape))
            ended += 1

    async with asyncio.TaskGroup() as group:
        for _ in range(at_once):
            group.create_task(one_after_the_other())
    return ended


def cpu_of(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def cpu_of_server(data: Path) -> float:
    """CPU seconds of the database's processes, those that ended included."""
    postmaster = psutil.Process(int((data / "postmaster.pid").read_text().splitlines()[0]))
    times = postmaster.cpu_times()
    ended = times.children_user + times.children_system
    return cpu_of(postmaster.pid) + ended + sum(cpu_of(child.pid) for child in postmaster.children())


@asynccontextmanager
async def _scratch(url: str) -> AsyncIterator[None]:
    """A table like that of the events, without its reference to runs."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute("create table limits (like run_events including all)")
        try:
            yield
        finally:
            await connection.execute("drop table limits")


async def _rows(url: str, writers: int, seconds: float) -> float:
    """Rows per second, in transactions of a batch each."""
    stop = time.perf_counter() + seconds
    batches = 0

    async def write(place: int) -> None:
        nonlocal batches
        run = f"00000000-0000-0000-0000-{place:012d}"
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            first = 1
            while time.perf_counter() < stop:
                values = {"run": run, "first": first, "count": BATCH, "data": '{"output": "' + "x" * 200 + '"}'}
                await connection.execute(COPY_ROWS, values, prepare=True)
                first += BATCH
                batches += 1

    async with _scratch(url):
        began = time.perf_counter()
        await asyncio.gather(*(write(place) for place in range(writers)))
        return batches * BATCH / (time.perf_counter() - began)


async def size_of(url: str) -> int:
    """Bytes of the database."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        row = await (await connection.execute("select pg_database_size(current_database())")).fetchone()
    assert row is not None
    return int(row[0])
