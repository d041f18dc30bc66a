"""A node's own work: a runnable named by the node, so that `astream_events` tells when it really began and ended.

Its input is a `Visit`, its output an `Outcome`. It never raises for what goes wrong inside the node: a failure is an
outcome. Only a cancellation passes through.
"""

import asyncio
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from typing import Any, cast

from langchain_core.runnables import Runnable, RunnableConfig
from pydantic import JsonValue

from app.compiler.announcement import announced, only_listener
from app.compiler.attempts import NodeTimeoutError, checked, in_time, is_being_cancelled
from app.compiler.calls import NewCall
from app.compiler.context import NodeContext, idempotency_key
from app.compiler.document import Retry
from app.compiler.elsewhere import elsewhere, goes_elsewhere, request_of
from app.compiler.expressions import Allowance
from app.compiler.failures import Failure, Park, failure_of
from app.compiler.kept import kept_result
from app.compiler.places import restorer
from app.compiler.plan import START
from app.compiler.ports import TAG, Ports, tell
from app.compiler.program import NodeProgram
from app.compiler.scopes import Scopes, hidden
from app.compiler.state import Reduction
from app.compiler.turns import SKIP_REASONS, Debug, EdgeState, Outcome
from app.compiler.visits import Visit
from app.compiler.waiting import Reason

