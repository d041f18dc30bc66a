"""What of a run's results stays, and what runs again, when it goes on: from a node, or with a newer graph.

Pure: it compares two graphs and looks at the states of nodes, without their values.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from app.compiler import CompiledWorkflow
from app.compiler.kept import EVERY
from app.schemas.common import JsonObject

ONLY_SHOWN = ("name", "description", "position", "metadata")
DEFAULTS: Mapping[str, Any] = {"join": "any", "on_error": "fail", "queue": "default", "config": {}, "writes": {}}

Action = Literal["reuse", "run", "reuse_if_input_is_unchanged"]
Turn = tuple[str, int]

REASONS = {
    "completed": "It has completed.",
    "skipped": "It was left out by a branch.",
    "failure_handled": "It has failed, and an error edge has dealt with that.",
    "output_given": "Its output was given.",
    "failed": "It has failed.",
    "cancelled": "It was cancelled.",
    "skipped_behind_failure": "It was skipped behind a node that has failed.",
    "not_completed": "It had not ended.",
    "not_started": "It has not run yet.",
    "requested": "It is the node from which everything is to run again, or stands behind it.",
    "new": "It is new in this version.",
    "definition_changed": "Its definition has changed.",
    "edges_changed": "Its incoming edges have changed.",
    "state_changed": "The graph declares its state differently.",
    "behind_changed": "A node before it has changed.",
    "kept": "It has a result of an older version.",
}


@dataclass(frozen=True, slots=True)
class Step:
    """What will become of one turn of a node; `iteration` is None where it has had none."""

    node_id: str
    iteration: int | None
    action: Action
    code: str


@dataclass(slots=True)
class Restart:
    """What a run goes on with.

    The states of the nodes in `forgotten` go; of these, the results of the turns in `kept` are put aside, to be taken
    again if their input is the same. What was put aside before goes for the nodes in `dropped`. `steps` says all this
    for every node of the graph.
    """

    steps: list[Step] = field(default_factory=list)
    forgotten: set[str] = field(default_factory=set)
    dropped: set[str] = field(default_factory=set)
    kept: list[Turn] = field(default_factory=list)
    staying: list[Turn] = field(default_factory=list)


def changes(before: JsonObject, after: JsonObject) -> dict[str, str]:
    """The nodes of `after` that are not as they were, each with the code of a reason; not what stands behind them."""
    old, new = _definitions(before), _definitions(after)
    other_state = _state(before, new) != _state(after, old)
    found: dict[str, str] = {}
    for name, (definition, incoming) in new.items():
        if name not in old:
            found[name] = "new"
        elif old[name][0] != definition:
            found[name] = "definition_changed"
        elif old[name][1] != incoming:
            found[name] = "edges_changed"
        elif other_state:
            found[name] = "state_changed"
    return found


def moved_edges(before: JsonObject, after: JsonObject) -> dict[str, dict[str, str]]:
    """The new index of each outgoing edge by its old one, for nodes that have the same outgoing edges as before."""
    old, new = _outgoing(before), _outgoing(after)
    return {
        name: {old_index: new_index for (_, old_index), (_, new_index) in zip(edges, new.get(name, []), strict=True)}
        for name, edges in old.items()
        if [text for text, _ in edges] == [text for text, _ in new.get(name, [])]
    }


def plan_restart(
    rows: Iterable[Mapping[str, Any]],
    kept: Iterable[Turn],
    compiled: CompiledWorkflow,
    *,
    changed: Mapping[str, str],
    from_node: str | None = None,
    given: Collection[str] = (),
) -> Restart:
    """Decide about every node of the graph `compiled`.

    `rows` are the states of nodes so far (node_id, iteration, status, handled, has_error, has_input), `kept` the turns
    whose results were put aside before, `changed` the nodes that are not as they were, `given` those whose output is
    now given from outside.
    """
    planner = _Planner(rows, kept, compiled, changed, given)
    return planner.plan(from_node)


class _Planner:
    def __init__(
        self,
        rows: Iterable[Mapping[str, Any]],
        kept: Iterable[Turn],
        compiled: CompiledWorkflow,
        changed: Mapping[str, str],
        given: Collection[str],
    ) -> None:
        self.compiled = compiled
        self.changed = changed
        self.given = set(given)
        self.rows: dict[str, dict[int, Mapping[str, Any]]] = defaultdict(dict)
        for row in rows:
            self.rows[row["node_id"]][row["iteration"]] = row
        self.kept: dict[str, set[int]] = defaultdict(set)
        for name, iteration in kept:
            self.kept[name].add(iteration)
        self.requested: set[str] = set()
        self.restart = Restart()

    def _no_longer_handled(self) -> list[str]:
        """Nodes that failed, with an error edge to deal with that which the graph no longer has."""
        return [
            name
            for name in self.compiled.node_ids
            if name in self.rows
            and any(row["status"] == "FAILED" and row["handled"] for row in self.rows[name].values())
            and not self.compiled.handles_failure(name)
        ]

    def plan(self, from_node: str | None) -> Restart:
        if from_node is not None:
            self.requested = self.compiled.behind(from_node)
        gone = (self.rows.keys() | self.kept.keys()) - set(self.compiled.node_ids)
        rewritten = {name for name, code in self.changed.items() if code in ("new", "definition_changed")}
        disturbed = self.compiled.behind(*self.changed, *self.given, *self._no_longer_handled())
        self.restart.forgotten = self.requested | disturbed | gone
        self.restart.dropped = self.requested | rewritten | gone | self.given
        for name in self.compiled.node_ids:
            self.restart.steps += self._node(name)
        return self.restart

    def _node(self, name: str) -> list[Step]:
        forgotten, every = name in self.restart.forgotten, name in self.given
        kept = set() if name in self.restart.dropped else self.kept.get(name, set())
        every = every or EVERY in kept
        rows = self.rows.get(name, {})
        steps: list[Step] = []
        for iteration in sorted((rows.keys() | kept) - {EVERY}):
            row = rows.get(iteration)
            if row is not None and not forgotten and _stays(row):
                self.restart.staying.append((name, iteration))
                steps.append(Step(name, iteration, "reuse", _STAYING[row["status"]]))
            elif every:
                continue
            elif forgotten and row is not None and self._may_be_kept(name, row):
                self.restart.kept.append((name, iteration))
                steps.append(Step(name, iteration, "reuse_if_input_is_unchanged", self._cause(name)))
            elif iteration in kept:
                steps.append(Step(name, iteration, "reuse_if_input_is_unchanged", "kept"))
            else:
                steps.append(Step(name, iteration, "run", self._why(name, row)))
        if steps:
            return steps
        return [Step(name, None, "reuse", "output_given") if every else Step(name, None, "run", self._why(name, None))]

    def _may_be_kept(self, name: str, row: Mapping[str, Any]) -> bool:
        complete = row["status"] == "COMPLETED" and not row["has_error"] and row["has_input"]
        return complete and name not in self.restart.dropped and self.compiled.depends_on_config_only(name)

    def _cause(self, name: str) -> str:
        return "requested" if name in self.requested else self.changed.get(name, "behind_changed")

    def _why(self, name: str, row: Mapping[str, Any] | None) -> str:
        cause = self._cause(name)
        if cause in ("requested", "new", "definition_changed"):
            return cause
        if row is None:
            return "not_started"
        return cause if _stays(row) else _why_again(row)


_STAYING = {"COMPLETED": "completed", "SKIPPED": "skipped", "FAILED": "failure_handled"}


def _stays(row: Mapping[str, Any]) -> bool:
    return row["status"] == "COMPLETED" or (row["status"] in _STAYING and row["handled"])


def _why_again(row: Mapping[str, Any]) -> str:
    named = {"FAILED": "failed", "CANCELLED": "cancelled", "SKIPPED": "skipped_behind_failure"}
    return named.get(row["status"], "not_completed")


def summary(restart: Restart, compiled: CompiledWorkflow) -> dict[str, list[str]]:
    """The nodes that are reused in all their turns, those of which a turn runs, and those of which nobody knows yet.

    The nodes of a loop that goes on may have more turns, so nobody knows of those that have ended theirs so far.
    """
    actions: dict[str, Counter[str]] = defaultdict(Counter)
    given = {step.node_id for step in restart.steps if step.code == "output_given"}
    for step in restart.steps:
        actions[step.node_id][step.action] += 1
    found: dict[str, list[str]] = {"reused": [], "runs": [], "undecided": []}
    unsettled = {name for name, of in actions.items() if of["run"] or of["reuse_if_input_is_unchanged"]}
    for loop in compiled.loops():
        if not unsettled.isdisjoint(loop):
            unsettled |= loop - given
    for name, of in actions.items():
        if of["run"]:
            found["runs"].append(name)
        elif name in unsettled:
            found["undecided"].append(name)
        else:
            found["reused"].append(name)
    return found


def _definitions(graph: JsonObject) -> dict[str, tuple[str, list[str]]]:
    edges = graph.get("edges", [])
    conditions: dict[str, list[str]] = defaultdict(list)
    for edge in edges:
        if edge.get("condition") is not None:
            conditions[edge["source"]].append(edge["condition"].strip())
    incoming: dict[str, list[str]] = defaultdict(list)
    for edge in edges:
        # `else` means something else when another condition of its source does.
        others = sorted(conditions[edge["source"]]) if (edge.get("condition") or "").strip() == "else" else []
        incoming[edge["target"]].append(_text(edge) + json.dumps(others))
    entry = graph.get("entry")
    if entry in incoming:
        incoming[entry].append("entry")
    return {node["id"]: (_text(node), sorted(incoming[node["id"]])) for node in graph["nodes"]}


def _outgoing(graph: JsonObject) -> dict[str, list[tuple[str, str]]]:
    found: dict[str, list[tuple[str, str]]] = {node["id"]: [] for node in graph["nodes"]}
    for index, edge in enumerate(graph.get("edges", [])):
        found[edge["source"]].append((_text(edge), str(index)))
    return {name: sorted(edges) for name, edges in found.items()}


def _state(graph: JsonObject, others: Collection[str]) -> tuple[Any, list[str]]:
    """How the state is declared, and the order of the nodes, by which writes to it are put together."""
    state = graph.get("state") or {}
    return state, [node["id"] for node in graph["nodes"] if node["id"] in others] if state else []


def _text(part: Mapping[str, Any]) -> str:
    said = {
        name: value
        for name, value in part.items()
        if name not in ONLY_SHOWN and value is not None and value != DEFAULTS.get(name)
    }
    return json.dumps(said, sort_keys=True)
