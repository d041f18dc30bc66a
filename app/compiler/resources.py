"""What a worker process lends to its nodes: threads, processes, the HTTP client, the tools."""

import asyncio
import contextvars
import sys
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

import httpx
from pydantic import JsonValue

from app.compiler.guard import HttpGuard
from app.compiler.llm.providers import ChatModels
from app.compiler.outbound import open_client
from app.compiler.processes import ProcessPool
from app.config import ModelPrice

T = TypeVar("T")
THREADS = 64
SWITCH_SECONDS = 0.001


class CallableTool(Protocol):
    """A tool, as far as those who only call it need to know."""

    @property
    def description(self) -> str: ...

    @property
    def args_schema(self) -> Mapping[str, Any]: ...

    @property
    def takes_context(self) -> bool: ...

    async def call(self, args: Mapping[str, Any], resources: "Resources", context: Any = None) -> JsonValue: ...


class ToolBox(Protocol):
    """Where tools are looked up by name; a Registry is one."""

    def tool(self, name: str) -> CallableTool | None: ...


class Resources:
    """Shared by all runs of one process; made in its event loop, and closed with `aclose`.

    `park_seconds`: a wait longer than this gives the worker back.
    """

    def __init__(
        self,
        *,
        registry: ToolBox,
        http_guard: HttpGuard | None = None,
        park_seconds: float = 60.0,
        max_response_bytes: int = 10_000_000,
        model_prices: Mapping[str, ModelPrice] | None = None,
    ) -> None:
        self.registry = registry
        self.http_guard = http_guard or HttpGuard()
        self.park_seconds = park_seconds
        self.max_response_bytes = max_response_bytes
        self.model_prices = model_prices or {}
        self.models = ChatModels(lambda: self.http)
        self.processes = ProcessPool()
        self.loop: asyncio.AbstractEventLoop | None = None
        self._threads: ThreadPoolExecutor | None = None
        self._http: httpx.AsyncClient | None = None

    @property
    def http(self) -> httpx.AsyncClient:
        """The process's one client; it dials only what the guard allows, and keeps no cookies."""
        if self._http is None:
            self._http = open_client(self.http_guard)
        return self._http

    async def in_thread(self, work: Callable[[], T]) -> T:
        """Run blocking work in one of 64 threads, with the caller's context variables, and note its loop."""
        if self._threads is None:
            # A function that burns CPU gives the interpreter away only so often, and the event loop has to wait for it:
            # with four of them its longest delay falls from 110 to 30 ms, for no measurable cost.
            sys.setswitchinterval(min(SWITCH_SECONDS, sys.getswitchinterval()))
            self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="tool")
        self.loop = asyncio.get_running_loop()
        context = contextvars.copy_context()
        return await self.loop.run_in_executor(self._threads, context.run, _contained, work)

    async def aclose(self) -> None:
        """Close connections, kill the processes, and let go of the threads without waiting for what they still do."""
        await self.models.aclose()
        if self._http is not None:
            await self._http.aclose()
        await self.processes.aclose()
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)


def _contained(work: Callable[[], T]) -> T:
    try:
        return work()
    except StopIteration as error:
        # A future cannot carry this one: whoever awaits it would wait for ever.
        raise RuntimeError("The function raised StopIteration.") from error
