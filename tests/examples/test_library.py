import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.compiler.nodes.visits import served
from tests.examples.conftest import EXAMPLES, Service, serving
from tests.llm_server import provider, says
from tests.support import until

IDS = sorted(place.parent.name for place in EXAMPLES.glob("*/graph.json"))
WRITTEN_WITH_DEPENDENCIES = ["fan-out-fan-in", "linear", "llm-analysis", "parallel-api-fetcher"]


def written(template_id: str) -> Any:
    return json.loads((EXAMPLES / template_id / "graph.json").read_text())


def example_input(template_id: str) -> Any:
    return json.loads((EXAMPLES / template_id / "template.json").read_text())["input"]


async def workflow_of(service: Service, template_id: str) -> dict[str, Any]:
    answer = await service.client.post(f"{service.project}/workflows", json={"template": template_id})
    assert answer.status_code == 201, answer.text
    workflow: dict[str, Any] = answer.json()
    return workflow


@pytest.mark.spec("TPL-1", "TPL-15")
@pytest.mark.parametrize("template_id", IDS)
async def test_each_template_tells_what_it_is_and_is_a_good_graph(service: Service, template_id: str) -> None:
    listed = {template["id"]: template for template in (await service.client.get("/templates")).json()["items"]}
    template = listed[template_id]
    assert template["graph"] == written(template_id)
    assert template["input"] == example_input(template_id)
    assert template["input"] is not None
    assert template["picture"] == f"/api/v1/templates/{template_id}/picture.svg"
    assert len(template["description"]) > 40
    checked = await service.client.post(f"{service.project}/workflows/validate", json={"graph": template["graph"]})
    assert checked.json()["problems"] == []


@pytest.mark.spec("TPL-15")
@pytest.mark.parametrize("template_id", WRITTEN_WITH_DEPENDENCIES)
async def test_a_graph_written_with_dependencies_is_listed_as_written_and_stored_with_edges(
    service: Service, template_id: str
) -> None:
    nodes = written(template_id)["dag"]["nodes"]
    assert {"id", "handler", "dependencies"} <= set(nodes[1])
    stored = (await workflow_of(service, template_id))["graph"]
    assert "dag" not in stored
    wanted = [(before, node["id"]) for node in nodes for before in node["dependencies"]]
    assert [(edge["source"], edge["target"]) for edge in stored["edges"]] == wanted
    types = {"call_external_service": "http", "llm_service": "llm"}
    assert [node["type"] for node in stored["nodes"]] == [types.get(n["handler"], n["handler"]) for n in nodes]
    assert [node.get("config") for node in stored["nodes"]] == [node.get("config") for node in nodes]


async def begun(service: Service, workflow_id: str, given: Any) -> str:
    """The path of a run that is under way."""
    body = {"workflow_id": workflow_id, "input_data": given}
    answer = await service.client.post(f"{service.project}/workflows/runs?execute=true", json=body)
    assert answer.status_code == 201, answer.text
    return f"{service.project}/workflows/runs/{answer.json()['id']}"


async def come_to(service: Service, path: str, status: str) -> dict[str, Any]:
    """The run, once it has this status."""

    async def look() -> dict[str, Any] | None:
        run: dict[str, Any] = (await service.client.get(path)).json()
        return run if run["status"] == status else None

    run: dict[str, Any] = await until(look)
    return run


def outputs(turns: list[dict[str, Any]], node_id: str) -> list[Any]:
    return [turn["output"] for turn in turns if turn["node_id"] == node_id and turn["status"] == "COMPLETED"]


