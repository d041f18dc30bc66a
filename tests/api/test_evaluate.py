import asyncio
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from app.compiler.grammar import FILTERS, TESTS
from app.main import create_app
from tests.support import DOUBLE, ROOT, Project, client_of, ended, running, settings_for

# `note` counts in the state; `again` leads back to `note` until the third lap is over.
LOOP: dict[str, Any] = {
    "state": {"seen": {"reducer": "append", "default": []}},
    "nodes": [
        {"id": "first", "type": "transform", "config": {"value": {"n": 1}}, "writes": {"seen": "first"}},
        {"id": "note", "type": "transform", "config": {"value": "{{ loop.iteration }}"},
         "writes": {"seen": "{{ output }}"}},
        {"id": "again", "type": "transform", "config": {"value": "{{ note.output < 2 }}"}, "writes": {"seen": "again"}},
        {"id": "side", "type": "transform", "config": {"value": "aside"}, "writes": {"seen": "side"}},
        {"id": "a b", "type": "transform", "config": {"value": "{{ state.seen }}"}},
        {"id": "each", "type": "map", "config": {
            "items": "{{ [input.n, input.n + 1] }}",
            "node": {"type": "transform", "config": {"value": "{{ item * 2 }}"}},
        }},
    ],
    "edges": [
        {"source": "first", "target": "note"},
        {"source": "note", "target": "again"},
        {"source": "again", "target": "note", "condition": "output"},
        {"source": "again", "target": "a b", "condition": "else"},
        {"source": "a b", "target": "each"},
    ],
}  # fmt: skip


class Tries:
    """Tries expressions over a run."""

    def __init__(self, project: Project, run: dict[str, Any]) -> None:
        self.project = project
        self.run = run

    async def __call__(self, template: Any = None, **how: Any) -> dict[str, Any]:
        body = {"run_id": self.run["id"], **({} if "expression" in how else {"template": template}), **how}
        answer = await self.project.client.post(f"{self.project.workflows}/evaluate", json=body)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def value(self, template: Any = None, **how: Any) -> Any:
        found = await self(template, **how)
        assert found["problems"] == []
        return found["value"]

    async def codes(self, template: Any = None, **how: Any) -> list[str]:
        return [problem["code"] for problem in (await self(template, **how))["problems"]]


@pytest.fixture
async def tries(server_project: Project) -> Tries:
    workflow = await server_project.workflow(LOOP)
    run = await server_project.run(workflow["id"], {"n": 4}, execute=True)
    assert (await ended(server_project.client, f"{server_project.runs}/{run['id']}"))["status"] == "COMPLETED"
    return Tries(server_project, run)


@pytest.mark.spec("EVAL-1")
async def test_an_expression_gives_what_its_node_would_see(tries: Tries) -> None:
    assert await tries.value("{{ input.n * 2 }}") == 8
    assert await tries.value({"n": "{{ first.output.n }}", "text": "n is {{ first.output.n }}"}, node_id="note") == {
        "n": 1,
        "text": "n is 1",
    }
    assert await tries.value('{{ nodes["a b"].status }}', node_id="each") == "COMPLETED"
    assert await tries.value("{{ run.id }}") == tries.run["id"]
    assert await tries.value("{{ loop.iteration }}", node_id="again") == 2
    assert await tries.value(expression="output and note.output == 2", node_id="again", after=True) is False
    assert await tries.value("{{ item + index }}", node_id="each", item=1) == 6
    kept = await tries.value("{{ nodes['a b'].output }}", node_id="each")
    assert kept == ["first", 0, "again", 1, "again", 2, "again"]
    assert await tries.value("{{ state.seen }}", node_id="a b") == kept
    assert await tries.value("{{ state.seen }}", node_id="again") == ["first", 0, "again", 1, "again", 2]
    assert await tries.value("{{ state.seen }}", node_id="first") == []
    assert sorted(map(str, await tries.value("{{ state.seen }}"))) == sorted(map(str, [*kept, "side"]))


