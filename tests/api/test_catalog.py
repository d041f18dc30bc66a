import json
from pathlib import Path

import httpx
import jsonschema
import pytest
from fastapi import FastAPI

from app.compiler.discovery import load_registry
from app.config import Settings
from app.main import create_app
from app.services.catalog import Catalog, examples
from tests.support import DOUBLE, ROOT, Project, ThreadServer, client_of, ended, running, settings_for

BUILT_IN = {"input", "output", "transform", "condition", "http", "tool", "delay"}


@pytest.mark.spec("API-60")
async def test_node_types_and_tools_are_listed_with_their_schemas(client: httpx.AsyncClient) -> None:
    types = (await client.get("/node-types")).json()["items"]
    assert {kind["name"] for kind in types} >= BUILT_IN
    for kind in types:
        jsonschema.Draft202012Validator.check_schema(kind["config"])
    for tool in (await client.get("/tools")).json()["items"]:
        jsonschema.Draft202012Validator.check_schema(tool["args"])


@pytest.mark.spec("EDIT-20")
def test_the_forms_are_tested_with_the_node_types_and_tools_that_there_are() -> None:
    folders = (examples(),)
    catalog = Catalog(load_registry(folders), folders)
    sample = ROOT / "web" / "src" / "editor" / "forms" / "catalog.sample.json"
    # Tools of tests that ran before in this process are registered, too.
    tools = [tool for tool in catalog.tools if tool["name"].startswith(("agent.", "quality."))]
    assert json.loads(sample.read_text()) == {"nodeTypes": catalog.node_types, "tools": tools}, (
        "Write what the server lists at /node-types and /tools into the sample."
    )


@pytest.mark.spec("API-61")
async def test_the_schema_of_the_document_takes_good_graphs_and_no_bad_ones(client: httpx.AsyncClient) -> None:
    schema = (await client.get("/schema/graph.json")).json()
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    assert validator.is_valid(DOUBLE)
    assert not validator.is_valid({"nodes": [{"id": "a", "type": "nothing"}]})
    assert not validator.is_valid({"nodes": [{"id": "a", "type": "input", "config": {"nothing": 1}}]})
    assert not validator.is_valid({"edges": []})


@pytest.mark.spec("API-62")
async def test_templates_are_found_in_the_folders_of_workflows(database_url: str, tmp_path: Path) -> None:
    folder = tmp_path / "flows" / "mine"
    folder.mkdir(parents=True)
    (folder / "graph.json").write_text(
        '{"nodes": [{"id": "a", "type": "tool", "config": {"tool": "shout"}}], "edges": []}'
    )
    (folder / "tools.py").write_text("from app.compiler import tool\n\n@tool\ndef shout() -> str:\n    return 'HEY'\n")
    settings = settings_for(database_url, tmp_path, workflows=(tmp_path / "flows",))
    async with running(create_app(settings, worker=False)) as app, client_of(app) as client:
        templates = {template["id"]: template for template in (await client.get("/templates")).json()["items"]}
        assert templates["mine"]["graph"]["nodes"][0]["id"] == "a"
        assert "shout" in {tool["name"] for tool in (await client.get("/tools")).json()["items"]}
        project = await Project.make(client)
        assert (await client.post(project.workflows, json={"template": "mine"})).status_code == 201


@pytest.mark.spec("API-63")
async def test_health_says_what_works(client: httpx.AsyncClient) -> None:
    assert (await client.get("http://localhost/livez")).json() == {"status": "alive"}
    ready = await client.get("http://localhost/readyz")
    assert ready.status_code == 200
    assert {name: check["ok"] for name, check in ready.json()["checks"].items()} == {
        "database": True,
        "migrations": True,
        "queue": True,
        "serving": True,
    }


@pytest.mark.spec("API-63")
async def test_a_database_at_another_revision_is_not_ready(app: FastAPI, client: httpx.AsyncClient) -> None:
    async with app.state.server.database.pool.connection() as connection:
        await connection.execute("UPDATE alembic_version SET version_num = 'other'")
    answer = await client.get("http://localhost/readyz")
    assert answer.status_code == 503
    assert answer.json()["checks"]["migrations"]["ok"] is False


@pytest.mark.spec("API-64")
async def test_figures_are_there_for_people_and_for_prometheus(project: Project) -> None:
    workflow = await project.workflow(DOUBLE)
    await project.run(workflow["id"], {"n": 1}, execute=True)
    stats = (await project.client.get("/stats")).json()
    assert stats["runs"]["QUEUED"] == 1
    assert stats["queue"]["depth"] == 1
    assert stats["workers"]["alive"] == 0
    text = (await project.client.get("http://localhost/metrics")).text
    assert 'graphwright_runs{status="QUEUED"} 1' in text
    assert 'graphwright_queue_depth{queue="default"} 1' in text
    assert 'route="/projects/{project_id}/workflows/runs",status="201"' in text


@pytest.mark.spec("API-65")
async def test_a_run_goes_all_the_way_over_http(server: ThreadServer, server_project: Project) -> None:
    workflow = await server_project.workflow(DOUBLE)
    run = await server_project.run(workflow["id"], {"n": 21}, execute=True)
    path = f"{server_project.runs}/{run['id']}"
    done = await ended(server_project.client, path)
    assert (done["status"], done["result"]) == ("COMPLETED", 42)
    assert done["progress"]["percentage"] == 100.0
    assert done["duration_ms"] > 0
    assert (await server_project.client.get(f"{path}/result")).json()["result"] == 42
    nodes = (await server_project.client.get(f"{path}/nodes")).json()["items"]
    assert [node["status"] for node in nodes] == ["COMPLETED"] * 3
    stats = (await server_project.client.get("/stats")).json()
    assert stats["workers"]["alive"] == 1
    assert stats["durations"]["count"] == 1


@pytest.mark.spec("API-66")
async def test_the_web_application_is_served_with_its_headers(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "web" / "assets").mkdir(parents=True)
    (tmp_path / "web" / "index.html").write_text("<title>the page</title>")
    (tmp_path / "web" / "assets" / "a-1.js").write_text("1")
    (tmp_path / "secret").write_text("hidden text")
    monkeypatch.setattr("app.main.web_folder", lambda: tmp_path / "web")
    async with running(create_app(settings, worker=False)) as app, client_of(app) as client:
        for path in ("/", "/index.html", "/projects/x/runs/y"):
            page = await client.get(f"http://localhost{path}")
            assert "the page" in page.text
            assert page.headers["cache-control"] == "no-cache"
            assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
            assert page.headers["x-content-type-options"] == "nosniff"
        asset = await client.get("http://localhost/assets/a-1.js")
        assert "immutable" in asset.headers["cache-control"]
        for path in ("/assets/none.js", "/api/none", "/api"):
            assert (await client.get(f"http://localhost{path}")).status_code == 404
        for path in ("/..%2fsecret", "/%2e%2e/secret", "/assets/..%2f..%2fsecret"):
            assert "hidden text" not in (await client.get(f"http://localhost{path}")).text


@pytest.mark.spec("API-66")
async def test_without_the_web_application_a_page_says_how_to_build_it(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.main.web_folder", lambda: tmp_path / "none")
    async with running(create_app(settings, worker=False)) as app, client_of(app) as client:
        assert "make web" in (await client.get("http://localhost/")).text
