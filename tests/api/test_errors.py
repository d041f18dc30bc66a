from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from structlog.testing import capture_logs

from app.config import Settings
from app.main import create_app
from tests.support import DOUBLE, Project, client_of, running, settings_for

NOWHERE = "0199f3a0-7c1e-7a52-9d3c-4f2b8a6d1e90"
JSON = {"Content-Type": "application/json"}


def problem_of(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = answer.json()
    assert body["status"] == status
    assert body["code"] == code
    assert body["type"]
    assert body["title"]
    assert body["detail"]
    return body


@pytest.mark.spec("API-1")
@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("GET", "/projects/no-id", 404, "not_found"),
        ("GET", f"/projects/{NOWHERE}", 404, "not_found"),
        ("GET", f"/projects/{NOWHERE}/workflows", 404, "not_found"),
        ("GET", f"/projects/{NOWHERE}/workflows/runs", 404, "not_found"),
        ("GET", f"/projects/{NOWHERE}/workflows/{NOWHERE}", 404, "not_found"),
        ("GET", f"/projects/{NOWHERE}/workflows/runs/{NOWHERE}/nodes/a%00b", 404, "not_found"),
        ("PATCH", "/projects", 405, "method_not_allowed"),
        ("GET", "/projects?limit=0", 422, "invalid_request"),
        ("GET", "/projects?limit=201", 422, "invalid_request"),
        ("GET", "/projects?cursor=%00", 422, "invalid_request"),
        ("GET", f"/projects/{NOWHERE}/workflows/runs?status=DONE", 422, "unknown_status"),
        ("POST", f"/projects/{NOWHERE}/workflows/runs/{NOWHERE}/execute", 404, "not_found"),
        ("POST", f"/projects/{NOWHERE}/workflows/runs/{NOWHERE}/cancel", 404, "not_found"),
        ("POST", f"/projects/{NOWHERE}/workflows/runs/{NOWHERE}/retry", 404, "not_found"),
    ],
)
async def test_every_error_is_a_problem_document(
    client: httpx.AsyncClient, method: str, path: str, status: int, code: str
) -> None:
    problem_of(await client.request(method, path), status, code)


