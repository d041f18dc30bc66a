"""How a node reaches the engine while it works: what stands behind a NodeContext."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from langchain_core.callbacks import adispatch_custom_event
from langchain_core.runnables import RunnableConfig
from pydantic import JsonValue

from app.compiler.expressions import Allowance, parse_condition
from app.compiler.failures import HardError
from app.compiler.maps import BREATH_SECONDS, MapRun, Work, take_down
from app.compiler.program import NodeProgram
from app.compiler.visits import Visit
from app.compiler.waiting import FAR, Child, Reason, Signal, SignalKind

TAG = "graphwright"
"""Marks what is a node's own work in LangGraph's events."""


async def tell(
    visit: Visit, config: RunnableConfig, kind: str, data: Mapping[str, Any], number: int | None = None
) -> bool:
    """Tell whoever listens to the graph's events what has become of a visit; items are told to their log.

    `number` is there for news of a call. True when the log has taken it down, and no event will tell.
    """
    if visit.path:
        if take_down(visit, kind, data):
            return True
        data = {**data, "item": list(visit.path)}
    await adispatch_custom_event(f"{TAG}.{kind}", {"visit": visit, "data": data, "number": number}, config=config)
    return False


@dataclass(slots=True)
class Ports:
    """The ways out of one attempt of one visit.

    `scope` is what its expressions see, `again` says that it was tried before, `work` is that of the inner node.
    """

    program: NodeProgram
    visit: Visit
    config: RunnableConfig
    scope: Mapping[str, Any]
    allowance: Allowance
    again: bool
    work: Work | None
    breath: float = 0.0

    def evaluate(self, expression: str | bool) -> JsonValue:
        """The value of a bare expression over the scope."""
        if isinstance(expression, bool):
            return expression
        condition = self.program.conditions.get(expression) or parse_condition(expression)
        return cast(JsonValue, condition.value(self.scope, self.allowance))

    async def report(self, kind: str, data: dict[str, JsonValue]) -> None:
        """Tell progress, a token, or a line of the log; returns when more can be taken."""
        await tell(self.visit, self.config, kind, data)
        if time.monotonic() >= self.breath:
            # Who takes it down has its turn, however much the node has to say.
            await asyncio.sleep(0)
            self.breath = time.monotonic() + BREATH_SECONDS
        if self.visit.context.item_log is not None:
            await self.visit.context.item_log.room()

    async def wait(self, kind: SignalKind | None, why: Reason, until: datetime | None) -> Signal | None:
        """Wait for a signal; raises Park when the run has nothing left but waiting."""
        visit, waits = self.visit, self.visit.context.waits
        if kind is not None and (signal := waits.take(visit.place, kind)) is not None:
            return signal
        if until is not None and until <= datetime.now(UTC):
            return None
        until = None if until is None else min(until, FAR)
        visit.waiting = why
        began = visit.began or datetime.now(UTC)
        reason = {**why.as_json(), "since": began.isoformat()}
        shown: dict[str, Any] = {"reason": reason, "wake_at": visit.wake_at(until), "input": visit.given}
        await tell(visit, self.config, "waiting", shown)
        signal = await waits.wait(visit.place, kind, until)
        await tell(visit, self.config, "going", {})
        return signal

    async def start(self, workflow: str, version: int | None, value: JsonValue) -> Child:
        """The child run of the visit."""
        visit, children = self.visit, self.visit.context.children
        if children is None:
            raise HardError("Here no run can be started.", "no_child_runs")
        visit.spawned = True
        again = self.again and visit.waiting is None
        return await children.start(visit.place, workflow=workflow, version=version, value=value, again=again)

    async def each(self, items: Sequence[JsonValue], concurrency: int, collect: bool) -> JsonValue:
        """Run the inner node over the items."""
        assert self.work is not None  # noqa: S101  # there is a mapper only where there is an inner node
        run = MapRun(self.visit, self.config, self.scope, self.work, tell, again=self.again, collect=collect)
        return await run.run(items, concurrency)
