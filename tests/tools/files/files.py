"""Tools that save files with their runs, and read them again."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from app.compiler import HardError, NodeContext, RetryableError, tool
from tests.artifacts.files import pattern


@tool(name="files.save")
async def save(
    context: NodeContext, name: Any = "a.txt", text: Any = "text", media_type: Any = None, gate: str = ""
) -> dict[str, Any]:
    """Save a text; then fail so that another try may help, unless the file `gate` exists."""
    saved = await context.save_artifact(name, text, media_type)
    if gate and not Path(gate).exists():
        raise RetryableError("the gate is closed")
    return saved


@tool(name="files.attempts")
async def attempts(context: NodeContext, succeeds: int = 2) -> dict[str, Any]:
    """Save which attempt it is, and the first one another file; succeed with a later one."""
    saved = await context.save_artifact("attempt.txt", f"attempt {context.attempt}")
    if context.attempt == 1:
        await context.save_artifact("first.txt", "of the first attempt")
    if context.attempt < succeeds:
        raise RetryableError("not yet")
    return saved


@tool(name="files.stay")
async def stay(context: NodeContext, name: str, path: str, gate: str) -> dict[str, Any]:
    """Save a file, say so in the file `path`, and stay until the file `gate` exists; then save another one."""
    await context.save_artifact(name, f"of attempt {context.attempt}")
    with Path(path).open("a") as file:
        file.write("saved\n")
    async with asyncio.timeout(60):
        while not Path(gate).exists():
            await asyncio.sleep(0.01)
    return await context.save_artifact("late.txt", "late")


@tool(name="files.stubborn")
async def stubborn(context: NodeContext, path: str, gate: str) -> None:
    """Save a file once the file `gate` exists, whoever cancels it meanwhile, and write down what came of it."""
    _note(path, "begun")
    while not Path(gate).exists():
        try:
            await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            asyncio.current_task().uncancel()  # type: ignore[union-attr]
            _note(path, "cancelled")
    try:
        await context.save_artifact("late.txt", "late")
        told = "saved"
    except RetryableError as error:
        told = error.message
    _note(path, told)


def _note(path: str, line: str) -> None:
    with Path(path).open("a") as file:
        file.write(f"{line}\n")


@tool(name="files.stream")
async def stream(context: NodeContext, size: int, name: str = "large.bin") -> dict[str, Any]:
    """Save so many bytes, made while they are saved."""
    return await context.save_artifact(name, pattern(size))


@tool(name="files.broken")
async def broken(context: NodeContext) -> None:
    """Save a file whose source breaks off."""

    async def source() -> AsyncIterator[bytes]:
        yield b"x" * 2_000_000
        raise ValueError("the source breaks off")

    await context.save_artifact("broken.bin", source())


@tool(name="files.in_thread")
def in_thread(context: NodeContext, text: str) -> Any:
    """Save a text from a thread, and read it again."""
    saved = context.from_thread(context.save_artifact("thread.txt", text))
    assert context.from_thread(context.read_artifact(saved)) == text.encode()
    return saved


@tool(name="files.wrong_thread")
async def wrong_thread(context: NodeContext) -> None:
    """Wait in the event loop for what only the event loop can do."""
    context.from_thread(context.save_artifact("thread.txt", "text"))


@tool(name="files.odd")
async def odd(context: NodeContext, kind: str) -> Any:
    """Save something that is no file."""
    return await context.save_artifact("odd", {"number": 1, "text": "\ud800", "list": [b"x"]}[kind])  # type: ignore[arg-type]


@tool(name="files.read")
async def read(context: NodeContext, reference: Any) -> str:
    """The text of a file."""
    return (await context.read_artifact(reference)).decode()


@tool(name="files.late_thread")
def late_thread(context: NodeContext, path: str, gate: str) -> Any:
    """Save a file from a thread; the first attempt waits for the file `gate`, and writes down what came of it."""
    if context.attempt > 1:
        return context.from_thread(context.save_artifact("a.txt", "of a later attempt"))
    for _ in range(2000):
        if Path(gate).exists():
            break
        time.sleep(0.01)
    try:
        context.from_thread(context.save_artifact("a.txt", "of the first attempt"))
        told = "saved"
    except HardError as error:
        told = str(error.type)
    _note(path, told)
    return None
