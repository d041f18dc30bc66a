"""Runs documents in this process, without database: compile, stream events, collect the outcomes."""

from dataclasses import dataclass
from typing import Any

from app.compiler import CompiledWorkflow, Outcome, Resources, RunContext, RunInfo, WorkflowGraphCompiler, tool
from app.compiler.discovery import load_registry
from app.compiler.emit import ROOT, RunStoppedError
from app.compiler.ports import TAG
from tests.reference.tools import TOOLS

for name, function in TOOLS.items():
    tool(name=name)(function)

COMPILER = WorkflowGraphCompiler(load_registry())


@dataclass
class Flow:
    """What came of a run; `outcomes` by node id and iteration, `order` the events as they came."""

    compiled: CompiledWorkflow
    context: RunContext
    outcomes: dict[tuple[str, int], Outcome]
    order: list[tuple[str, str]]
    stopped: bool = False

    @property
    def status(self) -> str:
        return "FAILED" if self.context.failure or self.context.limit or self.stopped else "COMPLETED"

    @property
    def result(self) -> Any:
        return self.compiled.result(self.context)

    def statuses(self) -> dict[str, str]:
        return {node: outcome.status for (node, _), outcome in sorted(self.outcomes.items())}


async def run(
    graph: Any,
    value: Any = None,
    *,
    known: dict[tuple[str, int], Outcome] | None = None,
    compiler: Any = COMPILER,
    secrets: dict[str, str] | None = None,
) -> Flow:
    compiled = compiler.compile(graph)
    resources = Resources(registry=compiler.registry)
    context = RunContext(
        RunInfo("run", "project", "workflow", 1, value), resources, known=known or {}, secrets=secrets or {}
    )
    compiled.begin(context)
    flow = Flow(compiled, context, {}, [])
    try:
        await _stream(flow, value)
    except RunStoppedError:
        flow.stopped = True
    finally:
        await resources.aclose()
    return flow


async def _stream(flow: Flow, value: Any) -> None:
    events = flow.compiled.graph.astream_events(
        {"input": value, "outputs": {}},
        {"recursion_limit": 10**9},
        version="v2",
        context=flow.context,
        include_names=[ROOT],
        include_tags=[TAG],
        stream_mode="custom",
    )
    async for event in events:
        if TAG in event["tags"] and event["event"] in ("on_chain_start", "on_chain_end"):
            visit = event["data"]["input"]
            flow.order.append((event["event"].removeprefix("on_chain_"), visit.node_id))
            if event["event"] == "on_chain_end":
                flow.outcomes[visit.key] = event["data"]["output"]


def node(name: str, kind: str = "transform", **more: Any) -> dict[str, Any]:
    if kind == "transform":
        more.setdefault("config", {"value": name})
    return {"id": name, "type": kind, **more}


def graph(nodes: list[dict[str, Any]], *edges: Any, **more: Any) -> dict[str, Any]:
    """A document from nodes and edges such as ("a", "b"), ("a", "b", {"condition": …})."""
    return {
        "nodes": nodes,
        "edges": [{"source": e[0], "target": e[1], **(e[2] if len(e) > 2 else {})} for e in edges],
        **more,
    }
