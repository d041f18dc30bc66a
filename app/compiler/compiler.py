"""The compiler: a stored graph becomes a LangGraph program, by passes that stand on one screen.

    parse and normalise (document) → resolve (ids and ends) → plan (regions, loops) → program (types, templates,
    references) → emit (StateGraph)

Stored document, compiled workflow and a run's turns are three things; compiling touches no database, web or queue.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import Any

import orjson
from langgraph.graph.state import CompiledStateGraph
from pydantic import JsonValue

from app.compiler.collector import collector_paused
from app.compiler.document import Document, read_document
from app.compiler.emit import Emitter
from app.compiler.jsonschemas import misfits
from app.compiler.kept import depends_on_config_only
from app.compiler.outline import outline
from app.compiler.plan import Plan, make_plan
from app.compiler.program import NodeProgram, ProgramBuilder
from app.compiler.registry import Registry
from app.compiler.state import Reduction
from app.compiler.turns import Outcome, RunContext, Turn
from app.compiler.work import NodeWork
from app.errors import Problem, UnprocessableError

CACHED = 256


class CompileError(UnprocessableError):
    """The graph cannot be compiled; `problems` says everything that is wrong with it."""

    code = "invalid_graph"
    title = "The graph has problems"

    def __init__(self, problems: list[Problem]) -> None:
        count = len(problems)
        super().__init__(
            f"The graph has {count} problem{'s' if count > 1 else ''}: {problems[0].message}", problems=problems
        )


@dataclass(frozen=True, slots=True)
class Inspection:
    """What the compiler has to say about a document: `graph` is its normal form, there when nothing is wrong."""

    problems: list[Problem]
    graph: dict[str, Any] | None = None
    plan: dict[str, Any] | None = None
    content_hash: str | None = None


class CompiledWorkflow:
    """A graph ready to run: `graph` is the LangGraph program, shared by all runs of this content."""

    def __init__(
        self,
        document: Document,
        plan: Plan,
        works: list[NodeWork],
        graph: "CompiledStateGraph[Any, RunContext, Any, Any]",
        reduction: Reduction,
    ) -> None:
        self.document = document
        self.plan = plan
        self.graph = graph
        self.node_ids = tuple(node.id for node in document.nodes)
        self._works = works
        self._reduction = reduction
        self._index = {name: n for n, name in enumerate(self.node_ids)}

    def begin(self, context: RunContext) -> None:
        """Prepare a context for one execution of `graph`."""
        context.turns = {0: Turn(self.plan.root, None, base=dict(self._reduction.defaults))}
        context.counts = {}

    def check_input(self, value: JsonValue) -> list[Problem]:
        """Problems of a run's input, by the JSON Schemas of the input nodes."""
        problems: list[Problem] = []
        for node in self.document.nodes:
            schema = node.config.get("schema") if node.type == "input" else None
            if isinstance(schema, dict | bool):
                problems += [
                    Problem("invalid_input", f"/input_data{pointer}", message, node_id=node.id)
                    for pointer, message in misfits(schema, value)
                ]
        return problems

    def result(self, context: RunContext) -> JsonValue:
        """The run's result, once every node has ended: what the output nodes say, else the last completed nodes."""
        outcomes = self._outcomes(context)
        outputs = [n for n, node in enumerate(self.document.nodes) if node.type == "output"]
        if outputs:
            found: dict[str, JsonValue] = {self.node_ids[n]: _output(outcomes.get(n)) for n in outputs}
            return found[self.node_ids[outputs[0]]] if len(outputs) == 1 else found
        return {
            self.node_ids[n]: outcome.output
            for n, outcome in sorted(outcomes.items())
            if outcome.status == "COMPLETED" and "taken" not in (outcome.edges or {}).values()
        }

    def final_state(self, context: RunContext) -> dict[str, JsonValue] | None:
        """The shared state at the end of the run; None for a graph without state. Raises HardError."""
        if not self.document.state:
            return None
        turn = context.turns[0]
        return self._reduction.reduce(turn.base, turn.ended())

    def behind(self, *node_ids: str) -> set[str]:
        """The nodes and all nodes that depend on them, over back edges too."""
        seen = {self._index[name] for name in node_ids}
        todo = list(seen)
        while todo:
            for edge in self.plan.outgoing[todo.pop()]:
                target = self.plan.ends[edge][1]
                if target not in seen:
                    seen.add(target)
                    todo.append(target)
        return {self.node_ids[n] for n in seen}

    def loops(self) -> list[set[str]]:
        """The nodes of each outermost loop."""
        return [{self.node_ids[n] for n in unit.nodes} for unit in self.plan.root.units if unit.body is not None]

    def handles_failure(self, node_id: str) -> bool:
        """Whether an error edge begins at the node."""
        return any(edge.kind == "error" for edge in self._works[self._index[node_id]].program.edges)

    def replaces(self, key: str) -> bool:
        """Whether only the last of all writes to a key of the state counts."""
        return self._reduction.replaces(key)

    def depends_on_config_only(self, node_id: str) -> bool:
        """Whether the node gives the same whenever its config says the same, once its templates are filled in."""
        return depends_on_config_only(self._works[self._index[node_id]].program)

    def _outcomes(self, context: RunContext) -> dict[int, Outcome]:
        return context.turns[0].outcomes


