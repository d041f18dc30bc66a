"""Node programs: each node of a document checked against its type, its templates parsed, its references resolved.

Every problem of every node is found in one pass; a document without problems has a program for every node.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel, JsonValue, ValidationError

from app.compiler.document import Document, Edge, Node
from app.compiler.expressions import Condition, SyntaxProblems, Template, parse_condition, parse_template
from app.compiler.places import masked, place_in, selected
from app.compiler.plan import Plan
from app.compiler.reads import NOTHING, ScopePlan, Scopes, joined
from app.compiler.registry import Inner, NodeType, Registry
from app.errors import Problem, pointer_to

MAX_MAPS = 10
SHOWN = 20


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
        self.document = document
        self.plan = plan
        self.registry = registry
        self.problems: list[Problem] = []
        self._branches: tuple[Node | None, dict[str, None] | None] = (None, None)
        self._scopes = Scopes(document, plan, self.problems, planned=planned)

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
        before = self._scopes.plan_of(
            index, [template, *conditions.values()], (spot.config, shown), own=False, in_map=spot.maps > 0
        )
        if inner is not None:
            before = joined(before, inner.before)
        return NodeProgram(index, node, node_type, template, model, (), {}, before, NOTHING, conditions, inner)

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
            self._scopes.plan_of(
                index, [edge.condition], (f"/edges/{edge.index}/condition", None), own=True, edge=edge.index
            )
            for edge in edges
            if edge.condition is not None
        ]
        plans += [
            self._scopes.plan_of(index, [template], (f"{pointer}/writes{pointer_to(key)}", node.writes[key]), own=True)
            for key, template in writes.items()
        ]
        lookups = dict.fromkeys(lookup for plan in plans for lookup in plan.lookups)
        roots = frozenset(root for plan in plans for root in plan.roots)
        return ScopePlan(roots, tuple(lookups), any(plan.uses_nodes for plan in plans))

    def _problem(self, code: str, pointer: str, message: str, node: Node) -> None:
        self.problems.append(Problem(code, pointer, message, node_id=node.id))
