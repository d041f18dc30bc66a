"""A reference interpreter of the graph language: synchronous, one node after another, simple before fast."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field, replace
from typing import Any

from tests.reference.expressions import ExpressionError, evaluate, render
from tests.reference.nodetypes import Answers, NodeFailedError, NodeTypes, no_answers
from tests.reference.structure import Edge, Region, Unit, read_edges, read_regions, starters

DEFAULT_MAX_ITERATIONS = 100
_RESERVED = ("input", "state", "loop", "nodes", "output", "run", "item", "index", "secrets")


@dataclass(frozen=True)
class NodeOutcome:
    """How one turn of a node ended; `reason` is branch_not_taken, upstream_failed or None.

    `edges` are its outgoing edges as it resolved them, by index; a loop that is broken breaks some of them later.
    """

    status: str  # COMPLETED, FAILED, SKIPPED; PENDING before the first turn; CANCELLED never happens here
    output: Any = None
    reason: str | None = None
    error: dict[str, str] | None = None
    edges: dict[int, str] = field(default_factory=dict)


@dataclass
class Outcome:
    """How a run ended; `nodes` is keyed by node id and running count of the node's turns, from 0."""

    status: str  # COMPLETED, FAILED
    reason: str | None  # node_failed, loop_limit_exceeded: the first in topological order
    reasons: frozenset[str]  # all that happened; which of them comes first in time is not defined
    nodes: dict[tuple[str, int], NodeOutcome]
    result: Any
    state: dict[str, Any]
    edges: dict[int, str]  # every edge, by its index, as it was resolved last


Write = tuple[str, Any]


@dataclass
class Frame:
    """One pass over a region: the run's only pass over the whole graph, or one lap of a loop."""

    region: Region
    parent: Frame | None
    lap: int | None
    before: dict[str, NodeOutcome]  # the outcome of every node when the lap began
    base: dict[str, Any]  # the state when the lap began
    writes: dict[str, list[Write]] = field(default_factory=dict)  # of each resolved unit, by its header


def interpret(graph: dict[str, Any], input_data: Any, answers: Answers = no_answers) -> Outcome:
    """Run `graph` over `input_data` and return how it ended; an invalid document raises whatever it provokes.

    `answers` says what is answered to an approval, by node id, turn and path of the item.
    """
    return Run(graph, input_data, answers).outcome()


