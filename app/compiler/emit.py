"""Emit: a plan's regions as LangGraph StateGraphs.

Every unit of a region is triggered by START, all in one superstep; it waits for its edges by itself. So nothing waits
for a barrier. In all but small regions several nodes share a task of LangGraph. A loop is a unit whose body is a nested
StateGraph: all units join to a closing node, whose conditional edge leads to all of them again, or to the end.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Any, Literal, TypedDict

from langchain_core.runnables import Runnable, RunnableConfig
from langgraph._internal._constants import CONFIG_KEY_RUNTIME
from langgraph._internal._runnable import RunnableCallable
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime

from app.compiler.plan import Plan, Region, Unit
from app.compiler.state import Reduction
from app.compiler.stored import output_in_state
from app.compiler.turns import EdgeState, Outcome, RunContext, Turn
from app.compiler.visits import Visit
from app.compiler.work import NodeWork

CLOSE = "~close"
FEW = 4
SHARD = 16
"""A task of LangGraph costs more than most nodes, and it looks at all tasks of a superstep whenever one ends. So in a
region of more than FEW nodes SHARD of them share a task; what each node has done is kept node by node all the same.
"""
ROOT = "~graphwright"
"""The name of the whole graph in `astream_events`."""
RESERVED_IN_NAMES = (":", "|")

Update = dict[str, Any]
UnitFunction = Callable[[Any, RunnableConfig, Runtime[RunContext]], Awaitable[Update]]


def _merge(old: dict[str, Any] | None, new: dict[str, Any] | None) -> dict[str, Any]:
    # In place: the channel's value belongs to the channel alone, and 10,000 copies of 10,000 outputs do not scale.
    if old is None:
        return dict(new or {})
    old.update(new or {})
    return old


class GraphState(TypedDict, total=False):
    """The state of a run's thread, for whoever looks at it with LangGraph's own tools."""

    input: Any
    outputs: Annotated[dict[str, Any], _merge]


class LoopState(TypedDict, total=False):
    """The state of a loop's body."""

    outputs: Annotated[dict[str, Any], _merge]
    laps: int


class NodeUnit(Runnable[Any, Update]):
    """A node's unit as a plain runnable: LangGraph looks into functions for subgraphs and signatures, which costs
    more than all the rest of compiling, and a node's unit has none to be found.

    `writers` write its update to the channels: LangGraph would chain them to the unit in a traced sequence of
    generators, for a listener who does not listen.
    """

    __slots__ = ("_function", "name", "writers")

    def __init__(self, function: UnitFunction, name: str) -> None:
        self._function = function
        self.name = name
        self.writers: Sequence[Runnable[Any, Any]] = ()

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Update:  # noqa: A002, ARG002  # the base class names them
        """Units run in an event loop only."""
        raise TypeError("a unit runs only by ainvoke")

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Update:  # noqa: A002, ARG002  # as above
        """Give the unit its turn."""
        assert config is not None  # noqa: S101  # LangGraph always says where it runs
        update = await self._function(input, config, config["configurable"][CONFIG_KEY_RUNTIME])
        for writer in self.writers:
            writer.invoke(update, config)
        return update


def together(functions: Sequence[UnitFunction]) -> UnitFunction:
    """One function that gives several units their turns side by side, and puts their updates together."""
    if len(functions) == 1:
        return functions[0]

    async def run(state: Any, config: RunnableConfig, runtime: Runtime[RunContext]) -> Update:
        tasks = [asyncio.ensure_future(function(state, config, runtime)) for function in functions]
        try:
            updates = await asyncio.gather(*tasks)
        except BaseException:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            raise
        outputs: dict[str, Any] = {}
        for update in updates:
            outputs |= update.get("outputs", {})
        return {"outputs": outputs}

    return run


class RunStoppedError(Exception):
    """Raised through LangGraph to stop a run at its first unhandled failure (`on_failure: stop`)."""


