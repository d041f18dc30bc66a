"""Putting an exported program together."""

from collections.abc import Mapping
from typing import Any

from app.compiler.compiler import CompileError, WorkflowGraphCompiler
from app.compiler.document import Document, read_document
from app.compiler.export.bodies import Bodies
from app.compiler.export.layout import documented, literal, quoted, statement
from app.compiler.export.names import Names, identifier
from app.compiler.export.native import native_edges
from app.compiler.export.parts import Part, PartWriter
from app.compiler.export.pieces import reserved, support
from app.compiler.export.sources import ToolSources
from app.compiler.plan import Plan, make_plan
from app.compiler.program import NodeProgram, ProgramBuilder
from app.compiler.registry import Registry

Children = Mapping[tuple[str, int | None], dict[str, Any]]
_OWN = {
    "see",
    "flow",
    "builder",
    "build",
    "graph",
    "run",
    "begin",
    "end",
    "input",
    "outputs",
    "result",
    "state",
    "turn",
}
_OWN |= {"nodes", "answers", "app", "self", "INPUT_SCHEMA", "NODES"}
_PACKAGES = ("langgraph", "langchain", "minijinja", "httpx", "jsonschema")
_FLOW, _NATIVE = ("regions", "flow"), ("plain",)
_RULE = "# " + "-" * 78


def export_python(graph: dict[str, Any], registry: Registry, *, name: str, children: Children | None = None) -> str:
    """A graph as the source of a Python program that needs no Graphwright.

    `children` are the graphs of workflows that its nodes name, by workflow and version as the nodes say them. Raises
    CompileError for a graph with problems.
    """
    return _Program(registry, children or {}).source(graph, name)


class _Program:
    def __init__(self, registry: Registry, children: Children) -> None:
        self.registry = registry
        self.children = children
        self.names = Names(reserved() | _OWN)
        self.sources = ToolSources(self.names)
        self.bodies = Bodies(registry, self.sources, self._child)
        self.runners: dict[tuple[str, int | None], str] = {}
        self.waiting: list[tuple[str, str, dict[str, Any]]] = []

    def _child(self, config: Mapping[str, Any]) -> str | None:
        """The function that runs a child workflow, which is written later."""
        key = (str(config.get("workflow")), config.get("version"))
        graph = self.children.get(key)
        if graph is None:
            return None
        if key not in self.runners:
            prefix = identifier(key[0]) or "child"
            self.runners[key] = self.names.take(f"run_{prefix}", "run_child", "workflow")
            self.waiting.append((key[0], self.runners[key], graph))
        return self.runners[key]

    def source(self, graph: dict[str, Any], name: str) -> str:
        """The whole program."""
        document, plan, programs = checked(graph, self.registry)
        has_child = any(node.type in ("subworkflow", "map") for node in document.nodes) and self.children
        part = Part(name, plan, programs, None if has_child else native_edges(plan, programs))
        writer = PartWriter(part, self.bodies, self.names)
        sections = [*writer.node_functions(), *writer.graph_functions()]
        runs = [self._run(part, "run", "graph")]
        graphs = [f"graph = {writer.build}()"]
        while self.waiting:
            child_name, runner, child_graph = self.waiting.pop(0)
            _, child_plan, child_programs = checked(child_graph, self.registry)
            prefix = runner.removeprefix("run_") + "_"
            child = Part(child_name, child_plan, child_programs, None, prefix)
            writer = PartWriter(child, self.bodies, self.names)
            sections += [[f"# The workflow {quoted(child_name)}."], *writer.node_functions(), *writer.graph_functions()]
            runs.append(self._run(child, runner, f"{prefix}graph"))
            graphs.append(f"{prefix}graph = {writer.build}()")
        return self._joined(part, document, sections, graphs, runs)

    def _run(self, part: Part, function: str, graph: str) -> list[str]:
        """The function that runs a workflow once."""
        answers = "answers" in self.bodies.features or function != "run"
        extra = ", answers: dict[str, Any] | None = None" if answers else ""
        lines = [f"async def {function}(input: Any{extra}) -> Any:"]
        lines.append('    """The result of one run over an input; raises what made it fail."""')
        for schema in part.schemas():
            self.bodies.needs.add("check")
            lines += statement("schema = ", literal(schema))
            lines.append('    check(schema, input, "The input")')
        given = (
            '{"input": input, "answers": answers or {}}' if "answers" in self.bodies.features else '{"input": input}'
        )
        timeout = part.plan.document.settings.timeout
        if timeout is not None:
            self.bodies.needs.add("asyncio")
            lines += [
                f"    async with asyncio.timeout({timeout:g}):",
                f"        final = await {graph}.ainvoke({given})",
            ]
        else:
            lines.append(f"    final = await {graph}.ainvoke({given})")
        if part.native is None:
            return [*lines, '    return final["result"]']
        return [*lines, *self._native_result(part)]

    def _native_result(self, part: Part) -> list[str]:
        outputs = part.outputs()
        if len(outputs) == 1:
            return [f'    return final["outputs"].get({quoted(outputs[0])})']
        last = outputs or [node.id for n, node in enumerate(part.nodes) if not part.plan.outgoing[n]]
        if len(last) == 1:
            return [f'    return {{{quoted(last[0])}: final["outputs"][{quoted(last[0])}]}}']
        listed = statement("last = ", literal(list(last)))
        if outputs:
            return [*listed, '    return {name: final["outputs"].get(name) for name in last}']
        return [*listed, '    return {name: final["outputs"][name] for name in last if name in final["outputs"]}']

    def _joined(
        self, part: Part, document: Document, sections: list[list[str]], graphs: list[str], runs: list[list[str]]
    ) -> str:
        is_native = part.native is not None
        needs = {*self.bodies.needs, "Any", "See", "json", "sys", "asyncio"} | (set() if is_native else {"Flow"})
        filters = sorted(self.bodies.values.filters())
        features = self.bodies.features | ({"filters"} if filters else set())
        features |= {"methods"} if self.bodies.values.has_methods() else set()
        features |= {f"{name}_used" for name in self.bodies.values.names()}
        needs |= {"load_file"} if self.sources.files else set()
        needs |= {"without_graphwright"} if self.sources.lines() else set()
        replaced = {"NODES": "NODES = " + "\n".join(statement("", literal([n.id for n in part.nodes]), 0)).strip()}
        replaced |= _filters(filters)
        carried = support(needs, features, replaced, without=_FLOW if is_native else _NATIVE)
        body = "\n\n\n".join("\n".join(lines) for lines in sections)
        end = "\n\n\n".join("\n".join(lines) for lines in runs)
        tools = ["", "without_graphwright()", *self.sources.lines()] if self.sources.lines() else []
        return "\n".join(
            [
                *self._header(part, document, set(carried.imports.values())),
                "from __future__ import annotations",
                "",
                *_sorted_imports(carried.imports.values()),
                "",
                _RULE,
                "# The nodes, and the graph",
                _RULE,
                "",
                "",
                body,
                "",
                "",
                _RULE,
                "# Support: what the graph language means on top of LangGraph",
                _RULE,
                "",
                "",
                carried.source,
                "",
                *tools,
                "",
                *graphs,
                "",
                "",
                end,
                "",
                "",
                *_MAIN,
                "",
            ]
        )

    def _header(self, part: Part, document: Document, imports: set[str]) -> list[str]:
        packages = [p for p in _PACKAGES if any(line.split()[1].split(".")[0] == p for line in imports)]
        packages += sorted(self.bodies.packages)
        lines = [f"{part.name}.", ""]
        if document.description:
            lines += [*document.description.splitlines(), ""]
        lines += ["A LangGraph program, written from a stored workflow; it is yours to read and to change.", ""]
        lines += ["    python program.py '{\"n\": 1}'      runs it over an input and prints the result as JSON", ""]
        lines += [f"Install: pip install {' '.join(packages)}", "Import:  from program import graph, run"]
        secrets = any("secrets" in expression for expression in self.bodies.values.expressions)
        lines += ["", "Secrets come from the environment: GRAPHWRIGHT_SECRET_<NAME>."] if secrets else []
        lines += (
            ["", "Approvals ask on the terminal, unless run(…, answers={node id: value}) has the answer."]
            if "answers" in self.bodies.features
            else []
        )
        notes = [*self.sources.notes(), *self.bodies.notes]
        lines += ["", *notes] if notes else []
        text = "\n".join(documented(line).rstrip() for line in lines)
        return [f'"""{text}', '"""', ""]


