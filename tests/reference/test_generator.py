"""Random graphs are valid documents, broad in what they cover, and mean the same in whatever order nodes run."""

import json
import random
import re
from typing import Any

import pytest

from tests.reference.generator import random_answers, random_graph, random_input, sample
from tests.reference.interpreter import Frame, Run, interpret
from tests.reference.structure import Region, Unit, read_edges, read_regions, starters

SEEDS = range(600)


def drawn(seed: int) -> tuple[dict[str, Any], Any, random.Random]:
    rng = random.Random(seed)
    waits = seed % 2 == 0
    graph = random_graph(rng, loops=seed % 4, state=seed % 3 == 0, maps=seed % 5 > 0, waits=waits, sleeps=waits)
    return graph, random_input(rng), rng


class Shuffled(Run):
    """Runs the units of a region in a random order that the joins permit; a `first` join may start early."""

    rng = random.Random(0)

    def walk(self, frame: Frame, header: str | None) -> bool:
        waiting, done, broken = list(frame.region.units), set[str](), False
        while waiting:
            unit = self.rng.choice([u for u in waiting if u.header == header or self._may_start(u, frame.region, done)])
            waiting.remove(unit)
            whole = unit.incoming
            unit.incoming = [edge for edge in whole if frame.region.home[edge.source].header in done]
            broken |= self.resolve(unit, frame, forced=unit.header == header)
            unit.incoming = whole
            done.add(unit.header)
        return broken

    def _may_start(self, unit: Unit, region: Region, done: set[str]) -> bool:
        arrived = [edge for edge in unit.incoming if region.home[edge.source].header in done]
        taken = unit.header in self.started or any(self.edges[edge.index] == "taken" for edge in arrived)
        return len(arrived) == len(unit.incoming) or (self.nodes[unit.header].get("join") == "first" and taken)


@pytest.mark.parametrize("block", range(6))
def test_the_meaning_of_a_random_graph_does_not_depend_on_the_order(block: int) -> None:
    for seed in SEEDS[block::6]:
        graph, data, rng = drawn(seed)
        expected = interpret(graph, data, random_answers(seed))
        for _ in range(4):
            run = Shuffled(graph, data, random_answers(seed))
            run.rng = rng
            found = run.outcome()
            assert found.nodes == expected.nodes, seed
            assert (found.status, found.reasons) == (expected.status, expected.reasons), seed
            assert (found.result, found.state, found.edges) == (expected.result, expected.state, expected.edges), seed


def test_random_graphs_are_reproducible_and_plain_json() -> None:
    for seed in SEEDS:
        graph, data, _ = drawn(seed)
        assert json.loads(json.dumps([graph, data])) == [graph, data] == list(drawn(seed)[:2])
        outcome = interpret(graph, data, random_answers(seed))
        assert json.loads(json.dumps([outcome.result, outcome.state])) == [outcome.result, outcome.state]


def test_random_graphs_are_valid() -> None:
    for seed in SEEDS:
        graph, _, _ = drawn(seed)
        ids = [node["id"] for node in graph["nodes"]]
        assert 3 <= len(ids) == len(set(ids)) <= 25, seed
        assert all(1 <= len(name) <= 128 for name in ids), seed
        assert len({json.dumps(edge, sort_keys=True) for edge in graph["edges"]}) == len(graph["edges"]), seed
        assert _reached(graph) == set(ids), seed
        _check_back_edges(graph, read_regions(graph))
        _check_branches(graph)


def _reached(graph: dict[str, Any]) -> set[str]:
    found = starters(graph)
    while fresh := {e.target for e in read_edges(graph) if e.source in found} - found:
        found |= fresh
    return found


def _check_back_edges(graph: dict[str, Any], region: Region) -> None:
    edges = read_edges(graph)
    for unit in region.units:
        for back in unit.back:
            assert back.kind != "plain", back
            others = [e for e in edges if e.source == back.source and e.kind == "condition"]
            assert back.kind != "else" or others, back
        if unit.body is not None:
            _check_back_edges(graph, unit.body)


def _check_branches(graph: dict[str, Any]) -> None:
    nodes = {node["id"]: node for node in graph["nodes"]}
    for edge in read_edges(graph):
        if edge.kind == "branch":
            config = nodes[edge.source]["config"]
            assert edge.text in {branch["name"] for branch in config["branches"]} | {config["default"]}


def test_random_graphs_refer_to_upstream_nodes_only() -> None:
    seen = 0
    for seed in SEEDS:
        graph, _, _ = drawn(seed)
        edges = read_edges(graph)
        for node in graph["nodes"]:
            seen += len(_refer(graph, json.dumps(node["config"]), node["id"], own=False, seed=seed))
            own = [e.text for e in edges if e.source == node["id"] and e.kind == "condition"]
            seen += len(_refer(graph, json.dumps([own, node.get("writes")]), node["id"], own=True, seed=seed))
    assert seen > 2000


def _refer(graph: dict[str, Any], text: str, reader: str, *, own: bool, seed: int) -> set[str]:
    """Check the nodes that `text` (JSON of strings) refers to, and return them."""
    strings: list[str] = re.findall(r'"(?:[^"\\]|\\.)*"', text)
    plain = "\n".join(json.loads(string) for string in strings)
    literals = r'nodes\[("(?:[^"\\]|\\.)*")\]'
    found = {json.loads(literal) for literal in re.findall(literals, plain)}
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', '""', plain)
    found |= set(re.findall(r"(?<![\w.])([A-Za-z_]\w*)\.(?:output|status|error)\b", bare))
    upstream = {reader} if own else set()
    todo = [reader]
    while todo:
        near = {e.source for e in read_edges(graph) if e.target == todo[-1]} - upstream
        todo.pop()
        upstream |= near
        todo.extend(near)
    assert found <= upstream, (seed, reader, found - upstream)
    assert "state." not in bare or graph.get("state"), seed
    return found


def test_no_random_graph_reads_a_name_that_is_not_there() -> None:
    for seed in SEEDS:
        graph, data, _ = drawn(seed)
        for key, node in interpret(graph, data, random_answers(seed)).nodes.items():
            message = (node.error or {}).get("message", "")
            assert not re.match(r"undefined value: `(nodes\[[^.]*\]|\w+|state\.\w+|loop\.\w+)` ", message), (
                seed,
                key,
                message,
            )


def test_a_sample_is_broad() -> None:
    seen = sample(400)
    kinds = ["plain", "condition", "else", "branch", "error"]
    for kind in kinds:
        for state in ("taken", "dead", "broken"):
            assert seen[f"edge {kind} {state}"] >= 20, (kind, state)
    assert seen["run COMPLETED "] >= 150
    assert seen["run FAILED node_failed"] >= 40
    assert seen["run FAILED loop_limit_exceeded"] >= 10
    assert seen["turn in a later lap"] >= 300
    assert seen["turn COMPLETED of a map"] >= 200
    assert seen["turn FAILED of a map"] >= 20
    assert seen["map with a failed item"] >= 15
    assert seen["map without items"] <= seen["turn COMPLETED of a map"] / 3
