"""The reference itself, held against small graphs whose outcome is written out by hand."""

from typing import Any

import pytest

from tests.reference.interpreter import Outcome, interpret

Document = dict[str, Any]
_LETTERS = {"COMPLETED": "C", "FAILED": "F", "branch_not_taken": "n", "upstream_failed": "u"}


def turns(outcome: Outcome) -> dict[str, str]:
    """Return the turns of each node: C completed, F failed, n skipped (branch not taken), u (upstream failed)."""
    found: dict[str, str] = {}
    for (name, turn), node in sorted(outcome.nodes.items(), key=lambda item: item[0][1]):
        found[name] = found.get(name, "") + _LETTERS[node.reason or node.status]
        assert len(found[name]) == turn + 1
    return found


def give(name: str, value: Any = 1, **rest: Any) -> Document:
    return {"id": name, "type": "transform", "config": {"value": value}, **rest}


def fail(name: str, **rest: Any) -> Document:
    return {"id": name, "type": "tool", "config": {"tool": "ref.fail", "args": {"message": "no"}}, **rest}


def choose(name: str, default: str, /, **branches: str) -> Document:
    listed = [{"name": branch, "when": when} for branch, when in branches.items()]
    return {"id": name, "type": "condition", "config": {"branches": listed, "default": default}}


def edge(text: str, condition: str | None = None, **rest: str) -> Document:
    source, target = text.split(" > ")
    return {"source": source, "target": target, **({"condition": condition} if condition else {}), **rest}


def graph(nodes: list[Document], edges: list[Document], **rest: Any) -> Document:
    return {"nodes": nodes, "edges": edges, **rest}


def run(nodes: list[Document], edges: list[Document], data: Any = None, **rest: Any) -> Outcome:
    return interpret(graph(nodes, edges, **rest), data)


def error(text: str) -> Document:
    return edge(text, on="error")


# --- edges and joins


def test_all_true_conditions_are_taken_and_else_only_without_them() -> None:
    nodes = [give("a", {"i": "{{ input.i }}"}), give("low"), give("even"), give("rest")]
    edges = [edge("a > low", "output.i < 5"), edge("a > even", "a.output.i % 2 == 0"), edge("a > rest", "else")]
    assert turns(run(nodes, edges, {"i": 2})) == {"a": "C", "low": "C", "even": "C", "rest": "n"}
    assert turns(run(nodes, edges, {"i": 7})) == {"a": "C", "low": "n", "even": "n", "rest": "C"}


def test_branch_edges_follow_the_first_true_branch_or_the_default() -> None:
    nodes = [choose("c", "low", high="input > 8", mid="input > 4"), give("h"), give("m"), give("l")]
    edges = [edge("c > h", branch="high"), edge("c > m", branch="mid"), edge("c > l", branch="low")]
    high, low = run(nodes, edges, 9), run(nodes, edges, 1)
    assert turns(high) == {"c": "C", "h": "C", "m": "n", "l": "n"}
    assert turns(low) == {"c": "C", "h": "n", "m": "n", "l": "C"}
    assert high.nodes["c", 0].output == {"branch": "high"}
    assert (high.result, low.result) == ({"h": 1}, {"l": 1})


@pytest.mark.parametrize(("join", "expected"), [("any", "C"), ("all", "n"), ("first", "C")])
def test_join_over_one_taken_and_one_dead_edge(join: str, expected: str) -> None:
    outcome = run([give("a"), give("b"), give("j", join=join)], [edge("a > j"), edge("b > j", "output > 1")])
    assert turns(outcome) == {"a": "C", "b": "C", "j": expected}


@pytest.mark.parametrize(("join", "expected"), [("any", "u"), ("all", "u"), ("first", "C")])
def test_join_over_one_taken_and_one_broken_edge(join: str, expected: str) -> None:
    outcome = run([give("a"), fail("b"), give("j", join=join), give("k")], [*map(edge, ["a > j", "b > j", "j > k"])])
    assert turns(outcome) == {"a": "C", "b": "F", "j": expected, "k": expected}
    assert (outcome.status, outcome.reason) == ("FAILED", "node_failed")


@pytest.mark.parametrize("join", ["any", "all", "first"])
def test_join_over_one_dead_and_one_broken_edge(join: str) -> None:
    outcome = run([give("a"), fail("b"), give("j", join=join)], [edge("a > j", "output > 1"), edge("b > j")])
    assert turns(outcome) == {"a": "C", "b": "F", "j": "u"}


