"""`python -m benchmarks.pages`: the budgets of the pages; exits with 1 when one was missed."""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from benchmarks.figures import Report
from benchmarks.pages import axe, bundle, frames, replay
from benchmarks.pages.scene import scene

PARTS = ("bundle", "replay", "frames", "axe")
WIDTH = 160


async def measure(report: Report, parts: list[str]) -> None:
    """Measure the parts one after the other, on one server and in one browser."""
    report.note("starting a server and a browser")
    async with scene() as place:
        if "bundle" in parts:
            await bundle.measure(report, place)
        if "replay" in parts:
            await replay.measure(report, place)
        if "frames" in parts:
            await frames.measure(report, place, editor=True)
        if "axe" in parts:
            await axe.measure(report, place)


def _parts(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names or not set(names) <= set(PARTS):
        raise argparse.ArgumentTypeError(f"choose from {', '.join(PARTS)}")
    return names


def main() -> int:
    """Measure what the command line asks for; 1 when a budget was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages", description=__doc__)
    parser.add_argument("--only", type=_parts, default=list(PARTS), metavar="PARTS", help=", ".join(PARTS))
    place = Path(tempfile.gettempdir()) / "graphwright-pages.json"
    parser.add_argument("--output", type=Path, default=place, help=f"file for the figures as JSON [{place}]")
    given = parser.parse_args()
    report = Report(Console(width=None if sys.stdout.isatty() else WIDTH))
    asyncio.run(measure(report, given.only))
    report.show()
    report.write(given.output)
    report.console.print(f"The figures are in {given.output}.")
    return 0 if report.kept else 1


sys.exit(main())