class WorkflowGraphCompiler:
    """Compiles stored graphs, and keeps the newest programs by the hash of their content."""

    def __init__(self, registry: Registry) -> None:
        self.registry = registry
        self._cache: OrderedDict[str, CompiledWorkflow] = OrderedDict()

    def compile(self, graph: Any, *, content_hash: str | None = None) -> CompiledWorkflow:
        """The program of a graph; with its `content_hash` given, a known graph costs one look-up.

        Raises CompileError with every problem of the graph.
        """
        key = content_hash or _hash_of(graph)
        if key is not None and (known := self.known(key)):
            return known
        with collector_paused():
            compiled = self._compile(graph)
        if key is not None:
            self._cache[key] = compiled
            if len(self._cache) > CACHED:
                self._cache.popitem(last=False)
        return compiled

    def known(self, content_hash: str) -> CompiledWorkflow | None:
        """The program of a graph that was compiled a short while ago, for those who would have to load the graph."""
        found = self._cache.get(content_hash)
        if found is not None:
            self._cache.move_to_end(content_hash)
        return found

    def inspect(self, graph: Any) -> Inspection:
        """Everything that can be said about a graph without compiling it; never raises."""
        with collector_paused():
            document, plan, _, problems = self._check(graph)
            if problems or document is None or plan is None:
                return Inspection(problems)
            normal = document.as_json()
            return Inspection([], normal, outline(plan), _hash_of(normal))

    def _compile(self, graph: Any) -> CompiledWorkflow:
        document, plan, programs, problems = self._check(graph)
        if problems or document is None or plan is None:
            raise CompileError(problems)
        reduction = Reduction(document.state)
        names = [node.id for node in document.nodes]
        sources = [source for source, _ in plan.ends]
        works = [NodeWork(program, names, sources, reduction) for program in programs]
        return CompiledWorkflow(document, plan, works, Emitter(plan, works, reduction).emit(), reduction)

    def _check(self, graph: Any) -> tuple[Document | None, Plan | None, list[NodeProgram], list[Problem]]:
        read = read_document(graph)
        document = read.document
        if document is None:
            return None, None, [], read.problems
        linked, plan, problems = _planned(document)
        problems = read.problems + problems
        builder = ProgramBuilder(linked, plan, self.registry, planned=not problems)
        programs = builder.build()
        problems += _as_written(builder.problems, linked, document)
        return document, plan, programs, problems


def plan_of(graph: Any) -> Plan:
    """The plan of a graph, also where its types are unknown. Raises CompileError with every problem of its form."""
    read = read_document(graph)
    if read.document is None or read.problems:
        raise CompileError(read.problems)
    _, plan, problems = _planned(read.document)
    if problems:
        raise CompileError(problems)
    return plan


def _planned(document: Document) -> tuple[Document, Plan, list[Problem]]:
    """The document without edges to nowhere, its plan, and what is wrong with both."""
    problems, linked = _resolve(document)
    plan, planned = make_plan(linked, {node.id: n for n, node in reversed(list(enumerate(linked.nodes)))})
    return linked, plan, problems + _as_written(planned, linked, document)


def _as_written(problems: list[Problem], linked: Document, document: Document) -> list[Problem]:
    """The problems of the document without edges to nowhere, with the places that its edges have in the whole one."""
    if len(linked.edges) == len(document.edges):
        return problems
    places = {id(edge): e for e, edge in enumerate(document.edges)}
    written = [places[id(edge)] for edge in linked.edges]
    return [
        problem
        if problem.edge is None
        else replace(
            problem,
            edge=written[problem.edge],
            pointer=f"/edges/{written[problem.edge]}" + problem.pointer.removeprefix(f"/edges/{problem.edge}"),
        )
        for problem in problems
    ]


def _resolve(document: Document) -> tuple[list[Problem], Document]:
    """Duplicate ids and edges to nowhere; the document without such edges, so that the rest can be checked, too."""
    problems: list[Problem] = []
    seen: set[str] = set()
    for n, node in enumerate(document.nodes):
        if node.id in seen:
            message = f"Another node is called `{node.id}`, too; give each node an id of its own."
            problems.append(Problem("duplicate_node_id", f"/nodes/{n}/id", message, node_id=node.id))
        seen.add(node.id)
    if not document.nodes:
        problems.append(Problem("no_entry", "/nodes", "A graph needs at least one node; add one."))
    good = []
    for e, edge in enumerate(document.edges):
        for field, name in (("source", edge.source), ("target", edge.target)):
            if name not in seen:
                message = f"There is no node `{name}`; correct the id, or add the node."
                problems.append(Problem(f"unknown_{field}", f"/edges/{e}/{field}", message, edge=e))
        if edge.source in seen and edge.target in seen:
            good.append(edge)
    entry = document.entry
    if entry is not None and entry not in seen:
        problems.append(
            Problem("no_entry", "/entry", f"`entry` names no node of the graph: `{entry}`; name one, or leave it out.")
        )
        entry = None
    if len(good) == len(document.edges) and entry == document.entry:
        return problems, document
    return problems, document.model_copy(update={"edges": good, "entry": entry})


def _hash_of(graph: Any) -> str | None:
    try:
        text = orjson.dumps(graph, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return None
    return hashlib.blake2b(text, digest_size=16).hexdigest()


def _output(outcome: Outcome | None) -> JsonValue:
    return outcome.output if outcome is not None else None
