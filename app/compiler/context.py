"""What a node sees of its run, and what it may tell the world while it works."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import JsonValue

from app.compiler.artifacts import Artifacts, Content, checked_name, id_of, media_type_of, pieces_of
from app.compiler.failures import HardError
from app.compiler.resources import Resources
from app.compiler.waiting import Child, Path, Place, Reason, Signal, SignalKind

T = TypeVar("T")
Evaluate = Callable[[str | bool], JsonValue]
Wait = Callable[[SignalKind | None, Reason, datetime | None], Awaitable[Signal | None]]
StartChild = Callable[[str, int | None, JsonValue], Awaitable[Child]]
Each = Callable[[Sequence[JsonValue], int, bool], Awaitable[JsonValue]]
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


def idempotency_key(run_id: str, place: Place) -> str:
    """What every attempt of a turn of a node, or of an item of a map, passes on to the outside."""
    node_id, iteration, path = place
    return "/".join([run_id, node_id, str(iteration), *map(str, path)])


def _loop_here() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


@dataclass(slots=True)
class NodeContext:
    """One visit of one node: the first argument of every node type, and of a tool that asks for it by annotation.

    `taken` holds the outputs of the predecessors whose edge to this node was taken, by node id. `began` is when the
    node began, also where it has waited since and is visited again. `path` names the item inside a map. `evaluator`,
    `reporter`, `waiter`, `starter`, `mapper` and `artifacts` are how the engine is reached.
    """

    run: RunInfo
    node_id: str
    iteration: int
    attempt: int
    idempotency_key: str
    taken: Mapping[str, JsonValue]
    resources: Resources
    evaluator: Evaluate
    reporter: Report
    path: Path = ()
    began: datetime = field(default_factory=lambda: datetime.now(UTC))
    waiter: Wait | None = None
    starter: StartChild | None = None
    mapper: Each | None = None
    artifacts: Artifacts | None = None

    def evaluate(self, expression: str | bool) -> JsonValue:
        """The value of a bare expression over the node's own scope; raises what the expression raises."""
        return self.evaluator(expression)

    async def progress(self, done: float, total: float | None = None, message: str | None = None) -> None:
        """Tell watchers how far the node has come: `done` of `total` in any unit."""
        await self.reporter("progress", {"done": done, "total": total, "message": message})

    async def token(self, text: str) -> None:
        """Show the next piece of a text that comes into being; small pieces are put together to fewer events."""
        await self.reporter("token", {"text": text})

    async def log(self, message: str, level: str = "info", **fields: JsonValue) -> None:
        """Write a line into the node's log; `level` is debug, info, warning or error."""
        await self.reporter("log", {"level": level, "message": message, "fields": dict(fields)})

    async def save_artifact(self, name: str, data: Content, media_type: str | None = None) -> dict[str, JsonValue]:
        """Save a file with the run, and give a reference to it that fits into the output.

        The reference is `{"artifact": id, "name", "media_type", "size", "sha256"}`. A later attempt that saves a file
        of the same name replaces it. Raises HardError `artifact_too_large`, `invalid_name`, `invalid_media_type`,
        `invalid_content`, and `no_artifacts` where files are not kept.
        """
        name, kind = checked_name(name), media_type_of(name, data, media_type)
        place = self.node_id, self.iteration, self.path
        return await self._kept().save(place, self.attempt, name=name, media_type=kind, content=pieces_of(data))

    async def read_artifact(self, reference: str | Mapping[str, JsonValue]) -> bytes:
        """The bytes of a file that a node of this run has saved, or one of a run that it belongs to or has started.

        Takes the reference, or its id. Raises HardError `no_such_artifact`.
        """
        return await self._kept().read(id_of(reference))

    def from_thread(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """What a call such as `save_artifact(…)` gives, waited for in the thread of a tool that is a plain function."""
        loop = self.resources.loop
        if loop is None or loop is _loop_here():
            coroutine.close()
            raise HardError("This is for tools that are plain functions; in an async one, await the call.", "no_thread")
        return asyncio.run_coroutine_threadsafe(coroutine, loop).result()

    def _kept(self) -> Artifacts:
        if self.artifacts is None:
            raise HardError("Here no files are kept.", "no_artifacts")
        return self.artifacts

    async def wait(self, kind: SignalKind | None, reason: Reason, until: datetime | None = None) -> Signal | None:
        """Wait for a signal from outside, at most `until` a moment, which gives None. Holds no worker.

        The node may be visited again from its beginning instead of going on here, so what comes before a wait has to
        be worth repeating. Raises HardError where nobody can be waited for.
        """
        if self.waiter is None:
            raise HardError("Here no node can wait.", "cannot_wait")
        return await self.waiter(kind, reason, until)

    async def child(self, workflow: str, version: int | None, value: JsonValue) -> Child:
        """The child run of this visit, started now if there is none yet.

        Raises HardError when it cannot be made, or where there are no child runs.
        """
        if self.starter is None:
            raise HardError("Here no run can be started.", "no_child_runs")
        return await self.starter(workflow, version, value)

    async def each(self, items: Sequence[JsonValue], *, concurrency: int, collect: bool) -> JsonValue:
        """The results of the node's inner node over the items, in their order, at most `concurrency` at once.

        With `collect`, `{"error": {"type", "message"}}` stands in the place of an item that failed; else the first that
        fails is raised as ItemError. Raises HardError where there is no inner node.
        """
        if self.mapper is None:
            raise HardError("Here nothing can be run for each item.", "no_inner_node")
        return await self.mapper(items, concurrency, collect)
