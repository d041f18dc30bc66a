import gc
import json
import time
from pathlib import Path
from typing import Any

import pytest

from app.compiler import CompileError
from app.errors import REFUSALS
from tests.compiler.flow import COMPILER

FOLDER = Path(__file__).parent / "refusals"
EXAMPLES = sorted(FOLDER.glob("*.json"))


def _problems(graph: Any) -> list[dict[str, str]]:
    found = COMPILER.inspect(graph).problems
    return [{"code": p.code, "pointer": p.pointer, "message": p.message} for p in found]


@pytest.mark.spec("LANG-15")
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_a_bad_document_is_refused_with_exactly_its_problems(path: Path) -> None:
    example = json.loads(path.read_text())

    assert _problems(example["graph"]) == example["problems"]
    assert all(problem["message"].endswith(".") for problem in example["problems"])
    with pytest.raises(CompileError):
        COMPILER.compile(example["graph"])


@pytest.mark.spec("LANG-20")
@pytest.mark.parametrize("code", REFUSALS)
def test_every_code_of_the_language_has_a_file_that_provokes_it_and_nothing_else(code: str) -> None:
    example = json.loads((FOLDER / f"{code.replace('_', '-')}.json").read_text())

    assert [problem["code"] for problem in example["problems"]] == [code]


@pytest.mark.spec("LANG-20")
def test_no_document_is_refused_for_anything_else() -> None:
    shown = {problem["code"] for path in EXAMPLES for problem in json.loads(path.read_text())["problems"]}

    assert shown == set(REFUSALS)


@pytest.mark.spec("LANG-15")
def test_a_document_with_too_many_edges_or_bytes_is_too_large() -> None:
    node = {"id": "a", "type": "transform", "config": {"value": "x" * 5_000_000}}

    edges = _problems({"nodes": [], "edges": [0] * 50_001})
    size = _problems({"nodes": [node]})
    assert [(p["code"], p["pointer"]) for p in (*edges, *size)] == [("too_large", "/edges"), ("too_large", "")]
    assert edges[0]["message"] == "A graph may have 50,000 edges; this one has 50,001. Split it into several workflows."
    assert size[0]["message"].endswith("Keep data out of the graph.")


def _texts(count: int, value: Any) -> dict[str, Any]:
    return {"nodes": [{"id": f"n{i}", "type": "transform", "config": {"value": value}} for i in range(count)]}


def _chain(count: int, value: str, *, loops: bool = False) -> dict[str, Any]:
    """Nodes one after the other; with `loops`, the last leads back to every one but the first."""
    forth = [{"source": f"n{i}", "target": f"n{i + 1}"} for i in range(count - 1)]
    back = [{"source": f"n{count - 1}", "target": f"n{i}", "condition": "false"} for i in range(1, count - 1)]
    return {**_texts(count, value), "edges": forth + (back if loops else [])}


def _fan(count: int, prefix: str = "b") -> dict[str, Any]:
    """A node with many branches, and an edge for each."""
    branches = [{"name": f"b{i}", "when": "true"} for i in range(count)]
    document = _texts(count, "x")
    document["nodes"].append({"id": "c", "type": "condition", "config": {"branches": branches}})
    document["edges"] = [{"source": "c", "target": f"n{i}", "branch": f"{prefix}{i}"} for i in range(count)]
    return document


HOSTILE: dict[str, tuple[Any, str | None]] = {
    "one giant template": (_texts(1, "{{ input.a }}" * 350_000), "invalid_template"),
    "one giant expression": (_texts(1, "{{ [" + "1," * 2_000_000 + "1] }}"), "invalid_template"),
    "one giant text": (_texts(1, "x" * 4_900_000), None),
    "a node of many templates": (_texts(1, ["{{ input.a }}{{ x }}{{ "] * 100_000), "invalid_template"),
    "ten thousand nodes with templates": (_texts(10_000, "{{ input.a }} and {{ input.b|upper }}"), None),
    "large conditions": (
        {
            **_texts(5, "x"),
            "edges": [
                {"source": f"n{i}", "target": f"n{i + 1}", "condition": "input.a == 1 or " * 60_000 + "true"}
                for i in range(4)
            ],
        },
        "invalid_condition",
    ),
    "the longest templates": (_texts(18, "{{ input.a }}" + "x" * 200_000 + "{{ input.b|upper }}"), None),
    "templates at the limit": (_texts(100, "{{ [" + ",".join(["input.a.b"] * 1300) + "] }}"), None),
    "nodes that read all nodes": (_chain(4000, "{{ nodes[input.key].output }}"), "too_large"),
    "loops in loops": (_chain(3000, "x", loops=True), "too_large"),
    "references to nothing": (_texts(1, [f"{{{{ x{n} }}}}" for n in range(20_000)]), "unknown_reference"),
    "a node of many branches": (_fan(4900), None),
    "a node of other branches": (_fan(4900, "z"), "unknown_branch"),
}


@pytest.mark.spec("LANG-21")
@pytest.mark.parametrize(("document", "code"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_document_is_refused_or_read_in_a_few_seconds_of_computing(document: Any, code: str | None) -> None:
    start = time.thread_time()
    found = COMPILER.inspect(document)

    assert time.thread_time() - start < 8
    assert gc.isenabled()
    assert {problem.code for problem in found.problems} == ({code} if code else set())


@pytest.mark.spec("LANG-15")
@pytest.mark.parametrize(
    "document",
    [
        None,
        1,
        "x",
        [],
        {},
        {"nodes": 1},
        {"nodes": {}},
        {"nodes": [1, None]},
        {"nodes": [], "edges": 3},
        {"nodes": [{"id": 5}]},
        {"nodes": [{"id": "a\0", "type": "transform"}]},
        {"nodes": [{"id": "\ud800", "type": "transform"}]},
        {"dag": 3},
        {"dag": {"nodes": [{"id": "a", "handler": [], "dependencies": {}}]}},
    ],
)
def test_any_json_value_is_refused_with_problems_and_never_an_exception(document: Any) -> None:
    assert COMPILER.inspect(document).problems


@pytest.mark.spec("LANG-15")
def test_problems_of_edges_and_references_are_all_told_and_in_their_places_beside_an_edge_to_nowhere() -> None:
    nodes = [
        {"id": "a", "type": "transform", "config": {"value": 1}},
        {"id": "b", "type": "transform", "config": {"value": "{{ nobody.output }}"}, "writes": {"k": "{{ state.z }}"}},
    ]
    edges = [
        {"source": "a", "target": "nowhere"},
        {"source": "a", "target": "b", "condition": "1 +"},
        {"source": "a", "target": "b", "condition": "nothing.output"},
    ]
    found = COMPILER.inspect({"nodes": nodes, "edges": edges}).problems
    assert {(problem.code, problem.pointer, problem.edge) for problem in found} == {
        ("unknown_target", "/edges/0/target", 0),
        ("invalid_condition", "/edges/1/condition", 1),
        ("unknown_reference", "/edges/2/condition", 2),
        ("unknown_reference", "/nodes/1/config/value", None),
        ("unknown_state_key", "/nodes/1/writes/k", None),
    }
