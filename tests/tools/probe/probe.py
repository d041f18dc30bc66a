"""Tools that leave traces in files, for tests that have to know what really ran."""

import asyncio
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, JsonValue

from app.compiler import NodeContext, RetryableError, node_type, tool
from tests.reference.tools import TOOLS

for name, function in TOOLS.items():
    tool(name=name)(function)


def _write(path: str, line: str) -> None:
    with Path(path).open("a") as file:
        file.write(line + "\n")


@tool(name="probe.mark")
async def mark(path: str, name: str, seconds: float = 0.0) -> str:
    """Write a line when it starts, and one when it has ended."""
    _write(path, f"start {name}")
    await asyncio.sleep(seconds)
    _write(path, f"end {name}")
    return name


@tool(name="probe.hold")
async def hold(path: str, name: str) -> None:
    """Wait until cancelled, and write that down."""
    _write(path, f"start {name}")
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        _write(path, f"cancelled {name}")
        raise


@tool(name="probe.first_fails")
async def first_fails(path: str, name: str, fails: bool) -> None:
    """Fail if `fails`, else wait until cancelled, and write that down."""
    if not fails:
        await hold(path, name)
    async with asyncio.timeout(10):
        while not Path(path).exists() or len(Path(path).read_text().splitlines()) < 4:
            await asyncio.sleep(0.01)
    raise ValueError("this one fails")


@tool(name="probe.stubborn")
async def stubborn(path: str, name: str) -> None:
    """Work on, whoever cancels it."""
    _write(path, f"start {name}")
    while True:
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()


@tool(name="probe.until")
async def until(path: str, name: str, gate: str) -> str:
    """Wait until the file `gate` exists."""
    _write(path, f"start {name}")
    async with asyncio.timeout(60):
        while not Path(gate).exists():
            await asyncio.sleep(0.01)
    _write(path, f"end {name}")
    return name


@tool(name="probe.fail_unless")
async def fail_unless(path: str, name: str, gate: str) -> str:
    """Fail unless the file `gate` exists."""
    _write(path, f"start {name}")
    if not Path(gate).exists():
        raise ValueError("the gate is closed")
    return name


@tool(name="probe.give")
async def give(path: str, name: str, value: Any = None) -> Any:
    """Write a line, and give the value."""
    _write(path, f"start {name}")
    return value


@tool(name="probe.flaky_unless")
async def flaky_unless(path: str, name: str, gate: str) -> str:
    """Fail so that another try may help, unless the file `gate` exists."""
    _write(path, f"start {name}")
    if not Path(gate).exists():
        raise RetryableError("the gate is closed")
    return name


@tool(name="probe.key")
async def key(context: NodeContext) -> str:
    """The idempotency key of the visit."""
    return context.idempotency_key


@tool(name="probe.say")
async def say(context: NodeContext, text: str) -> None:
    """Write into the node's log."""
    await context.log(text)


@tool(name="probe.sleep")
def sleep(seconds: float) -> float:
    """Block a thread."""
    time.sleep(seconds)
    return seconds


@tool(name="probe.burn")
def burn(seconds: float) -> float:
    """Keep a CPU busy."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        pass
    return seconds


@tool(name="probe.pid")
async def pid(path: str, name: str, seconds: float = 0.0) -> int:
    """The process in which this runs."""
    _write(path, f"start {name}")
    await asyncio.sleep(seconds)
    return os.getpid()


@tool(name="probe.talk")
async def talk(context: NodeContext, path: str, name: str, steps: int, seconds: float) -> int:
    """Tell of each step, and take its time for it."""
    _write(path, f"start {name}")
    for step in range(steps):
        await context.progress(step + 1, steps)
        await context.log(f"step {step}")
        await context.token(f"{step} ")
        await asyncio.sleep(seconds)
    return os.getpid()


@tool(name="probe.seen")
async def seen(context: NodeContext) -> dict[str, Any]:
    """What the context says."""
    return {
        "run": context.run.id,
        "input": context.run.input,
        "node": context.node_id,
        "iteration": context.iteration,
        "attempt": context.attempt,
        "key": context.idempotency_key,
        "taken": dict(context.taken),
        "path": list(context.path),
        "pid": os.getpid(),
    }


class JudgeConfig(BaseModel):
    """An expression and a text."""

    model_config = ConfigDict(extra="forbid")

    when: str
    text: str = ""


@node_type("probe.judge", config=JudgeConfig, expressions=("when",))
async def judge(context: NodeContext, config: JudgeConfig) -> JsonValue:
    """Evaluates an expression; gives its value, the length of the text, and the process."""
    return {"value": context.evaluate(config.when), "length": len(config.text), "pid": os.getpid()}


@tool(name="probe.chatter")
async def chatter(context: NodeContext, count: int, size: int) -> None:
    """Say as many pieces of that size as fast as can be."""
    for _ in range(count):
        await context.token("x" * size)


@tool(name="probe.count")
async def count(context: NodeContext, to: int, yields: int = 0) -> str:
    """Count aloud as fast as can be, a token for each number, and let others speak in between; give the whole text."""
    text = ""
    for number in range(to):
        await context.token(f"{number} ")
        text += f"{number} "
        for _ in range(yields):
            await asyncio.sleep(0)
    return text


@tool(name="probe.produce")
async def produce(size: int, name: str = "") -> str:
    """Give a text of that size, not without a pause."""
    await asyncio.sleep(0.001)
    return name + "x" * size
