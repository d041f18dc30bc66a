"""A tool for the benchmark of cancelling."""

import asyncio
import time
from pathlib import Path

from app.compiler import tool


@tool(name="benchmarks.hold")
async def hold(path: str) -> None:
    """Wait until cancelled, and write the time of day at which that was seen."""
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        Path(path).write_text(str(time.time()))
        raise
