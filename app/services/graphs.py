"""Graphs as they are checked, stored and compiled."""

import asyncio
import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from psycopg.rows import DictRow

from app import jsontext
from app.compiler import CompiledWorkflow, CompileError, WorkflowGraphCompiler
from app.errors import ConflictError, NotFoundError, Problem, UnprocessableError
from app.schemas.common import JsonObject
from app.schemas.workflow import ValidationOut
from app.services.work import Work

T = TypeVar("T")
REMEMBERED = 256


@dataclass(frozen=True, slots=True)
class CheckedGraph:
    """A graph without problems, in its normal form, as JSON value and text."""

    graph: JsonObject
    text: str
    content_hash: str


class Graphs:
    """Checks and compiles graphs for the API, aside from the event loop's thread, as a large one takes a while."""

    def __init__(self, compiler: WorkflowGraphCompiler) -> None:
        self.compiler = compiler
        self._compiled: OrderedDict[str, CompiledWorkflow] = OrderedDict()
        self._turn = asyncio.Lock()

    async def check(self, document: Any) -> CheckedGraph:
        """The document in its normal form. Raises CompileError with all its problems."""
        found = await asyncio.to_thread(self.compiler.inspect, document)
        if found.problems or found.graph is None:
            raise CompileError(found.problems)
        graph = {"nodes": [], "edges": [], **found.graph}
        text = jsontext.dumps(graph)
        return CheckedGraph(graph, text, found.content_hash or _hash_of(graph))

    async def validate(self, document: Any) -> ValidationOut:
        """What is wrong with the document, and how it would run when nothing is."""
        found = await asyncio.to_thread(self.compiler.inspect, document)
        problems = [problem.as_json() for problem in found.problems]
        return {"valid": not problems, "problems": problems, "plan": found.plan}  # type: ignore[typeddict-item]

    async def aside(self, do: Callable[[], T]) -> T:
        """What a function gives, in a thread of its own; one after the other, so that they never crowd others out."""
        async with self._turn:
            return await asyncio.to_thread(do)

    async def compiled(self, work: Work, workflow_id: UUID, version: int, content_hash: str) -> CompiledWorkflow:
        """The program of a stored version. Raises CompileError when its node types or tools are no longer there."""
        known = self._compiled.get(content_hash)
        if known is None:
            graph = await graph_of(work, workflow_id, version)
            async with self._turn:
                known = await asyncio.to_thread(self.compiler.compile, graph, content_hash=content_hash)
            self._compiled[content_hash] = known
            if len(self._compiled) > REMEMBERED:
                self._compiled.popitem(last=False)
        else:
            self._compiled.move_to_end(content_hash)
        return known

    async def must_take(self, work: Work, workflow_id: UUID, row: DictRow, value: Any) -> None:
        """Raise UnprocessableError (`invalid_input`) when a stored version does not take this input."""
        compiled = await self.compiled(work, workflow_id, row["version"], row["content_hash"])
        problems = compiled.check_input(value)
        if problems:
            raise UnprocessableError("The input does not fit the workflow.", code="invalid_input", problems=problems)


async def graph_of(work: Work, workflow_id: UUID, version: int) -> JsonObject:
    """The graph of a stored version. Raises NotFoundError."""
    row = await work.first(
        "SELECT graph FROM workflow_versions WHERE workflow_id = %s AND version = %s", (workflow_id, version)
    )
    if row is None:
        raise NotFoundError(f"The workflow has no version {version}.")
    graph: JsonObject = row["graph"]
    return graph


async def stored_version(
    work: Work, project_id: UUID, workflow_id: UUID, version: int | None, *, deleted: bool = False
) -> DictRow:
    """The number and hash of a workflow's version (None: the newest), and whether the workflow is active.

    Raises NotFoundError, for a deleted workflow unless `deleted` says that it will do.
    """
    row = await work.first(
        """SELECT w.active, v.version, v.content_hash FROM workflows w
           LEFT JOIN workflow_versions v ON v.workflow_id = w.id AND v.version = coalesce(%(version)s, w.version)
           WHERE w.project_id = %(project)s AND w.id = %(workflow)s AND (%(deleted)s OR w.deleted_at IS NULL)""",
        {"project": project_id, "workflow": workflow_id, "version": version, "deleted": deleted},
    )
    if row is None:
        raise NotFoundError("There is no such workflow in this project.")
    if row["version"] is None:
        raise NotFoundError(f"The workflow has no version {version}.")
    return row


async def pinned_version(work: Work, project_id: UUID, workflow_id: UUID, version: int | None) -> DictRow:
    """A stored version that a body has named. Raises NotFoundError, UnprocessableError for one that is not there."""
    newest = await stored_version(work, project_id, workflow_id, None)
    if version is None:
        return newest
    try:
        return await stored_version(work, project_id, workflow_id, version)
    except NotFoundError as error:
        problem = Problem("unknown_version", "/version", f"{error.message} Name one that it has, or null.")
        raise UnprocessableError(error.message, code="unknown_version", problems=[problem]) from None


def must_be_active(row: DictRow) -> None:
    """Raises ConflictError (`workflow_inactive`)."""
    if not row["active"]:
        raise inactive()


def inactive() -> ConflictError:
    """What says that no runs of a workflow are started now."""
    return ConflictError(
        "The workflow is not active. Activate it (`active: true`) to start runs of it.", code="workflow_inactive"
    )


def _hash_of(graph: JsonObject) -> str:
    """The hash of a graph that holds what the compiler's own hash leaves out, such as integers over 64 bits."""
    return hashlib.blake2b(json.dumps(graph, sort_keys=True).encode(), digest_size=16).hexdigest()