def test_skipping_goes_on_and_a_branch_of_other_length_meets_once() -> None:
    nodes = [give(name) for name in "abcdj"]
    edges = [edge("a > b", "output > 1"), edge("b > c"), edge("a > d"), edge("c > j"), edge("d > j"), edge("a > j")]
    assert turns(run(nodes, edges)) == {"a": "C", "b": "n", "c": "n", "d": "C", "j": "C"}


def test_entry_is_one_more_taken_edge() -> None:
    nodes, edges = [give("a"), give("b")], [edge("a > b", "output > 1")]
    assert turns(run(nodes, edges)) == {"a": "C", "b": "n"}
    assert turns(run(nodes, edges, entry="b")) == {"a": "C", "b": "C"}


# --- failures


def test_an_error_edge_handles_a_failure() -> None:
    nodes = [fail("a"), give("ok"), give("alert", "{{ a.status }} {{ a.error.message }} {{ a.output is none }}")]
    outcome = run(nodes, [edge("a > ok"), error("a > alert")])
    assert turns(outcome) == {"a": "F", "ok": "n", "alert": "C"}
    assert (outcome.status, outcome.reason, outcome.result) == ("COMPLETED", None, {"alert": "FAILED no True"})


def test_an_error_edge_is_dead_without_a_failure() -> None:
    assert turns(run([give("a"), give("b"), give("alert")], [edge("a > b"), error("a > alert")])) == {
        "a": "C",
        "b": "C",
        "alert": "n",
    }


def test_an_unhandled_failure_skips_what_depends_on_it_and_nothing_else() -> None:
    nodes = [fail("a"), give("b"), give("c"), give("x"), give("y")]
    outcome = run(nodes, [edge("a > b"), error("b > c"), edge("x > y")])
    assert turns(outcome) == {"a": "F", "b": "u", "c": "u", "x": "C", "y": "C"}
    assert (outcome.status, outcome.reason) == ("FAILED", "node_failed")


def test_continue_completes_with_null_and_kills_error_edges() -> None:
    nodes = [fail("a", on_error="continue"), give("b", "{{ a.output }}"), give("e"), give("c")]
    edges = [edge("a > b", "output is none"), error("a > e"), edge("a > c", "else")]
    outcome = run(nodes, edges)
    assert turns(outcome) == {"a": "C", "b": "C", "e": "n", "c": "n"}
    assert (outcome.status, outcome.nodes["a", 0].output, outcome.result) == ("COMPLETED", None, {"b": None})
    assert outcome.nodes["a", 0].error == {"type": "ValueError", "message": "no"}


def test_a_condition_that_cannot_be_evaluated_fails_its_node() -> None:
    edges = [edge("a > b", "output.missing"), edge("a > c")]
    assert turns(run([give("a"), give("b"), give("c")], edges)) == {"a": "F", "b": "u", "c": "u"}
    handled = run([give("a"), give("b"), give("c"), give("e")], [*edges, error("a > e")])
    assert turns(handled) == {"a": "F", "b": "n", "c": "n", "e": "C"}


def test_a_condition_of_a_continuing_node_is_evaluated_once_more_over_null() -> None:
    nodes = [give("a", {"i": 1}, on_error="continue"), give("b"), give("e")]
    saved = run(nodes, [edge("a > b", "output is none or 1 // 0 > 0")])
    assert turns(saved)["a"] + turns(saved)["b"] == "CC"
    assert saved.nodes["a", 0].output is None
    lost = [edge("a > b", "output.missing > 0")]
    assert turns(run(nodes[:2], lost)) == {"a": "F", "b": "u"}
    assert turns(run(nodes, [*lost, error("a > e")])) == {"a": "F", "b": "n", "e": "C"}


def test_a_missing_field_fails_the_node_that_reads_it() -> None:
    assert turns(run([give("a", {}), give("b", "{{ a.output.x }}")], [edge("a > b")])) == {"a": "C", "b": "F"}
    assert turns(run([give("a", {}), give("b", "x{{ a.output.x }}")], [edge("a > b")])) == {"a": "C", "b": "F"}


# --- loops

LAP = {"i": "{{ loop.iteration }}"}


def test_a_loop_runs_until_no_back_edge_is_taken() -> None:
    nodes = [give("s"), give("h", LAP), give("b", "{{ h.output.i * 10 }}"), give("end", "{{ b.output }}")]
    edges = [edge("s > h"), edge("h > b"), edge("b > h", "loop.iteration < 2"), edge("b > end", "else")]
    outcome = run(nodes, edges)
    assert turns(outcome) == {"s": "C", "h": "CCC", "b": "CCC", "end": "C"}
    assert [outcome.nodes["b", lap].output for lap in range(3)] == [0, 10, 20]
    assert outcome.result == {"end": 20}


