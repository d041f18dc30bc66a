"""A node's own work: a runnable named by the node, so that `astream_events` tells when it really began and ended.

Its input is a `Visit`, its output an `Outcome`. It never raises for what goes wrong inside the node: a failure is an
outcome. Only a cancellation passes through.
"""

import asyncio
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

from langchain_core.callbacks import adispatch_custom_event
from langchain_core.runnables import Runnable, RunnableConfig
from pydantic import BaseModel, JsonValue, ValidationError

from app.compiler.announcement import announced, only_listener
from app.compiler.context import NodeContext
from app.compiler.document import Retry
from app.compiler.expressions import parse_condition
from app.compiler.failures import Failure, HardError, Park, failure_of
from app.compiler.plan import START, Unit
from app.compiler.program import NodeProgram, ScopePlan, restored
from app.compiler.state import Reduction
from app.compiler.turns import SKIP_REASONS, EdgeState, Outcome, RunContext, Turn

TAG = "graphwright"
MAX_RETRY_AFTER = 3600.0
_MASK = "***"


@dataclass(slots=True)
class Visit:
    """One turn of one node: `skip` is the code of the reason why it does not run."""

    context: RunContext
    turn: Turn
    unit: Unit
    node_id: str
    iteration: int
    attempt: int
    skip: str | None = None

    @property
    def key(self) -> tuple[str, int]:
        return self.node_id, self.iteration


