"""Whole runs: ours over HTTP from POST execute to the terminal event, beside plain LangGraph in process."""

import asyncio
import gc
import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from benchmarks.figures import Figure, Report, spread
from benchmarks.peer import Peer
from benchmarks.server import Service
from benchmarks.shapes import Shape, chain, fan

PART = "runs"
AT_ONCE = 50


@dataclass(frozen=True)
class Bounds:
    """Budgets and aims of a shape, as multiples of plain LangGraph."""

    latency: float
    latency_aim: float
    rate: float
    rate_aim: float


BOUNDS = ((chain(10), Bounds(1.0, 0.5, 2.0, 4.0)), (fan(50), Bounds(0.6, 0.35, 1.5, 3.0)))


async def measure(report: Report, service: Service, peer: Peer, *, quick: bool) -> None:
    """A chain and a fan: one run after the other, and many at once; ours and plain in turn."""
    # What this process has loaded is left out of garbage collections, as a server leaves out what it has.
    gc.collect()
    gc.freeze()
    for shape, bounds in BOUNDS:
        await service.store(shape)
        peer.store(shape)
        await _latency(report, service, peer, shape, bounds, repeats=15 if quick else 60)
        await _throughput(report, service, peer, shape, bounds, rounds=1 if quick else 3)


async def _latency(report: Report, service: Service, peer: Peer, shape: Shape, bounds: Bounds, *, repeats: int) -> None:
    report.note(f"{PART}: {shape.name}, one after the other")
    ours, theirs = [], []
    for repeat in range(-5, repeats):
        began = time.perf_counter()
        await peer.run(shape)
        beside = time.perf_counter() - began
        run = await service.create(shape)
        began = time.perf_counter()
        await service.follow(run)
        mine = time.perf_counter() - began
        if repeat >= 0:
            ours.append(mine * 1000)
            theirs.append(beside * 1000)
    name = f"{shape.name}, latency"
    mine, beside = statistics.median(ours), statistics.median(theirs)
    report.add(Figure(PART, name, mine, "ms", beside, bounds.latency, bounds.latency_aim, spread=spread(ours)))


async def _throughput(
    report: Report, service: Service, peer: Peer, shape: Shape, bounds: Bounds, *, rounds: int
) -> None:
    report.note(f"{PART}: {shape.name}, {AT_ONCE} at once")
    ours, theirs = [], []
    for _ in range(rounds):
        count = 150 if len(shape.nodes) < 20 else 100
        theirs.append(await _rate([lambda: peer.run(shape)] * count))
        made = [await service.create(shape) for _ in range(count)]
        ours.append(await _rate([lambda run=run: service.follow(run) for run in made]))  # type: ignore[misc]
    name = f"{shape.name}, {AT_ONCE} at once"
    mine, beside = statistics.median(ours), statistics.median(theirs)
    limit, aim = bounds.rate, bounds.rate_aim
    report.add(Figure(PART, name, mine, "runs/s", beside, limit, aim, more_is_better=True, spread=spread(ours)))


async def _rate(works: list[Callable[[], Awaitable[object]]]) -> float:
    """Runs per second, `AT_ONCE` under way at any time."""
    rest = iter(works)

    async def worker() -> None:
        for work in rest:
            await work()

    began = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for _ in range(AT_ONCE):
            group.create_task(worker())
    return len(works) / (time.perf_counter() - began)