def test_exit_edges_stay_as_the_last_lap_left_them() -> None:
    nodes = [give("h", LAP), give("early"), give("late"), give("b")]
    edges = [
        edge("h > early", "output.i == 0"),
        edge("h > late", "output.i == 1"),
        edge("h > b"),
        edge("b > h", "h.output.i < 1"),
    ]
    assert turns(run(nodes, edges, entry="h")) == {"h": "CC", "b": "CC", "early": "n", "late": "C"}


def test_a_branch_in_the_body_skips_in_one_lap_and_runs_in_the_next() -> None:
    nodes = [give("h", LAP), give("x"), give("y"), give("j", "{{ x.output is none }}")]
    edges = [edge("h > x", "output.i == 1"), edge("h > y", "else"), edge("x > j"), edge("y > j")]
    outcome = run(nodes, [*edges, edge("j > h", "loop.iteration < 2")], entry="h")
    assert turns(outcome) == {"h": "CCC", "x": "nCn", "y": "CnC", "j": "CCC"}
    assert [outcome.nodes["j", lap].output for lap in range(3)] == [True, False, True]


def test_over_back_edges_the_lap_before_is_seen_and_null_before_it() -> None:
    nodes = [
        give("h", "{{ b.output }}"),
        give("b", {"i": "{{ loop.iteration }}", "me": "{{ b.output.i|default(-1) }}"}),
    ]
    edges = [edge("h > b"), edge("b > h", "output.i < 2")]
    outcome = run(nodes, edges, entry="h")
    assert [outcome.nodes["h", lap].output for lap in range(3)] == [None, {"i": 0, "me": -1}, {"i": 1, "me": 0}]


def test_a_sibling_in_the_body_is_seen_as_the_lap_before_left_it() -> None:
    """`x` and `y` are not ancestors of each other in a lap: neither sees the other's turn of the same lap."""
    nodes = [give("h"), give("x", LAP), give("y", "{{ x.output.i|default(-1) }}"), give("j")]
    edges = [edge("h > x"), edge("h > y"), edge("x > j"), edge("y > j"), edge("j > h", "loop.iteration < 2")]
    outcome = run(nodes, edges, entry="h")
    assert [outcome.nodes["y", lap].output for lap in range(3)] == [-1, 0, 1]


def test_a_loop_that_is_not_entered_is_skipped_once_as_a_whole() -> None:
    nodes = [give("s"), give("h"), give("b"), give("end"), give("t")]
    edges = [edge("s > h", "output > 1"), edge("h > b"), edge("b > h", "true"), edge("b > b", "true"), edge("b > end")]
    assert turns(run(nodes, edges)) == {"s": "C", "h": "n", "b": "n", "end": "n", "t": "C"}
    assert turns(run([fail("s"), *nodes[1:]], edges)) == {"s": "F", "h": "u", "b": "u", "end": "u", "t": "C"}


def test_a_self_loop_counts_its_laps() -> None:
    outcome = run(
        [give("s"), give("a", LAP), give("end")], [edge("s > a"), edge("a > a", "output.i < 3"), edge("a > end")]
    )
    assert turns(outcome) == {"s": "C", "a": "CCCC", "end": "C"}


@pytest.mark.parametrize(("own", "settings", "laps"), [(2, 5, 2), (None, 3, 3), (None, None, 100), (1, None, 1)])
def test_past_max_iterations_the_run_fails(own: int | None, settings: int | None, laps: int) -> None:
    nodes = [give("s"), give("h", max_iterations=own), give("end"), give("other")]
    edges = [edge("s > h"), edge("h > h", "true"), edge("h > end")]
    outcome = run(nodes, edges, settings={"max_iterations": settings})
    assert turns(outcome) == {"s": "C", "h": "C" * laps, "end": "u", "other": "C"}
    assert (outcome.status, outcome.reason) == ("FAILED", "loop_limit_exceeded")


def test_a_loop_that_ends_in_its_last_permitted_lap_is_fine() -> None:
    edges = [edge("h > h", "loop.iteration < 2")]
    assert run([give("h")], edges, entry="h", settings={"max_iterations": 3}).status == "COMPLETED"
    assert run([give("h")], edges, entry="h", settings={"max_iterations": 2}).status == "FAILED"


