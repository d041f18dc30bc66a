"""What a server is before it does anything: how soon it is ready, and how much memory it holds."""

import asyncio
import statistics
import time
from pathlib import Path

from benchmarks.figures import Figure, Report, spread
from benchmarks.server import site

PART = "footprint"
IDLE_SECONDS = 3.0
MEMORY = Path("/proc/self/smaps_rollup")


async def measure(report: Report, *, quick: bool) -> None:
    """Starts of a server with its worker on a database that is there, and the memory of one that idles."""
    report.note(f"{PART}: starts")
    ready: list[float] = []
    resident: list[float] = []
    own: list[float] = []
    async with site() as place:
        # The first start makes the database and is not measured.
        await place.stop(await place.serve())
        for _ in range(2 if quick else 5):
            began = time.perf_counter()
            process = await place.serve()
            ready.append(time.perf_counter() - began)
            if MEMORY.exists():
                await asyncio.sleep(IDLE_SECONDS)
                resident.append(_mebibytes(process.pid, "Rss"))
                own.append(_mebibytes(process.pid, "Pss"))
            await place.stop(process)
    report.add(Figure(PART, "start to ready", statistics.median(ready), "s", None, 3.0, 2.0, spread=spread(ready)))
    if not resident:
        return
    name = "memory of the API with its worker, idle"
    report.add(Figure(PART, name, statistics.median(resident), "MiB", None, 160, 130, spread=spread(resident)))
    name = "of it, pages shared with others counted by their part"
    report.add(Figure(PART, name, statistics.median(own), "MiB", spread=spread(own)))


def _mebibytes(pid: int, name: str) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) / 1024