@pytest.mark.spec("EVAL-2")
async def test_what_is_wrong_is_told_with_its_place(tries: Tries) -> None:
    found = await tries({"a": ["{{ input. }}"], "b": "{{ input | nothing }}"})
    assert [problem["pointer"] for problem in found["problems"]] == ["/a/0", "/b"]
    assert {problem["code"] for problem in found["problems"]} == {"invalid_template"}
    late = (await tries({"ok": "{{ input.n }}", "bad": "{{ input.m }}"}))["problems"]
    assert [(one["code"], one["pointer"]) for one in late] == [("template_error", "/bad")]
    assert "it has: n" in late[0]["message"]
    assert await tries.codes(expression="a +") == ["invalid_condition"]
    assert await tries.codes("{{ again.output }}", node_id="first") == ["reference_not_upstream"]
    assert await tries.codes("{{ gone.output }}", node_id="first") == ["unknown_reference"]
    assert await tries.codes("{{ gone.output }}") == ["unknown_reference"]
    assert await tries.codes("{{ output }}", node_id="note") == ["unknown_reference"]
    assert await tries.codes("{{ state.other }}", node_id="note") == ["unknown_state_key"]
    assert await tries.codes("{{ item }}", node_id="each", item=2) == ["no_item"]


@pytest.mark.spec("EVAL-2")
async def test_an_expression_may_stand_in_a_graph_that_is_still_being_drawn(tries: Tries) -> None:
    graph = {**LOOP, "nodes": [*LOOP["nodes"], {"id": "new", "type": "http"}]}
    graph["edges"] = [*LOOP["edges"], {"source": "note", "target": "new"}]
    assert await tries.value("{{ note.output }}", node_id="new", graph=graph) == 2
    found = await tries("{{ new.status }}", graph=graph)
    assert (found["value"], found["not_run"]) == ("PENDING", ["new"])
    broken = {"nodes": [{"id": "first"}, {"id": "first"}, 3, {"id": "x", "type": "transform"}], "edges": "none"}
    assert await tries.value("{{ first.output.n }}", node_id="x", graph=broken) == 1
    assert await tries.codes("{{ state.seen }}", node_id="x", graph=broken) == ["graph_has_problems"]
    url = f"{tries.project.workflows}/evaluate"
    answer = await tries.project.client.post(url, json={"template": 1, "graph": broken, "node_id": "y"})
    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_node")


@pytest.mark.spec("EVAL-10")
async def test_an_expression_stands_in_the_iteration_that_is_asked_for(tries: Tries) -> None:
    for lap in (0, 1, 2):
        at = {"node_id": "again", "iteration": lap}
        assert await tries.value("{{ [loop.iteration, note.output, first.output.n] }}", **at) == [lap, lap, 1]
        assert await tries.value(expression="output", after=True, **at) is (lap < 2)
    assert await tries.value("{{ state.seen }}", node_id="again", iteration=1) == ["first", 0, "again", 1]
    assert await tries.value("{{ again.output }}", node_id="note", iteration=0) is None
    assert await tries.value("{{ again.output }}", node_id="note", iteration=2) is True
    assert await tries.value("{{ note.output }}", node_id="a b", iteration=0) == 2
    assert await tries.codes("{{ note.output }}", node_id="again", iteration=3) == ["no_turn"]
    broken = {**LOOP, "edges": [*LOOP["edges"], {"source": "again", "target": "nobody"}]}
    assert await tries.codes("{{ note.output }}", node_id="again", iteration=1, graph=broken) == ["graph_has_problems"]
    url = f"{tries.project.workflows}/evaluate"
    assert (await tries.project.client.post(url, json={"template": 1, "iteration": 1})).status_code == 422


