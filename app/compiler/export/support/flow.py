"""Dataflow over LangGraph: every node starts the moment its own edges are resolved."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from langgraph.graph import END, START, StateGraph

from app.compiler.export.support.errors import RunFailed, in_time, retryable, told, tried
from app.compiler.export.support.regions import Edge, Node, Region, Run, State, Turn, Unit, Work
from app.compiler.export.support.see import See, _facts, _secrets
from app.compiler.export.support.state import reduced


@dataclass
class Loop:  #: loops
    """The nodes of a loop, and how often they run at most."""

    nodes: set[str]
    max_iterations: int


class Flow:
    """A graph in which every node starts as soon as its own edges are resolved, and never waits for others.

    It becomes a LangGraph StateGraph in which all nodes are triggered at once and each waits for its edges by itself.
    """

    def __init__(
        self,
        stop_on_failure: bool = False,  #: stop
        state: dict[str, tuple[str, Any]] | None = None,  #: state
    ) -> None:
        """`state` tells each key of the shared state by its reducer and what it starts from."""
        self.stop_on_failure = stop_on_failure  #: stop
        self.state = state or {}  #: state
        self.nodes: dict[str, Node] = {}
        self.edges: list[Edge] = []
        self.loops: dict[str, Loop] = {}  #: loops
        self.entries: set[str] = set()
        self.result: tuple[str, ...] = ()

    def node(self, node_id: str, work: Work, **options: Any) -> None:
        """Add a node; nodes are added in topological order."""
        self.nodes[node_id] = Node(node_id, work, **options)

    def edge(self, source: str, target: str, **condition: str) -> None:
        """Add an edge: unconditional, or with `when`, `branch` or `on`."""
        self.edges.append(Edge(source, target, **condition))
        self.nodes[source].edges.append(self.edges[-1])

    def loop(self, header: str, *others: str, max_iterations: int) -> None:  #: loops
        """Say that nodes form a loop, which is entered at its header and goes on while an edge back to it is taken."""
        self.loops[header] = Loop({header, *others}, max_iterations)

    def compile(self, *result: str, entry: str | None = None) -> Any:
        """The LangGraph program; its result is what the nodes `result` give, without any what the last nodes do."""
        targets = {edge.target for edge in self.edges}
        self.entries = {name for name in self.nodes if name not in targets} | ({entry} if entry else set())
        self.result = result
        self.region = Region(self, list(self.nodes))
        return self.region.graph

    def region_graph(self, region: Region, *, outermost: bool) -> Any:
        """All units of a region side by side, from START to the end."""
        builder: Any = StateGraph(State)
        names = []
        for unit in region.units:
            name = self.nodes[unit.head].work.__name__  #: no_loops
            name = self.nodes[unit.head].work.__name__ + ("-loop" if unit.body else "")  #: loops
            builder.add_node(name, self._runner(unit), input_schema=State)
            names.append(name)
        if not outermost:  #: loops
            for name in names:
                builder.add_edge(START, name)
            return builder.compile(checkpointer=False)
        builder.add_node("begin", self._begin, input_schema=State)
        builder.add_node("end", self._end, input_schema=State)
        builder.add_edge(START, "begin")
        for name in names:
            builder.add_edge("begin", name)
        builder.add_edge(names, "end")
        builder.add_edge("end", END)
        return builder.compile()

    async def _begin(self, state: State) -> State:
        turn = Turn(Run(state.get("input"), state.get("answers") or {}), self.region)
        turn.base = {key: default for key, (_, default) in self.state.items()}  #: state
        return {"turn": turn}

    async def _end(self, state: State) -> State:
        turn: Turn = state["turn"]
        nodes = {name: turn.ended[name] for name in self.nodes}
        if turn.run.failure:
            turn.run.failure.nodes = nodes
            raise turn.run.failure
        last = [n for n in nodes if nodes[n]["status"] == "COMPLETED" and not turn.went_on[n]]
        outputs = {name: nodes[name]["output"] for name in self.result or last}
        done: State = {"result": outputs[self.result[0]] if len(self.result) == 1 else outputs, "nodes": nodes}
        done["state"] = reduced(self.state, turn.base, turn.written())  #: state
        return done

    def _runner(self, unit: Unit) -> Callable[[State], Awaitable[State]]:
        async def run(state: State) -> State:
            turn: Turn = state["turn"]
            await turn.gates[unit.head].wait()
            skip = turn.skips(unit)
            if unit.body and not skip:  #: loops
                await self._go_round(turn, unit, unit.body)
                return {"outputs": {name: turn.ended[name]["output"] for name in unit.nodes}}
            for name in unit.nodes:
                await self._visit(turn, unit, self.nodes[name], skip)
            return {"outputs": {name: turn.ended[name]["output"] for name in unit.nodes}}

        return run

    async def _go_round(self, turn: Turn, unit: Unit, body: Region) -> None:  #: loops
        """Run lap after lap; the edges that leave the loop are resolved as the last lap left them."""
        limit = self.loops[unit.head].max_iterations
        lap = Turn(turn.run, body, turn)
        lap.previous = {name: turn.previous[name] for name in unit.nodes if name in turn.previous}
        lap.base = reduced(self.state, turn.base, turn.written(unit))  #: state
        while True:
            await body.graph.ainvoke({"turn": lap})
            if lap.broken or not any(lap.exits.get(edge) == "taken" for edge in body.back):
                break
            if lap.lap + 1 >= limit:
                lap.broken = True
                message = f"The loop of {unit.head!r} did not end within {limit} iterations."
                lap.run.failure = lap.run.failure or RunFailed("loop_limit_exceeded", message)
                break
            before, lap = lap, Turn(turn.run, body, turn)
            lap.lap, lap.previous = before.lap + 1, {**before.previous, **before.ended}
            lap.base = reduced(self.state, before.base, before.written())  #: state
            lap.carried = before.carried + before.written()  #: state
        turn.ended |= {**lap.previous, **lap.ended}
        turn.went_on |= lap.went_on
        turn.writes[unit.head] = lap.carried + lap.written()  #: state
        turn.broken = turn.broken or lap.broken
        for edge, state in lap.exits.items():
            if edge not in body.back:
                turn.settle(edge, "broken" if lap.broken else state)

    async def _visit(self, turn: Turn, unit: Unit, node: Node, skip: str | None) -> None:
        """Run a node or skip it, and resolve its edges."""
        if skip:
            ended, edges = {"status": "SKIPPED", "output": None, "error": None}, dict.fromkeys(node.edges, skip)
        else:
            ended, edges = await self._work(turn, unit, node)
        turn.ended[node.id] = ended
        turn.run.turns[node.id] = turn.run.turns.get(node.id, 0) + 1
        turn.went_on[node.id] = "taken" in edges.values()
        for edge, state in edges.items():
            if edge.target not in unit.nodes or not skip:
                turn.settle(edge, state)

    async def _work(self, turn: Turn, unit: Unit, node: Node) -> tuple[dict[str, Any], dict[Edge, str]]:
        attempt: Callable[[], Awaitable[Any]] = partial(node.work, self._see(turn, unit, node))
        attempt = partial(in_time, attempt, node.timeout)  #: timeout
        attempt = partial(tried, attempt, node.retry)  #: retry
        try:
            ended = {"status": "COMPLETED", "output": await attempt(), "error": None}
            return ended, self._after(turn, unit, node, ended)
        except Exception as failure:  # noqa: BLE001
            error = failure
        if node.on_error == "continue":  #: failures
            try:
                ended = {"status": "COMPLETED", "output": None, "error": told(error)}
                return ended, self._after(turn, unit, node, ended)
            except Exception as failure:  # noqa: BLE001
                error = failure
        ended = {"status": "FAILED", "output": None, "error": told(error)}
        if any(edge.on for edge in node.edges):  #: failures
            return ended, {edge: "taken" if edge.on else "dead" for edge in node.edges}
        turn.broken = True
        failed = RunFailed("node_failed", f"{node.id}: {error}", retryable=retryable(error))
        failed.__cause__ = error
        turn.run.failure = turn.run.failure or failed
        if self.stop_on_failure:  #: stop
            raise failed
        return ended, dict.fromkeys(node.edges, "broken")

    def _after(self, turn: Turn, unit: Unit, node: Node, ended: dict[str, Any]) -> dict[Edge, str]:
        """What a completed node writes, and which of its edges are taken."""
        see = self._see(turn, unit, node, ended)
        writes = node.writes(see) if node.writes and not ended["error"] else {}  #: state
        taken = {edge for edge in node.edges if edge.when not in (None, "else") and see(edge.when)}
        taken |= set() if taken else {edge for edge in node.edges if edge.when == "else"}
        for edge in node.edges:
            yes = edge.when is None
            yes = yes and edge.on is None  #: failures
            yes = yes and (edge.branch is None or ended["output"] == {"branch": edge.branch})  #: branches
            taken |= {edge} if yes else set()
        turn.writes[unit.head] = list(writes.items())  #: state
        return {edge: "taken" if edge in taken else "dead" for edge in node.edges}

    def _see(self, turn: Turn, unit: Unit, node: Node, own: dict[str, Any] | None = None) -> See:
        def seen(name: str) -> dict[str, Any]:
            if own and name == node.id:
                return own
            if name in node.before:  #: loops
                return turn.seen(name, "previous")
            return turn.seen(name, "ended")

        special: dict[str, Callable[[], Any]] = {"input": lambda: turn.run.input}
        if own:
            special["output"] = lambda: own["output"]
        special["loop"] = lambda: {"iteration": 0}  #: no_loops
        special["loop"] = lambda: {"iteration": turn.lap}  #: loops
        special["state"] = lambda: reduced(self.state, turn.base, turn.written(unit))  #: state
        special["nodes"] = lambda: {name: seen(name) for name in self.nodes}  #: no_nodes
        special["nodes"] = lambda: {name: seen(name) for name in node.nodes or self.nodes}  #: nodes
        special["run"] = _facts  #: run_used
        special["secrets"] = _secrets  #: secrets_used

        def find(name: str) -> Any:
            return special[name]() if name in special else seen(self.nodes[name].id)

        more: dict[str, Any] = {"answers": turn.run.answers, "iteration": turn.run.turns.get(node.id, 0)}
        more["taken"] = turn.taken(unit)  #: taken
        return See(find, node.id, **more)
