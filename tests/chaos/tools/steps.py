"""Tools that write down when they were called and when they came to their end, and one that ends its process."""

import asyncio
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

from app.compiler import NodeContext, tool


def _write(context: NodeContext, kind: str) -> None:
    place = [context.run.id, context.node_id, context.iteration, list(context.path)]
    with Path(os.environ["CHAOS_CALLS"]).open("a") as file:
        file.write(json.dumps([kind, time.time(), *place]) + "\n")


@tool(name="chaos.step")
async def step(context: NodeContext, value: Any = None, seconds: float = 0.0) -> Any:
    """Give the value after some time."""
    _write(context, "start")
    await asyncio.sleep(seconds)
    _write(context, "end")
    return value


@tool(name="chaos.gate")
async def gate(context: NodeContext, path: str, value: Any = None) -> Any:
    """Give the value once the file is there."""
    _write(context, "start")
    while not Path(path).exists():
        await asyncio.sleep(0.02)
    _write(context, "end")
    return value


@tool(name="chaos.die")
async def die(context: NodeContext) -> None:
    """End the process, as a tool does that takes all memory."""
    _write(context, "start")
    os.kill(os.getpid(), signal.SIGKILL)
    await asyncio.sleep(60)
