"""One workflow of an exported program: its nodes' functions, and how they are put together."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.compiler.document import Edge, Node
from app.compiler.export.bodies import Bodies, tries
from app.compiler.export.layout import Code, Group, call, documented, literal, printable, quoted, statement
from app.compiler.export.names import Names
from app.compiler.export.native import NativeEdges
from app.compiler.export.values import bare
from app.compiler.plan import Plan, Region
from app.compiler.program import NodeProgram


@dataclass
class Part:
    """A workflow to be written; `prefix` stands before the names of all its functions."""

    name: str
    plan: Plan
    programs: Sequence[NodeProgram]
    native: NativeEdges | None
    prefix: str = ""

    @property
    def nodes(self) -> Sequence[Node]:
        return self.plan.document.nodes

    def outputs(self) -> list[str]:
        """The ids of the output nodes."""
        return [node.id for node in self.nodes if node.type == "output"]

    def schemas(self) -> list[Any]:
        """The JSON Schemas that the run's input must fit."""
        return [
            n.config["schema"]
            for n in self.nodes
            if n.type == "input" and isinstance(n.config.get("schema"), dict | bool)
        ]


class PartWriter:
    """Writes a part; `functions` are the names of its nodes' functions, by index."""

    def __init__(self, part: Part, bodies: Bodies, names: Names) -> None:
        self.part = part
        self.bodies = bodies
        self.order = _order(part.plan.root)
        self.build = f"build_{part.prefix}".rstrip("_")
        self.functions: dict[int, str] = {}
        for n in self.order:
            node = part.nodes[n]
            fallback = node.name or f"{node.type}_{n + 1}"
            wanted = node.id if any(character.isalpha() for character in node.id) else ""
            self.functions[n] = names.take(part.prefix + wanted if wanted else "", part.prefix + fallback, "node")

    def node_functions(self) -> list[list[str]]:
        """The function of each node, in topological order."""
        self.bodies.edges, self.bodies.is_native = self.part.plan.document.edges, self.part.native is not None
        return [self._function(n) for n in self.order]

    def _function(self, n: int) -> list[str]:
        node = self.part.nodes[n]
        label = f": {node.name}" if node.name else ""
        lines = [
            f"async def {self.functions[n]}(see: See) -> Any:",
            *_docstring(f"Node {quoted(node.id)} ({node.type}){label}."),
        ]
        if node.description:
            lines += [f"    # {printable(line)}".rstrip() for line in node.description.splitlines()]
        return [*lines, *self.bodies.body(node)]

    def graph_functions(self) -> list[list[str]]:
        """The functions that build the graph."""
        if self.part.native is None:
            return [self._flow()]
        routers = [self._router(n, edges) for n, edges in sorted(self.part.native.choices.items())]
        return [*routers, self._native(self.part.native)]

    # --- dataflow

    def _flow(self) -> list[str]:
        document = self.part.plan.document
        options: dict[str, Code] = {}
        if document.settings.on_failure == "stop":
            options["stop_on_failure"] = "True"
            self.bodies.features.add("stop")
        if document.state:
            self.bodies.features.add("state")
            pairs = [
                (f"{quoted(key)}: ", Group("(", [("", quoted(entry.reducer)), ("", literal(entry.default))], ")"))
                for key, entry in document.state.items()
            ]
            options["state"] = Group("{", pairs, "}")
        lines = [
            f"def {self.build}() -> Any:",
            '    """The graph: nodes in topological order, and how they hang together."""',
        ]
        lines += statement("flow = ", call("Flow", **options))
        for n in self.order:
            lines += statement("", self._flow_node(n))
        lines += [line for edge in document.edges for line in statement("", self._flow_edge(edge))]
        for region in self.part.plan.regions[1:]:
            lines += statement("", self._flow_loop(region))
        return [*lines, *statement("return ", self._flow_end())]

    def _flow_node(self, n: int) -> Code:
        node, program = self.part.nodes[n], self.part.programs[n]
        options: dict[str, Code] = {}
        if node.join != "any":
            options["join"] = quoted(node.join)
            self.bodies.features.update(["first"] if node.join == "first" else [])
        options |= tries(node, self.bodies)
        if node.on_error != "fail":
            options["on_error"] = quoted(node.on_error)
            self.bodies.features.add("failures")
        if node.writes:
            writes: Any = self.bodies.values.value(dict(node.writes))
            options["writes"] = Group(f"lambda see: {writes.opening}", writes.items, writes.closing)
        before = dict.fromkeys(
            lookup.name for lookup in (*program.before.lookups, *program.after.lookups) if not lookup.current
        )
        if before and not _reads_by_key(program):
            options["before"] = _names(list(before))
        if _reads_by_key(program):
            self.bodies.features.add("nodes")
            options["nodes"] = _names([lookup.name for lookup in program.before.lookups if not lookup.rooted])
            options |= {"before": _names(list(before))} if before else {}
        return call("flow.node", quoted(node.id), self.functions[n], **options)

    def _flow_edge(self, edge: Edge) -> Code:
        options: dict[str, Code] = {}
        if edge.condition is not None:
            condition = bare(edge.condition)
            self.bodies.values.expressions.append(condition)
            options["when"] = quoted(condition)
        if edge.branch is not None:
            options["branch"] = quoted(edge.branch)
            self.bodies.features.add("branches")
        if edge.on is not None:
            options["on"] = quoted(edge.on)
            self.bodies.features.add("failures")
        return call("flow.edge", quoted(edge.source), quoted(edge.target), **options)

    def _flow_loop(self, region: Region) -> Code:
        assert region.header is not None  # noqa: S101  # every region but the first is a loop
        self.bodies.features.add("loops")
        header = self.part.nodes[region.header]
        limit = header.max_iterations or self.part.plan.document.settings.max_iterations
        inside = [n for n in self.order if n in region.unit_of and n != region.header]
        others = [quoted(self.part.nodes[n].id) for n in inside]
        return call("flow.loop", quoted(header.id), *others, max_iterations=str(limit))

    def _flow_end(self) -> Code:
        entry = self.part.plan.document.entry
        options: dict[str, Code] = {} if entry is None else {"entry": quoted(entry)}
        return call("flow.compile", *map(quoted, self.part.outputs()), **options)

    # --- native edges

    def _native(self, edges: NativeEdges) -> list[str]:
        functions, nodes = self.functions, self.part.nodes
        lines = [f"def {self.build}() -> Any:", '    """The graph."""', "    builder = StateGraph(State)"]
        for n in self.order:
            made = call("step", quoted(nodes[n].id), functions[n], **tries(nodes[n], self.bodies))
            lines += statement("", call("builder.add_node", quoted(functions[n]), made))
        always: dict[int, list[int]] = {}
        for source, target in edges.always:
            always.setdefault(target, []).append(source)
        chosen = {nodes_edge.target for way in edges.choices.values() for nodes_edge in way}
        for n in self.order:
            lines += [
                f"    builder.add_edge({quoted(functions[s])}, {quoted(functions[n])})" for s in always.get(n, [])
            ]
            if n in edges.joins:
                sources = literal([functions[s] for s in edges.joins[n]])
                lines += statement("", call("builder.add_edge", sources, quoted(functions[n])))
            elif n not in always and nodes[n].id not in chosen:
                lines.append(f"    builder.add_edge(START, {quoted(functions[n])})")
            if n in edges.choices:
                targets = literal(list(dict.fromkeys(self._target(edge) for edge in edges.choices[n])))
                lines += statement(
                    "", call("builder.add_conditional_edges", quoted(functions[n]), f"after_{functions[n]}", targets)
                )
            if not self.part.plan.outgoing[n]:
                lines.append(f"    builder.add_edge({quoted(functions[n])}, END)")
        self.bodies.needs.update(("StateGraph", "State", "START", "END", "step"))
        steps = len(nodes) + 5
        if steps <= 25:  # noqa: PLR2004  # what LangGraph allows by itself
            return [*lines, "    return builder.compile()"]
        return [*lines, f'    return builder.compile().with_config({{"recursion_limit": {steps}}})']

    def _target(self, edge: Edge) -> str:
        return self.functions[next(n for n, node in enumerate(self.part.nodes) if node.id == edge.target)]

    def _router(self, n: int, edges: Sequence[Edge]) -> list[str]:
        self.bodies.needs.add("see_of")
        node = self.part.nodes[n]
        lines = [
            f"def after_{self.functions[n]}(state: State) -> list[str]:",
            *_docstring(f"Where it goes on after {quoted(node.id)}."),
        ]
        lines.append(f"    see = see_of(state, {quoted(node.id)})")
        if edges[0].branch is not None:
            ways: dict[str, list[str]] = {}
            for edge in edges:
                ways.setdefault(str(edge.branch), []).append(self._target(edge))
            lines += statement("ways: dict[str, list[str]] = ", literal(ways))
            return [*lines, '    return ways.get(see("output.branch"), [])']
        yes = [edge for edge in edges if str(edge.condition).strip() != "else"]
        no = [self._target(edge) for edge in edges if edge not in yes]
        test = statement("if ", self.bodies.values.condition(str(yes[0].condition)))
        test[-1] += ":"
        return [
            *lines,
            *test,
            *statement("return ", literal([self._target(yes[0])]), 2),
            *statement("return ", literal(list(no))),
        ]


def _order(region: Region) -> list[int]:
    """The nodes of a region in topological order, those of a loop together."""
    found: list[int] = []
    for unit in region.units:
        found += [unit.head] if unit.body is None else _order(unit.body)
    return found


def _reads_by_key(program: NodeProgram) -> bool:
    sources = (
        program.template,
        *program.conditions.values(),
        *(e.condition for e in program.edges),
        *program.writes.values(),
    )
    return any(reference.dynamic for source in sources if source is not None for reference in source.references)


def _names(names: Sequence[str]) -> Code:
    if len(names) == 1:
        return f"({quoted(names[0])},)"
    return Group("(", [("", quoted(name)) for name in names], ")")


def _docstring(sentence: str) -> list[str]:
    return [f'    """{documented(sentence)}"""']