class Emitter:
    """Makes the graphs of a plan, the innermost loops first."""

    def __init__(self, plan: Plan, works: Sequence[NodeWork], reduction: Reduction) -> None:
        self._plan = plan
        self._works = works
        self._reduction = reduction
        self._joins = [node.join for node in plan.document.nodes]
        self._stops = plan.document.settings.on_failure == "stop"

    def emit(self) -> "CompiledStateGraph[Any, RunContext, Any, Any]":
        """The graph of the whole document."""
        bodies: dict[int, CompiledStateGraph[Any, RunContext, Any, Any]] = {}
        for region in reversed(self._plan.regions[1:]):
            bodies[region.number] = self._body(region, bodies)
        return self._whole(self._plan.root, bodies)

    def _whole(self, region: Region, bodies: Mapping[int, Any]) -> "CompiledStateGraph[Any, RunContext, Any, Any]":
        graph: StateGraph[Any, RunContext, Any, Any] = StateGraph(GraphState, context_schema=RunContext)
        for name in self._add_units(graph, region, bodies):
            graph.add_edge(START, name)
        return _joined(graph.compile(name=ROOT))

    def _body(self, region: Region, bodies: Mapping[int, Any]) -> "CompiledStateGraph[Any, RunContext, Any, Any]":
        graph: StateGraph[Any, RunContext, Any, Any] = StateGraph(LoopState, context_schema=RunContext)
        names = self._add_units(graph, region, bodies)
        for name in names:
            graph.add_edge(START, name)
        graph.add_node(CLOSE, _callable(self._closer(region), CLOSE), input_schema=LoopState)
        graph.add_edge(names, CLOSE)

        def route(_state: Any, runtime: Runtime[RunContext]) -> list[str] | Literal["__end__"]:
            return names if region.number in runtime.context.turns else "__end__"

        graph.add_conditional_edges(CLOSE, route, [*names, END])
        return _joined(graph.compile())

    def _add_units(self, graph: Any, region: Region, bodies: Mapping[int, Any]) -> list[str]:
        names = []
        schema = GraphState if region.header is None else LoopState
        nodes = [unit for unit in region.units if unit.body is None]
        size = 1 if len(nodes) <= FEW else SHARD
        for start in range(0, len(nodes), size):
            shard = nodes[start : start + size]
            functions = [self._node(region, unit) for unit in shard]
            name = self._name(shard[0]) if size == 1 else f"~shard{start}"
            graph.add_node(name, NodeUnit(together(functions), name), input_schema=schema)
            names.append(name)
        for unit in region.units:
            if unit.body is not None:
                name = self._name(unit)
                graph.add_node(name, _callable(self._loop(region, unit, bodies), name), input_schema=schema)
                names.append(name)
        return names

    def _name(self, unit: Unit) -> str:
        node_id = self._plan.document.nodes[unit.head].id
        if unit.body is not None:
            return f"~loop{unit.head}"
        if any(c in node_id for c in RESERVED_IN_NAMES) or node_id.startswith("~") or node_id in (START, END):
            return f"~node{unit.head}"
        return node_id

    def _node(self, region: Region, unit: Unit) -> UnitFunction:
        work = self._works[unit.head]
        joins, stops, number = self._joins, self._stops, region.number
        join, name = joins[unit.head], work.program.node.id

        async def run(_state: Any, config: RunnableConfig, runtime: Runtime[RunContext]) -> Update:
            context = runtime.context
            turn = context.turns[number]
            await turn.wait(unit, first=join == "first")
            verdict = turn.verdict(unit, join)
            if verdict == "parked":
                turn.parked = True
                turn.resolve(work.parked_behind(), joins)
                return {}
            outcome = await visit_node(context, turn, unit, work, config, skip=verdict)
            if outcome.status == "FAILED" and not outcome.handled and stops:
                # Before its edges are resolved: what has not started by now is cancelled, and not skipped.
                raise RunStoppedError
            turn.resolve(outcome.edges or {}, joins)
            iteration = context.counts.get(unit.head, 1) - 1
            return {"outputs": {name: output_in_state(context.run.id, name, iteration, outcome.output)}}

        return run

    def _loop(self, region: Region, unit: Unit, bodies: Mapping[int, Any]) -> UnitFunction:
        assert unit.body is not None  # noqa: S101  # callers tell loops from nodes
        body, graph = unit.body, bodies[unit.body.number]
        joins, join = self._joins, self._joins[unit.head]

        async def run(_state: Any, config: RunnableConfig, runtime: Runtime[RunContext]) -> Update:
            context = runtime.context
            turn = context.turns[region.number]
            await turn.wait(unit, first=join == "first")
            verdict = turn.verdict(unit, join)
            if verdict == "parked":
                turn.parked = True
                turn.resolve(self._exits(unit, "parked"), joins)
                return {}
            if verdict is not None:
                await self._skip(context, turn, unit, verdict, config)
                return {}
            previous = {n: turn.previous[n] for n in unit.nodes if n in turn.previous}
            base = turn.state_at(unit, self._reduction)
            lap = Turn(body, turn, base=base, previous=previous)
            passed = context.passed.get((body.number, tuple(turn.path)))
            if passed is not None:
                context.counts.update(passed.counts)
                lap = lap.behind(passed, self._reduction)
            context.turns[body.number] = lap
            ended: list[Turn] = []
            context.ended[body.number] = ended
            result = await graph.ainvoke({"outputs": {}, "laps": lap.lap}, config)
            self._leave(turn, unit, ended[0])
            return {"outputs": result.get("outputs", {})}

        return run

    def _leave(self, turn: Turn, unit: Unit, last: Turn) -> None:
        """Bring what the loop's last lap left into the region around it."""
        turn.outcomes.update(last.view())
        turn.writes[unit.index] = last.ended()
        state: EdgeState | None = "parked" if last.parked else "broken" if last.broken else None
        turn.parked = turn.parked or last.parked
        turn.broken = turn.broken or (last.broken and not last.parked)
        exits: dict[int, EdgeState] = {
            edge: state or resolved for edge, resolved in last.exits.items() if edge not in last.region.back_edges
        }
        turn.resolve(exits, self._joins)

    async def _skip(self, context: RunContext, turn: Turn, unit: Unit, code: str, config: RunnableConfig) -> None:
        for node in unit.nodes:
            await visit_node(context, turn, unit, self._works[node], config, skip=code)
        turn.resolve(self._exits(unit, "broken" if code == "upstream_failed" else "dead"), self._joins)

    def _exits(self, unit: Unit, state: EdgeState) -> dict[int, EdgeState]:
        inside = set(unit.nodes)
        return {
            e: state for node in unit.nodes for e in self._plan.outgoing[node] if self._plan.ends[e][1] not in inside
        }

    def _closer(self, region: Region) -> UnitFunction:
        assert region.header is not None  # noqa: S101  # only loops close
        settings, header = self._plan.document.settings, self._plan.document.nodes[region.header]
        limit = header.max_iterations or settings.max_iterations

        async def close(_state: Any, config: RunnableConfig, runtime: Runtime[RunContext]) -> Update:  # noqa: ARG001
            context = runtime.context
            turn = context.turns.pop(region.number)
            again = any(turn.exits.get(edge) == "taken" for edge in region.back_edges)
            if again and not turn.broken and not turn.parked:
                if turn.lap + 1 < limit:
                    context.turns[region.number] = turn.next_lap(self._reduction)
                    return {"laps": turn.lap + 1}
                turn.broken = True
                context.limit = context.limit or (
                    f"The loop of `{header.id}` did not end within {limit} iterations; raise `max_iterations`, or "
                    "correct the condition of its back edge."
                )
            context.ended[region.number].append(turn)
            return {"laps": turn.lap + 1}

        return close


