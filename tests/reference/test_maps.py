"""Maps and approvals in the reference, held against what is written out by hand."""

from typing import Any

import pytest

from tests.reference.interpreter import Outcome, interpret
from tests.reference.test_interpreter import Document, edge, error, fail, give, graph, turns


def over(name: str, items: Any, value: Any, /, **rest: Any) -> Document:
    node = {"type": "transform", "config": {"value": value}}
    return {"id": name, "type": "map", "config": {"items": items, "node": node, **rest}}


def only(node: Document, data: Any = None) -> Any:
    return interpret(graph([node], []), data).nodes[node["id"], 0]


def test_a_map_gives_its_results_in_the_order_of_the_items() -> None:
    assert only(over("m", "{{ input }}", ["{{ index }}", "{{ item * 2 }}"]), [5, 6]).output == [[0, 10], [1, 12]]
    assert only(over("m", "{{ [] }}", "x")).output == []


def test_in_a_map_in_a_map_the_inner_item_hides_the_outer_one() -> None:
    inner = {"items": "{{ item }}", "node": {"type": "transform", "config": {"value": ["{{ item }}", "{{ index }}"]}}}
    node = {"id": "m", "type": "map", "config": {"items": "{{ input }}", "node": {"type": "map", "config": inner}}}
    assert only(node, [["a"], ["b", "c"], []]).output == [[["a", 0]], [["b", 0], ["c", 1]], []]


@pytest.mark.parametrize("items", ["{{ input.n }}", "{{ none }}", "{{ 'abc' }}", "{{ input }}", "{{ input.missing }}"])
def test_what_is_no_list_fails_the_map(items: str) -> None:
    assert only(over("m", items, 1), {"n": 3}).status == "FAILED"


PARTS = "{{ 6 // item }}"


def test_a_failed_item_fails_the_map_or_leaves_its_error_or_null() -> None:
    failing = only(over("m", "{{ [1, 0, 2] }}", PARTS))
    assert (failing.status, failing.output) == ("FAILED", None)
    collected = only(over("m", "{{ [1, 0, 2] }}", PARTS, on_item_error="collect")).output
    assert [collected[0], list(collected[1]["error"]), collected[2]] == [6, ["type", "message"], 3]
    patient = over("m", "{{ [1, 0, 2] }}", PARTS)
    patient["config"]["node"]["on_error"] = "continue"
    assert only(patient).output == [6, None, 3]


def test_the_failure_of_a_map_is_that_of_any_node() -> None:
    nodes = [{**over("m", "{{ [1] }}", "{{ item.x.y }}")}, give("next"), give("alert")]
    handled = interpret(graph(nodes, [edge("m > next"), error("m > alert")]), None)
    assert turns(handled) == {"m": "F", "next": "n", "alert": "C"}
    passed = interpret(graph([{**nodes[0], "on_error": "continue"}, *nodes[1:]], [edge("m > next")]), None)
    assert (turns(passed), passed.nodes["m", 0].output) == ({"m": "C", "next": "C", "alert": "C"}, None)


def test_items_see_the_lap_the_state_and_what_is_upstream() -> None:
    value = ["{{ item }}", "{{ loop.iteration }}", "{{ state.sum }}", "{{ h.output }}"]
    nodes = [give("h", "{{ loop.iteration }}", writes={"sum": "{{ 1 }}"}), over("m", "{{ [7] }}", value)]
    edges = [edge("h > m"), edge("m > h", "loop.iteration < 1")]
    state = {"sum": {"reducer": "add", "default": 0}}
    outcome = interpret(graph(nodes, edges, entry="h", state=state), None)
    assert [outcome.nodes["m", lap].output for lap in range(2)] == [[[7, 0, 1, 0]], [[7, 1, 2, 1]]]


def test_an_approval_gives_what_was_answered_at_its_place() -> None:
    inner = {"items": "{{ [0, 0] }}", "node": {"type": "approval", "config": {}}}
    nodes = [{"id": "ask", "type": "approval", "config": {}}, {"id": "m", "type": "map", "config": inner}, fail("f")]
    outcome: Outcome = interpret(graph(nodes, []), None, list)
    assert outcome.nodes["ask", 0].output == {"answer": ["ask", 0, ()], "by": "anybody"}
    assert [result["answer"] for result in outcome.nodes["m", 0].output] == [["m", 0, (0,)], ["m", 0, (1,)]]
