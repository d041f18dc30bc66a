"""The plan: a document's nodes and edges as regions of units.

A *region* is the whole graph, or the body of one loop without its back edges: always acyclic. Its *units* are nodes
and whole loops, in topological order with ties in document order. Every edge belongs to the innermost region in which
its ends lie in two different units; seen from a region further in, it is an exit, resolved when the loop has ended.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from app.compiler.document import Document, Edge
from app.compiler.graph import components, reachable, topological
from app.errors import Problem

MAX_LOOPS = 50
START = -1
"""The index of the edge by which a run enters a node: always taken."""


@dataclass(slots=True)
class Unit:
    """A node or a loop within its region.

    `head` is the node by which it is entered: the node itself, or the loop's header. `incoming` holds the indices of
    the edges to it from the region's other units (and START), `ancestors` is a bit set over the region's units.
    """

    index: int
    head: int
    nodes: tuple[int, ...]
    body: "Region | None" = None
    incoming: list[int] = field(default_factory=list)
    ancestors: int = 0


@dataclass(slots=True)
class Region:
    """An acyclic part of the graph; `header` is None for the whole graph, else the node that heads the loop."""

    number: int
    header: int | None
    parent: "Region | None"
    units: list[Unit] = field(default_factory=list)
    unit_of: dict[int, Unit] = field(default_factory=dict)
    target_of: dict[int, Unit] = field(default_factory=dict)
    back_edges: frozenset[int] = frozenset()

    @property
    def depth(self) -> int:
        return 0 if self.parent is None else self.parent.depth + 1


@dataclass(slots=True)
class Plan:
    """The regions of a document, the outermost first, and where each node stands (its innermost region)."""

    document: Document
    regions: list[Region]
    home: dict[int, Region]
    outgoing: list[list[int]]
    ends: list[tuple[int, int]]
    entries: list[int]

    @property
    def root(self) -> Region:
        return self.regions[0]


def make_plan(document: Document, ids: dict[str, int]) -> tuple[Plan, list[Problem]]:
    """The plan of a document whose edges all name nodes; with problems, the plan is not to be used."""
    builder = _Builder(document, ids)
    return builder.build()


class _Builder:
    def __init__(self, document: Document, ids: dict[str, int]) -> None:
        self.document = document
        self.ids = ids
        self.problems: list[Problem] = []
        self.ends = [(ids[edge.source], ids[edge.target]) for edge in document.edges]
        self.outgoing: list[list[int]] = [[] for _ in document.nodes]
        for index, (source, _) in enumerate(self.ends):
            self.outgoing[source].append(index)
        self.regions: list[Region] = []
        self.home: dict[int, Region] = {}

    def build(self) -> tuple[Plan, list[Problem]]:
        count = len(self.document.nodes)
        targets = {target for _, target in self.ends}
        entries = [n for n in range(count) if n not in targets]
        if self.document.entry is not None and self.ids[self.document.entry] in targets:
            entries = sorted([*entries, self.ids[self.document.entry]])
        if not entries and count:
            message = (
                "No node can start: every node has an incoming edge. Remove one, or name the first node in `entry`."
            )
            self.problems.append(Problem("no_entry", "/entry", message))
        else:
            self._check_reachable(entries)
        plan = Plan(self.document, self.regions, self.home, self.outgoing, self.ends, entries)
        if not self.problems:
            self._regions(range(count), frozenset(entries))
        return plan, self.problems

    def _check_reachable(self, entries: Iterable[int]) -> None:
        successors = {n: [self.ends[e][1] for e in edges] for n, edges in enumerate(self.outgoing)}
        seen = reachable(entries, successors)
        for n, node in enumerate(self.document.nodes):
            if n not in seen:
                message = f"No path leads to `{node.id}` from a node that can start. Connect it, or name an `entry`."
                self.problems.append(Problem("unreachable_node", f"/nodes/{n}", message, node_id=node.id))

    def _regions(self, nodes: Sequence[int], entered: frozenset[int]) -> None:
        """Make the region of `nodes`, then those of the loops in it, the outer before the inner."""
        todo: list[tuple[Sequence[int], frozenset[int], int | None, Region | None, Unit | None]] = [
            (nodes, entered, None, None, None)
        ]
        while todo:
            inside, starts, header, parent, owner = todo.pop(0)
            region = Region(len(self.regions), header, parent)
            self.regions.append(region)
            if region.depth > MAX_LOOPS and header is not None:
                node = self.document.nodes[header]
                message = f"Loops may be nested {MAX_LOOPS} deep; move the inner ones into a workflow of their own."
                self.problems.append(Problem("too_large", f"/nodes/{header}", message, node_id=node.id))
                return
            if owner is not None:
                owner.body = region
            for unit in self._fill(region, inside, starts):
                entered_at = frozenset((unit.head,))
                todo.append((unit.nodes, entered_at, unit.head, region, unit))

    def _fill(self, region: Region, nodes: Sequence[int], starts: frozenset[int]) -> list[Unit]:
        """Cut the region into units and order them; returns the units that are loops."""
        members = set(nodes)
        inner = [
            e
            for n in nodes
            for e in self.outgoing[n]
            if self.ends[e][1] in members and self.ends[e][1] != region.header
        ]
        region.back_edges = frozenset(
            e for n in nodes for e in self.outgoing[n] if region.header is not None and self.ends[e][1] == region.header
        )
        successors: dict[int, list[int]] = {n: [] for n in nodes}
        for e in inner:
            successors[self.ends[e][0]].append(self.ends[e][1])
        loops: list[Unit] = []
        units: dict[int, Unit] = {}
        for component in components(nodes, successors):
            looping = len(component) > 1 or component[0] in successors[component[0]]
            head = self._header(component, inner, starts) if looping else component[0]
            if head is None:
                continue
            unit = Unit(0, head, tuple(component))
            units[head] = unit
            region.unit_of |= dict.fromkeys(component, unit)
            if looping:
                loops.append(unit)
            else:
                self.home[head] = region
        if not self.problems:
            self._order(region, units, inner, starts)
        return sorted(loops, key=lambda unit: unit.head)

    def _header(self, component: list[int], inner: list[int], starts: frozenset[int]) -> int | None:
        members = set(component)
        heads = {self.ends[e][1] for e in inner if self.ends[e][1] in members and self.ends[e][0] not in members}
        heads |= members & starts
        names = ", ".join(f"`{self.document.nodes[n].id}`" for n in sorted(heads))
        if len(heads) != 1:
            around = ", ".join(f"`{self.document.nodes[n].id}`" for n in component[:5])
            message = f"The loop of {around} is entered at {names}. Let all edges from outside lead to one of them."
            node = self.document.nodes[component[0]]
            self.problems.append(
                Problem("loop_with_several_headers", f"/nodes/{component[0]}", message, node_id=node.id)
            )
            return None
        head = heads.pop()
        for e in inner:
            if self.ends[e][1] == head and self.ends[e][0] in members and _unconditional(self.document.edges[e]):
                message = f"The edge back to {names} needs a `condition` or a `branch`, or the loop never ends."
                self.problems.append(Problem("unconditional_loop", f"/edges/{e}", message, edge=e))
        return head

    def _order(self, region: Region, units: dict[int, Unit], inner: list[int], starts: frozenset[int]) -> None:
        heads: dict[int, list[int]] = {head: [] for head in units}
        between = [e for e in inner if region.unit_of[self.ends[e][0]] is not region.unit_of[self.ends[e][1]]]
        for e in between:
            heads[region.unit_of[self.ends[e][0]].head].append(region.unit_of[self.ends[e][1]].head)
        for head in topological(sorted(units), heads):
            unit = units[head]
            unit.index = len(region.units)
            region.units.append(unit)
        for node in starts:
            region.unit_of[node].incoming.append(START)
        for e in sorted(between):
            target = region.unit_of[self.ends[e][1]]
            target.incoming.append(e)
            region.target_of[e] = target
        for unit in region.units:
            for e in unit.incoming:
                if e != START:
                    source = region.unit_of[self.ends[e][0]]
                    unit.ancestors |= source.ancestors | (1 << source.index)


def _unconditional(edge: Edge) -> bool:
    return edge.condition is None and edge.branch is None and edge.on is None
