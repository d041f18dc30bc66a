import json
from collections.abc import AsyncIterator
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
