"""The JSON Schema of a graph takes good graphs, and refuses what people and models get wrong."""

import json
import random
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from app.compiler import WorkflowGraphCompiler
from app.compiler.discovery import load_registry
from app.services.graph_examples import CONFIGS, GRAPHS
from app.services.graph_schema import graph_schema
from tests.compiler.export_documents import DOCUMENTS
from tests.compiler.flow import graph, node
from tests.reference.generator import random_graph

ROOT = Path(__file__).parents[2]
COMPILER = WorkflowGraphCompiler(load_registry([ROOT / "examples"]))
SCHEMA = graph_schema(COMPILER.registry)
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
# What only the compiler can see: which names there are, and where edges lead.
SHAPES = ("unknown-node-type", "two-conditions-on-one-edge")


def problems(document: Any) -> list[str]:
    return [f"{error.json_path}: {error.message[:300]}" for error in VALIDATOR.iter_errors(document)]


def one(kind: str, config: Any, **more: Any) -> dict[str, Any]:
    return graph([{"id": "a", "type": kind, "config": config, **more}])


def files() -> dict[str, Any]:
    """Every graph that is written down: examples, documents, tests."""
    found = {str(file): json.loads(file.read_text()) for file in (ROOT / "examples").glob("*/graph.json")}
    for place in ("docs/graphs.md", "docs/language-models.md"):
        blocks = re.findall(r"```json\n(.*?)```", (ROOT / place).read_text(), re.DOTALL)
        values = [json.loads(block) for block in blocks]
        found |= {f"{place} {n}": v for n, v in enumerate(values) if isinstance(v, dict) and "nodes" in v}
    found |= {f"example {number}": document for number, document in enumerate(GRAPHS)}
    return found | DOCUMENTS


@pytest.mark.spec("API-100")
@pytest.mark.parametrize("name", sorted(files()))
def test_every_graph_that_is_written_down_fits_the_schema(name: str) -> None:
    assert problems(files()[name]) == []


@pytest.mark.spec("API-100")
def test_random_graphs_and_their_normal_forms_fit_the_schema() -> None:
    for seed in range(100):
        document = random_graph(random.Random(seed), loops=seed % 4, state=seed % 3 == 0)
        assert problems(document) == [], seed
        assert problems(COMPILER.inspect(document).graph) == [], seed


@pytest.mark.spec("API-100")
def test_the_examples_in_the_schema_are_good_graphs() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["examples"] == GRAPHS
    for document in GRAPHS:
        assert COMPILER.inspect(document).problems == []
    assert CONFIGS.keys() | {"tool"} == COMPILER.registry.node_types.keys()
    for kind, configs in CONFIGS.items():
        assert SCHEMA["$defs"][f"config-{kind}"]["examples"] == configs
        for config in configs:
            assert problems(one(kind, config)) == [], kind


@pytest.mark.spec("API-101")
def test_every_field_has_a_title_or_a_reference_and_a_description() -> None:
    for name, definition in SCHEMA["$defs"].items():
        assert definition.get("description") or name in ("JsonValue", "Graph", "Position"), name
        for field, about in definition.get("properties", {}).items():
            inside = [about, *about.get("anyOf", ())]
            known = any("$ref" in option or option.get("description") for option in inside)
            assert known, (name, field)


@pytest.mark.spec("API-102")
@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("delay", {"seconds": "{{ input.seconds }}"}),
        ("http", {"url": "{{ input.url }}", "method": "{{ input.method }}", "headers": "{{ input.headers }}"}),
        ("http", {"url": "u", "follow_redirects": "{{ input.yes }}", "expect_status": "{{ input.statuses }}"}),
        ("http", {"url": "u", "expect_status": ["{{ input.status }}", 404], "query": {"a": ["{{ input.a }}"]}}),
        ("map", {"items": "{{ input.list }}", "concurrency": "{{ input.n }}", "node": {"type": "delay", "config": {}}}),
        ("llm", {"model": "m", "messages": "{{ state.messages }}", "temperature": "{{ input.t }}"}),
        ("llm", {"model": "m", "messages": ["{{ input.first }}", {"role": "{{ input.role }}", "content": "x"}]}),
        ("approval", {"timeout": "{% if input.fast %}1{% endif %}"}),
        ("tool", {"tool": "ref.check", "args": "{{ input.args }}"}),
        ("tool", {"tool": "ref.check", "args": {"value": 1, "fail": "{{ input.f }}", "message": "m"}}),
    ],
)
def test_a_template_may_stand_for_a_value_of_any_type(kind: str, config: Any) -> None:
    assert problems(one(kind, config)) == []


