import asyncio
import time
from typing import Any

import httpx
import pytest

from tests.support import Project, ServerProcess, ended, until

BOMBS = {
    "loops": "{% for i in range(10000) %}{% for j in range(10000) %}{% endfor %}{% endfor %}",
    "characters": "{{ input.text|sort|length }}",
    "copies": "{% set s = input.text ~ '' %}{% for i in range(10000) %}{% set t = s ~ i %}{% endfor %}",
    "JSON": "{{ [input, input, input, input]" + "|tojson" * 20 + "|length }}",
}


async def _alive(base: str, answers: list[float]) -> None:
    """Ask whether the process lives, again and again; notes how long each answer took."""
    async with httpx.AsyncClient(base_url=base) as client:
        while True:
            start = time.perf_counter()
            answer = await client.get("/livez")
            answers.append(time.perf_counter() - start)
            assert answer.status_code == 200
            await asyncio.sleep(0.005)


@pytest.mark.spec("LANG-23")
async def test_a_bomb_fails_its_node_at_once_while_the_server_answers(server_process: ServerProcess) -> None:
    answers: list[float] = []
    asking = asyncio.create_task(_alive(server_process.url, answers))
    async with httpx.AsyncClient(base_url=server_process.api, timeout=30) as client:
        project = await Project.make(client)
        retry = {"max_attempts": 5, "initial_interval": 0.1}
        nodes: list[dict[str, Any]] = [
            {"id": name, "type": "transform", "config": {"value": source}, "retry": retry}
            for name, source in BOMBS.items()
        ]
        workflow = await project.workflow({"nodes": nodes, "edges": []})
        made = await project.run(workflow["id"], {"text": "é " * 400_000})
        await until(lambda: _some(answers), seconds=10)
        answers.clear()
        path = f"{project.runs}/{made['id']}"
        assert (await client.post(f"{path}/execute")).status_code == 202
        run = await ended(client, path, seconds=30)
        found = (await client.get(f"{path}/nodes")).json()["items"]
    asking.cancel()

    assert run["status"] == "FAILED"
    for node in found:
        assert (node["status"], node["attempt"]) == ("FAILED", 1)
        assert (node["error"]["type"], node["error"]["retryable"]) == ("template_too_expensive", False)
    assert len(found) == len(BOMBS)
    assert answers
    assert max(answers) < 1.0


async def _some(answers: list[float]) -> bool:
    return bool(answers)
