"""Regions of a graph, and one pass over one of them: which edges are taken, and who may start."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

from langgraph.channels import UntrackedValue

from app.compiler.export.support.errors import Retry, RunFailed
from app.compiler.export.support.see import See

if TYPE_CHECKING:
    from app.compiler.export.support.flow import Flow

Work = Callable[[See], Awaitable[Any]]


def _merge(old: dict[str, Any] | None, new: dict[str, Any] | None) -> dict[str, Any]:
    return {**(old or {}), **(new or {})}


class State(TypedDict, total=False):
    """What goes in is `input`; what comes out are the outputs of all nodes by id, and the run's result."""

    input: Any
    answers: dict[str, Any]  #: answers
    outputs: Annotated[dict[str, Any], _merge]
    result: Any
    state: dict[str, Any]  #: state
    nodes: dict[str, Any]
    turn: Annotated[Any, UntrackedValue]


@dataclass(eq=False)
class Edge:
    """Taken when its source completed, and `when` holds, `branch` was chosen; or when its source failed (`on`)."""

    source: str
    target: str
    when: str | None = None
    branch: str | None = None  #: branches
    on: str | None = None  #: failures


@dataclass(eq=False)
class Node:
    """A node; `join` says which of its incoming edges it needs: any (all must be resolved), all, or the first."""

    id: str
    work: Work
    join: str = "any"
    retry: Retry | None = None  #: retry
    timeout: float | None = None  #: timeout
    on_error: str = "fail"  #: failures
    writes: Callable[[See], dict[str, Any]] | None = None  #: state
    before: tuple[str, ...] = ()  #: loops
    nodes: tuple[str, ...] | None = None  #: nodes
    edges: list[Edge] = field(default_factory=list)


@dataclass(eq=False)
class Unit:
    """What a region schedules: a node, or a whole loop, known by its header."""

    head: str
    nodes: list[str]
    join: str
    incoming: list[Edge] = field(default_factory=list)
    body: Region | None = None  #: loops
    before: set[str] = field(default_factory=set)  #: state


class Region:
    """The whole graph, or the body of one loop without its edges back to the header."""

    def __init__(self, flow: Flow, names: list[str], header: str | None = None) -> None:
        self.back = [e for name in names for e in flow.nodes[name].edges if e.target == header]  #: loops
        self.entries = {header} if header else flow.entries
        self.home: dict[str, Unit] = {}
        for name in names:
            if name not in self.home:
                members = [name]  #: no_loops
                loop = flow.loops.get(name) if name != header else None  #: loops
                members = [n for n in names if n in loop.nodes] if loop else [name]  #: loops
                unit = Unit(name, members, flow.nodes[name].join)
                unit.body = Region(flow, members, name) if loop else None  #: loops
                self.home.update(dict.fromkeys(members, unit))
        self.target: dict[Edge, Unit] = {}
        for edge in flow.edges:
            source, target = self.home.get(edge.source), self.home.get(edge.target)
            if source and target and source is not target and edge.target != header:
                target.incoming.append(edge)
                self.target[edge] = target
        self.units = list(dict.fromkeys(self.home.values()))
        for unit in self.units:  #: state
            for edge in unit.incoming:
                unit.before |= {self.home[edge.source].head, *self.home[edge.source].before}
        self.graph = flow.region_graph(self, outermost=header is None)


@dataclass
class Run:
    """One run of the whole graph."""

    input: Any
    answers: dict[str, Any]
    failure: RunFailed | None = None
    turns: dict[str, int] = field(default_factory=dict)


class Turn:
    """One pass over a region: the run itself, or one lap of a loop."""

    def __init__(self, run: Run, region: Region, parent: Turn | None = None) -> None:
        self.run = run
        self.region = region
        self.parent = parent
        self.lap = 0  #: loops
        self.previous: dict[str, dict[str, Any]] = {}  #: loops
        self.base: dict[str, Any] = {}  #: state
        self.carried: list[tuple[str, Any]] = []  #: state
        self.writes: dict[str, list[tuple[str, Any]]] = {}  #: state
        self.ended: dict[str, dict[str, Any]] = {}
        self.edges: dict[Edge, str] = {}
        self.exits: dict[Edge, str] = {}  #: loops
        self.went_on: dict[str, bool] = {}
        self.broken = False
        self.gates = {unit.head: asyncio.Event() for unit in region.units}
        for unit in region.units:
            if not unit.incoming:
                self.gates[unit.head].set()

    def settle(self, edge: Edge, state: str) -> None:
        """An edge is taken, dead, or broken (behind a failure that nobody handles): its target may start."""
        unit = self.region.target.get(edge)
        if unit is None:  #: loops
            self.exits[edge] = state
            return
        self.edges[edge] = state
        if state == "taken" and unit.join == "first":  #: first
            self.gates[unit.head].set()
        if all(other in self.edges for other in unit.incoming):
            self.gates[unit.head].set()

    def skips(self, unit: Unit) -> str | None:
        """Why a unit whose edges are resolved does not run: the state of its own edges; None if it runs."""
        states = [self.edges.get(edge) for edge in unit.incoming]
        states += ["taken"] if unit.head in self.region.entries else []
        if "broken" in states and not (unit.join == "first" and "taken" in states):
            return "broken"
        enough = all(state == "taken" for state in states) if unit.join == "all" else "taken" in states
        return None if enough else "dead"

    def taken(self, unit: Unit) -> dict[str, Any]:  #: taken
        """The outputs of the nodes whose edges to a unit were taken."""
        return {e.source: self.ended[e.source]["output"] for e in unit.incoming if self.edges.get(e) == "taken"}

    def seen(self, name: str, when: str) -> dict[str, Any]:
        """How another node ended: `ended` in this lap, or as the `previous` one left it."""
        turn: Turn | None = self
        while turn is not None:
            if name in getattr(turn, when):
                return dict(getattr(turn, when)[name])
            turn = turn.parent
        return {"status": "PENDING", "output": None, "error": None}

    def written(self, unit: Unit | None = None) -> list[tuple[str, Any]]:  #: state
        """What was written to the state in this pass, in topological order: by all, or by those before `unit`."""
        heads = [u.head for u in self.region.units if unit is None or u.head in unit.before]
        return [write for head in heads for write in self.writes.get(head, [])]