@pytest.mark.spec("API-103")
@pytest.mark.parametrize(
    "document",
    [
        {"nodes": "a"},
        {"edges": []},
        {"nodes": [], "vertices": []},
        [1],
        graph([{"id": "a"}]),
        graph([{"type": "input"}]),
        graph([{"id": "a", "type": "nothing"}]),
        graph([{"id": "", "type": "input"}]),
        graph([node("a", "input", nothing=1)]),
        graph([node("a", "input", join="some")]),
        graph([node("a", "input", retry={"attempts": 3})]),
        graph([node("a", "input", retry={"max_attempts": "{{ 3 }}"})]),
        graph([node("a", "input", timeout="{{ input.n }}")]),
        graph([node("a", "http")]),
        one("http", {"uri": "https://example.com"}),
        one("http", {"url": "u", "follow_redirects": "yes"}),
        one("transform", {}),
        one("transform", {"value": 1, "values": 2}),
        one("condition", {"branches": []}),
        one("condition", {"branches": [{"name": "x"}]}),
        one("delay", {"seconds": -1}),
        one("delay", {"seconds": "soon"}),
        one("tool", {"tool": "no.such.tool"}),
        one("tool", {"tool": "ref.echo"}),
        one("tool", {"tool": "ref.echo", "args": {"values": 1}}),
        one("tool", {"tool": "{{ input.tool }}"}),
        one("llm", {"prompt": "no model"}),
        one("llm", {"model": "m", "prompt": "p", "tools": ["no.such.tool"]}),
        one("llm", {"model": "m", "messages": [{"role": "robot", "content": "x"}]}),
        one("map", {"items": 3}),
        one("map", {"items": [], "node": {"type": "output"}}),
        one("map", {"items": [], "node": {"id": "x", "type": "delay"}}),
        one("map", {"items": [], "node": {"type": "http", "config": {"uri": "u"}}}),
        one("map", {"items": [], "node": {"type": "http"}}),
        graph([node("a", "input")], ("a", "a", {"when": "true"})),
        graph([node("a", "input")], ("a", "a", {"condition": "true", "branch": "x"})),
        graph([node("a", "input")], ("a", "a", {"on": "failure"})),
        {"nodes": [node("a", "input")], "edges": [{"source": "a"}]},
        graph([node("a", "input")], state={"x": {"reducer": "sum"}}),
        graph([node("a", "input")], settings={"on_failure": "ignore"}),
        {"dag": {"nodes": [{"id": "a", "handler": "nothing"}]}},
        {"dag": {"nodes": [{"id": "a", "handler": "llm_service", "config": {"prompt": "no model"}}]}},
    ],
    ids=lambda document: json.dumps(document)[:80],
)
def test_typical_mistakes_do_not_fit(document: Any) -> None:
    assert problems(document)


@pytest.mark.spec("API-100")
@pytest.mark.parametrize(
    "document",
    [
        {"nodes": [{"id": "a", "type": "input", "name": None, "config": None}], "edges": None, "entry": None},
        {"nodes": [node("a"), node("b")], "edges": [{"from": "a", "to": "b", "condition": None}]},
        {"nodes": [node("a"), node("b")], "edges": [{"from_node_id": "a", "to_node_id": "b"}]},
        {"name": "x", "dag": {"nodes": [{"id": "a", "handler": "input", "dependencies": []}]}},
    ],
)
def test_other_forms_that_are_accepted_fit_too(document: Any) -> None:
    assert problems(document) == []
    assert COMPILER.inspect({**document, "edges": document.get("edges") or []}).problems == []


@pytest.mark.spec("API-103")
@pytest.mark.parametrize("name", SHAPES)
def test_what_validation_refuses_for_its_shape_does_not_fit(name: str) -> None:
    refused = json.loads((ROOT / "tests" / "compiler" / "refusals" / f"{name}.json").read_text())
    assert problems(refused["graph"])
