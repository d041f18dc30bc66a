import asyncio
import json
import subprocess
import sys
from copy import deepcopy
from pathlib import Path

import httpx
import pytest

from tests.support import DOUBLE, Project


def changed(value: str = "{{ input.n * 3 }}") -> dict[str, object]:
    graph = deepcopy(DOUBLE)
    graph["nodes"][1]["config"]["value"] = value
    return graph


@pytest.mark.spec("API-20")
async def test_a_workflow_is_stored_with_version_1_in_its_normal_form(project: Project) -> None:
    graph = {
        "nodes": [{"id": "a", "type": "input"}, {"id": "b", "type": "output"}],
        "edges": [{"from_node_id": "a", "to_node_id": "b"}],
    }
    answer = await project.client.post(
        project.workflows, json={"name": " Mine ", "description": "Does it", "graph": graph}
    )
    assert answer.status_code == 201
    made = answer.json()
    assert (made["name"], made["description"], made["version"], made["active"]) == ("Mine", "Does it", 1, True)
    assert made["graph"]["edges"] == [{"source": "a", "target": "b"}]
    assert answer.headers["location"] == f"/api/v1{project.workflows}/{made['id']}"
    got = await project.client.get(f"{project.workflows}/{made['id']}")
    assert got.json() == made
    assert got.headers["etag"] == answer.headers["etag"] == '"1"'


@pytest.mark.spec("API-20")
async def test_the_dependency_form_is_taken_as_it_is(project: Project) -> None:
    dag = {
        "nodes": [
            {"id": "a", "handler": "input", "dependencies": []},
            {"id": "b", "handler": "output", "dependencies": ["a"]},
        ]
    }
    for body in ({"name": "x", "dag": dag}, {"name": "x", "graph": {"name": "x", "dag": dag}}):
        answer = await project.client.post(project.workflows, json=body)
        assert answer.status_code == 201, answer.text
        assert answer.json()["graph"]["edges"] == [{"source": "a", "target": "b"}]


@pytest.mark.spec("API-21")
async def test_a_graph_with_problems_is_refused_with_all_of_them(project: Project) -> None:
    graph = {
        "nodes": [{"id": "a", "type": "nothing"}, {"id": "a", "type": "transform", "config": {"value": "{{ x. }}"}}],
        "edges": [{"source": "a", "target": "gone"}],
    }
    answer = await project.client.post(project.workflows, json={"name": "x", "graph": graph})
    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid_graph"
    found = {entry["code"] for entry in answer.json()["errors"]}
    assert {"unknown_node_type", "duplicate_node_id", "unknown_target", "invalid_template"} <= found
    assert all(entry["pointer"].startswith("/") and entry["message"] for entry in answer.json()["errors"])
    assert (await project.client.get(project.workflows)).json()["items"] == []


@pytest.mark.spec("API-21")
@pytest.mark.parametrize("graph", [None, 1, "x", [], {}, {"nodes": {}}, {"nodes": [None]}, {"nodes": [], "edges": 1}])
async def test_what_is_no_graph_at_all_is_refused(project: Project, graph: object) -> None:
    answer = await project.client.post(project.workflows, json={"name": "x", "graph": graph})
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"]


@pytest.mark.spec("API-22")
async def test_validation_stores_nothing_and_tells_the_plan_or_the_problems(project: Project) -> None:
    good = await project.client.post(f"{project.workflows}/validate", json={"graph": DOUBLE})
    assert good.status_code == 200
    assert good.json()["valid"] is True
    assert good.json()["problems"] == []
    assert good.json()["plan"]["entries"] == ["start"]
    bad = await project.client.post(f"{project.workflows}/validate", json={"graph": {"nodes": [], "edges": []}})
    assert bad.status_code == 200
    assert (bad.json()["valid"], bad.json()["plan"]) == (False, None)
    assert bad.json()["problems"][0]["code"] == "no_entry"
    assert (await project.client.get(project.workflows)).json()["items"] == []


@pytest.mark.spec("API-23")
async def test_another_graph_makes_the_next_version_and_the_same_graph_none(project: Project) -> None:
    workflow = await project.workflow(DOUBLE)
    path = f"{project.workflows}/{workflow['id']}"
    same = await project.client.put(path, json={"graph": DOUBLE})
    assert (same.json()["version"], same.headers["etag"]) == (1, '"1"')
    new = await project.client.put(path, json={"graph": changed(), "name": "Triple"})
    assert (new.json()["version"], new.json()["name"], new.headers["etag"]) == (2, "Triple", '"2"')
    versions = (await project.client.get(f"{path}/versions")).json()["items"]
    assert [(entry["version"], entry["node_count"]) for entry in versions] == [(2, 3), (1, 3)]
    first = (await project.client.get(f"{path}/versions/1")).json()
    assert first["graph"] == workflow["graph"]
    assert (await project.client.get(f"{path}/versions/3")).status_code == 404


