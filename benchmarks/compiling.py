"""How long a graph takes to compile, beside building and compiling the same graph with LangGraph."""

import gc
import statistics
import time
from collections.abc import Callable
from functools import partial

from app.compiler import WorkflowGraphCompiler
from app.compiler.discovery import load_registry
from benchmarks.figures import Figure, Report, spread
from benchmarks.shapes import Shape, plain, tangle

PART = "compile"


async def measure(report: Report, *, quick: bool) -> None:
    """Compile 10, 100 and 1,000 nodes, ours and plain in turn; then look up what is known."""
    registry = load_registry()
    for count in (10, 100, 1000):
        report.note(f"{PART}: {count} nodes")
        shape = tangle(count)
        document = shape.document()
        repeats = (3 if quick else 7) if count == 1000 else (9 if quick else 25)
        ours, theirs = [], []
        for _ in range(repeats + 1):
            fresh = WorkflowGraphCompiler(registry)
            theirs.append(_timed(partial(_plain, shape)))
            ours.append(_timed(partial(fresh.compile, document)))
        ours, theirs = ours[1:], theirs[1:]
        mine, beside = statistics.median(ours), statistics.median(theirs)
        report.add(Figure(PART, shape.name, mine, "ms", beside, 1.3, spread=spread(ours)))
        if count == 1000:
            report.add(Figure(PART, f"{shape.name}, absolute", mine, "ms", limit=500, spread=spread(ours)))
        known = WorkflowGraphCompiler(registry)
        known.compile(document, content_hash=shape.name)
        again = [_timed(partial(known.compile, document, content_hash=shape.name)) for _ in range(20)]
        report.add(Figure(PART, f"{shape.name}, cached", statistics.median(again), "ms", limit=0.1))


def _plain(shape: Shape) -> object:
    return plain(shape).compile()


def _timed(work: Callable[[], object]) -> float:
    gc.collect()
    gc.disable()
    try:
        began = time.perf_counter()
        work()
        return (time.perf_counter() - began) * 1000
    finally:
        gc.enable()
