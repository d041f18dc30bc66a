"""Regions of a graph, and one pass over one of them: which edges are taken, and who may start."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
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


@dataclass
class Ended:
    """How one turn of a node ended: COMPLETED, FAILED or SKIPPED."""

    status: str
    output: Any = None
    error: dict[str, Any] | None = None

    def seen(self) -> dict[str, Any]:
        """What other nodes see of it."""
        return {"output": self.output, "status": self.status, "error": self.error}


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
                members = [name]
                loop = flow.loops.get(name) if name != header else None  #: loops
                members = [n for n in names if n in loop.nodes] if loop else members  #: loops
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
    answers: dict[str, Any] = field(default_factory=dict)  #: answers
    failure: RunFailed | None = None
    turns: dict[str, int] = field(default_factory=dict)


class Turn:
    """One pass over a region: the run itself, or one lap of a loop."""

    def __init__(self, run: Run, region: Region, parent: Turn | None = None) -> None:
        self.run = run
        self.region = region
        self.parent = parent
        self.lap = 0  #: loops
        self.previous: dict[str, Ended] = {}  #: loops
        self.base: dict[str, Any] = {}  #: state
        self.carried: list[tuple[str, Any]] = []  #: state
        self.writes: dict[str, list[tuple[str, Any]]] = {}  #: state
        self.ended: dict[str, Ended] = {}
        self.edges: dict[Edge, str] = {}
        self.exits: dict[Edge, str] = {}  #: loops
        self.chosen: dict[str, bool] = {}
        self.gates = {unit.head: asyncio.Event() for unit in region.units}
        self.broken = False
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
        """Why a unit whose edges are resolved does not run; None if it runs."""
        states = [self.edges.get(edge) for edge in unit.incoming]
        states += ["taken"] if unit.head in self.region.entries else []
        if unit.join == "first" and "taken" in states:
            return None
        if "broken" in states:
            return "upstream_failed"
        enough = all(state == "taken" for state in states) if unit.join == "all" else "taken" in states
        return None if enough else "branch_not_taken"

    def taken(self, unit: Unit) -> dict[str, Any]:  #: taken
        """The outputs of the nodes whose edges to a unit were taken."""
        return {e.source: self.ended[e.source].output for e in unit.incoming if self.edges.get(e) == "taken"}

    def around(self) -> Iterator[Turn]:
        """This turn and those around it, the innermost first."""
        turn: Turn | None = self
        while turn is not None:
            yield turn
            turn = turn.parent

    def find(self, name: str, node: Node, own: Ended | None = None) -> Ended | None:
        """How another node ended, as `node` may see it."""
        if own is not None and name == node.id:
            return own
        if name in node.before:  #: loops
            return next((turn.previous[name] for turn in self.around() if name in turn.previous), None)
        return next((turn.ended[name] for turn in self.around() if name in turn.ended), None)

    def view(self) -> dict[str, Ended]:  #: loops
        """How each node ended last."""
        return {**self.previous, **self.ended}

    def next(self, base: dict[str, Any]) -> Turn:  #: loops
        """The next lap."""
        lap = Turn(self.run, self.region, self.parent)
        lap.lap = self.lap + 1
        lap.previous = self.view()
        lap.base, lap.carried = base, self.written()  #: state
        return lap

    def written(self, unit: Unit | None = None) -> list[tuple[str, Any]]:  #: state
        """What was written to the state, in topological order: by all, or by those before `unit`."""
        heads = [u.head for u in self.region.units if unit is None or u.head in unit.before]
        writes = [write for head in heads for write in self.writes.get(head, [])]
        return writes if unit is not None else [*self.carried, *writes]
