"""What the expressions of a node see, and how its outgoing edges are decided by it."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import JsonValue

from app.compiler.expressions import Allowance
from app.compiler.program import NodeProgram
from app.compiler.reads import ScopePlan
from app.compiler.state import Reduction
from app.compiler.turns import EdgeState, Outcome, RunContext
from app.compiler.visits import Visit

_UNSEEN = {"output": None, "status": "PENDING", "error": None}
_MASK = "***"


class Scopes:
    """The scopes of one node."""

    def __init__(self, program: NodeProgram, reduction: Reduction) -> None:
        self._program = program
        self._reduction = reduction

    def scope(self, visit: Visit, plan: ScopePlan, own: Outcome | None = None) -> dict[str, Any]:
        """What expressions of this node see; `own` is its own new outcome."""
        if visit.base is not None:
            return {**visit.base, "item": visit.item, "index": visit.index}
        makers: dict[str, Callable[[], Any]] = {
            "input": lambda: visit.context.run.input,
            "run": lambda: _run_facts(visit.context),
            "loop": lambda: {"iteration": visit.turn.lap},
            "state": lambda: visit.turn.state_at(visit.unit, self._reduction),
            "secrets": lambda: dict(visit.context.secrets),
            "output": lambda: own.output if own else None,
            "item": lambda: visit.item,
            "index": lambda: visit.index,
        }
        scope: dict[str, Any] = {root: makers[root]() for root in plan.roots}
        nodes: dict[str, Any] = {}
        for lookup in plan.lookups:
            if own is not None and lookup.node == self._program.index and lookup.current:
                found: Outcome | None = own
            else:
                found = visit.turn.seen(lookup.node, lookup.hops, current=lookup.current)
            value = found.as_scope() if found else _UNSEEN
            if lookup.rooted:
                scope[lookup.name] = value
            else:
                nodes[lookup.name] = value
        if plan.uses_nodes:
            scope["nodes"] = nodes
        return scope

    def settle(self, visit: Visit, outcome: Outcome) -> None:
        """Evaluate the writes and the edges of a completed node; raises what they raise."""
        if not self._program.edges and not self._program.writes:
            outcome.edges = {}
            return
        scope = self.scope(visit, self._program.after, outcome)
        allowance = Allowance()
        if outcome.error is None:
            writes = self._program.writes.items()
            outcome.writes = [(key, template.render(scope, allowance)) for key, template in writes]
        outcome.edges = self._edges(outcome, scope, allowance)

    def edges_of(self, visit: Visit, outcome: Outcome) -> dict[int, EdgeState]:
        """How the outgoing edges of a completed node are resolved; raises ExpressionError."""
        return self._edges(outcome, self.scope(visit, self._program.after, outcome), Allowance())

    def _edges(self, outcome: Outcome, scope: Mapping[str, Any], allowance: Allowance) -> dict[int, EdgeState]:
        states: dict[int, EdgeState] = {}
        some = False
        for edge in self._program.edges:
            if edge.condition is not None:
                taken = edge.condition.evaluate(scope, allowance)
                some = some or taken
            elif edge.kind == "branch":
                taken = isinstance(outcome.output, dict) and outcome.output.get("branch") == edge.branch
            else:
                taken = edge.kind == "always"
            states[edge.index] = "taken" if taken else "dead"
        for edge in self._program.edges:
            if edge.kind == "else":
                states[edge.index] = "dead" if some else "taken"
        return states

    def failure_edges(self) -> tuple[dict[int, EdgeState], bool]:
        """How the edges of a failed node are resolved, and whether that handles the failure."""
        handled = any(edge.kind == "error" for edge in self._program.edges)
        if not handled:
            return self.all("broken"), False
        return {edge.index: "taken" if edge.kind == "error" else "dead" for edge in self._program.edges}, True

    def all(self, state: EdgeState) -> dict[int, EdgeState]:
        """All outgoing edges in one state."""
        return {edge.index: state for edge in self._program.edges}


def hidden(scope: Mapping[str, Any]) -> dict[str, Any]:
    """The scope for what is stored and shown: every secret masked."""
    return {**scope, "secrets": dict.fromkeys(scope["secrets"], _MASK)}


def _run_facts(context: RunContext) -> dict[str, JsonValue]:
    run = context.run
    return {"id": run.id, "project_id": run.project_id, "workflow_id": run.workflow_id, "attempt": run.attempt}
