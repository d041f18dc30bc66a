"""Steps that tests of maps take again and again."""

from typing import Any

import httpx

from tests.worker.conftest import TOOLS, Trace

FAST = {
    "GRAPHWRIGHT_WORKFLOWS": str(TOOLS),
    "GRAPHWRIGHT_HEARTBEAT_SECONDS": "0.2",
    "GRAPHWRIGHT_DRAIN_SECONDS": "0.5",
    "GRAPHWRIGHT_PARK_SECONDS": "0.5",
}


def mapping(inner: dict[str, Any], *, items: Any = "{{ input }}", name: str = "m", **config: Any) -> dict[str, Any]:
    return {"id": name, "type": "map", "config": {"items": items, "node": inner, **config}}


def inner(trace: Trace, function: str = "mark", name: str = "{{ item }}", **args: Any) -> dict[str, Any]:
    """A node for each item that leaves traces."""
    definition = trace.node(name, function, **args)
    return {"type": definition["type"], "config": definition["config"]}


def asks(prompt: str = "And {{ item }}?", **more: Any) -> dict[str, Any]:
    return {"type": "approval", "config": {"prompt": prompt}, **more}


async def items(client: httpx.AsyncClient, path: str, **wanted: Any) -> list[dict[str, Any]]:
    """All items of the run at the path, page by page."""
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while True:
        place = {} if cursor is None else {"cursor": cursor}
        answer = await client.get(f"{path}/items", params={"limit": 200, **wanted, **place})
        assert answer.status_code == 200, answer.text
        found += answer.json()["items"]
        cursor = answer.json()["next_cursor"]
        if cursor is None:
            return found


async def stand(client: httpx.AsyncClient, path: str, **wanted: Any) -> dict[tuple[int, ...], str]:
    return {tuple(item["path"]): item["status"] for item in await items(client, path, **wanted)}


async def shows(client: httpx.AsyncClient, path: str, item: tuple[int, ...], status: str) -> bool:
    return (await stand(client, path)).get(item) == status
