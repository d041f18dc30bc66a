from typing import Any

import httpx
import pytest

from tests.support import Project, until
from tests.worker.runs import graph, in_status, started, transform

PROMPT = "May {{ input.who }}\0 pass?"
SCHEMA = {"type": "boolean"}


def approval(name: str, **config: Any) -> dict[str, Any]:
    return {"id": name, "type": "approval", "config": {"prompt": PROMPT, **config}}


def spread(count: int) -> dict[str, Any]:
    """A map that asks for each item."""
    inner = {"type": "approval", "config": {"prompt": PROMPT}}
    return {"id": "each", "type": "map", "config": {"items": list(range(count)), "node": inner}}


async def listed(project: Project, count: int) -> list[dict[str, Any]]:
    """The approvals of the project, once there are so many."""
    found: list[dict[str, Any]] = []

    async def look() -> bool:
        answer = await project.client.get(f"/projects/{project.id}/approvals")
        assert answer.status_code == 200, answer.text
        found[:] = answer.json()["items"]
        return len(found) == count

    await until(look)
    return found


@pytest.mark.spec("RUN-96")
async def test_approvals_are_listed_while_other_branches_work_and_until_they_are_answered(
    server_project: Project,
) -> None:
    client = server_project.client
    ask = {**approval("ask", schema=SCHEMA, timeout=3600), "name": "Ask"}
    path = await started(server_project, graph([ask, spread(2), transform("z", 1)]), {"who": "Ann"})

    first, *items = await listed(server_project, 3)

    assert (first["run_id"], first["node_id"], first["node_name"]) == (path.rpartition("/")[2], "ask", "Ask")
    assert (first["item"], first["iteration"]) == (None, 0)
    assert first["reason"]["prompt"] == "May Ann\0 pass?"
    assert first["reason"]["schema"] == SCHEMA
    assert first["wake_at"] > first["waiting_since"]
    assert [(item["node_id"], item["item"]) for item in items] == [("each", [0]), ("each", [1])]
    assert items[0]["wake_at"] is None

    said = {"node_id": "each", "iteration": 0, "item": [0], "answer": 1}
    assert (await client.post(f"{path}/resume", json=said)).status_code == 202
    assert [item["item"] for item in await listed(server_project, 2)] == [None, [1]]
    assert (await client.post(f"{path}/cancel")).status_code == 202
    assert await listed(server_project, 0) == []


@pytest.mark.spec("RUN-96")
async def test_approvals_come_by_pages_the_oldest_run_first(server_project: Project) -> None:
    paths = [await started(server_project, graph([spread(3)]), {"who": "Bob"}) for _ in range(2)]
    for path in paths:
        await in_status(server_project.client, path, "WAITING")
    await listed(server_project, 6)
    seen, cursor = [], None
    while cursor is not None or not seen:
        page = await _page(server_project.client, server_project.id, cursor)
        seen += [(item["run_id"], item["item"]) for item in page["items"]]
        cursor = page["next_cursor"]
    assert seen == [(path.rpartition("/")[2], [index]) for path in paths for index in range(3)]


async def _page(client: httpx.AsyncClient, project: str, cursor: str | None) -> Any:
    query = {"limit": "4", **({} if cursor is None else {"cursor": cursor})}
    return (await client.get(f"/projects/{project}/approvals", params=query)).json()


@pytest.mark.spec("RUN-96")
async def test_other_projects_approvals_and_other_lists_cursors_are_refused(server_project: Project) -> None:
    client = server_project.client
    nowhere = await client.get("/projects/018f0000-0000-7000-8000-000000000000/approvals")
    assert nowhere.status_code == 404
    odd = await client.get(f"/projects/{server_project.id}/approvals", params={"cursor": "bm8"})
    assert odd.status_code == 422