class Run:
    """One run of a document; `walk` fixes the order in which a region is resolved, and nothing else depends on it."""

    def __init__(self, graph: dict[str, Any], input_data: Any, answers: Answers = no_answers) -> None:
        self.graph = graph
        self.input = input_data
        self.types = NodeTypes(input_data, answers)
        self.nodes = {node["id"]: node for node in graph["nodes"]}
        self.started = starters(graph)
        self.outgoing: dict[str, list[Edge]] = {name: [] for name in self.nodes}
        for edge in read_edges(graph):
            self.outgoing[edge.source].append(edge)
        self.edges: dict[int, str] = {}
        self.latest = dict.fromkeys(self.nodes, NodeOutcome("PENDING"))
        self.turns: dict[tuple[str, int], NodeOutcome] = {}
        self.count = dict.fromkeys(self.nodes, 0)
        self.reasons: list[str] = []

    def outcome(self) -> Outcome:
        declared = self.graph.get("state") or {}
        defaults = {key: deepcopy(entry.get("default")) for key, entry in declared.items()}
        frame = Frame(read_regions(self.graph), None, None, dict(self.latest), defaults)
        self.walk(frame, None)
        return Outcome(
            status="FAILED" if self.reasons else "COMPLETED",
            reason=self.reasons[0] if self.reasons else None,
            reasons=frozenset(self.reasons),
            nodes=self.turns,
            result=self._result(),
            state=self._reduced(frame, [unit.header for unit in frame.region.units]),
            edges=self.edges,
        )

    # --- regions, loops, joins

    def walk(self, frame: Frame, header: str | None) -> bool:
        """Resolve every unit of the region once; say whether a failure in it was handled by nobody."""
        broken = False
        for unit in frame.region.units:
            broken |= self.resolve(unit, frame, forced=unit.header == header)
        return broken

    def resolve(self, unit: Unit, frame: Frame, *, forced: bool) -> bool:
        """Run or skip one unit; say whether it failed and nobody handles it. A lap's header is forced to run."""
        verdict = None if forced else self._verdict(unit)
        frame.writes[unit.header] = []
        if verdict is not None:
            for name in unit.nodes:
                self._skip(name, verdict)
            return False
        return self._turn(unit.header, frame) if unit.body is None else self._loop(unit, unit.body, frame)

    def _verdict(self, unit: Unit) -> str | None:
        """Apply the join of the unit: None if it runs, else the reason for which it is skipped."""
        states = [self.edges[edge.index] for edge in unit.incoming]
        states += ["taken"] if unit.header in self.started else []
        join = self.nodes[unit.header].get("join", "any")
        if join == "first" and "taken" in states:
            return None
        if "broken" in states:
            return "upstream_failed"
        enough = all(s == "taken" for s in states) if join == "all" else "taken" in states
        return None if enough else "branch_not_taken"

    def _loop(self, unit: Unit, body: Region, outside: Frame) -> bool:
        """Run lap after lap; say whether the loop is broken."""
        base = self._state(unit.header, outside)
        settings = self.graph.get("settings") or {}
        limit = self.nodes[unit.header].get("max_iterations") or settings.get("max_iterations")
        lap = 0
        while True:
            frame = Frame(body, outside, lap, dict(self.latest), base)
            broken = self.walk(frame, unit.header)
            order = [inner.header for inner in body.units]
            outside.writes[unit.header] += [write for name in order for write in frame.writes[name]]
            base = self._reduced(frame, order)
            again = any(self.edges[edge.index] == "taken" for edge in unit.back)
            lap += 1
            if again and not broken and lap >= (limit or DEFAULT_MAX_ITERATIONS):
                self.reasons.append("loop_limit_exceeded")
                broken = True
            if broken:
                self._break(unit)
            if broken or not again:
                return broken

    def _break(self, unit: Unit) -> None:
        leaving = [edge for name in unit.nodes for edge in self.outgoing[name] if edge.target not in unit.nodes]
        for edge in leaving + unit.back:
            self.edges[edge.index] = "broken"

    # --- one node

    def _record(self, name: str, outcome: NodeOutcome) -> None:
        self.latest[name] = outcome
        self.turns[name, self.count[name]] = outcome
        self.count[name] += 1

    def _skip(self, name: str, reason: str) -> None:
        state = "broken" if reason == "upstream_failed" else "dead"
        edges = {edge.index: state for edge in self.outgoing[name]}
        self.edges |= edges
        self._record(name, NodeOutcome("SKIPPED", None, reason, edges=edges))

    def _turn(self, name: str, frame: Frame) -> bool:
        """Run a node, resolve its edges; say whether it failed and nobody handles it."""
        try:
            outcome = NodeOutcome("COMPLETED", self._work(name, frame))
            taken, writes = self._follow(name, outcome, frame)
        except NodeFailedError as failure:
            outcome = NodeOutcome("FAILED", error=failure.error)
            taken, writes = set(), []
            if self.nodes[name].get("on_error") == "continue":
                spared = NodeOutcome("COMPLETED", error=failure.error)
                try:
                    taken, writes = self._follow(name, spared, frame)
                    outcome = spared
                except NodeFailedError as again:
                    outcome = NodeOutcome("FAILED", error=again.error)
        errors = {edge.index for edge in self.outgoing[name] if edge.kind == "error"}
        unhandled = outcome.status == "FAILED" and not errors
        if outcome.status == "FAILED":
            taken = errors
        here = [edge.index for edge in self.outgoing[name]]
        edges = {n: "broken" if unhandled else "taken" if n in taken else "dead" for n in here}
        self.edges |= edges
        if unhandled:
            self.reasons.append("node_failed")
        frame.writes[name] = writes
        self._record(name, replace(outcome, edges=edges))
        return unhandled

    def _follow(self, name: str, outcome: NodeOutcome, frame: Frame) -> tuple[set[int], list[Write]]:
        """Return the edges that a COMPLETED turn takes, and what it writes to the state."""
        scope = self._scope(name, frame, outcome)
        try:
            yes = {e.index for e in self.outgoing[name] if e.kind == "condition" and evaluate(e.text, scope)}
            # A failure that is passed over has nothing to write.
            given = {} if outcome.error else self.nodes[name].get("writes") or {}
            writes = [(key, render(value, scope)) for key, value in given.items()]
        except ExpressionError as error:
            raise NodeFailedError("ExpressionError", str(error)) from error
        branch = outcome.output["branch"] if self.nodes[name]["type"] == "condition" and outcome.output else None
        taken = {e.index for e in self.outgoing[name] if e.kind == "plain" or (e.kind == "branch" and e.text == branch)}
        if not yes:
            taken |= {e.index for e in self.outgoing[name] if e.kind == "else"}
        return taken | yes, writes

    def _work(self, name: str, frame: Frame) -> Any:
        """Do what the node's type does and return its output."""
        edges = [edge for edges in self.outgoing.values() for edge in edges if edge.target == name]
        taken = [edge for edge in edges if self.edges.get(edge.index) == "taken"]
        arrived = {edge.source: self.latest[edge.source].output for edge in taken}
        scope = self._scope(name, frame, None)
        return self.types.work(self.nodes[name], scope, (name, self.count[name], ()), arrived)

    # --- what a node sees

    def _scope(self, name: str, frame: Frame, own: NodeOutcome | None) -> dict[str, Any]:
        """Return the names that templates see; `own` is the node's outcome, in its edge conditions and writes."""
        seen = {other: self._seen(other, name, frame) for other in self.nodes}
        if own is not None:
            seen[name] = own
        views = {
            other: {"output": outcome.output, "status": outcome.status, "error": outcome.error}
            for other, outcome in seen.items()
            if outcome is not None
        }
        scope: dict[str, Any] = {other: view for other, view in views.items() if other not in _RESERVED}
        scope |= {"input": self.input, "nodes": views, "state": self._state(name, frame)}
        if frame.lap is not None:
            scope["loop"] = {"iteration": frame.lap}
        if own is not None:
            scope["output"] = own.output
        return scope

    def _seen(self, other: str, reader: str, frame: Frame) -> NodeOutcome | None:
        """Return the outcome of `other` that `reader` sees, None if it is not upstream of it."""
        place: Frame | None = frame
        while place is not None and other not in place.region.home:
            place = place.parent
        if place is None:
            return None
        if place.region.home[other].header in place.region.home[reader].before:
            return self.latest[other]
        return None if place.lap is None else place.before[other]

    def _state(self, reader: str, frame: Frame) -> dict[str, Any]:
        """Return the state at `reader`: the lap's base and the writes of its ancestors in the lap."""
        before = frame.region.home[reader].before
        return self._reduced(frame, [unit.header for unit in frame.region.units if unit.header in before])

    def _reduced(self, frame: Frame, order: list[str]) -> dict[str, Any]:
        state = deepcopy(frame.base)
        for key, value in (write for name in order for write in frame.writes.get(name, [])):
            state[key] = _reduce(self.graph["state"][key].get("reducer", "replace"), state[key], deepcopy(value))
        return state

    def _result(self) -> Any:
        """Apply rule 9 to the last outcomes; an output node that did not complete gives null."""
        outputs = [name for name, node in self.nodes.items() if node["type"] == "output"]
        if len(outputs) == 1:
            return self.latest[outputs[0]].output
        if outputs:
            return {name: self.latest[name].output for name in outputs}
        ends = [
            name
            for name, outcome in self.latest.items()
            if outcome.status == "COMPLETED" and not any(self.edges[e.index] == "taken" for e in self.outgoing[name])
        ]
        return {name: self.latest[name].output for name in ends}


def _reduce(reducer: str, old: Any, new: Any) -> Any:
    if reducer == "add":
        return old + new
    if reducer == "append":
        return [*old, new]
    return {**old, **new} if reducer == "merge" else new
