"""What a node sees of its run, and what it may tell the world while it works."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from pydantic import JsonValue

from app.compiler.resources import Resources

Evaluate = Callable[[str | bool], JsonValue]
Report = Callable[[str, dict[str, JsonValue]], Awaitable[None]]
"""Takes `progress` with {done, total, message} or `log` with {level, message, fields}."""


@dataclass(frozen=True, slots=True)
class RunInfo:
    """The run that a node belongs to; ids as text, `attempt` counts from 1."""

    id: str
    project_id: str
    workflow_id: str
    attempt: int
    input: JsonValue


@dataclass(slots=True)
class NodeContext:
    """One visit of one node: the first argument of every node type, and of a tool that asks for it by annotation.

    `taken` holds the outputs of the predecessors whose edge to this node was taken, by node id. `wake_at` is set when
    the node is visited again after it parked. `evaluator` and `reporter` are how the engine is reached.
    """

    run: RunInfo
    node_id: str
    iteration: int
    attempt: int
    idempotency_key: str
    taken: Mapping[str, JsonValue]
    wake_at: datetime | None
    resources: Resources
    evaluator: Evaluate
    reporter: Report

    def evaluate(self, expression: str | bool) -> JsonValue:
        """The value of a bare expression over the node's own scope; raises what the expression raises."""
        return self.evaluator(expression)

    async def progress(self, done: float, total: float | None = None, message: str | None = None) -> None:
        """Tell watchers how far the node has come: `done` of `total` in any unit."""
        await self.reporter("progress", {"done": done, "total": total, "message": message})

    async def token(self, text: str) -> None:
        """Show the next piece of a text that comes into being; many small pieces are many events."""
        await self.reporter("token", {"text": text})

    async def log(self, message: str, level: str = "info", **fields: JsonValue) -> None:
        """Write a line into the node's log; `level` is debug, info, warning or error."""
        await self.reporter("log", {"level": level, "message": message, "fields": dict(fields)})
