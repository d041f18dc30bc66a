"""The graphs that are measured, each as one of our documents and as a plain LangGraph graph."""

import asyncio
import random
import time
from collections.abc import Awaitable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Annotated, Any, Protocol, TypedDict

from langgraph.graph import END, START, StateGraph


@dataclass(frozen=True)
class Shape:
    """A DAG, its nodes in topological order; `seconds` tells which nodes take time."""

    name: str
    nodes: tuple[str, ...]
    edges: tuple[tuple[str, str], ...]
    seconds: dict[str, float] = field(default_factory=dict)

    def before(self) -> dict[str, list[str]]:
        """The direct predecessors of each node."""
        found: dict[str, list[str]] = {node: [] for node in self.nodes}
        for source, target in self.edges:
            found[target].append(source)
        return found

    def critical_path(self) -> float:
        """Seconds that the longest way through the graph takes."""
        ends: dict[str, float] = {}
        for node, sources in self.before().items():
            ends[node] = max((ends[source] for source in sources), default=0.0) + self.seconds.get(node, 0.0)
        return max(ends.values())

    def document(self) -> dict[str, Any]:
        """The graph as we store it."""
        return {
            "nodes": [self._node(node) for node in self.nodes],
            "edges": [{"source": source, "target": target} for source, target in self.edges],
        }

    def _node(self, node: str) -> dict[str, Any]:
        if node in self.seconds:
            return {"id": node, "type": "delay", "config": {"seconds": self.seconds[node]}}
        return {"id": node, "type": "transform", "config": {"value": {"v": 1}}}


def chain(length: int, seconds: float = 0.0) -> Shape:
    nodes = tuple(f"n{index}" for index in range(length))
    times = dict.fromkeys(nodes, seconds) if seconds else {}
    return Shape(f"chain of {length}", nodes, tuple(pairwise(nodes)), times)


def fan(width: int) -> Shape:
    middle = tuple(f"m{index}" for index in range(width))
    edges = [("first", node) for node in middle] + [(node, "last") for node in middle]
    return Shape(f"1 to {width} to 1", ("first", *middle, "last"), tuple(edges))


def uneven() -> Shape:
    """Two ways of half a second each, whose long and short nodes come in opposite order."""
    edges = (("A", "B"), ("B", "D"), ("D", "F"), ("A", "C"), ("C", "E"), ("E", "F"))
    return Shape("uneven", ("A", "B", "C", "D", "E", "F"), edges, {"B": 0.05, "D": 0.45, "C": 0.45, "E": 0.05})


def samples(count: int = 8) -> Shape:
    """A laboratory's afternoon: each sample is fetched, trimmed, aligned and counted, then all are compared."""
    steps = ("fetch", "trim", "align", "count")
    picker = random.Random(11)
    nodes, edges = ["A"], []
    seconds: dict[str, float] = {}
    for sample in range(count):
        way = [f"{step}{sample}" for step in steps]
        nodes += way
        edges += [("A", way[0]), *pairwise(way), (way[-1], "compare")]
        seconds |= {node: picker.choice((0.03, 0.06, 0.12, 0.25)) for node in way}
    return Shape("samples", (*nodes, "compare", "F"), (*edges, ("compare", "F")), {**seconds, "compare": 0.1})


def layers(depth: int = 6, width: int = 6) -> Shape:
    """A report that grows in layers, each node on two of the layer before, some of them slow."""
    picker = random.Random(5)
    nodes, edges = ["A"], []
    seconds: dict[str, float] = {}
    above = ["A"]
    for layer in range(depth):
        here = [f"l{layer}_{place}" for place in range(width)]
        edges += [(source, node) for node in here for source in picker.sample(above, min(2, len(above)))]
        seconds |= {node: picker.choice((0.02, 0.02, 0.05, 0.2)) for node in here}
        nodes += here
        above = here
    edges += [(node, "F") for node in nodes[1:] if node not in {source for source, _ in edges}]
    return Shape("layers", (*nodes, "F"), tuple(edges), seconds)


def studies(count: int = 98) -> Shape:
    """A thousand nodes as a pipeline of real studies has them: ways of unequal length and speed, gathered in groups."""
    steps = ("fetch", "check", "trim", "align", "sort", "dedup", "call", "filter", "annotate", "report")
    picker = random.Random(23)
    nodes, edges = ["A"], []
    seconds: dict[str, float] = {}
    groups = [f"group{place}" for place in range(-(-count // 10))]
    for sample in range(count):
        way = [f"{step}{sample}" for step in steps]
        nodes += way
        edges += [("A", way[0]), *pairwise(way), (way[1], way[4]), (way[-1], groups[sample // 10])]
        # Mostly short, a few long: as durations are.
        seconds |= {node: round(min(2.0, 0.01 * picker.paretovariate(0.9)), 3) for node in way}
    nodes += [*groups, "compare", "F"]
    edges += [*((group, "compare") for group in groups), ("compare", "F")]
    return Shape("1,000 nodes", tuple(nodes), tuple(edges), {**seconds, **dict.fromkeys(groups, 0.2), "compare": 0.5})


def tangle(count: int) -> Shape:
    """A connected DAG in which every node has one or two predecessors a few places before it."""
    picker = random.Random(1)
    nodes = tuple(f"n{index}" for index in range(count))
    edges = [
        (nodes[source], nodes[target])
        for target in range(1, count)
        for source in sorted({max(0, target - 1 - picker.randrange(5)) for _ in range(2)})
    ]
    return Shape(f"{count} nodes", nodes, tuple(edges))


def _merged(old: dict[str, Any] | None, new: dict[str, Any]) -> dict[str, Any]:
    return {**(old or {}), **new}


class PlainState(TypedDict, total=False):
    """What a plain graph carries: the output of each node and the time at which it was there."""

    outputs: Annotated[dict[str, Any], _merged]
    ended: Annotated[dict[str, float], _merged]


def plain(shape: Shape, *, timed: bool = False) -> "StateGraph[PlainState, None, PlainState, PlainState]":
    """The graph as somebody writes it who has only LangGraph; joins wait for all. `timed` nodes tell their ends."""
    graph = StateGraph(PlainState)
    before = shape.before()
    sources = {source for source, _ in shape.edges}
    for node in shape.nodes:
        graph.add_node(node, _function(node, shape.seconds.get(node, 0.0), timed=timed))
    for node, earlier in before.items():
        graph.add_edge(earlier if len(earlier) > 1 else earlier[0] if earlier else START, node)
        if node not in sources:
            graph.add_edge(node, END)
    return graph


class PlainNode(Protocol):
    def __call__(self, state: PlainState) -> Awaitable[PlainState]: ...


def _function(node: str, seconds: float, *, timed: bool) -> PlainNode:
    async def work(state: PlainState) -> PlainState:  # noqa: ARG001  # LangGraph passes it by its name
        if seconds:
            await asyncio.sleep(seconds)
        made: PlainState = {"outputs": {node: {"v": 1}}}
        return {**made, "ended": {node: time.time()}} if timed else made

    return work
