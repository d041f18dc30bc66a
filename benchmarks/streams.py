"""How soon a reader of the event stream learns of what happens, and how soon a cancel is seen."""

import asyncio
import statistics
import time
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.client import ENDS, BadAnswerError
from benchmarks.figures import Figure, Report, percentile, spread
from benchmarks.server import Service
from benchmarks.shapes import Shape, chain

PART = "streams"
AT_ONCE = 50
CANCEL_MS = (50.0, 20.0)
NODE_MS = (50.0, 10.0)
SIGHT_SECONDS = 5.0

Seen = list[tuple[float, dict[str, Any]]]


async def measure(report: Report, service: Service, *, quick: bool) -> None:
    """Delays from a node's end to its event at the reader, alone and among many; then cancels."""
    shape = chain(10, 0.02)
    await service.store(shape)
    report.note(f"{PART}: one run")
    seen = [await service.follow(await service.create(shape)) for _ in range(5 if quick else 30)]
    _add(report, "one run", shape, seen, (15.0, 5.0))
    report.note(f"{PART}: {AT_ONCE} runs")
    seen = []
    for _ in range(1 if quick else 4):
        made = [await service.create(shape) for _ in range(AT_ONCE)]
        seen += await asyncio.gather(*(service.follow(run) for run in made))
    _add(report, f"{AT_ONCE} runs", shape, seen, (100.0, 50.0))
    await _cancels(report, service, repeats=5 if quick else 20)


def _add(report: Report, name: str, shape: Shape, runs: list[Seen], bounds: tuple[float, float]) -> None:
    """The delays of all nodes, and those of the last one by itself: it is what others keep back."""
    every = {node: [_delay(seen, node) for seen in runs] for node in shape.nodes}
    delays = [delay for of_node in every.values() for delay in of_node]
    known = spread(delays)
    report.add(Figure(PART, f"node's end to reader, {name}, p50", percentile(delays, 50), "ms", spread=known))
    report.add(
        Figure(PART, f"node's end to reader, {name}, p99", percentile(delays, 99), "ms", None, *bounds, spread=known)
    )
    last = every[shape.nodes[-1]]
    report.add(
        Figure(PART, f"the last node, {name}, p99", percentile(last, 99), "ms", None, *bounds, spread=spread(last))
    )


def _delay(seen: Seen, node: str) -> float:
    """Milliseconds from the end of the node to its event. Raises BadAnswerError when there is no such event."""
    for came, event in seen:
        if event["type"] == "workflow.node.completed" and event["node_id"] == node:
            return (came - datetime.fromisoformat(event["at"]).timestamp()) * 1000
    raise BadAnswerError(f"Nothing was heard of the end of {node}.")


async def _cancels(report: Report, service: Service, *, repeats: int) -> None:
    report.note(f"{PART}: cancel")
    held = {"tool": "benchmarks.hold", "args": {"path": "{{ input.path }}"}}
    await service.store_graph("held", {"nodes": [{"id": "only", "type": "tool", "config": held}], "edges": []})
    node, ended, shown = [], [], []
    with TemporaryDirectory() as folder:
        for repeat in range(repeats):
            path = Path(folder) / str(repeat)
            run = await service.create_run("held", {"path": str(path)})
            asked, heard = await _cancel(service, run)
            ended.append((heard - asked) * 1000)
            shown.append((await _status_seen(service, run) - asked) * 1000)
            node.append((await _written(path) - asked) * 1000)
    for name, waits, bounds in (
        ("cancel to CancelledError in the node", node, NODE_MS),
        ("cancel to terminal event at the reader", ended, CANCEL_MS),
        ("cancel to status CANCELLED", shown, CANCEL_MS),
    ):
        report.add(Figure(PART, name, statistics.median(waits), "ms", None, *bounds, spread=spread(waits)))


async def _cancel(service: Service, run: str) -> tuple[float, float]:
    """The times at which the run, under way, was told to stop, and at which a reader saw its end."""
    await service.client.call("POST", f"{run}/execute")
    asked = 0.0
    call = None
    async with service.client.events(f"{run}/events") as events:
        async for event in events:
            if event["type"] == "workflow.node.started":
                asked = time.time()
                call = asyncio.create_task(service.client.call("POST", f"{run}/cancel"))
            if event["type"] in ENDS:
                if call is None or event["type"] != "workflow.run.cancelled":
                    raise BadAnswerError(f"The cancelled run ended with {event['type']}.")
                heard = time.time()
                await call
                return asked, heard
    raise BadAnswerError("The stream of the cancelled run ended without its end.")


async def _status_seen(service: Service, run: str) -> float:
    """The time at which the run itself is CANCELLED to whoever asks, who begins once the stream has told it."""
    async with asyncio.timeout(SIGHT_SECONDS):
        while (await service.client.call("GET", run))["status"] != "CANCELLED":
            await asyncio.sleep(0.001)
    return time.time()


async def _written(path: Path) -> float:
    """The time that the node wrote down."""
    async with asyncio.timeout(SIGHT_SECONDS):
        while True:
            if path.exists() and (text := path.read_text()):
                return float(text)
            await asyncio.sleep(0.001)