@pytest.mark.spec("API-24")
async def test_a_change_on_an_old_etag_gets_412(project: Project) -> None:
    workflow = await project.workflow(DOUBLE)
    path = f"{project.workflows}/{workflow['id']}"
    fresh = await project.client.patch(path, json={"name": "b"}, headers={"If-Match": '"1"'})
    assert fresh.status_code == 200
    for tag in ('"1"', 'W/"2"', '"x"', '""'):
        for method, body in (("PATCH", {"name": "c"}), ("PUT", {"graph": changed()}), ("DELETE", None)):
            answer = await project.client.request(method, path, json=body, headers={"If-Match": tag})
            assert answer.status_code == 412, (tag, method)
    for tag in ("*", '"1", "2"'):
        assert (await project.client.patch(path, json={"name": "b"}, headers={"If-Match": tag})).status_code == 200
    assert (await project.client.patch(path, json={}, headers={"If-Match": "2"})).status_code == 422
    assert (await project.client.get(path, headers={"If-None-Match": '"2"'})).status_code == 304


@pytest.mark.spec("API-24")
async def test_of_concurrent_changes_on_one_etag_one_wins(project: Project) -> None:
    workflow = await project.workflow(DOUBLE)
    path = f"{project.workflows}/{workflow['id']}"

    async def put(number: int) -> httpx.Response:
        return await project.client.put(
            path, json={"graph": changed(f"{{{{ input.n * {number} }}}}")}, headers={"If-Match": '"1"'}
        )

    answers = await asyncio.gather(*(put(number) for number in range(3, 11)))
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 7


@pytest.mark.spec("API-25")
async def test_no_run_of_an_inactive_workflow_starts(project: Project) -> None:
    workflow = await project.workflow(DOUBLE)
    run = await project.run(workflow["id"], {"n": 1})
    path = f"{project.workflows}/{workflow['id']}"
    assert (await project.client.patch(path, json={"active": False})).json()["active"] is False
    created = await project.client.post(project.runs, json={"workflow_id": workflow["id"], "input_data": {"n": 1}})
    executed = await project.client.post(f"{project.runs}/{run['id']}/execute")
    for answer in (created, executed):
        assert (answer.status_code, answer.json()["code"]) == (409, "workflow_inactive")


@pytest.mark.spec("API-26")
async def test_a_deleted_workflow_is_gone_but_its_runs_stay(project: Project) -> None:
    workflow = await project.workflow(DOUBLE)
    run = await project.run(workflow["id"], {"n": 1})
    path = f"{project.workflows}/{workflow['id']}"
    assert (await project.client.delete(path)).status_code == 204
    assert (await project.client.get(path)).status_code == 404
    assert (await project.client.delete(path)).status_code == 404
    assert (await project.client.get(project.workflows)).json()["items"] == []
    assert (await project.client.get(f"{project.runs}/{run['id']}")).json()["workflow_name"] == "A workflow"
    assert len((await project.client.get(f"{project.runs}/{run['id']}/nodes")).json()["items"]) == 3
    body = {"workflow_id": workflow["id"], "input_data": {"n": 1}}
    assert (await project.client.post(project.runs, json=body)).status_code == 404


@pytest.mark.spec("API-27")
async def test_the_difference_of_two_versions_is_told_field_by_field(project: Project) -> None:
    workflow = await project.workflow(DOUBLE)
    path = f"{project.workflows}/{workflow['id']}"
    graph = changed()
    graph["nodes"].append({"id": "new", "type": "transform", "config": {"value": 1}})  # type: ignore[attr-defined]
    graph["edges"] = [
        {"source": "start", "target": "double", "condition": "input.n > 0"},
        {"source": "double", "target": "end"},
        {"source": "start", "target": "new"},
    ]
    graph["settings"] = {"max_iterations": 7}
    assert (await project.client.put(path, json={"graph": graph})).status_code == 200
    answer = await project.client.get(f"{path}/diff", params={"from": 1, "to": 2})
    assert answer.status_code == 200
    found = answer.json()
    assert (found["from"], found["to"]) == (1, 2)
    assert [node["id"] for node in found["nodes"]["added"]] == ["new"]
    assert found["nodes"]["removed"] == []
    assert found["nodes"]["changed"] == [
        {
            "id": "double",
            "changes": [{"pointer": "/config/value", "before": "{{ input.n * 2 }}", "after": "{{ input.n * 3 }}"}],
        }
    ]
    assert found["edges"]["added"] == [{"source": "start", "target": "new"}]
    assert found["edges"]["changed"] == [
        {"source": "start", "target": "double", "changes": [{"pointer": "/condition", "after": "input.n > 0"}]}
    ]
    assert found["graph"] == [{"pointer": "/settings", "after": {"max_iterations": 7}}]
    back = (await project.client.get(f"{path}/diff", params={"from": 2, "to": 1})).json()
    assert [node["id"] for node in back["nodes"]["removed"]] == ["new"]
    assert (await project.client.get(f"{path}/diff", params={"from": 1, "to": 9})).status_code == 404