class Api:
    """Whatever is asked for, this answers with the host and the path, and remembers both."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def answer(self, request: Request) -> Response:
        self.asked.append(f"{request.method} {request.url}")
        return JSONResponse({"host": request.headers["host"], "path": request.url.path})


@asynccontextmanager
async def service_and_api(database_url: str, home: Path) -> AsyncIterator[tuple[Service, Api]]:
    """A service that finds api.example.com and api on this machine, and all that is asked there."""
    api = Api()
    async with served(Starlette(routes=[Route("/{path:path}", api.answer)])) as url:
        address = url.removeprefix("http://")
        resolve = f"api.example.com={address}, api={address}"
        async with serving(database_url, home, http_resolve=resolve) as service:
            yield service, api


@pytest.mark.spec("TPL-16", "NODE-34")
@pytest.mark.parametrize(
    ("template_id", "calls"),
    [
        ("linear", {"process": "http://api.example.com/process"}),
        (
            "parallel-api-fetcher",
            {"get_user": "http://api.example.com/user", "get_posts": "http://api.example.com/posts"},
        ),
        ("fan-out-fan-in", {f"task_{name}": f"http://api/{name}" for name in "bcd"}),
    ],
)
async def test_the_workflows_that_call_services_run_as_they_are_written(
    database_url: str, tmp_path: Path, template_id: str, calls: dict[str, str]
) -> None:
    async with service_and_api(database_url, tmp_path) as (service, api):
        workflow = await workflow_of(service, template_id)
        run = await service.run(workflow["id"], example_input(template_id))
    assert run["status"] == "COMPLETED", run["error"]
    assert sorted(api.asked) == sorted(f"GET {url}" for url in calls.values())
    said = {name: answer["json"] for name, answer in run["result"].items()}
    assert said == {name: {"host": url.split("/")[2], "path": "/" + url.split("/")[3]} for name, url in calls.items()}
    assert all(answer["status"] == 200 for answer in run["result"].values())


@pytest.mark.spec("TPL-16")
async def test_the_analysis_asks_the_model_about_what_the_service_said(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with provider(says("All is well.")) as model:
        monkeypatch.setenv("OPENAI_BASE_URL", model.url)
        monkeypatch.setenv("OPENAI_API_KEY", "a key of the test")
        async with service_and_api(database_url, tmp_path) as (service, api):
            workflow = await workflow_of(service, "llm-analysis")
            run = await service.run(workflow["id"], example_input("llm-analysis"))
    assert run["status"] == "COMPLETED", run["error"]
    assert api.asked == ["GET http://api.example.com/data"]
    assert run["result"]["analyze"]["text"] == "All is well."
    (asked,) = model.asked
    assert asked.body["model"] == "gpt-4"
    wanted = 'Analyze this data: {"host": "api.example.com", "path": "/data"}'
    assert asked.body["messages"] == [{"role": "user", "content": wanted}]


RUDE = example_input("content-moderation")


@pytest.mark.spec("TPL-18")
@pytest.mark.parametrize(
    ("text", "status", "reason"),
    [
        ("Thank you for the manual.", "published", "Nothing speaks against it."),
        ("Click here for FREE MONEY", "rejected", "It offers free money."),
    ],
)
async def test_moderation_decides_alone_where_the_model_is_sure(
    service: Service, text: str, status: str, reason: str
) -> None:
    workflow = await workflow_of(service, "content-moderation")
    run = await service.run(workflow["id"], {"text": text})
    assert run["status"] == "COMPLETED", run["error"]
    assert run["result"] == {"status": status, "text": text, "decided_by": "the model", "reason": reason}
    skipped = {turn["node_id"] for turn in await service.turns(run) if turn["status"] == "SKIPPED"}
    assert "moderator" in skipped


@pytest.mark.spec("TPL-18")
@pytest.mark.parametrize(
    ("answer", "status", "reason"),
    [
        ({"publish": True}, "published", "It is rude."),
        ({"publish": False, "note": "Please be kind."}, "rejected", "Please be kind."),
        ({"publish": False}, "rejected", "It is rude."),
    ],
)
async def test_moderation_waits_for_a_person_where_the_model_is_unsure(
    service: Service, answer: dict[str, Any], status: str, reason: str
) -> None:
    workflow = await workflow_of(service, "content-moderation")
    path = await begun(service, workflow["id"], RUDE)
    run = await come_to(service, path, "WAITING")
    (asked,) = [turn for turn in await service.turns(run) if turn["status"] == "WAITING"]
    assert asked["node_id"] == "moderator"
    assert RUDE["text"] in asked["reason"]["prompt"]
    refused = await service.client.post(f"{path}/resume", json={"node_id": "moderator", "answer": {"note": "?"}})
    assert refused.status_code == 422, refused.text
    taken = await service.client.post(f"{path}/resume", json={"node_id": "moderator", "answer": answer})
    assert taken.is_success, taken.text
    result = (await come_to(service, path, "COMPLETED"))["result"]
    assert (result["status"], result["reason"]) == (status, reason)
    assert result["decided_by"] != "the model"


@pytest.mark.spec("TPL-18")
async def test_moderation_rejects_what_nobody_looks_at_in_time(service: Service) -> None:
    workflow = await workflow_of(service, "content-moderation")
    path = await begun(service, workflow["id"], {**RUDE, "answer_within": 0.2})
    result = (await come_to(service, path, "COMPLETED"))["result"]
    assert (result["status"], result["decided_by"]) == ("rejected", "timeout")
    assert result["reason"] == "No moderator has looked at it in time."


@pytest.mark.spec("TPL-19")
async def test_the_agent_uses_tools_lap_by_lap_until_it_answers(service: Service) -> None:
    workflow = await workflow_of(service, "agent-loop")
    run = await service.run(workflow["id"], example_input("agent-loop"))
    assert run["status"] == "COMPLETED", run["error"]
    turns = await service.turns(run)
    actions = [said["structured"]["action"] for said in outputs(turns, "think")]
    assert actions == ["look_up", "look_up", "calculate", "answer"]
    assert outputs(turns, "look_up") == [
        "The equatorial radius of Earth is 6378.1 km.",
        "The equatorial radius of Moon is 1738.1 km.",
    ]
    assert outputs(turns, "calculate") == ["2 * 3.14159265 * (6378.1 - 1738.1) = 29154"]
    roles = [message["role"] for message in run["result"]["messages"]]
    assert roles == ["user", *["assistant", "user"] * 3, "assistant"]
    assert len(outputs(turns, "think")[-1]["messages"]) == 1 + len(roles)
    assert "29,154 km" in run["result"]["answer"]
    (checked,) = outputs(turns, "check")
    (shown,) = [message for message in checked["messages"] if message["role"] == "tool"]
    assert shown["content"].endswith("= 29154")


@pytest.mark.spec("TPL-19")
async def test_an_agent_that_never_answers_is_stopped(service: Service) -> None:
    graph = written("agent-loop")
    think = next(node for node in graph["nodes"] if node["id"] == "think")
    think["config"]["options"]["responses"] = [think["config"]["options"]["responses"][0]] * 20
    body = {"name": "Endless", "graph": graph}
    made = await service.client.post(f"{service.project}/workflows", json=body)
    run = await service.run(made.json()["id"], example_input("agent-loop"))
    assert (run["status"], run["error"]["type"]) == ("FAILED", "loop_limit_exceeded")
    assert len(outputs(await service.turns(run), "think")) == 8


@pytest.mark.spec("TPL-19")
@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("-(2 + 3) * 4 / 8", "= -2.5"),
        ("1 / 0", "cannot be calculated: float division by zero"),
        ("__import__('os').getcwd()", "only numbers, brackets and + - * / are known"),
        ("9 ** 9 ** 9", "only numbers, brackets and + - * / are known"),
        ("2 +", "cannot be calculated"),
        ("(" * 150 + "1" + ")" * 150, "are not calculated"),
        ("True + 1", "only numbers"),
    ],
)
def test_the_tools_tell_in_words_what_went_wrong(call: Callable[..., Any], expression: str, said: str) -> None:
    assert said in call("agent.calculate", expression=expression)
    assert call("agent.look_up", name="Pluto").startswith("Nothing is known about Pluto; ask for one of sun")


@pytest.mark.spec("TPL-20")
async def test_each_document_is_summarised_and_what_went_wrong_is_collected(service: Service) -> None:
    workflow = await workflow_of(service, "document-map")
    run = await service.run(workflow["id"], example_input("document-map"))
    assert run["status"] == "COMPLETED", run["error"]
    result = run["result"]
    assert result["documents"] == 4
    assert result["summaries"] == [
        "Harbour: The new quay opens in May.",
        "Library: The library lends tools now.",
        "Market: Fish is sold on Fridays only.",
    ]
    (problem,) = result["problems"]
    assert "text" in problem
    assert result["overview"] == " ".join(result["summaries"])
    (each,) = [turn for turn in await service.turns(run) if turn["node_id"] == "summarise"]
    assert each["progress"] == {"done": 4, "failed": 1, "total": 4}
    assert [next(iter(item)) for item in each["output"]].index("error") == 2


@pytest.mark.spec("TPL-20")
@pytest.mark.parametrize("documents", [[], [{"title": "Only a title"}]])
async def test_there_may_be_nothing_to_summarise(service: Service, documents: list[Any]) -> None:
    workflow = await workflow_of(service, "document-map")
    run = await service.run(workflow["id"], {"documents": documents})
    assert run["status"] == "COMPLETED", run["error"]
    assert run["result"]["overview"] == "There is nothing to summarise."
    assert len(run["result"]["problems"]) == len(documents)
