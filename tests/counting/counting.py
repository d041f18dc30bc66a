"""The tools of random graphs, which write each call into the file that CALLS_FILE names and take their time."""

import asyncio
import json
import os
import random
from pathlib import Path
from typing import Any

from app.compiler import NodeContext, tool
from tests.reference.tools import TOOLS


async def _count(context: NodeContext) -> None:
    line = json.dumps([context.run.id, context.node_id, context.iteration, context.path])
    with Path(os.environ["CALLS_FILE"]).open("a") as file:
        file.write(line + "\n")
    await asyncio.sleep(random.random() * 0.03)


@tool(name="ref.echo")
async def echo(context: NodeContext, value: Any) -> Any:
    """Return `value`, any JSON, as it is."""
    await _count(context)
    return TOOLS["ref.echo"](value)


@tool(name="ref.fail")
async def fail(context: NodeContext, message: str) -> Any:
    """Fail for good: always raises ValueError with `message`."""
    await _count(context)
    return TOOLS["ref.fail"](message)


@tool(name="ref.check")
async def check(context: NodeContext, value: Any, fail: bool, message: str) -> Any:
    """Return `value` unless `fail` is true; then raise ValueError with `message`."""
    await _count(context)
    return TOOLS["ref.check"](value, fail, message)
