"""Dataflow: how the edges of a region are resolved, who may start, and what a node can see.

A `Turn` is one pass over one region: the whole graph, or one lap of a loop. Each unit waits at its own gate until its
incoming edges are resolved (`join: first`: until one is taken); resolving a unit opens the gates behind it. Nothing
here is timed: what a node sees depends on its ancestors only.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from pydantic import JsonValue

from app.compiler.artifacts import Artifacts
from app.compiler.calls import NodeCalls
from app.compiler.context import RunInfo
from app.compiler.items import ItemLog, ItemState, Results
from app.compiler.plan import START, Region, Unit
from app.compiler.resources import Resources
from app.compiler.state import Carried, Reduction, Write
from app.compiler.waiting import ChildRuns, Path, Place, Waits

EdgeState = Literal["taken", "dead", "broken", "parked"]
Status = Literal["COMPLETED", "FAILED", "SKIPPED", "WAITING"]

SKIP_REASONS = {
    "branch_not_taken": "No edge to this node was taken.",
    "upstream_failed": "A node that this one depends on has failed.",
}


@dataclass(frozen=True, slots=True)
class Before:
    """When a result came about that is taken again, and how far its node said that it had come."""

    started_at: datetime | None = None
    finished_at: datetime | None = None
    progress: JsonValue = None


@dataclass(slots=True)
class Outcome:
    """How one turn of one node ended; `edges` by the edge's index in the document.

    `handled` is False where a retry has to run the node again: an unhandled failure, and what was skipped behind it.
    `before` is there where the outcome is that of an earlier execution.
    """

    status: Status
    output: JsonValue = None
    error: dict[str, Any] | None = None
    reason: dict[str, Any] | None = None
    edges: dict[int, EdgeState] | None = None
    writes: list[Write] = field(default_factory=list)
    handled: bool = True
    attempt: int = 1
    wake_at: datetime | None = None
    input: JsonValue = None
    before: Before | None = None

    def as_scope(self) -> dict[str, Any]:
        return {"output": self.output, "status": self.status, "error": self.error}


@dataclass(frozen=True, slots=True)
class Debug:
    """Where a run stops before a node begins: everywhere (`step`), or at `nodes`."""

    step: bool = False
    nodes: frozenset[str] = frozenset()

    def stops_at(self, node_id: str) -> bool:
        return self.step or node_id in self.nodes


@dataclass(frozen=True, slots=True)
class Passed:
    """The laps of a loop that ended in earlier executions, the next one being `lap`: what they have left.

    `previous` holds the newest outcomes of the loop's nodes and `counts` the turns they have had, both by index;
    `writes` are in the order in which the laps made them.
    """

    lap: int
    previous: Mapping[int, Outcome]
    counts: Mapping[int, int]
    writes: Sequence[Write] = ()


@dataclass(slots=True)
class RunContext:
    """One execution of one run: LangGraph's `context`, shared by all its units.

    `known` holds what earlier executions have completed, by node id and iteration, and `items` the items of maps by
    place; `passed` the laps that need not be gone through again, by the number of the loop's region and the laps around
    it; `item_log` takes down where items stand now; `attempts` how often a node that has to run again was tried
    before; `begun` when the nodes that waited had begun; `kept` what nodes gave on an older version of the graph, or
    are to give. `calls` are made for nodes that other workers run; without it all run here. `artifacts` takes files.
    `parks` are the outcomes of those that wait. `assure` returns once it is certain that the run still is this
    execution's own; awaited before each attempt of a node.
    """

    run: RunInfo
    resources: Resources
    known: Mapping[tuple[str, int], Outcome] = field(default_factory=dict)
    items: dict[Place, ItemState] = field(default_factory=dict)
    passed: Mapping[tuple[int, Path], Passed] = field(default_factory=dict)
    item_log: ItemLog | None = None
    kept: Mapping[tuple[str, int], Outcome] = field(default_factory=dict)
    attempts: Mapping[tuple[str, int], int] = field(default_factory=dict)
    begun: dict[Place, datetime] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    waits: Waits = field(default_factory=Waits)
    children: ChildRuns | None = None
    calls: NodeCalls | None = None
    artifacts: Artifacts | None = None
    debug: Debug | None = None
    turns: dict[int, "Turn"] = field(default_factory=dict)
    ended: dict[int, list["Turn"]] = field(default_factory=dict)
    counts: dict[int, int] = field(default_factory=dict)
    failure: tuple[str, dict[str, Any]] | None = None
    limit: str | None = None
    parks: list[Outcome] = field(default_factory=list)
    results: dict[Place, Results] = field(default_factory=dict)
    assure: Callable[[], Awaitable[None]] | None = None

    def fail(self, node_id: str, error: dict[str, Any]) -> None:
        """Take down an unhandled failure: the first one stands for the run, or the first that will not pass."""
        if self.failure is None or (self.failure[1].get("retryable") and not error.get("retryable")):
            self.failure = (node_id, error)


class Turn:
    """One pass over one region. `path` names the laps around it, the outermost first."""

    __slots__ = (
        "base",
        "broken",
        "carried",
        "edges",
        "exits",
        "gates",
        "lap",
        "left",
        "outcomes",
        "parent",
        "parked",
        "path",
        "previous",
        "region",
        "writes",
    )

    def __init__(
        self,
        region: Region,
        parent: "Turn | None",
        *,
        lap: int = 0,
        base: dict[str, JsonValue] | None = None,
        previous: Mapping[int, Outcome] | None = None,
        carried: Carried | None = None,
    ) -> None:
        self.region = region
        self.parent = parent
        self.lap = lap
        self.path: list[int] = [] if parent is None else [*parent.path, lap]
        self.base: dict[str, JsonValue] = base or {}
        self.previous: Mapping[int, Outcome] = previous or {}
        self.carried = carried
        self.outcomes: dict[int, Outcome] = {}
        self.edges: dict[int, EdgeState] = {START: "taken"}
        self.exits: dict[int, EdgeState] = {}
        self.writes: dict[int, list[Write]] = {}
        self.left = [sum(edge != START for edge in unit.incoming) for unit in region.units]
        self.gates: dict[int, asyncio.Future[None]] = {}
        self.broken = False
        self.parked = False

    async def wait(self, unit: Unit, *, first: bool) -> None:
        """Return when the unit's incoming edges are resolved, or for `first` when one of them is taken."""
        if self.left[unit.index] and not (first and self._taken(unit)):
            gate = self.gates[unit.index] = asyncio.get_running_loop().create_future()
            while not gate.done():
                await gate

    def verdict(self, unit: Unit, join: str) -> str | None:
        """None when the unit is to run, else the code of the reason why it is skipped or `parked`."""
        states = [self.edges.get(edge) for edge in unit.incoming]
        if join == "first" and "taken" in states:
            return None
        if "parked" in states:
            return "parked"
        if "broken" in states:
            return "upstream_failed"
        if join == "all":
            return None if all(state == "taken" for state in states) else "branch_not_taken"
        return None if "taken" in states else "branch_not_taken"

    def resolve(self, edges: Mapping[int, EdgeState], joins: Sequence[str]) -> None:
        """Resolve edges whose source has ended; opens the gates of units that become ready.

        `joins` tells the join of each of the document's nodes, by index.
        """
        for edge, state in edges.items():
            target = self.region.target_of.get(edge)
            if target is None:
                self.exits[edge] = state
                continue
            self.edges[edge] = state
            self.left[target.index] -= 1
            gate = self.gates.get(target.index)
            early = state == "taken" and joins[target.head] == "first"
            if gate is not None and not gate.done() and (early or not self.left[target.index]):
                gate.set_result(None)

    def seen(self, node: int, hops: int, *, current: bool) -> Outcome | None:
        """The outcome of a node as it is seen from here: `hops` regions out, of this lap or of the one before."""
        turn = self
        for _ in range(hops):
            assert turn.parent is not None  # noqa: S101  # hops come from the plan
            turn = turn.parent
        return turn.outcomes.get(node) if current else turn.previous.get(node)

    def state_at(self, unit: Unit, reduction: Reduction) -> dict[str, JsonValue]:
        """The shared state as the unit's ancestors left it."""
        return reduction.reduce(self.base, self._writes_of(unit.ancestors))

    def ended(self) -> list[Write]:
        """Everything written in this pass, in topological order, after what earlier laps wrote."""
        return [*(self.carried or ()), *self._writes_of(-1)]

    def view(self) -> dict[int, Outcome]:
        """The newest outcome of every node of the region."""
        return {**self.previous, **self.outcomes}

    def next_lap(self, reduction: Reduction) -> "Turn":
        """The turn of the next lap of the same loop. What was carried here goes along: this turn has ended."""
        return self._lap(self.lap + 1, self.view(), self._writes_of(-1), reduction)

    def behind(self, passed: Passed, reduction: Reduction) -> "Turn":
        """The turn of the first lap that is to be gone through, this one being the first of all."""
        return self._lap(passed.lap, {**self.previous, **passed.previous}, passed.writes, reduction)

    def _lap(self, lap: int, previous: Mapping[int, Outcome], written: Sequence[Write], reduction: Reduction) -> "Turn":
        base = reduction.reduce(self.base, written)
        carried = self.carried or Carried(reduction)
        carried.add(written)
        return Turn(self.region, self.parent, lap=lap, base=base, previous=previous, carried=carried)

    def _taken(self, unit: Unit) -> bool:
        return any(self.edges.get(edge) == "taken" for edge in unit.incoming)

    def _writes_of(self, ancestors: int) -> list[Write]:
        if not self.writes:
            return []
        return [write for index in sorted(self.writes) if ancestors >> index & 1 for write in self.writes[index]]
