"""How long a DAG takes from the end of its first node to the end of its last, beside its critical path."""

import statistics
import time
from datetime import datetime

from app.compiler import Resources, RunContext, RunInfo, WorkflowGraphCompiler
from app.compiler.discovery import load_registry
from app.compiler.emit import ROOT
from app.compiler.ports import TAG
from benchmarks.figures import Figure, Report, spread
from benchmarks.server import Service
from benchmarks.shapes import Shape, layers, plain, samples, studies, uneven

PART = "makespan"
FIRST, LAST = "A", "F"
UNEVEN_SECONDS = 0.55
MANY = 500
"""Graphs of more nodes run once: what they take is much longer than what may come between."""


async def measure(report: Report, service: Service, *, quick: bool) -> None:
    """Uneven branches and graphs of the kind that people draw, up to 1,000 nodes, in process and over HTTP."""
    compiler = WorkflowGraphCompiler(load_registry())
    for shape in (uneven(), samples(), layers(), studies()):
        report.note(f"{PART}: {shape.name}, critical path {shape.critical_path():.2f} s")
        await service.store(shape)
        theirs, inside, over = [], [], []
        for _ in range(1 if len(shape.nodes) > MANY else 2 if quick else 5):
            theirs.append(await _plain(shape))
            inside.append(await _in_process(shape, compiler))
            over.append(await _over_http(shape, service))
        for name, spans in (("in process", inside), ("over HTTP", over)):
            _add(report, shape, f"{shape.name}, {name}", spans, (1.05, 1.02))
            if shape.name == "uneven":
                title = f"{shape.name}, {name}, absolute"
                report.add(Figure(PART, title, statistics.median(spans), "s", limit=UNEVEN_SECONDS))
        _add(report, shape, f"{shape.name}, plain LangGraph", theirs, (None, None))


def _add(
    report: Report, shape: Shape, name: str, spans: list[float], bounds: tuple[float, float] | tuple[None, None]
) -> None:
    span, path = statistics.median(spans), shape.critical_path()
    limit, aim = bounds
    report.add(Figure(PART, name, span, "s", path, limit, aim, beside="critical path", spread=spread(spans)))


async def _plain(shape: Shape) -> float:
    state = await plain(shape, timed=True).compile().ainvoke({"outputs": {}, "ended": {}})
    return float(state["ended"][LAST] - state["ended"][FIRST])


async def _in_process(shape: Shape, compiler: WorkflowGraphCompiler) -> float:
    compiled = compiler.compile(shape.document())
    resources = Resources(registry=compiler.registry)
    context = RunContext(RunInfo("run", "project", "workflow", 1, {}), resources)
    compiled.begin(context)
    events = compiled.graph.astream_events(
        {"input": {}, "outputs": {}},
        version="v2",
        context=context,
        include_names=[ROOT],
        include_tags=[TAG],
        stream_mode="custom",
    )
    ended: dict[str, float] = {}
    try:
        async for event in events:
            if event["event"] == "on_chain_end" and TAG in event["tags"]:
                ended[event["name"]] = time.perf_counter()
    finally:
        await resources.aclose()
    return ended[LAST] - ended[FIRST]


async def _over_http(shape: Shape, service: Service) -> float:
    seen = await service.follow(await service.create(shape))
    ended = {
        event["node_id"]: datetime.fromisoformat(event["at"])
        for _, event in seen
        if event["type"] == "workflow.node.completed"
    }
    return (ended[LAST] - ended[FIRST]).total_seconds()