async def visit_node(
    context: RunContext, turn: Turn, unit: Unit, work: NodeWork, config: RunnableConfig, *, skip: str | None
) -> Outcome:
    """Give a node its turn: run it, skip it, or recall what an earlier execution has kept of it."""
    if context.item_log is not None:
        await context.item_log.room()
    index, node_id = work.program.index, work.program.node.id
    iteration = context.counts.get(index, 0)
    key = (node_id, iteration)
    held = skip is None and context.debug is not None and context.debug.stops_at(node_id)
    visit = Visit(context, turn, unit, node_id, iteration, context.attempts.get(key, 0) + 1, skip, held)
    known = context.known.get(key)
    outcome = work.reuse(visit, known if known is not None and _still_holds(known, skip) else None)
    if outcome is None:
        outcome = await work.ainvoke(visit, config)
    if outcome.status != "WAITING":
        context.counts[index] = iteration + 1
    else:
        turn.parked = True
    turn.outcomes[index] = outcome
    if outcome.writes:
        turn.writes[unit.index] = outcome.writes
    if outcome.status == "FAILED" and not outcome.handled:
        turn.broken = True
        context.fail(node_id, outcome.error or {})
    return outcome


def _still_holds(known: Outcome, skip: str | None) -> bool:
    if known.status == "SKIPPED":
        return skip is not None and known.reason is not None and known.reason["code"] == skip
    return skip is None


def _joined(graph: "CompiledStateGraph[Any, RunContext, Any, Any]") -> "CompiledStateGraph[Any, RunContext, Any, Any]":
    """The graph with each node's unit doing its writing itself."""
    for node in graph.nodes.values():
        if isinstance(node.bound, NodeUnit):
            node.bound.writers, node.writers = node.flat_writers, []
            vars(node).pop("flat_writers")
    return graph


def _callable(function: UnitFunction, name: str) -> RunnableCallable:
    return RunnableCallable(None, function, name=name, trace=False)
