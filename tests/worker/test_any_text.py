"""NUL, lone surrogates and all other text: given to a run in every way, and read back as it was."""

import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver

from app.db import Database
from tests.support import Project, ended
from tests.worker.conftest import check_log
from tests.worker.runs import graph, in_status, transform

TEXTS = st.text(st.sampled_from("\0\ud800\udbff\udfff\U0001f600\\\"'{}u0") | st.characters(), max_size=12)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)


def tool(name: str, function: str, **more: Any) -> dict[str, Any]:
    return {"id": name, "type": "tool", "config": {"tool": function, "args": {}} | more.pop("config", {}), **more}


DOCUMENT = graph(
    [
        transform("echo", "{{ input.value }}", writes={"kept": "{{ output }}"}),
        {
            "id": "items",
            "type": "map",
            "config": {
                "items": "{{ [echo.output] }}",
                "node": {"type": "transform", "config": {"value": "{{ item }}"}},
            },
        },
        tool("say", "x", config={"tool": "probe.say", "args": {"text": "{{ input.text }}"}}),
        tool(
            "fail", "x", config={"tool": "ref.fail", "args": {"message": "no: {{ input.text }}"}}, on_error="continue"
        ),
        {"id": "ask", "type": "approval", "config": {"prompt": "{{ input.text }}"}},
        transform("end", "{{ [echo.output, items.output, ask.output.answer, state.kept] }}"),
    ],
    *(("echo", name) for name in ("items", "say", "fail", "ask")),
    *((name, "end") for name in ("items", "say", "fail", "ask")),
    state={"kept": {"reducer": "replace", "default": None}},
)


async def post(client: httpx.AsyncClient, path: str, body: Any) -> Any:
    """What is answered to a body whose text may be no valid Unicode."""
    answer = await client.post(path, content=json.dumps(body), headers={"Content-Type": "application/json"})
    assert answer.is_success, answer.text
    return answer.json()


@pytest.mark.spec("SAVE-8", "RUN-17")
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(given_value=VALUES, given_text=TEXTS)
@example(given_value={"\0": ["\ud800", {"\udfff": "a\0"}]}, given_text="\0\ud800")
async def test_any_text_comes_back_as_it_was(
    server_project: Project, database: Database, given_value: Any, given_text: str
) -> None:
    # Two halves of a pair that meet are one character in JSON.
    value, text = json.loads(json.dumps([given_value, given_text]))
    project, client = server_project, server_project.client
    workflow = await project.workflow(DOCUMENT)
    asked = {"workflow_id": workflow["id"], "input_data": {"value": value, "text": text}, "metadata": {"m": value}}
    run = await post(client, project.runs, asked)
    path = f"{project.runs}/{run['id']}"
    await post(client, f"{path}/execute", {})
    await in_status(client, path, "WAITING")
    await post(client, f"{path}/resume", {"node_id": "ask", "answer": value})
    done = await ended(client, path)
    nodes = {n["node_id"]: n for n in (await client.get(f"{path}/nodes")).json()["items"]}
    items = (await client.get(f"{path}/items")).json()["items"]
    events = {(e["node_id"], e["type"].rsplit(".", 1)[1]): e["data"] for e in await check_log(client, path)}
    thread = await AsyncPostgresSaver(database.pool).aget_tuple({"configurable": {"thread_id": run["id"]}})

    assert done["status"] == "COMPLETED"
    assert (done["input"], done["metadata"]) == (asked["input_data"], asked["metadata"])
    assert (done["result"], done["state"]) == ({"end": [value, [value], value, value]}, {"kept": value})
    assert (nodes["echo"]["input"], nodes["echo"]["output"]) == ({"value": value}, value)
    assert nodes["fail"]["error"]["message"] == events["fail", "completed"]["error"]["message"] == f"no: {text}"
    assert nodes["ask"]["output"]["answer"] == events["ask", "completed"]["output"]["answer"] == value
    assert events["ask", "waiting"]["reason"]["prompt"] == text
    assert events["say", "log"]["message"] == text
    assert events["echo", "completed"]["output"] == value
    assert [item["output"] for item in items] == [value]
    assert thread is not None
    assert thread.checkpoint["channel_values"]["outputs"]["echo"] == value
