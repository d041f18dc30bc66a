"""What the plan of a graph tells its author."""

import itertools
import random

import pytest

from tests.compiler.flow import COMPILER, graph, node
from tests.reference.generator import random_graph

AGAIN = {"condition": "loop.iteration < 2"}


def plan(*args, **more):
    found = COMPILER.inspect(graph(*args, **more))
    assert not found.problems
    return found.plan


@pytest.mark.spec("LANG-50")
def test_the_plan_tells_entries_depth_width_and_what_runs_side_by_side() -> None:
    found = plan(
        [node(name) for name in "abcde"], ("a", "c"), ("b", "c"), ("c", "d"), ("a", "d"), ("c", "e"),
    )  # fmt: skip

    assert found["entries"] == ["a", "b"]
    assert (found["nodes"], found["edges"], found["depth"], found["width"]) == (5, 5, 3, 2)
    assert found["parallel"] == [["a", "b"], ["c"], ["d", "e"]]
    assert found["critical_path"] == ["a", "c", "d"]
    assert found["loops"] == []
    assert found["regions"] == [
        {"header": None, "inside": None, "units": ["a", "b", "c", "d", "e"], "loops": [], "depth": 3}
    ]


@pytest.mark.spec("LANG-50")
def test_a_loop_counts_once_and_is_a_region_of_its_own() -> None:
    found = plan(
        [node("start"), node("a", max_iterations=7), node("b"), node("c"), node("end")],
        ("start", "a"), ("a", "b"), ("b", "b", AGAIN), ("b", "c"), ("c", "a", AGAIN), ("c", "end"), ("start", "end"),
    )  # fmt: skip

    assert found["critical_path"] == ["start", "a", "b", "c", "end"]
    assert found["depth"] == 5
    assert found["loops"] == [
        {"header": "a", "nodes": ["a", "b", "c"], "back_edges": [4], "max_iterations": 7, "inside": None},
        {"header": "b", "nodes": ["b"], "back_edges": [2], "max_iterations": 100, "inside": "a"},
    ]
    assert [(region["header"], region["inside"], region["units"]) for region in found["regions"]] == [
        (None, None, ["start", "a", "end"]),
        ("a", None, ["a", "b", "c"]),
        ("b", "a", ["b"]),
    ]


@pytest.mark.spec("LANG-50")
def test_the_longest_chain_of_any_graph_follows_its_edges_and_is_as_long_as_it_is_deep() -> None:
    for seed in range(200):
        document = random_graph(random.Random(seed), loops=seed % 4)
        found = COMPILER.inspect(document).plan
        chain, edges = found["critical_path"], {(edge["source"], edge["target"]) for edge in document["edges"]}

        assert len(chain) == len(set(chain)) == found["depth"], seed
        assert chain[0] in found["entries"], seed
        bodies = {loop["header"]: set(loop["nodes"]) for loop in found["loops"]}
        for before, after in itertools.pairwise(chain):
            # A loop is left by any of its nodes, not only by the last one of its longest chain.
            loops = [nodes for nodes in bodies.values() if before in nodes and after not in nodes]
            sources = set().union({before}, *loops)
            assert any((source, after) in edges for source in sources), (seed, before, after)
