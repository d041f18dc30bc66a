"""The soak: a busy day in minutes, with a retention of seconds; at its end nothing may grow any more."""

import asyncio
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import psutil
import psycopg

from benchmarks.days import Person, Tally
from benchmarks.figures import Figure, Report
from benchmarks.server import Site, database, site

PEOPLE = 12
PAUSE_SECONDS = 0.3
SAMPLE_SECONDS = 5.0
QUIET_SECONDS = 90.0
DAY = 86_400
SETTINGS: dict[str, Any] = {
    "keep_runs_days": 20 / DAY,
    "keep_events_days": 10 / DAY,
    "keep_checkpoints_seconds": 4,
    "keep_idempotency_seconds": 10,
    "prune_every_seconds": 3,
    "park_seconds": 0.5,
}
MOST_GROWTH = 1.05
MOST_TABLE_GROWTH = 1.10
SMALL_TABLE = 200_000
"""Bytes; smaller tables are looked at together with the others only."""
LEAST_SAMPLES = 9


@dataclass(frozen=True, slots=True)
class Sample:
    """What the server held at one moment."""

    at: float
    rss: int
    files: int
    threads: int
    connections: int
    tables: dict[str, int]
    runs: int

    @property
    def stored(self) -> int:
        return sum(self.tables.values())


async def measure(report: Report, *, minutes: float) -> None:
    """Let people work on a server for so long, and compare the last third with the one before."""
    report.note(f"a soak of {minutes:g} minutes")
    tally = Tally()
    async with (
        database() as (_, url, _),
        site(database_url=url, **SETTINGS) as place,
        await psycopg.AsyncConnection.connect(url, user="postgres", autocommit=True) as connection,
    ):
        # A look of the vacuum a minute would be one every few hours of the day that is told here.
        await connection.execute("alter system set autovacuum_naptime = '2s'")
        await connection.execute("select pg_reload_conf()")
        process = await place.serve()
        samples = await _live(place, connection, process.pid, tally, minutes * 60)
        left = await _left(connection)
    for what, count in tally.ended.most_common():
        report.console.print(f"  {count} {what}", highlight=False)
    for what, count in tally.wrong.most_common():
        report.console.print(f"  [red]{count} {what}[/red]", highlight=False)
    _judge(report, samples, tally, left)


async def _live(
    place: Site, connection: psycopg.AsyncConnection[Any], pid: int, tally: Tally, seconds: float
) -> list[Sample]:
    stop = asyncio.Event()
    url = f"http://127.0.0.1:{place.port}"
    people = [Person(url, tally, seed=number) for number in range(PEOPLE)]
    for number, person in enumerate(people):
        await person.settle(f"project {number}")
    tasks = [asyncio.create_task(person.work(stop, PAUSE_SECONDS)) for person in people]
    samples: list[Sample] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        await asyncio.sleep(SAMPLE_SECONDS)
        samples.append(await _sample(connection, psutil.Process(pid)))
    stop.set()
    await asyncio.gather(*tasks)
    return samples


async def _sample(connection: psycopg.AsyncConnection[Any], server: psutil.Process) -> Sample:
    cursor = await connection.execute(
        "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
        " and application_name <> 'graphwright-prune' and backend_type = 'client backend'"
    )
    connections = (await cursor.fetchone() or (0,))[0]
    cursor = await connection.execute(
        "select relname, pg_total_relation_size(oid) from pg_class"
        " where relkind = 'r' and relnamespace = 'public'::regnamespace"
    )
    tables = {name: size for name, size in await cursor.fetchall()}  # noqa: C416  # rows are no pairs to mypy
    cursor = await connection.execute("select count(*) from runs")
    runs = (await cursor.fetchone() or (0,))[0]
    rss, files, threads = server.memory_info().rss, server.num_fds(), server.num_threads()
    return Sample(time.monotonic(), rss, files, threads, connections, tables, runs)


async def _left(connection: psycopg.AsyncConnection[Any]) -> int:
    """Runs that have not ended, once everybody has gone."""
    query = "select count(*) from runs where status not in ('COMPLETED', 'FAILED', 'CANCELLED')"
    give_up_at = time.monotonic() + QUIET_SECONDS
    while True:
        count: int = (await (await connection.execute(query)).fetchone() or (0,))[0]
        if not count or time.monotonic() > give_up_at:
            return count
        await asyncio.sleep(1)


def _judge(report: Report, samples: Sequence[Sample], tally: Tally, left: int) -> None:
    if len(samples) < LEAST_SAMPLES:
        report.note("too short to tell whether anything grows")
        return
    third = len(samples) // 3
    middle, last = samples[third : 2 * third], samples[2 * third :]

    def grown(name: str, value: Callable[[Sample], float], unit: str, limit: float, scale: float = 1.0) -> None:
        before, after = (statistics.mean(value(one) for one in part) / scale for part in (middle, last))
        report.add(Figure("soak", name, after, unit, other=before, limit=limit, beside="in the third before"))

    report.add(Figure("soak", "runs", sum(tally.ended.values()), "runs"))
    report.add(Figure("soak", "answers and streams that were wrong", sum(tally.wrong.values()), "", limit=0))
    report.add(Figure("soak", "runs left that have not ended", left, "runs", limit=0))
    grown("memory of the server", lambda one: one.rss, "MiB", MOST_GROWTH, 2**20)
    grown("files of the server", lambda one: one.files, "files", MOST_TABLE_GROWTH)
    grown("threads of the server", lambda one: one.threads, "threads", MOST_GROWTH)
    grown("connections to the database", lambda one: one.connections, "connections", MOST_GROWTH)
    grown("runs in the database", lambda one: one.runs, "runs", MOST_TABLE_GROWTH)
    grown("all tables", lambda one: one.stored, "MB", MOST_TABLE_GROWTH, 1e6)
    for table in sorted(samples[-1].tables):
        if min(one.tables.get(table, 0) for one in middle) > SMALL_TABLE:
            grown(f"table {table}", partial(_table, table), "MB", MOST_TABLE_GROWTH, 1e6)


def _table(name: str, sample: Sample) -> float:
    return sample.tables[name]