@pytest.mark.spec("API-28")
async def test_a_workflow_is_exported_as_json_and_as_a_mermaid_flowchart(project: Project) -> None:
    graph = {
        "nodes": [
            {"id": 'a"]; x', "type": "input"},
            {"id": "pick", "type": "condition", "config": {"branches": [{"name": "yes", "when": "true"}]}},
            {"id": "end", "type": "output"},
        ],
        "edges": [
            {"source": 'a"]; x', "target": "pick"},
            {"source": "pick", "target": "end", "branch": "yes"},
            {"source": "pick", "target": "end", "on": "error"},
        ],
    }
    workflow = await project.workflow(graph)
    path = f"{project.workflows}/{workflow['id']}/export"
    assert (await project.client.get(path)).json() == workflow["graph"]
    text = (await project.client.get(path, params={"format": "mermaid"})).text
    assert text.splitlines() == [
        "flowchart TD",
        '    n0(["a#34;#93;#59; x"])',
        '    n1{"pick"}',
        '    n2(["end"])',
        "    n0 --> n1",
        '    n1 -->|"yes"| n2',
        '    n1 -.->|"error"| n2',
    ]
    assert (await project.client.get(path, params={"format": "png"})).status_code == 422


@pytest.mark.spec("EXPORT-15")
async def test_a_workflow_is_exported_as_a_python_program_of_any_version(project: Project, tmp_path: Path) -> None:
    await project.workflow(DOUBLE, name="Doubling")
    call = {
        "id": "call",
        "type": "subworkflow",
        "config": {"workflow": "Doubling", "input": {"n": "{{ input.n + 1 }}"}},
    }
    workflow = await project.workflow({"nodes": [call]}, name="Both")
    path = f"{project.workflows}/{workflow['id']}"
    other = {"nodes": [{"id": "only", "type": "transform", "config": {"value": 1}}]}
    await project.client.put(path, json={"graph": other})
    assert "async def only(" in (await project.client.get(f"{path}/export", params={"format": "python"})).text
    first = await project.client.get(f"{path}/export", params={"format": "python", "version": 1})
    assert first.headers["content-type"] == "text/x-python; charset=utf-8"
    (tmp_path / "program.py").write_text(first.text)
    done = subprocess.run(
        [sys.executable, "program.py", '{"n": 4}'], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == {"call": 10}
    assert (await project.client.get(f"{path}/export", params={"version": 1})).json() == workflow["graph"]
    assert (await project.client.get(f"{path}/export", params={"version": 9})).status_code == 404


@pytest.mark.spec("API-29")
async def test_lists_are_paged_and_stable_while_things_are_added(project: Project) -> None:
    made = [(await project.workflow(DOUBLE, name=f"w{number}"))["id"] for number in range(5)]
    seen: list[str] = []
    cursor: str | None = None
    while True:
        params: dict[str, str | int] = {"limit": 2, **({"cursor": cursor} if cursor else {})}
        page = (await project.client.get(project.workflows, params=params)).json()
        seen += [item["id"] for item in page["items"]]
        await project.workflow(DOUBLE, name="later")
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == made[::-1]


@pytest.mark.spec("API-30")
async def test_a_template_becomes_a_workflow_with_one_call(project: Project) -> None:
    templates = (await project.client.get("/templates")).json()["items"]
    for template in templates:
        answer = await project.client.post(project.workflows, json={"template": template["id"]})
        assert answer.status_code == 201, answer.text
        assert answer.json()["name"] == template["name"]
        named = await project.client.post(project.workflows, json={"template": template["id"], "name": "Mine"})
        assert named.json()["name"] == "Mine"
    assert (await project.client.post(project.workflows, json={"template": "none"})).status_code == 404
    both = {"template": "x", "graph": DOUBLE, "name": "x"}
    assert (await project.client.post(project.workflows, json=both)).status_code == 422
