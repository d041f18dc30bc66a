"""What the expressions of a node read, and where it stands: checked against the graph before any run."""

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from app.compiler.document import Document
from app.compiler.expressions import Condition, Reference, Template
from app.compiler.plan import Plan
from app.compiler.whereabouts import whereabouts
from app.errors import Problem

MAX_LOOKS = 1_000_000
OF_ITEMS = frozenset({"item", "index"})
RESERVED = OF_ITEMS | frozenset({"input", "nodes", "state", "run", "loop", "secrets", "output"})


@dataclass(frozen=True, slots=True)
class Lookup:
    """Where a node finds another one at run time: `hops` regions out, in this lap (`current`) or the one before."""

    node: int
    name: str
    hops: int
    current: bool
    rooted: bool


@dataclass(frozen=True, slots=True)
class ScopePlan:
    """What a set of expressions reads: top-level names, and other nodes."""

    roots: frozenset[str]
    lookups: tuple[Lookup, ...]
    uses_nodes: bool


NOTHING = ScopePlan(frozenset(), (), uses_nodes=False)


def joined(outer: ScopePlan, inner: ScopePlan) -> ScopePlan:
    """What a map reads for itself and for its items, so that it is looked up once; items are the inner node's own."""
    return ScopePlan(
        outer.roots | (inner.roots - OF_ITEMS),
        tuple(dict.fromkeys((*outer.lookups, *inner.lookups))),
        outer.uses_nodes or inner.uses_nodes,
    )


class Scopes:
    """Finds what places of a document's nodes read, and adds to `problems` what is not there to be read.

    `planned` says that the plan is sound; without it, nobody can say what is upstream.
    """

    def __init__(self, document: Document, plan: Plan, problems: list[Problem], *, planned: bool = True) -> None:
        self.document = document
        self.plan = plan
        self.problems = problems
        self.planned = planned
        self.ids = {node.id: n for n, node in enumerate(document.nodes)}
        self._looks = 0

    def plan_of(
        self,
        index: int,
        expressions: Sequence[Template | Condition],
        place: tuple[str, JsonValue],
        *,
        own: bool,
        edge: int | None = None,
        in_map: bool = False,
    ) -> ScopePlan:
        """Resolve what the expressions read; `own` says that the node's own new outcome is visible.

        `place` is the JSON pointer and the value where they stand.
        """
        references = {reference for expression in expressions for reference in expression.references}
        if not references:
            return NOTHING
        reader = _Reader(self, index, place, own=own, edge=edge, in_map=in_map)
        for reference in sorted(references, key=lambda r: (r.root, r.node or "", r.path)):
            reader.read(reference)
        return ScopePlan(frozenset(reader.roots), tuple(reader.lookups), reader.uses_nodes)

    def lookup(self, reader: int, target: int, *, rooted: bool, own: bool) -> Lookup | None:
        """How `reader` finds `target`; None when it is not upstream."""
        name = self.document.nodes[target].id
        if own and reader == target:
            return Lookup(target, name, 0, current=True, rooted=rooted)
        region, hops = self.plan.home[reader], 0
        while True:
            if target in region.unit_of:
                mine, theirs = region.unit_of[reader], region.unit_of[target]
                if mine.ancestors >> theirs.index & 1 and mine is not theirs:
                    return Lookup(target, name, hops, current=True, rooted=rooted)
                if region.header is not None:
                    return Lookup(target, name, hops, current=False, rooted=rooted)
            if region.parent is None:
                return None
            region, hops = region.parent, hops + 1

    def may_look_everywhere(self) -> bool:
        """Whether one more place may read all nodes; the places times the nodes are limited."""
        self._looks += len(self.document.nodes)
        return self._looks <= MAX_LOOKS


class _Reader:
    """Collects what one place of one node reads."""

    def __init__(
        self,
        scopes: "Scopes",
        index: int,
        place: tuple[str, JsonValue],
        *,
        own: bool,
        edge: int | None,
        in_map: bool,
    ) -> None:
        self.scopes = scopes
        self.index = index
        self.pointer, self.value = place
        self.own = own
        self.edge = edge
        self.in_map = in_map
        self.roots: set[str] = set()
        self.lookups: list[Lookup] = []
        self.uses_nodes = False
        self.whereabouts: dict[Reference, str] | None = None

    def read(self, reference: Reference) -> None:
        root = reference.root
        if root == "nodes":
            self.uses_nodes = True
            self._read_nodes(reference)
        elif root not in RESERVED:
            self._find(reference, root, rooted=True)
        elif root in OF_ITEMS and not self.in_map:
            self._refuse("unknown_reference", reference, f"`{root}` is there only inside a map.")
        elif root == "output" and not self.own:
            message = "`output` is a node's own output; it is there only in `writes` and in the node's edge conditions."
            self._refuse("unknown_reference", reference, message)
        elif root == "secrets" and self.own:
            self._refuse("unknown_reference", reference, "`secrets` are there only inside `config`.")
        else:
            self.roots.add(root)
            if root == "state" and reference.path and reference.path[0] not in self.scopes.document.state:
                message = f"The graph declares no state `{reference.path[0]}`. Add it to `state`, or correct the name."
                self._refuse("unknown_state_key", reference, message)

    def _read_nodes(self, reference: Reference) -> None:
        if reference.node is not None:
            self._find(reference, reference.node, rooted=False)
            return
        if not self.scopes.planned:
            return
        if not self.scopes.may_look_everywhere():
            message = (
                "Too many nodes of this large graph read `nodes` by a computed key, which makes each of them read all "
                'that is upstream; name the nodes, as in `nodes["fetch"]`, or split the graph.'
            )
            self._refuse("too_large", reference, message)
            return
        for target in range(len(self.scopes.document.nodes)):
            if lookup := self.scopes.lookup(self.index, target, rooted=False, own=self.own):
                self.lookups.append(lookup)

    def _find(self, reference: Reference, name: str, *, rooted: bool) -> None:
        target = self.scopes.ids.get(name)
        if target is None:
            message = (
                f"Nothing is called `{name}`, no node and no part of the scope; correct the name, or add the node."
            )
            self._refuse("unknown_reference", reference, message)
        if target is None or not self.scopes.planned:
            return
        lookup = self.scopes.lookup(self.index, target, rooted=rooted, own=self.own)
        if lookup is None:
            here = self.scopes.document.nodes[self.index].id
            message = f"`{name}` is not upstream of `{here}`: it has not run when `{here}` does. Add a path of edges."
            self._refuse("reference_not_upstream", reference, message)
            return
        self.lookups.append(lookup)

    def _refuse(self, code: str, reference: Reference, message: str) -> None:
        node = None if self.edge is not None else self.scopes.document.nodes[self.index].id
        if self.whereabouts is None:
            self.whereabouts = whereabouts(self.value)
        pointer = self.pointer + self.whereabouts.get(reference, "")
        self.scopes.problems.append(Problem(code, pointer, message, node_id=node, edge=self.edge))
