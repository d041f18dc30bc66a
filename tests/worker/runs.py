"""Steps that tests of runs that wait take again and again."""

from typing import Any

import httpx

from tests.support import Project, until


def graph(nodes: list[dict[str, Any]], *edges: tuple[Any, ...], **more: Any) -> dict[str, Any]:
    """A document from nodes and edges such as ("a", "b"), ("a", "b", {"condition": …})."""
    return {
        "nodes": nodes,
        "edges": [{"source": e[0], "target": e[1], **(e[2] if len(e) > 2 else {})} for e in edges],
        **more,
    }


def transform(name: str, value: Any, **more: Any) -> dict[str, Any]:
    return {"id": name, "type": "transform", "config": {"value": value}, **more}


async def started(project: Project, document: Any, value: Any = None, **execute: Any) -> str:
    """The path of a new run of the document, executed with what `execute` says."""
    workflow = await project.workflow(document)
    run = await project.run(workflow["id"], value)
    path = f"{project.runs}/{run['id']}"
    answer = await project.client.post(f"{path}/execute", json=execute)
    assert answer.status_code == 202, answer.text
    return path


async def in_status(client: httpx.AsyncClient, path: str, status: str, *, seconds: float = 20) -> dict[str, Any]:
    """The run, once it has the status."""

    async def there() -> dict[str, Any] | None:
        run: dict[str, Any] = (await client.get(path)).json()
        return run if run["status"] == status else None

    run: dict[str, Any] = await until(there, seconds=seconds)
    return run


async def node(client: httpx.AsyncClient, path: str, name: str) -> dict[str, Any]:
    """The newest turn of a node."""
    turn: dict[str, Any] = (await client.get(f"{path}/nodes/{name}")).json()["items"][-1]
    return turn


async def statuses(client: httpx.AsyncClient, path: str) -> dict[str, str]:
    items = (await client.get(f"{path}/nodes", params={"limit": 200})).json()["items"]
    return {item["node_id"]: item["status"] for item in items}
