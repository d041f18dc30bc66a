import asyncio
from datetime import datetime
from typing import Any

import pytest

from tests.support import Project, ended

TRIES = 3


def _document() -> dict[str, Any]:
    """Fifty nodes that block a thread, and one that keeps a CPU busy for as long, all between two nodes."""
    sleepers = [
        {"id": f"s{n}", "type": "tool", "config": {"tool": "probe.sleep", "args": {"seconds": 1.0}}} for n in range(50)
    ]
    burner = {"id": "burn", "type": "tool", "config": {"tool": "probe.burn", "args": {"seconds": 1.0}}}
    side_by_side = [*sleepers, burner]
    ends = [{"id": name, "type": "transform", "config": {"value": 1}} for name in ("start", "end")]
    edges = [{"source": "start", "target": node["id"]} for node in side_by_side]
    edges += [{"source": node["id"], "target": "end"} for node in side_by_side]
    return {"nodes": [*ends, *side_by_side], "edges": edges}


@pytest.mark.spec("NODE-32")
async def test_a_run_of_fifty_blocking_tools_lasts_about_as_long_as_one(server_project: Project) -> None:
    workflow = await server_project.workflow(_document())
    seconds: list[float] = []
    slowest: list[float] = []
    for _ in range(TRIES):
        run = await server_project.run(workflow["id"], execute=True)
        path = f"{server_project.runs}/{run['id']}"
        asking = asyncio.create_task(_slowest_answer(server_project, slowest))
        done = await ended(server_project.client, path, seconds=60)
        asking.cancel()
        assert done["status"] == "COMPLETED"
        seconds.append(_when(done["finished_at"]) - _when(done["started_at"]))
        if seconds[-1] < 2:
            break

    assert min(seconds) >= 1
    assert min(seconds) < 2
    assert sorted(slowest)[len(slowest) // 2] < 0.2


async def _slowest_answer(project: Project, found: list[float]) -> None:
    """Ask the server again and again; notes how long each answer took."""
    while True:
        answer = await project.client.get(f"/projects/{project.id}")
        assert answer.status_code == 200
        found.append(answer.elapsed.total_seconds())
        await asyncio.sleep(0.02)


def _when(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