MAX_RETRY_AFTER = 3600.0


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
        self.scopes = Scopes(program, reduction)
        self._restore = restorer(program.node.config, (*program.type.expressions, *program.type.literal))
        inner = program.inner
        self._inner = None if inner is None else NodeWork(inner, names, sources, reduction)

    def invoke(self, input: Visit, config: RunnableConfig | None = None, **kwargs: Any) -> Outcome:  # noqa: A002, ARG002  # the base class names them
        """Nodes run in an event loop only."""
        raise TypeError("a node runs only by ainvoke")

    async def ainvoke(self, input: Visit, config: RunnableConfig | None = None, **kwargs: Any) -> Outcome:  # noqa: A002
        """Run the node once, or say why it was skipped; never raises for a failure of the node."""
        config = config or {}
        input.elsewhere = goes_elsewhere(self.program, input)
        if (listener := only_listener(config)) is not None:
            return await announced(listener, self._run, input, config, name=self.program.node.id, tag=TAG)
        tagged = cast(RunnableConfig, {**config, "tags": [TAG]})
        return await self._acall_with_config(self._run, input, tagged, **kwargs)  # type: ignore[arg-type]  # takes (input, config), too

    async def _run(self, visit: Visit, config: RunnableConfig) -> Outcome:
        if visit.skip is not None:
            return self.skipped(visit.skip)
        if visit.reused is not None:
            return self._again(visit, visit.reused)
        with visit.context.waits.working():
            try:
                outcome = await self._hold(visit, config) if visit.held else None
                return outcome or await self.work(visit, config)
            except Park as park:
                return self._parked(visit, park)

    async def work(self, visit: Visit, config: RunnableConfig) -> Outcome:
        """Call the type until it succeeds or has failed for good; raises Park where the visit has to wait."""
        retry = self.program.node.retry or _ONCE
        if visit.path:
            visit.elsewhere = goes_elsewhere(self.program, visit)
        begun = visit.context.begun
        visit.began = begun.get(visit.place) if begun else None
        # Attempts before a wait count, those that a crash cut off do not.
        before = tries = 0 if visit.began is None else visit.attempt - 1
        while True:
            tries += 1
            try:
                output = await self._attempt(visit, config, again=visit.again or tries > before + 1)
                outcome = Outcome("COMPLETED", output)
                self.scopes.settle(visit, outcome)
            except Park:
                raise
            except (Exception, SystemExit, asyncio.CancelledError) as error:
                if isinstance(error, asyncio.CancelledError) and is_being_cancelled():
                    raise
                failure = failure_of(error)
                if self._inner is not None and visit.context.calls is not None:
                    await visit.context.calls.abandon(visit.place)
                if failure.retryable and tries < retry.max_attempts:
                    await self._pause(visit, config, failure, retry, tries)
                    continue
                outcome = self._failed(visit, failure)
                await self._abandon(visit, outcome)
            outcome.input = visit.given
            outcome.attempt = visit.attempt
            return outcome

    async def _abandon(self, visit: Visit, outcome: Outcome) -> None:
        """Let go of the child runs and the items of a visit that has failed."""
        context = visit.context
        # A map that goes on after a wait may fail before it comes to its items again.
        if (visit.spawned or self._inner is not None) and context.children is not None:
            await context.children.abandon(*visit.place)
        if self._inner is not None and context.item_log is not None:
            error = outcome.error or {}
            why = {"code": "node_failed", "message": f"{error.get('type')}: {error.get('message')}"}
            context.item_log.close(visit.place, outcome.reason or why)

    async def _hold(self, visit: Visit, config: RunnableConfig) -> Outcome | None:
        """Stop at a breakpoint; the outcome if the node was given its output there, else None."""
        waits = visit.context.waits
        signal = waits.take(visit.place, "step")
        if signal is None:
            self.show_input(visit)
            why = Reason("breakpoint", "The run stops before this node; resume it to go on.")
            visit.waiting = why
            await tell(visit, config, "waiting", {"reason": why.as_json(), "input": visit.given})
            signal = await waits.wait(visit.place, "step", None)
        data = signal.data if signal is not None and isinstance(signal.data, dict) else {}
        if data.get("mode") == "run":
            visit.context.debug = None
        elif data.get("mode") == "step":
            visit.context.debug = Debug(step=True)
        visit.waiting = None
        await tell(visit, config, "released", {})
        if "output" not in data:
            visit.override = cast("dict[str, JsonValue] | None", data.get("input"))
            return None
        outcome = Outcome("COMPLETED", data["output"], input=visit.given, attempt=visit.attempt)
        try:
            self.scopes.settle(visit, outcome)
        except Exception as error:  # noqa: BLE001  # any condition may fail over a value that somebody made up
            return self._failed(visit, failure_of(error))
        return outcome

    def show_input(self, visit: Visit) -> None:
        """Set the visit's input as it is stored, its secrets masked; None where it cannot be rendered."""
        if self.program.model is not None:
            visit.given = self.program.node.config
            return
        try:
            scope = self.scopes.scope(visit, self.program.before)
            visit.given = self._rendered(hidden(scope) if "secrets" in scope else scope)
        except Exception:  # noqa: BLE001  # what cannot be rendered fails when the node runs, and cannot be shown here
            visit.given = None

    def reuse(self, visit: Visit, known: Outcome | None) -> Outcome | None:
        """What the node did in an earlier execution, `known`, or is to give without running: None where it has to run.

        Where the graph has changed since, it is set as `visit.reused`, and its edges are decided in the visit.
        """
        if known is not None and known.edges is not None:
            return known
        visit.reused = known or (None if visit.skip else kept_result(visit, self.program, self.show_input))
        if visit.reused is not None:
            visit.attempt = visit.reused.attempt
        return None

    def _again(self, visit: Visit, known: Outcome) -> Outcome:
        """An earlier result with its writes and edges decided anew, as the graph or the result may have changed."""
        if known.status == "FAILED":
            edges, handled = self.scopes.failure_edges()
            return replace(known, edges=edges, handled=handled)
        outcome = replace(known, edges=None, writes=[])
        try:
            self.scopes.settle(visit, outcome)
        except Exception as error:  # noqa: BLE001  # any condition may fail over a result that it was not written for
            outcome = self._failed(visit, failure_of(error))
        outcome.input, outcome.attempt = known.input, visit.attempt
        return outcome

    async def _attempt(self, visit: Visit, config: RunnableConfig, *, again: bool) -> JsonValue:
        program = self.program
        if visit.context.assure is not None:
            await visit.context.assure()
        scope = self.scopes.scope(visit, program.before)
        if visit.elsewhere:
            return await self._attempt_elsewhere(visit, config, scope)
        model = program.model
        allowance = Allowance()
        if model is None:
            rendered = self._rendered(scope, allowance)
            if allowance.is_well_used:
                await asyncio.sleep(0)
            if not visit.path:  # what items were given is not kept
                visit.given = self._rendered(hidden(scope)) if "secrets" in scope else rendered
            model = checked(program.type, rendered)
        else:
            rendered = visit.given = program.node.config
        if visit.override is not None:
            visit.given = {**cast("dict[str, JsonValue]", visit.given), **visit.override}
            model = checked(program.type, {**rendered, **visit.override})
        now = datetime.now(UTC)
        if allowance.is_well_used:
            await asyncio.sleep(0)
        visit.limit(now if visit.began is None else visit.began, program.node.timeout)
        item_work = None if self._inner is None else self._inner.work
        context = self._context(visit, Ports(program, visit, config, scope, allowance, again, item_work))
        if visit.deadline is None or program.node.timeout is None:
            return await program.type.run(context, model)
        left = (visit.deadline - now).total_seconds()
        return await in_time(program.type.run(context, model), left, program.node.timeout)

    async def _attempt_elsewhere(self, visit: Visit, config: RunnableConfig, scope: Mapping[str, Any]) -> JsonValue:
        """Let another worker make the attempt; its `timeout` begins there."""
        program = self.program
        self.show_input(visit)
        rendered: Any = program.node.config
        if "secrets" not in scope:
            rendered = visit.given if visit.given is not None else self._rendered(scope)
            checked(program.type, {**rendered, **(visit.override or {})})
        if visit.override is not None:
            visit.given = {**cast("dict[str, JsonValue]", visit.given or {}), **visit.override}
        request = request_of(program, visit, scope, rendered, self._taken(visit))
        if visit.path:
            visit.given = None
        visit.limit(visit.began or datetime.now(UTC), None)
        call = NewCall(visit.place, visit.attempt, visit.turn.path, program.node.queue, request)
        return await elsewhere(visit, config, call, tell)

    def _rendered(self, scope: Mapping[str, Any], allowance: Allowance | None = None) -> Any:
        program = self.program
        rendered = program.template.render(scope, allowance)
        return rendered if self._restore is None else self._restore(rendered)

    def _context(self, visit: Visit, ports: Ports) -> NodeContext:
        context = visit.context
        return NodeContext(
            run=context.run,
            node_id=visit.node_id,
            iteration=visit.iteration,
            attempt=visit.attempt,
            idempotency_key=idempotency_key(context.run.id, visit.place),
            taken=self._taken(visit),
            resources=context.resources,
            evaluator=ports.evaluate,
            reporter=ports.report,
            path=visit.path,
            began=visit.began or datetime.now(UTC),
            waiter=ports.wait,
            starter=ports.start,
            mapper=ports.each if self._inner else None,
            artifacts=context.artifacts,
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
        await tell(visit, config, "retrying", {"error": asdict(failure), "delay": wait})
        await asyncio.sleep(wait)
        visit.attempt += 1
        visit.began = None
        visit.waiting = None
        await tell(visit, config, "attempt", {})

    def skipped(self, code: str) -> Outcome:
        """The outcome of a node that does not run."""
        broken = code == "upstream_failed"
        reason = {"code": code, "message": SKIP_REASONS[code]}
        return Outcome(
            "SKIPPED", reason=reason, edges=self.scopes.all("broken" if broken else "dead"), handled=not broken
        )

    def parked_behind(self) -> dict[int, EdgeState]:
        """The edges of a node that waits behind one that has parked."""
        return self.scopes.all("parked")

    def _parked(self, visit: Visit, park: Park) -> Outcome:
        why = visit.waiting or Reason("waiting", "The node waits.")
        outcome = Outcome(
            "WAITING",
            reason=why.as_json(),
            edges=self.scopes.all("parked"),
            wake_at=visit.wake_at(park.until),
            input=visit.given,
            attempt=visit.attempt,
        )
        visit.context.parks.append(outcome)
        return outcome

    def _failed(self, visit: Visit, failure: Failure) -> Outcome:
        error = {key: value for key, value in asdict(failure).items() if key != "retry_after"}
        if self.program.node.on_error == "continue":
            outcome = Outcome("COMPLETED", error=error)
            try:
                self.scopes.settle(visit, outcome)
            except Exception as again:  # noqa: BLE001  # any condition may fail over a null output; then the node fails
                failure = failure_of(again)
                error = {key: value for key, value in asdict(failure).items() if key != "retry_after"}
            else:
                return outcome
        edges, handled = self.scopes.failure_edges()
        code = "timeout" if failure.type == NodeTimeoutError.TYPE else "node_failed"
        reason = {"code": code, "message": f"{failure.type}: {failure.message}"}
        return Outcome("FAILED", error=error, reason=reason, edges=edges, handled=handled)


_ONCE = Retry(max_attempts=1)
