import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import uvicorn
from pydantic import JsonValue
from starlette.types import ASGIApp

from app.compiler.context import NodeContext, RunInfo
from app.compiler.discovery import load_registry
from app.compiler.failures import Park
from app.compiler.resources import Resources
from app.compiler.waiting import Reason


@dataclass
class Visit:
    """Makes the context of one visit, and keeps what the node reported."""

    resources: Resources
    reports: list[tuple[str, dict[str, JsonValue]]] = field(default_factory=list)

    def context(
        self,
        *,
        input: JsonValue = None,  # noqa: A002 - the field is called so
        taken: dict[str, JsonValue] | None = None,
        began: datetime | None = None,
        values: dict[str, JsonValue] | None = None,
    ) -> NodeContext:
        async def report(kind: str, data: dict[str, JsonValue]) -> None:
            self.reports.append((kind, data))

        def evaluate(expression: str | bool) -> JsonValue:
            return expression if isinstance(expression, bool) else (values or {})[expression]

        async def wait(_kind: str | None, _reason: Reason, until: datetime | None) -> None:
            raise Park(until)

        return NodeContext(
            run=RunInfo("run-1", "project-1", "workflow-1", 1, input),
            node_id="node",
            iteration=0,
            attempt=1,
            idempotency_key="run-1/node/0",
            taken=taken or {},
            **({} if began is None else {"began": began}),
            resources=self.resources,
            evaluator=evaluate,
            reporter=report,
            waiter=wait,
        )

    async def run(self, type_name: str, config: dict[str, Any], **context: Any) -> Any:
        """Run a built-in node with a rendered config."""
        node_type = load_registry().node_types[type_name]
        return await node_type.run(self.context(**context), node_type.config.model_validate(config))


@asynccontextmanager
async def served(app: ASGIApp) -> AsyncIterator[str]:
    """Serve an application on a free port of 127.0.0.1; gives its address."""
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error", lifespan="off", ws="none")
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    task = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await task


async def until(condition: Callable[[], bool | Awaitable[bool]], seconds: float = 10) -> None:
    """Wait for a condition, politely."""
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)
