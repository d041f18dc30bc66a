"""Long single runs: what a lap of a loop and a visit of a waiting run cost when many came before. Only where asked for.

Each figure stands beside that of the shortest run, so that what grows with the length of a run shows as a ratio. CPU
time is that of the server with its worker and of PostgreSQL, and says more than the clock on a busy machine.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.client import ENDS, BadAnswerError
from benchmarks.figures import Figure, Report
from benchmarks.limits import cpu_of, cpu_of_server, size_of
from benchmarks.server import Service, database, site, using

PART = "long"
LAPS = (100, 1_000, 10_000)
PARKS = (50, 200, 800)
MAP_LAPS = (10, 100)
ITEMS = 100
MOST_GROWTH = 1.5
"""A lap or a visit may cost so many times what one in the shortest run does."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one lap or one visit costs: milliseconds by the clock and of CPU time, and bytes of tables."""

    clock: float
    server: float
    postgres: float
    stored: float
    memory: int

    @property
    def cpu(self) -> float:
        return self.server + self.postgres


class Place:
    """The service with its database, and what both have used so far."""

    def __init__(self, service: Service, url: str, data: Path) -> None:
        self.service = service
        self.url = url
        self._data = data

    async def cost(self, name: str, turns: int, value: Any = None, *, answers: bool = False) -> Cost:
        """What one of its `turns` costs a run of the workflow; its approvals are answered as soon as they wait."""
        before, size, began = self._used(), await size_of(self.url), time.perf_counter()
        run = await self.service.create_run(name, value)
        await (self._answered(run) if answers else self.service.follow(run))
        seconds = time.perf_counter() - began
        server, postgres = (after - used for after, used in zip(self._used(), before, strict=True))
        stored = await size_of(self.url) - size
        memory = psutil.Process(self.service.pid).memory_info().rss
        clock, ours, theirs = (one / turns * 1000 for one in (seconds, server, postgres))
        return Cost(clock, ours, theirs, stored / turns, memory)

    def _used(self) -> tuple[float, float]:
        return cpu_of(self.service.pid), cpu_of_server(self._data)

    async def _answered(self, run: str) -> None:
        client = self.service.client
        await client.call("POST", f"{run}/execute")
        async with client.events(f"{run}/events") as events:
            async for event in events:
                if event["type"] == "workflow.run.waiting":
                    await client.call("POST", f"{run}/resume", {"node_id": "ask", "answer": {"ok": True}})
                if event["type"] in ENDS:
                    break
        if event["type"] != "workflow.run.completed":
            raise BadAnswerError(f"The run did not complete: {event}")


async def measure(report: Report, *, quick: bool) -> None:
    """Loops of many laps, runs that park often, and loops around maps."""
    async with database() as (_, url, data), site(database_url=url) as home:
        server = await home.serve()
        async with using(home, server) as service:
            place = Place(service, url, data)
            await service.store_graph("laps", loop())
            await service.store_graph("parks", parks())
            await service.store_graph("maps", loop(ITEMS))
            await place.cost("laps", 10, {"laps": 10})
            await place.cost("parks", 2, {"laps": 2}, answers=True)
            await _lengths(report, place, "laps", LAPS[: 2 if quick else 3], "lap")
            await _lengths(report, place, "parks", PARKS[: 2 if quick else 3], "visit", answers=True)
            if not quick:
                await _lengths(report, place, "maps", MAP_LAPS, f"lap with a map of {ITEMS}")


async def _lengths(
    report: Report, place: Place, name: str, lengths: tuple[int, ...], turn: str, *, answers: bool = False
) -> None:
    first: Cost | None = None
    for length in lengths:
        report.note(f"{PART}: {name}, {length:,}")
        cost = await place.cost(name, length, {"laps": length}, answers=answers)

        def tell(what: str, value: str, unit: str, scale: float = 1.0, limit: float | None = None) -> None:
            other = None if first is None else getattr(first, value) / scale  # noqa: B023  # called at once
            figure = Figure(PART, f"{length:,} {name}: {what}", getattr(cost, value) / scale, unit, other)  # noqa: B023  # as above
            figure.beside, figure.limit = f"at {lengths[0]}", None if first is None else limit  # noqa: B023  # as above
            report.add(figure)

        tell(f"time of a {turn}", "clock", "ms")
        tell(f"CPU of a {turn}", "cpu", "ms", limit=MOST_GROWTH)
        tell(f"CPU of PostgreSQL of a {turn}", "postgres", "ms")
        tell(f"growth of the database by a {turn}", "stored", "kB", 1000)
        tell("memory of the server at the end", "memory", "MiB", 2**20)
        first = first or cost


def loop(items: int = 0) -> dict[str, Any]:
    """A loop of three nodes with as many laps as the input says; with `items` one of them is a map of so many."""
    work: dict[str, Any] = {"id": "work", "type": "transform", "config": {"value": "{{ loop.iteration }}"}}
    if items:
        inner = {"type": "transform", "config": {"value": "{{ item }}"}}
        work = {"id": "work", "type": "map", "config": {"items": list(range(items)), "node": inner}}
    return _looped(work)


def parks() -> dict[str, Any]:
    """A loop that waits for an answer in each lap."""
    return _looped({"id": "ask", "type": "approval", "config": {"prompt": "Is this all right?"}})


def _looped(work: dict[str, Any]) -> dict[str, Any]:
    name = work["id"]
    return {
        "nodes": [
            {"id": "start", "type": "transform", "config": {"value": 0}},
            {"id": "count", "type": "transform", "config": {"value": 1}, "writes": {"total": "{{ output }}"}},
            work,
            {
                "id": "enough",
                "type": "condition",
                "config": {"branches": [{"name": "yes", "when": "state.total >= input.laps"}], "default": "no"},
            },
            {"id": "end", "type": "output", "config": {"value": "{{ state.total }}"}},
        ],
        "edges": [
            {"source": "start", "target": "count"},
            {"source": "count", "target": name},
            {"source": name, "target": "enough"},
            {"source": "enough", "target": "count", "branch": "no"},
            {"source": "enough", "target": "end", "branch": "yes"},
        ],
        "state": {"total": {"reducer": "add", "default": 0}},
        "settings": {"max_iterations": 1_000_000},
    }