@pytest.mark.spec("API-2")
@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"",
        b"[]",
        b'"text"',
        b"{}",
        b'{"name": NaN}',
        b'{"name": null}',
        b'{"name": ""}',
        b'{"name": "a\\u0000b"}',
        b'{"name": "\\ud800"}',
        b'{"name": "\xff"}',
        b'{"name": "x", "nme": 1}',
        b'{"name": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b"[" * 100_000,
        b'{"name": ' + b"9" * 5000 + b"}",
    ],
    ids=lambda body: body[:24].decode(errors="replace"),
)
async def test_a_body_that_is_not_what_is_asked_for_gets_422(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post("/projects", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"]


@pytest.mark.spec("API-2")
async def test_a_body_of_another_type_gets_422(client: httpx.AsyncClient) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        answer = await client.post("/projects", content=b'{"name": "x"}', headers={"Content-Type": kind})
        problem_of(answer, 422, "invalid_request")


@pytest.mark.spec("API-2")
async def test_all_problems_of_a_body_are_told_at_once_with_pointers(client: httpx.AsyncClient) -> None:
    answer = await client.post("/projects", json={"nme": 1})
    found = {(entry["code"], entry["pointer"]) for entry in answer.json()["errors"]}
    assert found == {("missing", "/name"), ("extra_forbidden", "/nme")}


@pytest.mark.spec("API-91")
async def test_numbers_that_no_double_holds_are_refused_each_with_its_place(project: Project) -> None:
    workflow = (await project.workflow(DOUBLE))["id"]
    body = b'{"workflow_id": "%s", "input_data": {"n": 1e999, "a/b": [1, {"c": -1E+400}]}}' % workflow.encode()
    answer = await project.client.post(project.runs, content=body, headers=JSON)
    errors = problem_of(answer, 422, "invalid_request")["errors"]
    assert [(entry["code"], entry["pointer"]) for entry in errors] == [
        ("number_too_large", "/input_data/n"),
        ("number_too_large", "/input_data/a~1b/1/c"),
    ]
    assert all("as text" in entry["message"] for entry in errors)
    graph = b'{"graph": {"nodes": [{"id": "a", "type": "transform", "config": {"value": 1e999}}], "edges": []}}'
    answer = await project.client.post(f"{project.workflows}/validate", content=graph, headers=JSON)
    assert problem_of(answer, 422, "invalid_request")["errors"][0]["pointer"] == "/graph/nodes/0/config/value"
    largest = b'{"workflow_id": "%s", "input_data": {"n": 1.7976931348623157e308}}' % workflow.encode()
    assert (await project.client.post(project.runs, content=largest, headers=JSON)).status_code == 201


@pytest.mark.spec("API-92")
@pytest.mark.parametrize("value", [-1, 1e9, "never", {}, [1], {"forever": 1}])
async def test_what_may_be_of_several_kinds_is_named_by_its_own_place(project: Project, value: object) -> None:
    answer = await project.client.patch(f"/projects/{project.id}", json={"keep_runs_days": value})
    errors = problem_of(answer, 422, "invalid_request")["errors"]
    assert {entry["pointer"] for entry in errors} == {"/keep_runs_days"}
    assert any("forever" in entry["message"] for entry in errors)


@pytest.fixture
async def small_client(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a server that reads no body over 100,000 bytes."""
    settings = settings_for(database_url, tmp_path_factory.mktemp("home"), max_body_bytes=100_000)
    async with running(create_app(settings, worker=False)) as app, client_of(app) as client:
        yield client


async def pieces(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 10_000):
        yield b" " * 10_000


@pytest.mark.spec("API-3")
async def test_a_body_over_the_limit_is_refused_without_being_kept(small_client: httpx.AsyncClient) -> None:
    for content in (b" " * 200_000, pieces(5_000_000)):
        problem_of(await small_client.post("/projects", content=content), 413, "body_too_large")


@pytest.mark.spec("API-3")
@pytest.mark.parametrize("path", ["", "/validate", f"/{NOWHERE}"])
async def test_a_graph_over_the_limit_gets_422(small_client: httpx.AsyncClient, path: str) -> None:
    method = "PUT" if NOWHERE in path else "POST"
    url = f"/projects/{NOWHERE}/workflows{path}"
    for content in (b" " * 200_000, pieces(5_000_000)):
        problem_of(await small_client.request(method, url, content=content), 422, "too_large")


@pytest.mark.spec("API-3")
async def test_a_graph_of_ten_megabytes_gets_422(project: Project) -> None:
    graph = {"nodes": [{"id": "a", "type": "transform", "config": {"value": "x" * 10_000_000}}], "edges": []}
    problem_of(await project.client.post(project.workflows, json={"name": "x", "graph": graph}), 422, "too_large")
    graph["nodes"][0]["config"] = {"value": "x" * 6_000_000}  # type: ignore[index]
    answer = await project.client.post(project.workflows, json={"name": "x", "graph": graph})
    body = problem_of(answer, 422, "invalid_graph")
    assert "too_large" in str(body["errors"])


@pytest.mark.spec("API-4")
async def test_an_unexpected_error_tells_nothing_of_the_inside(app: FastAPI, client: httpx.AsyncClient) -> None:
    @app.get("/broken")
    async def broken() -> None:
        raise RuntimeError("secret of the inside")

    with capture_logs() as logs:
        answer = await client.get("http://localhost/broken")
    body = problem_of(answer, 500, "internal_error")
    assert "secret" not in str(body)
    assert "secret of the inside" in repr(logs[0]["exc_info"])


@pytest.mark.spec("API-5")
async def test_a_database_that_is_gone_gets_503_and_readiness_says_so(settings: Settings) -> None:
    async with running(create_app(settings, worker=False)) as app, client_of(app) as client:
        database = app.state.server.database
        await database.pool.close()
        answer = await client.get("http://localhost/readyz")
        assert answer.status_code == 503
        assert answer.json()["checks"]["database"]["ok"] is False
        assert (await client.get("http://localhost/livez")).status_code == 200


@pytest.mark.spec("API-6")
async def test_ids_names_and_inputs_of_any_text_come_back_as_they_went_in(project: Project) -> None:
    odd = "a:b|c/ü\u202e\U0001f600"
    graph = {"nodes": [{"id": odd, "type": "transform", "config": {"value": "{{ input }}"}}], "edges": []}
    workflow = await project.workflow(graph, name=odd)
    assert workflow["name"] == odd
    texts, numbers = (
        b'{"text": "nul \\u0000 lone \\ud800"}',
        b'{"above": 1180591620717411303425, "below": -9223372036854775809}',
    )
    inputs = {texts: {"text": "nul \x00 lone \ud800"}, numbers: {"above": 2**70 + 1, "below": -(2**63) - 1}}
    for text, value in inputs.items():
        answer = await project.client.post(
            project.runs,
            content=b'{"workflow_id": "%s", "input_data": %s}' % (workflow["id"].encode(), text),
            headers=JSON,
        )
        assert answer.status_code == 201, answer.text
        assert answer.json()["input"] == value
    nodes = await project.client.get(f"{project.runs}/{answer.json()['id']}/nodes/{odd.replace('/', '%2F')}")
    assert [node["node_id"] for node in nodes.json()["items"]] == [odd]


@pytest.mark.spec("API-94")
@pytest.mark.parametrize("value", ["5", True, "", "a"])
async def test_text_and_truth_values_are_no_whole_numbers(project: Project, value: Any) -> None:
    workflow = (await project.workflow(DOUBLE))["id"]

    for field in ("priority", "version"):
        answer = await project.client.post(project.runs, json={"workflow_id": workflow, field: value})
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, f"/{field}")


@pytest.mark.spec("API-7")
async def test_the_description_names_every_operation_its_errors_and_examples(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    ids = [operation["operationId"] for operation in operations]
    assert len(set(ids)) == len(ids) > 25
    assert all(operation["summary"] for operation in operations)
    assert "execute_run" in ids
    for path, methods in document["paths"].items():
        for operation in methods.values():
            if path.startswith("/api/v1/projects") and not path.endswith("/events"):
                assert {"401", "403", "404", "422"} <= set(operation["responses"]), path
    assert DOUBLE["edges"]
    bodies = [document["components"]["schemas"][name] for name in ("ProjectIn", "WorkflowIn", "RunIn", "GraphIn")]
    assert all(any("examples" in field for field in body["properties"].values()) for body in bodies)
