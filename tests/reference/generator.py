"""Random valid documents of the graph language; run as a module it prints what a sample of them covers."""

from __future__ import annotations

import json
import random
import sys
import time
from collections import Counter
from typing import Any

from tests.reference.author import Author
from tests.reference.interpreter import Outcome, interpret
from tests.reference.nodetypes import Answers
from tests.reference.structure import Region, read_regions


def random_graph(
    rng: random.Random,
    *,
    size: int | None = None,
    loops: int = 2,
    state: bool = False,
    first: bool = True,
    odd_ids: bool = True,
    delays: bool = True,
    maps: bool = False,
    waits: bool = False,
    sleeps: bool = False,
) -> dict[str, Any]:
    """Return a valid document of `size` nodes (3 to 25 unless told), with loops nested at most `loops` deep.

    What it means depends on no timing: a node reads only what is certainly resolved when it starts. `waits` adds
    approvals, `sleeps` delays of SLEEP_SECONDS.
    """
    size = size or rng.randint(3, rng.choice([6, 12, 18, 25]))
    author = Author(rng, size, loops, state=state, first=first, maps=maps, waits=waits, sleeps=sleeps)
    return author.document(odd_ids=odd_ids, delays=delays)


def random_input(rng: random.Random) -> dict[str, Any]:
    """Return an input for any random graph; `n` is always a small integer."""
    return {"n": rng.randrange(6), "name": rng.choice(["a", "é", ""]), "list": [rng.randrange(3)], "none": None}


def random_answers(seed: int) -> Answers:
    """Return what is answered at any place of a random graph: always the same at the same place."""
    return lambda place: {"n": random.Random(f"{seed} {place}").randrange(5)}


def sample(count: int = 2000) -> Counter[str]:
    """Interpret `count` random graphs of all kinds and return how often things happened."""
    seen: Counter[str] = Counter()
    for seed in range(count):
        rng = random.Random(seed)
        graph = random_graph(
            rng, loops=seed % 4, state=seed % 3 == 0, maps=True, waits=seed % 2 == 0, sleeps=seed % 4 == 0
        )
        _tally(seen, graph, interpret(graph, random_input(rng), random_answers(seed)))
    return seen


def _tally(seen: Counter[str], graph: dict[str, Any], outcome: Outcome) -> None:
    seen[f"run {outcome.status} {outcome.reason or ''}"] += 1
    seen["graph with explicit entry"] += "entry" in graph
    seen["graph with a loop that went round"] += any(turn for _, turn in outcome.nodes)
    seen["graph with a node of ten turns or more"] += any(turn >= 9 for _, turn in outcome.nodes)
    seen[f"graph with loops nested {_depth(read_regions(graph))} deep"] += 1
    seen["result empty"] += not outcome.result
    for node in graph["nodes"]:
        seen[f"node of type {node['type']}"] += 1
        seen[f"node with join {node.get('join', '(any)')}"] += 1
        seen["node with writes"] += bool(node.get("writes"))
        seen["node with on_error continue"] += node.get("on_error") == "continue"
    for index, edge in enumerate(graph["edges"]):
        kind = "error" if "on" in edge else "branch" if "branch" in edge else "plain"
        if "condition" in edge:
            kind = "else" if edge["condition"] == "else" else "condition"
        seen[f"edge {kind} {outcome.edges[index]}"] += 1
    types = {node["id"]: node["type"] for node in graph["nodes"]}
    for (name, turn), node in outcome.nodes.items():
        seen[f"turn {node.status} {node.reason or ''}"] += 1
        seen[f"turn {node.status} of a map"] += node.status != "SKIPPED" and types[name] == "map"
        seen["map with a failed item"] += types[name] == "map" and '"error"' in json.dumps(node.output)
        seen["map without items"] += types[name] == "map" and node.output == []
        seen["turn in a later lap"] += turn > 0
        seen["turn COMPLETED with an error passed over"] += node.status == "COMPLETED" and node.error is not None


def _depth(region: Region) -> int:
    return max((1 + _depth(unit.body) for unit in region.units if unit.body is not None), default=0)


def main() -> None:
    """Print the figures of a sample."""
    start = time.perf_counter()
    seen = sample()
    for name, count in sorted(seen.items()):
        sys.stdout.write(f"{count:8} {name}\n")
    sys.stdout.write(f"{time.perf_counter() - start:8.1f} seconds\n")


if __name__ == "__main__":
    main()