def test_an_unhandled_failure_lets_the_lap_finish_and_breaks_the_loop() -> None:
    nodes = [give("h", LAP), give("x", "{{ 1 // (1 - h.output.i) }}"), give("y"), give("z"), give("end"), give("after")]
    edges = [edge("h > x"), edge("h > y"), edge("y > z"), edge("x > h", "true"), edge("z > h", "true"), edge("z > end")]
    outcome = run(nodes, [*edges, edge("end > after")], entry="h")
    assert turns(outcome) == {"h": "CC", "x": "CF", "y": "CC", "z": "CC", "end": "u", "after": "u"}
    assert outcome.reasons == {"node_failed"}


def test_a_failure_handled_by_an_error_edge_out_of_the_loop_does_not_break_it() -> None:
    nodes = [give("h"), fail("x"), give("y"), give("end"), give("alert")]
    edges = [edge("h > x"), edge("h > y"), edge("x > h", "true"), edge("y > h", "loop.iteration < 1"), edge("y > end")]
    outcome = run(nodes, [*edges, error("x > alert")], entry="h")
    assert turns(outcome) == {"h": "CC", "x": "FF", "y": "CC", "end": "C", "alert": "C"}
    assert outcome.status == "COMPLETED"


def test_an_error_edge_back_to_the_header_tries_again() -> None:
    nodes = [give("a", "{{ 1 // (0 if loop.iteration < 2 else 1) }}"), give("end")]
    outcome = run(nodes, [error("a > a"), edge("a > end")], entry="a")
    assert turns(outcome) == {"a": "FFC", "end": "C"}
    assert outcome.status == "COMPLETED"


# --- nested loops

NEST = [
    edge("o > i"),
    edge("i > i", "loop.iteration < 1"),
    edge("i > e"),
    edge("e > o", "o.output.i < 1"),
    edge("e > end"),
]


def test_nested_loops_count_laps_anew_and_turns_on() -> None:
    nodes = [give("o", LAP), give("i", ["{{ o.output.i }}", "{{ loop.iteration }}"]), give("e"), give("end")]
    outcome = run(nodes, NEST, entry="o")
    assert turns(outcome) == {"o": "CC", "i": "CCCC", "e": "CC", "end": "C"}
    assert [outcome.nodes["i", turn].output for turn in range(4)] == [[0, 0], [0, 1], [1, 0], [1, 1]]


def test_an_inner_loop_skipped_in_one_lap_counts_one_turn_for_each_node() -> None:
    nodes = [give("o", LAP), give("i"), give("k"), give("e", join="any"), give("out")]
    edges = [
        edge("o > i", "output.i == 1"),
        edge("o > e"),
        edge("i > k"),
        edge("k > i", "loop.iteration < 1"),
        edge("k > e"),
        edge("e > o", "o.output.i < 2"),
        edge("k > out"),
    ]
    outcome = run(nodes, edges, entry="o")
    assert turns(outcome) == {"o": "CCC", "i": "nCCn", "k": "nCCn", "e": "CCC", "out": "n"}


def test_an_inner_node_sees_in_its_first_lap_what_the_outer_lap_before_left() -> None:
    nodes = [give("o", LAP), give("i", "{{ [i.output, e.output] }}"), give("e", "e{{ o.output.i }}"), give("end")]
    outcome = run(nodes, NEST, entry="o")
    one: Any = [None, None]
    two = [one, None]
    three = [two, "e0"]
    four = [three, "e0"]
    assert [outcome.nodes["i", turn].output for turn in range(4)] == [one, two, three, four]


def test_a_broken_inner_loop_breaks_the_outer_one() -> None:
    nodes = [give("o", LAP), give("i"), give("e"), give("p"), give("end")]
    edges = [*NEST, edge("o > p"), edge("p > o", "true")]
    failing = run([nodes[0], fail("i"), *nodes[2:]], edges, entry="o")
    assert turns(failing) == {"o": "C", "i": "F", "e": "u", "p": "C", "end": "u"}
    endless = run([nodes[0], give("i", max_iterations=1), *nodes[2:]], edges, entry="o")
    assert turns(endless) == {"o": "C", "i": "C", "e": "u", "p": "C", "end": "u"}
    assert (failing.reason, endless.reason) == ("node_failed", "loop_limit_exceeded")


