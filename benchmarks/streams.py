"""How soon a reader of the event stream learns of what happens, and how soon a cancel is seen."""

import asyncio
import statistics
import time
from datetime import datetime
from typing import Any

from benchmarks.client import ENDS, BadAnswerError
from benchmarks.figures import Figure, Report, percentile, spread
from benchmarks.server import Service
from benchmarks.shapes import Shape, chain

PART = "streams"
AT_ONCE = 50
CANCELS_WITHIN_MS = 1000.0


async def measure(report: Report, service: Service, *, quick: bool) -> None:
    """Delays from a node's end to its event at the reader, alone and among many; then cancels."""
    shape = chain(10, 0.02)
    long = Shape("long", ("only",), (), {"only": 30.0})
    await service.store(shape, long)
    report.note(f"{PART}: one run")
    delays = []
    for _ in range(5 if quick else 20):
        delays += _delays(await service.follow(await service.create(shape)))
    _add(report, "one run", delays)
    report.note(f"{PART}: {AT_ONCE} runs")
    delays = []
    for _ in range(1 if quick else 3):
        made = [await service.create(shape) for _ in range(AT_ONCE)]
        for seen in await asyncio.gather(*(service.follow(run) for run in made)):
            delays += _delays(seen)
    _add(report, f"{AT_ONCE} runs", delays)
    report.note(f"{PART}: cancel")
    waits = [await _cancel(service, long) for _ in range(3 if quick else 10)]
    name = "cancel to terminal event"
    report.add(Figure(PART, name, statistics.median(waits), "ms", limit=CANCELS_WITHIN_MS, spread=spread(waits)))


def _delays(seen: list[tuple[float, dict[str, Any]]]) -> list[float]:
    return [
        (came - datetime.fromisoformat(event["at"]).timestamp()) * 1000
        for came, event in seen
        if event["type"] == "workflow.node.completed"
    ]


def _add(report: Report, name: str, delays: list[float]) -> None:
    for share in (50, 99):
        value = percentile(delays, share)
        report.add(Figure(PART, f"node's end to reader, {name}, p{share}", value, "ms", spread=spread(delays)))


async def _cancel(service: Service, shape: Shape) -> float:
    run = await service.create(shape)
    await service.client.call("POST", f"{run}/execute")
    asked = 0.0
    async with service.client.events(f"{run}/events") as events:
        async for event in events:
            if event["type"] == "workflow.node.started":
                asked = time.perf_counter()
                await service.client.call("POST", f"{run}/cancel")
            if event["type"] in ENDS:
                if event["type"] != "workflow.run.cancelled":
                    raise BadAnswerError(f"The cancelled run ended with {event['type']}.")
                break
    return (time.perf_counter() - asked) * 1000