@pytest.mark.spec("EVAL-3")
async def test_an_expression_is_held_to_the_limits_of_nodes(tries: Tries) -> None:
    assert await tries.codes("{% for a in range(9000) %}{% for b in range(9000) %}.{% endfor %}{% endfor %}") == [
        "template_too_expensive"
    ]
    assert await tries.codes("{{ input.__class__ }}") == ["template_error"]
    large = await tries("{{ range(40000) | list }}")
    assert (large["value"], large["text"][:8], len(large["text"])) == (None, "[0,1,2,3", 4000)


@pytest.mark.spec("EVAL-3")
async def test_expensive_expressions_leave_the_server_its_turns(tries: Tries) -> None:
    busy = "{% for a in range(9000) %}{% for b in range(9000) %}.{% endfor %}{% endfor %}"
    under_way = [asyncio.create_task(tries(busy)) for _ in range(10)]
    slowest = 0.0
    while not all(task.done() for task in under_way):
        began = time.perf_counter()
        assert (await tries.project.client.get(f"{tries.project.runs}/{tries.run['id']}")).status_code == 200
        slowest = max(slowest, time.perf_counter() - began)
    assert slowest < 2


@pytest.mark.spec("EVAL-4")
async def test_secrets_are_never_told(tries: Tries, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHWRIGHT_SECRET_TOKEN", "very-secret")
    assert await tries.value("Bearer {{ secrets.token }}", node_id="note") == "Bearer ***"
    assert await tries.codes("{{ secrets.token }}", node_id="note", after=True) == ["unknown_reference"]
    assert "very-secret" not in json.dumps(await tries("{{ secrets }}", node_id="note"))


@pytest.mark.spec("EVAL-5")
async def test_a_viewer_may_try_expressions_over_runs_of_the_project(database_url: str, tmp_path: Path) -> None:
    settings = settings_for(database_url, tmp_path, admin_key="the-admin", host="0.0.0.0")
    async with running(create_app(settings)) as app, client_of(app, "the-admin") as admin:
        project = await Project.make(admin)
        made = await admin.post(f"/projects/{project.id}/keys", json={"name": "v", "role": "viewer"})
        workflow = await project.workflow(DOUBLE)
        async with client_of(app, made.json()["secret"]) as viewer:
            url, body = (
                f"{project.workflows}/evaluate",
                {"template": "{{ double.output }}", "workflow_id": workflow["id"]},
            )
            assert (await viewer.post(url, json={"template": "{{ 1 + 1 }}"})).json()["value"] == 2
            nothing = (await viewer.post(url, json=body)).json()
            assert ([one["code"] for one in nothing["problems"]], nothing["run_id"]) == (["no_run"], None)
            for n in (1, 2):
                run = await project.run(workflow["id"], {"n": n}, execute=True)
                await ended(admin, f"{project.runs}/{run['id']}")
            newest = (await viewer.post(url, json=body)).json()
            assert (newest["value"], newest["run_id"]) == (4, run["id"])
            other = await Project.make(admin)
            strange = await admin.post(f"{other.workflows}/evaluate", json={"template": "", "run_id": run["id"]})
            assert strange.status_code == 404
            assert (await viewer.post(f"{other.workflows}/evaluate", json={"template": ""})).status_code == 404
            for wrong in ({}, {"template": 1, "expression": "1"}, {"template": 1, "surprise": 1}):
                assert (await viewer.post(url, json=wrong)).status_code == 422


@pytest.mark.spec("EDIT-24")
def test_the_editor_completes_the_filters_and_tests_that_there_are() -> None:
    source = (ROOT / "web" / "src" / "editor" / "forms" / "completion.ts").read_text()
    filters = re.search(r"FILTERS: [^=]*= \{(.*?)\n\};", source, re.DOTALL)
    tests = re.search(r"TESTS: [^=]*= \[(.*?)\n\];", source, re.DOTALL)
    assert filters is not None
    assert tests is not None
    assert set(re.findall(r"(\w+): \"", filters[1])) == FILTERS - {"count", "d", "e"} | {"count"}
    assert set(re.findall(r"\"(\w+)\"", tests[1])) == TESTS - {"equalto", "greaterthan", "lessthan"}