def test_a_jump_from_the_inner_loop_to_the_outer_header_is_a_back_edge_of_the_outer_loop() -> None:
    nodes = [give("o", LAP), give("i"), give("end")]
    edges = [
        edge("o > i"),
        edge("i > i", "loop.iteration < 1"),
        edge("i > o", "o.output.i < 2"),
        edge("i > end", "else"),
    ]
    assert turns(run(nodes, edges, entry="o")) == {"o": "CCC", "i": "CCCCCC", "end": "C"}


# --- scope, state, result


def test_reserved_names_are_never_hidden_by_nodes() -> None:
    nodes = [
        give("input", 5),
        give("a:b", 6),
        give("c", ["{{ input.x }}", '{{ nodes["input"].output + nodes["a:b"].output }}']),
    ]
    assert run(nodes, [edge("input > c"), edge("a:b > c")], {"x": 1}).result == {"c": [1, 11]}


def test_a_whole_template_keeps_its_type_and_any_other_is_text() -> None:
    value = {
        "list": "{{ input.l }}",
        "text": "{{ input.l|length }}{{ input.s }}!",
        "deep": [{"n": "{{ none }}"}, 3, "x"],
    }
    assert run([give("a", value)], [], {"l": [1, 2], "s": "ü"}).result == {
        "a": {"list": [1, 2], "text": "2ü!", "deep": [{"n": None}, 3, "x"]}
    }


STATE = {"sum": {"reducer": "add", "default": 1}, "log": {"reducer": "append", "default": []}}


def test_state_is_reduced_over_ancestors_in_topological_order_with_ties_in_document_order() -> None:
    nodes = [
        give("z", writes={"log": "z", "sum": "{{ output + 9 }}"}),
        give("a", writes={"log": "a"}),
        give("j", "{{ state.log }}", writes={"log": "{{ output|length }}"}),
        give("other", "{{ state }}", writes={"log": "other"}),
        fail("f", on_error="fail", writes={"log": "f"}),
    ]
    outcome = run(nodes, [edge("a > j"), edge("z > j")], state=STATE)
    assert outcome.nodes["j", 0].output == ["z", "a"]
    assert outcome.nodes["other", 0].output == {"sum": 1, "log": []}
    assert outcome.state == {"sum": 11, "log": ["z", "a", 2, "other"]}


def test_a_loop_carries_the_state_from_lap_to_lap() -> None:
    nodes = [
        give("s", writes={"sum": "{{ 10 }}"}),
        give("h", "{{ state.sum }}", writes={"sum": "{{ 1 }}", "log": "h{{ loop.iteration }}"}),
        give("b", "{{ state.sum }}", writes={"log": "b{{ loop.iteration }}"}),
        give("end", "{{ state.log }}"),
    ]
    edges = [edge("s > h"), edge("h > b"), edge("b > h", "state.sum < 14"), edge("b > end")]
    outcome = run(nodes, edges, state=STATE)
    assert [outcome.nodes["h", lap].output for lap in range(3)] == [11, 12, 13]
    assert [outcome.nodes["b", lap].output for lap in range(3)] == [12, 13, 14]
    assert outcome.result == {"end": ["h0", "b0", "h1", "b1", "h2", "b2"]}


def test_a_loop_ranks_among_its_neighbours_by_its_header() -> None:
    nodes = [give(name, writes={"log": name}) for name in ("r", "h", "x", "b")]
    edges = [edge("r > h"), edge("r > x"), edge("h > b"), edge("b > h", "loop.iteration < 1")]
    assert run(nodes, edges, state=STATE).state["log"] == ["r", "h", "b", "h", "b", "x"]


def test_result_is_one_output_or_a_mapping_of_several_or_the_completed_ends() -> None:
    one: Document = {"id": "one", "type": "output"}
    two: Document = {"id": "two", "type": "output", "config": {"value": "{{ b.output }}"}}
    nodes, edges = [give("a", 1), give("b", 2)], [edge("a > one"), edge("b > one", "output > 5")]
    assert run([*nodes, one], edges).result == {"a": 1}
    assert run([*nodes, one, two], [*edges, edge("b > two")]).result == {"one": {"a": 1}, "two": 2}
    assert run([*nodes, give("c", 3)], [edge("a > c"), edge("b > c", "output > 5")]).result == {"b": 2, "c": 3}


def test_input_and_delay_give_the_run_input_and_null() -> None:
    nodes: list[Document] = [{"id": "i", "type": "input"}, {"id": "d", "type": "delay", "config": {"seconds": 0}}]
    outcome = run(nodes, [edge("i > d")], {"x": 1})
    assert outcome.nodes["i", 0].output == {"x": 1}
    assert outcome.result == {"d": None}
