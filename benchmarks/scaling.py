"""What a second worker process brings: runs that mostly wait, on as many slots again."""

import asyncio
import statistics
import time

from benchmarks.figures import Figure, Report, spread
from benchmarks.server import Service, site, using
from benchmarks.shapes import chain

PART = "scaling"
SLOTS = 10
WORK = chain(10, 0.05)
TIMES = 1.9


async def measure(report: Report, *, quick: bool) -> None:
    """Runs per second of one worker process and of two, in turn."""
    seconds, rounds = (6.0, 1) if quick else (12.0, 2)
    found: dict[int, list[float]] = {1: [], 2: []}
    async with site() as place:
        server = await place.serve("--no-worker")
        async with using(place, server) as service:
            await service.store(WORK)
            for _ in range(rounds):
                for count, rates in found.items():
                    report.note(f"{PART}: {count} worker processes, {SLOTS} slots each")
                    workers = [(await place.work("--concurrency", str(SLOTS)))[0] for _ in range(count)]
                    rates.append(await rate(service, SLOTS * count, seconds))
                    for worker in workers:
                        await place.stop(worker)
    one, two = (statistics.median(rates) for rates in found.values())
    name = f"2 worker processes with {SLOTS} slots each, nodes that wait 50 ms"
    report.add(
        Figure(PART, name, two, "runs/s", one, TIMES, more_is_better=True, beside="one worker", spread=spread(found[2]))
    )


async def rate(service: Service, slots: int, seconds: float) -> float:
    """Runs that ended per second, with always more of them asked for than there are slots."""
    ends: list[float] = []
    began = time.perf_counter()

    async def one_after_the_other() -> None:
        while time.perf_counter() - began < seconds:
            await service.follow(await service.create(WORK))
            ends.append(time.perf_counter())

    async with asyncio.TaskGroup() as group:
        for _ in range(slots + slots // 2):
            group.create_task(one_after_the_other())
    # Without the first and the last second, in which slots are still or again empty.
    inside = [end for end in ends if began + 1.0 < end <= began + seconds]
    return len(inside) / (seconds - 1.0)
