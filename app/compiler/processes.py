"""Processes for tools that keep a CPU busy: started when needed, killed when their call is cancelled."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import JsonValue

from app.compiler.failures import HardError, RetryableError

LENGTH_BYTES = 8


class ProcessPool:
    """Runs one call at a time in each of at most `size` children; a child is used again after a call that ended."""

    def __init__(self, size: int | None = None) -> None:
        self._slots = asyncio.Semaphore(size or os.cpu_count() or 1)
        self._idle: list[Process] = []
        self._busy: set[Process] = set()

    async def call(self, function: Callable[..., Any], name: str, args: Mapping[str, Any]) -> JsonValue:
        """Run a tool's function in a child with JSON arguments.

        Raises what the function raised, as HardError or RetryableError with the child's stack as a note, and HardError
        `process_died` when the child ends in the middle.
        """
        module = sys.modules[function.__module__]
        request = {
            "module": function.__module__,
            "file": getattr(module, "__file__", None),
            "function": function.__qualname__,
            "name": name,
            "args": dict(args),
        }
        async with self._slots:
            child = self._idle.pop() if self._idle else await self._start()
            self._busy.add(child)
            try:
                answer = await _exchange(child, request)
            except (asyncio.IncompleteReadError, ConnectionError) as error:
                await self._end(child)
                code = child.returncode
                raise HardError(f"The process of the tool {name} ended with code {code}.", "process_died") from error
            except BaseException:
                await self._end(child)
                raise
            self._busy.discard(child)
            self._idle.append(child)
        return _result_of(answer)

    async def aclose(self) -> None:
        """Kill all children and wait until they are gone."""
        for child in [*self._idle, *self._busy]:
            await self._end(child)
        self._idle.clear()

    async def _end(self, child: Process) -> None:
        self._busy.discard(child)
        if child.returncode is None:
            child.kill()
        await child.wait()

    async def _start(self) -> Process:
        paths = os.pathsep.join(path or os.getcwd() for path in sys.path)  # noqa: PTH109 - text is what is needed
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "app.compiler.process_child",
            stdin=PIPE,
            stdout=PIPE,
            env={**os.environ, "PYTHONPATH": paths},
        )


async def _exchange(child: Process, request: dict[str, Any]) -> dict[str, Any]:
    if child.stdin is None or child.stdout is None:
        raise ConnectionError("The child has no pipes.")
    body = json.dumps(request).encode()
    child.stdin.write(len(body).to_bytes(LENGTH_BYTES, "big") + body)
    await child.stdin.drain()
    length = int.from_bytes(await child.stdout.readexactly(LENGTH_BYTES), "big")
    answer: dict[str, Any] = json.loads(await child.stdout.readexactly(length))
    return answer


def _result_of(answer: dict[str, Any]) -> JsonValue:
    failure = answer.get("failure")
    if failure is None:
        result: JsonValue = answer["result"]
        return result
    error: HardError | RetryableError
    if failure["retryable"]:
        error = RetryableError(failure["message"], failure["retry_after"], type=failure["type"])
    else:
        error = HardError(failure["message"], failure["type"])
    error.add_note(f"In the tool's process:\n{failure['stack']}")
    raise error