class NodeWork(Runnable[Visit, Outcome]):
    """Runs one node: renders its config, calls its type, tries again, and decides about its edges."""

    def __init__(
        self, program: NodeProgram, names: Sequence[str], sources: Sequence[int], reduction: Reduction
    ) -> None:
        """`names` are the ids of the document's nodes, `sources` the node at which each of its edges begins."""
        self.name = program.node.id
        self.program = program
        self._names = names
        self._sources = sources
        self._reduction = reduction

    def invoke(self, input: Visit, config: RunnableConfig | None = None, **kwargs: Any) -> Outcome:  # noqa: A002, ARG002  # the base class names them
        """Nodes run in an event loop only."""
        raise TypeError("a node runs only by ainvoke")

    async def ainvoke(self, input: Visit, config: RunnableConfig | None = None, **kwargs: Any) -> Outcome:  # noqa: A002
        """Run the node once, or say why it was skipped; never raises for a failure of the node."""
        config = config or {}
        if (listener := only_listener(config)) is not None:
            return await announced(listener, self._run, input, config, name=self.program.node.id, tag=TAG)
        tagged = cast(RunnableConfig, {**config, "tags": [TAG]})
        return await self._acall_with_config(self._run, input, tagged, **kwargs)  # type: ignore[arg-type]  # takes (input, config), too

    async def _run(self, visit: Visit, config: RunnableConfig) -> Outcome:
        if visit.skip is not None:
            return self.skipped(visit.skip)
        retry = self.program.node.retry or _ONCE
        tries = 0
        while True:
            tries += 1
            given: list[JsonValue] = [None]
            try:
                output = await self._attempt(visit, config, given)
                outcome = Outcome("COMPLETED", output)
                self._after(visit, outcome)
            except Park as park:
                return self._parked(visit, park, given[0])
            except (Exception, SystemExit, asyncio.CancelledError) as error:
                if isinstance(error, asyncio.CancelledError) and _really_cancelled():
                    raise
                failure = failure_of(error)
                if failure.retryable and tries < retry.max_attempts:
                    await self._pause(visit, config, failure, retry, tries)
                    continue
                outcome = self._failed(visit, failure)
            outcome.input = given[0]
            outcome.attempt = visit.attempt
            return outcome

    async def _attempt(self, visit: Visit, config: RunnableConfig, given: list[JsonValue]) -> JsonValue:
        program = self.program
        scope = self.scope(visit, program.before)
        model = program.model
        if model is None:
            rendered = self._rendered(scope)
            given[0] = self._rendered(_hidden(scope)) if "secrets" in scope else rendered
            model = self._checked(rendered)
        else:
            given[0] = program.node.config
        context = self._context(visit, config, scope)
        timeout = program.node.timeout
        if timeout is None:
            return await program.type.run(context, model)
        try:
            async with asyncio.timeout(timeout) as limit:
                return await program.type.run(context, model)
        except TimeoutError as error:
            if not limit.expired():
                raise
            message = f"No result within {timeout:g} seconds; raise the node's `timeout` if it needs longer."
            raise NodeTimeoutError(message) from error

    def _rendered(self, scope: Mapping[str, Any]) -> Any:
        program = self.program
        rendered = program.template.render(scope)
        patterns = (*program.type.expressions, *program.type.literal)
        return restored(rendered, program.node.config, patterns) if patterns else rendered

    def _checked(self, config: Any) -> BaseModel:
        try:
            return self.program.type.config.model_validate(config)
        except ValidationError as error:
            said = "; ".join(
                f"`{'.'.join(str(part) for part in detail['loc'])}`: {detail['msg']}"
                for detail in error.errors(include_url=False, include_context=False, include_input=False)
            )
            raise HardError(
                f"The config is not valid once its templates are filled in: {said}.", "invalid_config"
            ) from None

    def _context(self, visit: Visit, config: RunnableConfig, scope: Mapping[str, Any]) -> NodeContext:
        context, program = visit.context, self.program

        def evaluate(expression: str | bool) -> JsonValue:
            if isinstance(expression, bool):
                return expression
            condition = program.conditions.get(expression) or parse_condition(expression)
            return cast(JsonValue, condition.value(scope))

        async def report(kind: str, data: dict[str, JsonValue]) -> None:
            await adispatch_custom_event(f"{TAG}.{kind}", {"visit": visit, "data": data}, config=config)

        return NodeContext(
            run=context.run,
            node_id=visit.node_id,
            iteration=visit.iteration,
            attempt=visit.attempt,
            idempotency_key=f"{context.run.id}/{visit.node_id}/{visit.iteration}",
            taken=self._taken(visit),
            wake_at=context.wakes.get(visit.key),
            resources=context.resources,
            evaluator=evaluate,
            reporter=report,
        )

    def _taken(self, visit: Visit) -> dict[str, JsonValue]:
        outcomes: dict[str, JsonValue] = {}
        for edge in visit.unit.incoming:
            if edge != START and visit.turn.edges.get(edge) == "taken":
                source = self._sources[edge]
                outcome = visit.turn.outcomes.get(source)
                outcomes[self._names[source]] = outcome.output if outcome else None
        return outcomes

    async def _pause(self, visit: Visit, config: RunnableConfig, failure: Failure, retry: Retry, tries: int) -> None:
        wait = min(retry.initial_interval * retry.backoff ** (tries - 1), retry.max_interval)
        if retry.jitter:
            wait *= random.uniform(0.5, 1.0)  # noqa: S311  # spreads load, guards nothing
        wait = max(wait, min(failure.retry_after or 0.0, MAX_RETRY_AFTER))
        data = {"error": asdict(failure), "delay": wait}
        await adispatch_custom_event(f"{TAG}.retrying", {"visit": visit, "data": data}, config=config)
        await asyncio.sleep(wait)
        visit.attempt += 1
        await adispatch_custom_event(f"{TAG}.attempt", {"visit": visit, "data": {}}, config=config)

    def scope(self, visit: Visit, plan: ScopePlan, own: Outcome | None = None) -> dict[str, Any]:
        """What expressions of this node see; `own` is its own new outcome."""
        makers: dict[str, Callable[[], Any]] = {
            "input": lambda: visit.context.run.input,
            "run": lambda: _run_facts(visit.context),
            "loop": lambda: {"iteration": visit.turn.lap},
            "state": lambda: visit.turn.state_at(visit.unit, self._reduction),
            "secrets": lambda: dict(visit.context.secrets),
            "output": lambda: own.output if own else None,
        }
        scope: dict[str, Any] = {root: makers[root]() for root in plan.roots}
        nodes: dict[str, Any] = {}
        for lookup in plan.lookups:
            if own is not None and lookup.node == self.program.index and lookup.current:
                found: Outcome | None = own
            else:
                found = visit.turn.seen(lookup.node, lookup.hops, current=lookup.current)
            value = found.as_scope() if found else _UNSEEN
            if lookup.rooted:
                scope[lookup.name] = value
            else:
                nodes[lookup.name] = value
        if plan.uses_nodes:
            scope["nodes"] = nodes
        return scope

    def _after(self, visit: Visit, outcome: Outcome) -> None:
        """Evaluate the writes and the edges of a completed node; raises what they raise."""
        scope = self.scope(visit, self.program.after, outcome)
        if outcome.error is None:
            outcome.writes = [(key, template.render(scope)) for key, template in self.program.writes.items()]
        outcome.edges = self.edges_of(outcome, scope)

    def edges_of(self, outcome: Outcome, scope: Mapping[str, Any]) -> dict[int, EdgeState]:
        """How a completed node's outgoing edges are resolved; raises ExpressionError."""
        states: dict[int, EdgeState] = {}
        some = False
        for edge in self.program.edges:
            if edge.condition is not None:
                taken = edge.condition.evaluate(scope)
                some = some or taken
            elif edge.kind == "branch":
                taken = isinstance(outcome.output, dict) and outcome.output.get("branch") == edge.branch
            else:
                taken = edge.kind == "always"
            states[edge.index] = "taken" if taken else "dead"
        for edge in self.program.edges:
            if edge.kind == "else":
                states[edge.index] = "dead" if some else "taken"
        return states

    def recall(self, visit: Visit, known: Outcome) -> Outcome | None:
        """An outcome of an earlier execution, with its edges decided again where the graph has changed since."""
        if known.edges is None and known.status == "COMPLETED":
            try:
                known.edges = self.edges_of(known, self.scope(visit, self.program.after, known))
            except Exception:  # noqa: BLE001  # the new graph asks what the old output cannot answer: run it again
                return None
        if known.edges is None:
            known.edges = self._failure_edges()[0] if known.status == "FAILED" else self._all("dead")
        return known

    def skipped(self, code: str) -> Outcome:
        """The outcome of a node that does not run."""
        broken = code == "upstream_failed"
        reason = {"code": code, "message": SKIP_REASONS[code]}
        return Outcome("SKIPPED", reason=reason, edges=self._all("broken" if broken else "dead"), handled=not broken)

    def parked_behind(self) -> dict[int, EdgeState]:
        """The edges of a node that waits behind one that has parked."""
        return self._all("parked")

    def _parked(self, visit: Visit, park: Park, given: JsonValue) -> Outcome:
        visit.context.park(park.until)
        reason = {"code": "waiting_for_time", "message": f"The node goes on at {park.until.isoformat()}."}
        return Outcome(
            "WAITING",
            reason=reason,
            edges=self._all("parked"),
            wake_at=park.until,
            input=given,
            attempt=visit.attempt,
        )

    def _failed(self, visit: Visit, failure: Failure) -> Outcome:
        error = {key: value for key, value in asdict(failure).items() if key != "retry_after"}
        if self.program.node.on_error == "continue":
            outcome = Outcome("COMPLETED", error=error)
            try:
                self._after(visit, outcome)
            except Exception as again:  # noqa: BLE001  # any condition may fail over a null output; then the node fails
                failure = failure_of(again)
                error = {key: value for key, value in asdict(failure).items() if key != "retry_after"}
            else:
                return outcome
        edges, handled = self._failure_edges()
        code = "timeout" if failure.type == NodeTimeoutError.TYPE else "node_failed"
        reason = {"code": code, "message": f"{failure.type}: {failure.message}"}
        return Outcome("FAILED", error=error, reason=reason, edges=edges, handled=handled)

    def _failure_edges(self) -> tuple[dict[int, EdgeState], bool]:
        handled = any(edge.kind == "error" for edge in self.program.edges)
        if not handled:
            return self._all("broken"), False
        return {edge.index: "taken" if edge.kind == "error" else "dead" for edge in self.program.edges}, True

    def _all(self, state: EdgeState) -> dict[int, EdgeState]:
        return {edge.index: state for edge in self.program.edges}


class NodeTimeoutError(TimeoutError):
    """A node took longer than its `timeout`; worth another try."""

    TYPE = "NodeTimeoutError"


_ONCE = Retry(max_attempts=1)
_UNSEEN = {"output": None, "status": "PENDING", "error": None}


def _hidden(scope: Mapping[str, Any]) -> dict[str, Any]:
    """The scope for what is stored and shown: every secret masked."""
    return {**scope, "secrets": dict.fromkeys(scope["secrets"], _MASK)}


def _run_facts(context: RunContext) -> dict[str, JsonValue]:
    run = context.run
    return {"id": run.id, "project_id": run.project_id, "workflow_id": run.workflow_id, "attempt": run.attempt}


def _really_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
