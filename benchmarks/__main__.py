"""`python -m benchmarks`: everything, or parts of it; exits with 1 when a budget was missed."""

import argparse
import asyncio
import logging
import sys
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from rich.console import Console

from benchmarks import (
    compiling,
    faults,
    footprint,
    limits,
    long,
    makespan,
    maps,
    running,
    scaling,
    soak,
    streams,
    subscribers,
)
from benchmarks.figures import Report
from benchmarks.peer import peer
from benchmarks.server import serving

if sys.platform == "win32":
    new_event_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
else:
    from uvloop import new_event_loop

PARTS = ("compile", "maps", "makespan", "runs", "streams", "subscribers", "footprint", "scaling", "faults")
LONG = ("limits", "long", "soak")
"""Parts that take minutes, and so are measured only when they are asked for."""
WIDTH = 160


async def measure(report: Report, parts: list[str], *, quick: bool, minutes: float) -> None:
    """Measure the parts one after the other."""
    if "compile" in parts:
        await compiling.measure(report, quick=quick)
    if "maps" in parts:
        await maps.measure(report, quick=quick)
    if {"makespan", "runs", "streams", "subscribers"}.intersection(parts):
        await _on_one_server(report, parts, quick=quick)
    if "footprint" in parts:
        await footprint.measure(report, quick=quick)
    if "scaling" in parts:
        await scaling.measure(report, quick=quick)
    if "faults" in parts:
        await faults.measure(report, quick=quick)
    if "limits" in parts:
        await limits.measure(report, quick=quick)
    if "long" in parts:
        await long.measure(report, quick=quick)
    if "soak" in parts:
        await soak.measure(report, minutes=minutes)


async def _on_one_server(report: Report, parts: list[str], *, quick: bool) -> None:
    async with AsyncExitStack() as stack:
        report.note("starting a server")
        service = await stack.enter_async_context(serving())
        if "makespan" in parts:
            await makespan.measure(report, service, quick=quick)
        if "runs" in parts:
            beside = await stack.enter_async_context(peer())
            await running.measure(report, service, beside, quick=quick)
        if "streams" in parts:
            await streams.measure(report, service, quick=quick)
        if "subscribers" in parts:
            await subscribers.measure(report, service, quick=quick)


def _parts(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    unknown = set(names).difference(PARTS + LONG)
    if unknown or not names:
        raise argparse.ArgumentTypeError(f"choose from {', '.join(PARTS + LONG)}")
    return names


def main() -> int:
    """Measure what the command line asks for; 1 when a budget was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repeats: a look, not a figure to quote")
    parser.add_argument("--only", type=_parts, default=list(PARTS), metavar="PARTS", help=", ".join(PARTS + LONG))
    parser.add_argument("--minutes", type=float, default=6.0, help="how long the soak takes [6]")
    place = Path(tempfile.gettempdir()) / "graphwright-benchmarks.json"
    parser.add_argument("--output", type=Path, default=place, help=f"file for the figures as JSON [{place}]")
    given = parser.parse_args()
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
    report = Report(Console(width=None if sys.stdout.isatty() else WIDTH))
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(measure(report, given.only, quick=given.quick, minutes=given.minutes))
    report.show()
    report.write(given.output)
    report.console.print(f"The figures are in {given.output}.")
    return 0 if report.kept else 1


sys.exit(main())
