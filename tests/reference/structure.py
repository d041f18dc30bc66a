"""The shape of a document: its edges, and the tree of regions and loops that they form."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Edge:
    """One edge of a document; `kind` is plain, condition, else, branch or error, `text` the condition or the branch."""

    index: int
    source: str
    target: str
    kind: str
    text: str = ""


@dataclass
class Unit:
    """What a region schedules: one node, or a whole loop, which is known by its header."""

    header: str
    nodes: list[str]
    incoming: list[Edge]
    back: list[Edge] = field(default_factory=list)
    body: Region | None = None
    before: set[str] = field(default_factory=set)  # headers of the units this one depends on, near and far


@dataclass
class Region:
    """The whole graph, or the body of a loop without its back edges; units are in topological order."""

    units: list[Unit]
    home: dict[str, Unit]  # every node inside, however deep, to the unit of this region that holds it


def read_edges(graph: dict[str, Any]) -> list[Edge]:
    """Return the edges of `graph` in document order."""
    return [_read_edge(index, edge) for index, edge in enumerate(graph["edges"])]


def _read_edge(index: int, edge: dict[str, Any]) -> Edge:
    kind, text = "plain", ""
    if edge.get("on") == "error":
        kind = "error"
    elif edge.get("branch") is not None:
        kind, text = "branch", edge["branch"]
    elif edge.get("condition") is not None:
        text = edge["condition"]
        kind = "else" if text == "else" else "condition"
    return Edge(index, edge["source"], edge["target"], kind, text)


def starters(graph: dict[str, Any]) -> set[str]:
    """Return the nodes with an edge from START: those without incoming edges, and the one named by `entry`."""
    targets = {edge["target"] for edge in graph["edges"]}
    found = {node["id"] for node in graph["nodes"] if node["id"] not in targets}
    return found | ({graph["entry"]} if graph.get("entry") is not None else set())


def read_regions(graph: dict[str, Any]) -> Region:
    """Return the region of the whole graph, loops nested in it; a loop with several headers raises ValueError."""
    nodes = [node["id"] for node in graph["nodes"]]
    return _region(nodes, None, read_edges(graph), starters(graph))


def _region(nodes: list[str], header: str | None, edges: list[Edge], started: set[str]) -> Region:
    """Build the region of `nodes` (in document order), without the edges back to its `header`."""
    inside = [edge for edge in edges if {edge.source, edge.target} <= set(nodes) and edge.target != header]
    reach = {node: _reachable(node, inside) for node in nodes}
    units: list[Unit] = []
    home: dict[str, Unit] = {}
    for node in nodes:
        if node in home:
            continue
        members = [other for other in nodes if other == node or (other in reach[node] and node in reach[other])]
        unit = _loop(members, edges, started) if node in reach[node] else Unit(node, [node], [])
        unit.incoming = [edge for edge in inside if edge.target == unit.header and edge.source not in unit.nodes]
        units.append(unit)
        home.update(dict.fromkeys(members, unit))
    return Region(_in_order(units, home, nodes), home)


def _reachable(node: str, edges: list[Edge]) -> set[str]:
    """Return what can be reached from `node` over one edge or more."""
    found: set[str] = set()
    todo = [node]
    while todo:
        here = todo.pop()
        fresh = {edge.target for edge in edges if edge.source == here} - found
        found |= fresh
        todo.extend(fresh)
    return found


def _loop(members: list[str], edges: list[Edge], started: set[str]) -> Unit:
    """Build the unit of the loop formed by `members`."""
    entered = {edge.target for edge in edges if edge.target in members and edge.source not in members}
    headers = entered | (started & set(members))
    if len(headers) != 1:
        raise ValueError(f"the loop of {members} has headers {sorted(headers)}; it must have one")
    header = headers.pop()
    back = [edge for edge in edges if edge.target == header and edge.source in members]
    return Unit(header, members, [], back, _region(members, header, edges, started))


def _in_order(units: list[Unit], home: dict[str, Unit], nodes: list[str]) -> list[Unit]:
    """Sort `units`: of those whose predecessors are all placed, the one whose header stands first in the document."""
    waiting = sorted(units, key=lambda unit: nodes.index(unit.header))
    done: dict[str, Unit] = {}
    while waiting:
        unit = next(u for u in waiting if all(home[edge.source].header in done for edge in u.incoming))
        waiting.remove(unit)
        near = {home[edge.source].header for edge in unit.incoming}
        unit.before = near.union(*(done[name].before for name in near))
        done[unit.header] = unit
    return list(done.values())
