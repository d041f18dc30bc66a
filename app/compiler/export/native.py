"""Whether a graph's edges mean the same in LangGraph itself, and which of them it has to wait for together.

They do where a node has one way in, where all its ways in are taken together, or where exactly one of them is, by the
choice of one node; and where nothing with effects runs beside anything else: LangGraph goes on step by step, and stops
at the first error.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from app.compiler.document import Document, Edge, Node
from app.compiler.plan import Plan
from app.compiler.program import NodeProgram

MOST_NODES = 200
PURE = frozenset({"input", "output", "transform", "condition"})
Choice = tuple[int, str | bool]


@dataclass
class NativeEdges:
    """For each node, by index: the nodes that lead to it together (`joins`), and its ways on by choice."""

    joins: dict[int, list[int]] = field(default_factory=dict)
    always: list[tuple[int, int]] = field(default_factory=list)
    choices: dict[int, list[Edge]] = field(default_factory=dict)


def native_edges(plan: Plan, programs: Sequence[NodeProgram]) -> NativeEdges | None:
    """The edges as LangGraph has them; None where they would mean something else."""
    document = plan.document
    if len(plan.regions) > 1 or len(document.nodes) > MOST_NODES or document.state:
        return None
    if not all(_is_plain(node) for node in document.nodes) or _reads_by_key(programs):
        return None
    outgoing = [[document.edges[e] for e in edges] for edges in plan.outgoing]
    if not all(map(_is_choice, outgoing)):
        return None
    found = _Guards(plan, outgoing).edges()
    if found is None or (
        not any(node.type == "output" for node in document.nodes) and not _ends_known(document, outgoing)
    ):
        return None
    return found


def _is_plain(node: Node) -> bool:
    return node.on_error == "fail" and not node.writes


def _reads_by_key(programs: Sequence[NodeProgram]) -> bool:
    """Whether an expression reads `nodes` by a key that is not known."""
    return any(
        reference.dynamic
        for program in programs
        for source in (program.template, *program.conditions.values(), *(e.condition for e in program.edges))
        if source is not None
        for reference in source.references
    )


def _is_choice(edges: Sequence[Edge]) -> bool:
    """Whether at most one of the node's conditional ways on can be taken."""
    conditions = [edge for edge in edges if edge.condition is not None and edge.condition.strip() != "else"]
    others = [edge for edge in edges if edge.condition is not None and edge.condition.strip() == "else"]
    branches = [edge for edge in edges if edge.branch is not None]
    if any(edge.on for edge in edges) or len(conditions) > 1 or (others and not conditions):
        return False
    return not (branches and conditions) and len({edge.target for edge in edges}) == len(edges)


def _ends_known(document: Document, outgoing: Sequence[Sequence[Edge]]) -> bool:
    """Whether each node that has edges surely takes one, so that only the last ones make the result."""
    for node, edges in zip(document.nodes, outgoing, strict=True):
        if (
            edges
            and not any(_label(edge) is None for edge in edges)
            and {_label(edge) for edge in edges} != _labels(node)
        ):
            return False
    return True


def _label(edge: Edge) -> str | bool | None:
    """The choice that takes an edge: a branch's name, whether the condition holds, or None for every choice."""
    if edge.branch is not None:
        return edge.branch
    return None if edge.condition is None else edge.condition.strip() != "else"


def _labels(node: Node) -> set[str | bool]:
    """All choices of a node."""
    if node.type != "condition":
        return {True, False}
    branches: Any = node.config["branches"]
    names = [*(branch["name"] for branch in branches), node.config.get("default")]
    return {name for name in names if name is not None}


class _Guards:
    """The choices that each node's turn depends on, as a set of which all must be made."""

    def __init__(self, plan: Plan, outgoing: Sequence[Sequence[Edge]]) -> None:
        self.plan = plan
        self.nodes = plan.document.nodes
        self.outgoing = outgoing
        self.guards: dict[int, frozenset[Choice]] = {}
        self.before: dict[int, set[int]] = {}
        self.found = NativeEdges()

    def edges(self) -> NativeEdges | None:
        for unit in self.plan.root.units:
            if not self._enter(unit.head, [e for e in unit.incoming if e >= 0]):
                return None
        for n, edges in enumerate(self.outgoing):
            chosen = [edge for edge in edges if _label(edge) is not None]
            if chosen:
                self.found.choices[n] = chosen
        return self.found if self._is_quiet() else None

    def _enter(self, node: int, incoming: Sequence[int]) -> bool:
        edges = [self.plan.document.edges[e] for e in incoming]
        sources = [self.plan.ends[e][0] for e in incoming]
        self.before[node] = set(sources).union(*(self.before[source] for source in sources))
        ways = [self._guard(source, edge) for source, edge in zip(sources, edges, strict=True)]
        always = [source for source, edge in zip(sources, edges, strict=True) if _label(edge) is None]
        join = self.nodes[node].join
        if len(set(ways)) <= 1 and (len(ways) <= 1 or len(always) == len(ways)):
            if len(ways) > 1 and join == "first":
                return False
            self.guards[node] = ways[0] if ways else frozenset()
            if len(ways) > 1:
                self.found.joins[node] = sources
            else:
                self.found.always += [(source, node) for source in always]
            return True
        merged = self._merged(ways)
        if merged is None or join != "any" or self._asks_who_came(node, len(always) == len(ways)):
            return False
        self.guards[node] = merged
        self.found.always += [(source, node) for source in always]
        return True

    def _guard(self, source: int, edge: Edge) -> frozenset[Choice]:
        label = _label(edge)
        return self.guards[source] | (frozenset() if label is None else {(source, label)})

    def _merged(self, ways: Sequence[frozenset[Choice]]) -> frozenset[Choice] | None:
        """What a node depends on that is reached by every choice of one node; None if that is not so."""
        common = frozenset.intersection(*ways)
        rest = [way - common for way in ways]
        if any(len(way) != 1 for way in rest):
            return None
        choices = [next(iter(way)) for way in rest]
        chooser = choices[0][0]
        labels = [label for node, label in choices if node == chooser]
        if len(set(labels)) != len(ways) or set(labels) != _labels(self.nodes[chooser]):
            return None
        return common

    def _asks_who_came(self, node: int, always: bool) -> bool:
        """Whether the node's output tells by which of its edges it was reached, and a source may have taken another."""
        return self.nodes[node].type == "output" and "value" not in self.nodes[node].config and not always

    def _is_quiet(self) -> bool:
        """Whether everything with effects is alone when it runs."""
        for n, node in enumerate(self.nodes):
            if node.type in PURE:
                continue
            for other in range(len(self.nodes)):
                apart = n == other or other in self.before[n] or n in self.before[other]
                if not apart and not self._exclusive(n, other):
                    return False
        return True

    def _exclusive(self, one: int, other: int) -> bool:
        return any(a == b and x != y for a, x in self.guards[one] for b, y in self.guards[other])
