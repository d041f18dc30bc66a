"""Nodes that run elsewhere: what travels to the other worker, and what is done there.

At home such a node waits as for anything else: `request_of` says what is asked, and `elsewhere` waits for what comes of
it. `perform` is the other end, and needs neither the graph nor the run's other nodes. Secrets do not travel: a config
that reads some is rendered where it is used, with the secrets of that place.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

from langchain_core.runnables import RunnableConfig
from pydantic import JsonValue

from app.compiler.artifacts import Artifacts
from app.compiler.attempts import checked, in_time
from app.compiler.calls import WORKING_ELSEWHERE, NewCall
from app.compiler.context import NodeContext, Report, RunInfo, idempotency_key
from app.compiler.expressions import Allowance, parse_condition, parse_template
from app.compiler.failures import CallError, HardError
from app.compiler.places import masked, restorer
from app.compiler.program import NodeProgram
from app.compiler.registry import Registry
from app.compiler.resources import Resources
from app.compiler.visits import Visit
from app.compiler.waiting import Place, Reason

Tell = Callable[[Visit, RunnableConfig, str, Mapping[str, Any], int | None], Awaitable[bool]]


def goes_elsewhere(program: NodeProgram, visit: Visit) -> bool:
    """Whether the visit's work is for another worker."""
    calls = visit.context.calls
    if calls is None or program.type.in_place:
        return False
    return not calls.serves(program.node.queue) or calls.knows(visit.place)


def request_of(
    program: NodeProgram, visit: Visit, scope: Mapping[str, Any], rendered: Any, taken: Mapping[str, JsonValue]
) -> dict[str, Any]:
    """What travels: the rendered config, or its template with what it reads where secrets or expressions are in it."""
    secret = "secrets" in scope
    raw = secret or bool(program.type.expressions)
    return {
        "type": program.node.type,
        "config": program.node.config if secret else rendered,
        "scope": {name: value for name, value in scope.items() if name != "secrets"} if raw else None,
        "secrets": secret,
        "override": visit.override,
        "taken": dict(taken) if _reads_context(program, visit, rendered) else {},
        "timeout": program.node.timeout,
    }


def _reads_context(program: NodeProgram, visit: Visit, config: Any) -> bool:
    """Whether the outputs of the predecessors have to travel; for each of many items they would be too much."""
    kind = program.node.type
    if not visit.path or kind not in ("http", "transform", "tool", "llm"):
        return True
    names = [config.get("tool")] if kind == "tool" else config.get("tools", []) if kind == "llm" else []
    tools = [visit.context.resources.registry.tool(name) for name in names if isinstance(name, str)]
    return any(tool is None or tool.takes_context for tool in tools)


async def elsewhere(visit: Visit, config: RunnableConfig, call: NewCall, tell: Tell) -> JsonValue:
    """What another worker has made of the visit; raises CallError as its work failed, and Park."""
    calls, waits = visit.context.calls, visit.context.waits
    assert calls is not None  # noqa: S101  # only where calls are made

    async def ear(kind: str, data: dict[str, Any], number: int) -> bool:
        visit.waiting = _reason(data["reason"]) if kind == "waiting" else _WORKING if kind == "begun" else visit.waiting
        shown = {"reason": data["reason"], "input": visit.given} if kind == "waiting" else data
        return await tell(visit, config, kind, shown, number)

    found = await calls.make(call, ear)
    try:
        if found.status == "QUEUED":
            visit.waiting = _reason(found.reason)
            await tell(visit, config, "waiting", {"reason": found.reason, "input": visit.given}, None)
        elif found.status == "RUNNING":
            visit.waiting = _WORKING
        while found.status in ("QUEUED", "RUNNING"):
            await waits.wait(visit.place, "call", None)
            found = await calls.look(visit.place)
    finally:
        calls.leave(visit.place)
    visit.waiting = None
    if found.failure is not None:
        raise CallError(found.failure)
    return found.output


def _reason(said: Mapping[str, Any]) -> Reason:
    return Reason(str(said["code"]), str(said["message"]), {"queue": said["queue"]})


_WORKING = Reason(WORKING_ELSEWHERE, "The node runs on another worker.")


@dataclass(frozen=True, slots=True)
class Task:
    """A call as the worker that has taken it up sees it; its files go to `artifacts`."""

    run: RunInfo
    place: Place
    attempt: int
    request: Mapping[str, Any]
    artifacts: Artifacts | None = None


async def perform(
    task: Task, registry: Registry, resources: Resources, secrets: Mapping[str, str], reporter: Report
) -> JsonValue:
    """Do what a call asks for; raises what the node raises, and HardError where its type is not known here."""
    request = task.request
    node_type = registry.node_type(request["type"])
    if node_type is None:
        raise HardError(
            f"This worker has no node type called {request['type']}; start it with the folder or package that has it.",
            "unknown_node_type",
        )
    allowance = Allowance()
    config, scope = request["config"], dict(request["scope"] or {})
    if request["secrets"]:
        scope["secrets"] = dict(secrets)
        hidden = (*node_type.expressions, *node_type.literal)
        restore = restorer(config, hidden)
        rendered = parse_template(masked(config, hidden)).render(scope, allowance)
        config = rendered if restore is None else restore(rendered)
    model = checked(node_type, {**config, **(request["override"] or {})})

    def evaluate(expression: str | bool) -> JsonValue:
        if isinstance(expression, bool):
            return expression
        return cast(JsonValue, parse_condition(expression).value(scope, allowance))

    context = NodeContext(
        run=task.run,
        node_id=task.place[0],
        iteration=task.place[1],
        attempt=task.attempt,
        idempotency_key=idempotency_key(task.run.id, task.place),
        taken=request["taken"],
        resources=resources,
        evaluator=evaluate,
        reporter=reporter,
        path=task.place[2],
        artifacts=task.artifacts,
    )
    work, limit = node_type.run(context, model), request["timeout"]
    return await (work if limit is None else in_time(work, limit, limit))
