"""The program of a tool's process: reads calls from its standard input, and answers where its parent listens."""

import asyncio
import importlib
import inspect
import json
import os
import queue
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import asdict
from functools import reduce
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

from pydantic import JsonValue

from app.compiler.failures import failure_of
from app.compiler.jsonvalues import as_json
from app.compiler.modules import import_file
from app.compiler.processes import LENGTH_BYTES
from app.compiler.tools import Tool, bind_arguments, make_tool

Request = dict[str, Any]


def main() -> None:
    """Serve calls until the parent closes the pipe or dies, even in the middle of a call."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    # What a tool prints must not get between the answers.
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    requests: queue.SimpleQueue[Request] = queue.SimpleQueue()
    threading.Thread(target=_read, args=(sys.stdin.buffer, requests), daemon=True).start()
    tools: dict[tuple[str, str], Tool] = {}
    while True:
        body = json.dumps(_answer(requests.get(), tools)).encode()
        answers.write(len(body).to_bytes(LENGTH_BYTES, "big") + body)
        answers.flush()


def _read(source: BinaryIO, requests: "queue.SimpleQueue[Request]") -> None:
    while True:
        head = source.read(LENGTH_BYTES)
        if len(head) < LENGTH_BYTES:
            os._exit(0)
        requests.put(json.loads(source.read(int.from_bytes(head, "big"))))


def _answer(request: Request, tools: dict[tuple[str, str], Tool]) -> dict[str, Any]:
    try:
        return {"result": _call(request, tools)}
    except BaseException as error:  # noqa: BLE001 - also sys.exit() in a tool is an answer, and the parent raises it
        return {"failure": asdict(failure_of(error))}


def _call(request: Request, tools: dict[tuple[str, str], Tool]) -> JsonValue:
    key = (request["module"], request["function"])
    if key not in tools:
        tools[key] = make_tool(_function_of(request), request["name"], None, process=True)
    tool = tools[key]
    arguments = bind_arguments(tool, request["args"], None)
    if inspect.iscoroutinefunction(tool.function):
        return as_json(asyncio.run(tool.function(**arguments)))
    return as_json(tool.function(**arguments))


def _function_of(request: Request) -> Callable[..., Any]:
    found: Callable[..., Any] = reduce(getattr, request["function"].split("."), _module_of(request))  # type: ignore[assignment]
    return found


def _module_of(request: Request) -> ModuleType:
    # The parent's main program is "__main__" there, and only a file here.
    if request["module"] != "__main__":
        try:
            return importlib.import_module(request["module"])
        except ModuleNotFoundError:
            if request["file"] is None:
                raise
    return import_file(Path(request["file"]))


if __name__ == "__main__":
    main()
