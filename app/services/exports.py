"""Workflows as programs that can be taken along."""

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any, LiteralString
from uuid import UUID

from app.compiler.export import export_python
from app.compiler.registry import Registry
from app.schemas.common import JsonObject
from app.services import workflows
from app.services.work import Work

MOST_CHILDREN = 100
Key = tuple[str, int | None]


async def exported_graph(
    work: Work, project_id: UUID, workflow_id: UUID, version: int | None
) -> tuple[str, JsonObject]:
    """The name of a workflow and its newest graph, or that of a version. Raises NotFoundError."""
    newest = (await workflows.get(work, project_id, workflow_id)).workflow
    if version is None:
        return newest["name"], newest["graph"]
    return newest["name"], (await workflows.get_version(work, project_id, workflow_id, version))["graph"]


async def python_program(work: Work, project_id: UUID, registry: Registry, name: str, graph: JsonObject) -> str:
    """The graph as a Python program, with the workflows of the project that it runs. Raises CompileError."""
    children: dict[Key, JsonObject] = {}
    waiting = list(_named(graph))
    while waiting and len(children) < MOST_CHILDREN:
        key = waiting.pop(0)
        child = None if key in children else await _child(work, project_id, key)
        if child is not None:
            children[key] = child
            waiting += _named(child)
    return await asyncio.to_thread(export_python, graph, registry, name=name, children=children)


def _named(graph: JsonObject) -> Iterator[Key]:
    """The workflows that nodes of a graph run, and nodes inside of maps."""
    nodes: list[Any] = list(graph["nodes"])
    while nodes:
        config = nodes.pop().get("config")
        if not isinstance(config, Mapping):
            continue
        workflow, version = config.get("workflow"), config.get("version")
        if isinstance(workflow, str) and (version is None or isinstance(version, int)):
            yield workflow, version
        nodes += [config["node"]] if isinstance(config.get("node"), Mapping) else []


_ONE: LiteralString = """SELECT v.graph FROM workflows w JOIN workflow_versions v ON v.workflow_id = w.id
    AND v.version = coalesce(%(version)s, w.version)
    WHERE w.project_id = %(project)s AND w.deleted_at IS NULL AND (w.id::text = %(workflow)s OR w.name = %(workflow)s)
    ORDER BY w.id::text = %(workflow)s DESC, w.id DESC LIMIT 1"""


async def _child(work: Work, project_id: UUID, key: Key) -> JsonObject | None:
    workflow, version = key
    if "\0" in workflow:
        return None
    row = await work.first(_ONE, {"project": project_id, "workflow": workflow, "version": version})
    graph: JsonObject | None = None if row is None else row["graph"]
    return graph
