import json
from typing import Any

import httpx
import pytest

from tests.llm_server import provider, says
from tests.support import Project, ended

TEXT = " ".join(f"word{number}" for number in range(60))
S1: dict[str, Any] = {
    "name": "Analysis",
    "dag": {
        "nodes": [
            {"id": "fetch_data", "handler": "transform", "config": {"value": {"response": "{{ input.data }}"}}},
            {
                "id": "analyze",
                "handler": "llm_service",
                "dependencies": ["fetch_data"],
                "config": {
                    "prompt": "Analyze this data: {{ fetch_data.output.response }}",
                    "model": "gpt-4",
                    "temperature": 0.7,
                    "max_tokens": 1000,
                },
            },
        ]
    },
}


async def events_of(client: httpx.AsyncClient, path: str) -> list[dict[str, Any]]:
    """The events of a run over SSE, until it has ended."""
    async with client.stream("GET", f"{path}/events", headers={"Accept": "text/event-stream"}) as answer:
        lines = [line async for line in answer.aiter_lines()]
    return [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]


@pytest.mark.spec("LLM-27", "LLM-28")
async def test_tokens_arrive_as_events_while_the_run_goes_on_and_the_output_is_kept(
    server_project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with provider(says(TEXT, pause=0.005)) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", "k")
        workflow = await server_project.workflow(S1)
        run = await server_project.run(workflow["id"], {"data": "sales"}, execute=True)
        path = f"{server_project.runs}/{run['id']}"
        events = await events_of(server_project.client, path)
    assert server.asked[0].body["messages"] == [{"role": "user", "content": "Analyze this data: sales"}]
    assert {name: server.asked[0].body[name] for name in ("model", "temperature", "max_completion_tokens")} == {
        "model": "gpt-4",
        "temperature": 0.7,
        "max_completion_tokens": 1000,
    }
    kinds = [event["type"] for event in events if event["node_id"] == "analyze"]
    tokens = [event["data"] for event in events if event["type"] == "workflow.node.token"]
    assert kinds == ["workflow.node.started", *["workflow.node.token"] * len(tokens), "workflow.node.completed"]
    assert "".join(token["text"] for token in tokens) == TEXT
    assert 2 <= len(tokens) < 40
    assert (tokens[0]["iteration"], tokens[0]["attempt"]) == (0, 1)
    ended_run = await ended(server_project.client, path)
    assert ended_run["status"] == "COMPLETED"
    state = (await server_project.client.get(f"{path}/nodes/analyze")).json()
    output = state["output"] if "output" in state else state["items"][0]["output"]
    assert (output["text"], output["usage"]["total_tokens"]) == (TEXT, 18)