_MAIN = (
    'if __name__ == "__main__":',
    "    given = json.loads(sys.argv[1]) if len(sys.argv) > 1 else None",
    "    print(json.dumps(asyncio.run(run(given)), ensure_ascii=False, indent=2))",
)


def checked(graph: dict[str, Any], registry: Registry) -> tuple[Document, Plan, list[NodeProgram]]:
    """A graph as the compiler sees it. Raises CompileError."""
    problems = WorkflowGraphCompiler(registry).inspect(graph).problems
    document = read_document(graph).document
    if problems or document is None:
        raise CompileError(problems)
    plan, _ = make_plan(document, {node.id: n for n, node in enumerate(document.nodes)})
    return document, plan, ProgramBuilder(document, plan, registry).build()


def _filters(names: list[str]) -> dict[str, str]:
    """The sources of the tables of filters: those that are used."""
    table = {
        "json_text": "json_text",
        "pluck": "pluck",
        "fromjson": "fromjson",
        "replace": "replace",
        "indent": "indent",
    }
    table["format"] = "printf"
    renamed = {}
    if "json_text" in names:
        renamed[r"\|\s*tojson\b"] = "|json_text"
        renamed[r"""\bmap\(\s*["']tojson["']"""] = "map('json_text'"
    if "pluck" in names:
        renamed[r"\bmap\(\s*attribute\s*="] = "pluck("
    own = ", ".join(f"{quoted(name)}: {table[name]}" for name in names)
    return {"FILTERS": f"FILTERS = {{{own}}}", "RENAMED": "\n".join(statement("RENAMED = ", literal(renamed), 0))}


def _sorted_imports(lines: Any) -> list[str]:
    """Import lines as a formatter sorts them: the standard library, then the rest, names of one module together."""
    plain = sorted({line for line in lines if line.startswith("import ")})
    renamed = sorted({line for line in lines if line.startswith("from ") and " as " in line})
    modules: dict[str, set[str]] = {}
    for line in lines:
        if line.startswith("from ") and line not in renamed:
            _, module, _, names = line.split(" ", 3)
            modules.setdefault(module, set()).add(names)
    froms = [f"from {module} import {', '.join(sorted(names, key=_case))}" for module, names in sorted(modules.items())]
    third = ("langgraph", "langchain", "langchain_core", "minijinja", "httpx", "jsonschema", "pydantic")
    groups = [[], []]  # type: list[list[str]]
    for line in [*plain, *sorted([*froms, *renamed], key=lambda line: line.split()[1])]:
        groups[line.split()[1].split(".")[0] in third].append(line)
    return [*groups[0], *([""] if groups[0] and groups[1] else []), *groups[1]]


def _case(name: str) -> tuple[int, str]:
    """Constants, then classes, then functions."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)
