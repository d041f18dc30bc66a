"""Node programs: each node of a document checked against its type, its templates parsed, its references resolved.

Every problem of every node is found in one pass; a document without problems has a program for every node.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from pydantic import BaseModel, JsonValue, ValidationError

from app.compiler.document import Document, Edge, Node
from app.compiler.expressions import Condition, Reference, SyntaxProblems, Template, parse_condition, parse_template
from app.compiler.places import masked, place_in, selected
from app.compiler.plan import Plan
from app.compiler.registry import Inner, NodeType, Registry
from app.compiler.whereabouts import whereabouts
from app.errors import Problem, pointer_to

MAX_MAPS = 10
OF_ITEMS = frozenset({"item", "index"})
MAX_LOOKS = 1_000_000
SHOWN = 20
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


@dataclass(frozen=True, slots=True)
class OutEdge:
    """An outgoing edge with its condition ready to evaluate."""

    index: int
    kind: str
    condition: Condition | None = None
    branch: str | None = None


@dataclass(slots=True)
class NodeProgram:
    """Everything that one node needs at run time.

    `model` is the checked config when it holds no template; otherwise `template` is rendered and checked each time.
    `inner` is the program that a map runs for each of its items: in the map's scope, with `item` and `index` in it.
    """

    index: int
    node: Node
    type: NodeType
    template: Template
    model: BaseModel | None
    edges: tuple[OutEdge, ...]
    writes: Mapping[str, Template]
    before: ScopePlan
    after: ScopePlan
    conditions: Mapping[str, Condition] = field(default_factory=dict)
    inner: "NodeProgram | None" = None


@dataclass(frozen=True, slots=True)
class _Spot:
    """Where a node definition stands: the pointers of the definition and of its config, the number of maps around."""

    pointer: str
    config: str
    maps: int = 0


class ProgramBuilder:
    """Makes the programs of a document's nodes and collects what is wrong with them."""

    def __init__(self, document: Document, plan: Plan, registry: Registry, *, planned: bool = True) -> None:
        """`planned` says that the plan is sound; without it, nobody can say what is upstream."""
        self.planned = planned
        self.document = document
        self.plan = plan
        self.registry = registry
        self.problems: list[Problem] = []
        self._looks = 0
        self._branches: tuple[Node | None, dict[str, None] | None] = (None, None)
        self.ids = {node.id: n for n, node in enumerate(document.nodes)}

    def build(self) -> list[NodeProgram]:
        """The programs, in document order; incomplete when `problems` is not empty afterwards."""
        return [program for n, node in enumerate(self.document.nodes) if (program := self._program(n, node))]

    def _program(self, index: int, node: Node) -> NodeProgram | None:
        pointer = f"/nodes/{index}"
        node_type = self._type_of(node, pointer)
        if node_type is None:
            return None
        edges = tuple(self._edge(node, node_type, e) for e in self.plan.outgoing[index])
        writes = {
            key: parsed
            for key, value in node.writes.items()
            if (parsed := self._template(value, f"{pointer}/writes{pointer_to(key)}", node))
        }
        self._check_writes(node, pointer)
        program = self._work(index, node, node_type, _Spot(pointer, f"{pointer}/config"))
        if program is not None:
            program.edges, program.writes = edges, writes
            program.after = self._after(index, node, edges, writes)
        return program

    def _type_of(self, node: Node, pointer: str) -> NodeType | None:
        node_type = self.registry.node_type(node.type)
        if node_type is None:
            known = ", ".join(sorted(self.registry.node_types))
            message = f"There is no node type `{node.type}`; use one of: {known}."
            self._problem("unknown_node_type", f"{pointer}/type", message, node)
        return node_type

    def _work(self, index: int, node: Node, node_type: NodeType, spot: _Spot) -> NodeProgram | None:
        """The program of what a node does, without what follows from it."""
        templated = masked(node.config, (*node_type.expressions, *node_type.literal))
        template = self._template(templated, spot.config, node)
        conditions = self._conditions(node, node_type, spot.config)
        inner = self._inner(index, node, node_type, spot)
        if template is None:
            return None
        model = self._check_config(node, node_type, template, spot.config)
        shown = masked(node.config, node_type.literal)
        before = self.scope(
            index, [template, *conditions.values()], (spot.config, shown), own=False, in_map=spot.maps > 0
        )
        if inner is not None:
            before = _joined(before, inner.before)
        return NodeProgram(index, node, node_type, template, model, (), {}, before, _NOTHING, conditions, inner)

    def _inner(self, index: int, outer: Node, node_type: NodeType, spot: _Spot) -> NodeProgram | None:
        """The program that the node runs for each of its items, if its type has one."""
        found: Inner | None = node_type.inner(outer.config) if node_type.inner else None
        if found is None:
            return None
        if spot.maps == MAX_MAPS:
            message = f"Maps may be nested {MAX_MAPS} deep; move the inner ones into a workflow of their own."
            self._problem("invalid_config", spot.config + found.pointer, message, outer)
            return None
        try:
            node = Node.model_validate({"queue": outer.queue, **found.definition, "id": outer.id})
        except ValidationError:
            return None  # the outer config's model names what is wrong
        pointer = spot.config + found.pointer
        inner_type = self._type_of(node, pointer)
        if inner_type is None:
            return None
        return self._work(index, node, inner_type, _Spot(pointer, spot.config + found.config_pointer, spot.maps + 1))

    def _template(self, value: JsonValue, pointer: str, node: Node) -> Template | None:
        try:
            return parse_template(value)
        except SyntaxProblems as error:
            for inner, message in error.found:
                self._problem("invalid_template", pointer + inner, message, node)
            return None

    def _conditions(self, node: Node, node_type: NodeType, config: str) -> dict[str, Condition]:
        found: dict[str, Condition] = {}
        for path, text in selected(node.config, node_type.expressions):
            if not isinstance(text, str):
                continue
            try:
                found[text] = parse_condition(text)
            except SyntaxProblems as error:
                for _, message in error.found:
                    self._problem("invalid_condition", config + path, message, node)
        return found

    def _edge(self, node: Node, node_type: NodeType, index: int) -> OutEdge:
        edge = self.document.edges[index]
        if edge.on == "error":
            return OutEdge(index, "error")
        if edge.branch is not None:
            self._check_branch(node, node_type, edge, index)
            return OutEdge(index, "branch", branch=edge.branch)
        if edge.condition is None:
            return OutEdge(index, "always")
        if edge.condition.strip() == "else":
            return OutEdge(index, "else")
        try:
            return OutEdge(index, "condition", parse_condition(edge.condition))
        except SyntaxProblems as error:
            for _, message in error.found:
                self.problems.append(Problem("invalid_condition", f"/edges/{index}/condition", message, edge=index))
            return OutEdge(index, "dead")

    def _check_branch(self, node: Node, node_type: NodeType, edge: Edge, index: int) -> None:
        if self._branches[0] is not node:
            found = node_type.branches(node.config)
            self._branches = (node, None if found is None else dict.fromkeys(found))
        names = self._branches[1]
        if names is None:
            message = f"`{node.id}` is of type `{node.type}`, which has no branches; use a `condition` on the edge."
        elif edge.branch not in names:
            message = (
                f"`{node.id}` has no branch `{edge.branch}`; use one of: {', '.join([*names][:SHOWN]) or 'none yet'}."
            )
        else:
            return
        self.problems.append(Problem("unknown_branch", f"/edges/{index}/branch", message, edge=index))

    def _check_writes(self, node: Node, pointer: str) -> None:
        for key in node.writes:
            if key not in self.document.state:
                message = f"The graph declares no state `{key}`. Add it to `state`, or correct the name."
                self._problem("unknown_state_key", f"{pointer}/writes{pointer_to(key)}", message, node)

    def _check_config(self, node: Node, node_type: NodeType, template: Template, pointer: str) -> BaseModel | None:
        model: BaseModel | None = None
        shown = masked(node.config, node_type.literal)
        try:
            model = node_type.config.model_validate(node.config)
        except ValidationError as error:
            for detail in error.errors(include_url=False, include_context=False, include_input=False):
                missing = detail["type"] == "missing"
                place, _ = place_in(node.config, detail["loc"], missing=missing)
                _, value = place_in(shown, detail["loc"], missing=missing)
                if not (isinstance(value, str) and ("{{" in value or "{%" in value)):
                    message = f"`{detail['loc'][-1] if detail['loc'] else 'config'}`: {detail['msg']}."
                    self._problem("invalid_config", pointer + place, message, node)
        for place, message in node_type.check(node.config, self.registry) if node_type.check else ():
            self._problem("invalid_config", pointer + place, message, node)
        return model if template.is_constant else None

    def _after(self, index: int, node: Node, edges: Iterable[OutEdge], writes: Mapping[str, Template]) -> ScopePlan:
        pointer = f"/nodes/{index}"
        plans = [
            self.scope(index, [edge.condition], (f"/edges/{edge.index}/condition", None), own=True, edge=edge.index)
            for edge in edges
            if edge.condition is not None
        ]
        plans += [
            self.scope(index, [template], (f"{pointer}/writes{pointer_to(key)}", node.writes[key]), own=True)
            for key, template in writes.items()
        ]
        lookups = dict.fromkeys(lookup for plan in plans for lookup in plan.lookups)
        roots = frozenset(root for plan in plans for root in plan.roots)
        return ScopePlan(roots, tuple(lookups), any(plan.uses_nodes for plan in plans))

    def scope(
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
            return _NOTHING
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

    def _problem(self, code: str, pointer: str, message: str, node: Node) -> None:
        self.problems.append(Problem(code, pointer, message, node_id=node.id))


_NOTHING = ScopePlan(frozenset(), (), uses_nodes=False)


def _joined(outer: ScopePlan, inner: ScopePlan) -> ScopePlan:
    """What a map reads for itself and for its items, so that it is looked up once; items are the inner node's own."""
    return ScopePlan(
        outer.roots | (inner.roots - OF_ITEMS),
        tuple(dict.fromkeys((*outer.lookups, *inner.lookups))),
        outer.uses_nodes or inner.uses_nodes,
    )


class _Reader:
    """Collects what one place of one node reads."""

    def __init__(
        self,
        builder: ProgramBuilder,
        index: int,
        place: tuple[str, JsonValue],
        *,
        own: bool,
        edge: int | None,
        in_map: bool,
    ) -> None:
        self.builder = builder
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
            if root == "state" and reference.path and reference.path[0] not in self.builder.document.state:
                message = f"The graph declares no state `{reference.path[0]}`. Add it to `state`, or correct the name."
                self._refuse("unknown_state_key", reference, message)

    def _read_nodes(self, reference: Reference) -> None:
        if reference.node is not None:
            self._find(reference, reference.node, rooted=False)
            return
        if not self.builder.planned:
            return
        if not self.builder.may_look_everywhere():
            message = (
                "Too many nodes of this large graph read `nodes` by a computed key, which makes each of them read all "
                'that is upstream; name the nodes, as in `nodes["fetch"]`, or split the graph.'
            )
            self._refuse("too_large", reference, message)
            return
        for target in range(len(self.builder.document.nodes)):
            if lookup := self.builder.lookup(self.index, target, rooted=False, own=self.own):
                self.lookups.append(lookup)

    def _find(self, reference: Reference, name: str, *, rooted: bool) -> None:
        target = self.builder.ids.get(name)
        if target is None:
            message = (
                f"Nothing is called `{name}`, no node and no part of the scope; correct the name, or add the node."
            )
            self._refuse("unknown_reference", reference, message)
        if target is None or not self.builder.planned:
            return
        lookup = self.builder.lookup(self.index, target, rooted=rooted, own=self.own)
        if lookup is None:
            here = self.builder.document.nodes[self.index].id
            message = f"`{name}` is not upstream of `{here}`: it has not run when `{here}` does. Add a path of edges."
            self._refuse("reference_not_upstream", reference, message)
            return
        self.lookups.append(lookup)

    def _refuse(self, code: str, reference: Reference, message: str) -> None:
        node = None if self.edge is not None else self.builder.document.nodes[self.index].id
        if self.whereabouts is None:
            self.whereabouts = whereabouts(self.value)
        pointer = self.pointer + self.whereabouts.get(reference, "")
        self.builder.problems.append(Problem(code, pointer, message, node_id=node, edge=self.edge))
