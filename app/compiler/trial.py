"""An expression tried at a place of a graph: what it reads there, and which of a run's writes count for it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, zip_longest

from pydantic import JsonValue

from app.compiler.expressions import (
    Allowance,
    Condition,
    ExpressionError,
    Scope,
    SyntaxProblems,
    Template,
    parse_condition,
    parse_template,
)
from app.compiler.plan import Plan, Region
from app.compiler.reads import NOTHING, RESERVED, Lookup, ScopePlan, Scopes
from app.compiler.state import Reduction, Write
from app.errors import Problem, pointer_to

Turns = Iterable[tuple[str, Sequence[int], Sequence[Write]]]
"""The turns of nodes that have written: node id, the laps around it, what it wrote."""


@dataclass(frozen=True, slots=True)
class Standpoint:
    """Where an expression stands: at a node, in its config or behind its work (`own`), inside of a map (`in_map`)."""

    node: int
    own: bool = False
    in_map: bool = False


@dataclass(frozen=True, slots=True)
class Trial:
    """A template or an expression that could be read, and what it reads; `problems` says why it cannot be tried."""

    program: Template | Condition | None
    reads: ScopePlan
    problems: list[Problem]

    @property
    def secrets(self) -> list[str]:
        """The names of the secrets that it reads."""
        references = self.program.references if self.program else ()
        return [reference.path[0] for reference in references if reference.root == "secrets" and reference.path]

    def value(self, scope: Scope) -> JsonValue:
        """What it gives. Raises ExpressionError."""
        assert self.program is not None  # noqa: S101  # those with problems are not tried
        found: JsonValue = (
            self.program.render(scope) if isinstance(self.program, Template) else self.program.value(scope)
        )
        return found


def read_trial(
    value: JsonValue, *, bare: bool, plan: Plan | None, names: Sequence[str], at: Standpoint | None
) -> Trial:
    """Read a template, or with `bare` an expression.

    With a plan and a standpoint it may read what a node may read there; without one, all nodes in `names`.
    """
    try:
        program = parse_condition(str(value)) if bare else parse_template(value)
    except SyntaxProblems as error:
        code = "invalid_condition" if bare else "invalid_template"
        return Trial(None, NOTHING, [Problem(code, pointer, message) for pointer, message in error.found])
    if plan is None or at is None:
        return Trial(program, *_everywhere(program, names))
    problems: list[Problem] = []
    reads = Scopes(plan.document, plan, problems).plan_of(at.node, [program], ("", value), own=at.own, in_map=at.in_map)
    return Trial(program, reads, problems)


def _everywhere(program: Template | Condition, names: Sequence[str]) -> tuple[ScopePlan, list[Problem]]:
    """What is read where nobody can say what is upstream: any node."""
    known = {name: index for index, name in enumerate(names)}
    problems: list[Problem] = []
    lookups: list[Lookup] = []
    roots: set[str] = set()
    uses_nodes = False
    for reference in sorted(program.references, key=lambda r: (r.root, r.node or "", r.path)):
        by_key = reference.root == "nodes"
        uses_nodes = uses_nodes or by_key
        name = reference.node if by_key else reference.root
        if not by_key and name in RESERVED:
            roots.add(reference.root)
        elif name is None:
            lookups += [Lookup(index, other, 0, current=True, rooted=False) for other, index in known.items()]
        elif name in known:
            lookups.append(Lookup(known[name], name, 0, current=True, rooted=not by_key))
        else:
            message = f"Nothing is called `{name}`, no node and no part of the scope; correct the name."
            problems.append(Problem("unknown_reference", "", message))
    return ScopePlan(frozenset(roots), tuple(lookups), uses_nodes), problems


def place_of_failure(value: JsonValue, scope: Scope) -> str:
    """The JSON pointer of the first string in a value that cannot be rendered."""
    todo: list[tuple[JsonValue, str]] = [(value, "")]
    allowance = Allowance()
    while todo:
        item, pointer = todo.pop()
        if isinstance(item, dict):
            todo += [(inner, pointer + pointer_to(key)) for key, inner in reversed(item.items())]
        elif isinstance(item, list):
            todo += [(inner, f"{pointer}/{n}") for n, inner in reversed(list(enumerate(item)))]
        elif isinstance(item, str):
            try:
                parse_template(item).render(scope, allowance)
            except ExpressionError:
                return pointer
    return ""


def state_at(plan: Plan, node: int | None, path: Sequence[int], turns: Turns) -> dict[str, JsonValue]:
    """The shared state as a node sees it in the laps of `path`: what its ancestors have written; without a node, all.

    Raises HardError where a write does not fit its key.
    """
    reduction = Reduction(plan.document.state)
    index = {one.id: n for n, one in enumerate(plan.document.nodes)}
    mine = None if node is None else _order(plan, node, path) or _order(plan, node, [0] * plan.home[node].depth)
    found: list[tuple[tuple[int, ...], list[Write]]] = []
    for name, laps, writes in turns:
        order = _order(plan, index[name], laps) if name in index else None
        if order is None or (mine is not None and node is not None and not _is_before(plan, node, order, mine)):
            continue
        found.append((order, [(key, value) for key, value in writes if key in reduction.defaults]))
    found.sort(key=lambda one: one[0])
    return reduction.reduce(reduction.defaults, chain.from_iterable(writes for _, writes in found))


def seen_at(
    plan: Plan, node: int, path: Sequence[int], turns: Iterable[tuple[str, int, Sequence[int]]]
) -> dict[str, int]:
    """Of each node the last turn before the one that a node has in the laps of `path`, by its iteration.

    `turns` are those of all nodes: node id, iteration, the laps around it.
    """
    index = {one.id: n for n, one in enumerate(plan.document.nodes)}
    mine = _order(plan, node, path)
    latest: dict[str, tuple[tuple[int, ...], int]] = {}
    for name, iteration, laps in turns:
        order = _order(plan, index[name], laps) if name in index else None
        if order is None or mine is None or not _is_before(plan, node, order, mine):
            continue
        latest[name] = max(latest.get(name, (order, iteration)), (order, iteration))
    return {name: iteration for name, (_, iteration) in latest.items()}


def _regions(plan: Plan, node: int) -> list[Region]:
    """The regions around a node, the outermost first."""
    found = [plan.home[node]]
    while found[0].parent is not None:
        found.insert(0, found[0].parent)
    return found


def _order(plan: Plan, node: int, laps: Sequence[int]) -> tuple[int, ...] | None:
    """Where a turn stands in the order of all: its unit, the lap, the unit in there; None for laps that cannot be."""
    regions = _regions(plan, node)
    if len(laps) != len(regions) - 1:
        return None
    units = [region.unit_of[node].index for region in regions]
    return tuple(step for pair in zip_longest(units, laps) for step in pair if step is not None)


def _is_before(plan: Plan, node: int, theirs: Sequence[int], mine: Sequence[int]) -> bool:
    """Whether a turn is among the ancestors of the one that stands at `mine`."""
    for level, region in enumerate(_regions(plan, node)):
        at = 2 * level
        if theirs[at] != mine[at]:
            return bool(region.units[mine[at]].ancestors >> theirs[at] & 1)
        if len(theirs) == at + 1 or len(mine) == at + 1:
            return False
        if theirs[at + 1] != mine[at + 1]:
            return theirs[at + 1] < mine[at + 1]
    return False


def spelled_scope(
    reads: ScopePlan, roots: Mapping[str, JsonValue], nodes: Mapping[str, JsonValue]
) -> dict[str, JsonValue]:
    """The scope that holds what is read: the roots, and the nodes by their names."""
    unseen: JsonValue = {"output": None, "status": "PENDING", "error": None}
    scope: dict[str, JsonValue] = {root: roots.get(root) for root in reads.roots}
    scope |= {lookup.name: nodes.get(lookup.name, unseen) for lookup in reads.lookups if lookup.rooted}
    if reads.uses_nodes:
        scope["nodes"] = {lookup.name: nodes.get(lookup.name, unseen) for lookup in reads.lookups if not lookup.rooted}
    return scope
