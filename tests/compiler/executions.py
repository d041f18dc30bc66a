"""Executions of a document that are cut short by a crash or by waiting, and go on from what was recorded."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from app.compiler import Outcome, Registry, Resources, RunContext, RunInfo, WorkflowGraphCompiler
from app.compiler.emit import ROOT
from app.compiler.items import ItemState
from app.compiler.ports import TAG
from app.compiler.registry import NodeType
from app.compiler.turns import Debug
from app.compiler.waiting import Place, Signal, Waits
from tests.compiler.flow import COMPILER, Flow
from tests.reference.maps import SLEEP_SECONDS
from tests.reference.nodetypes import ANSWERED_BY, Answers

_runs = count()
_calls: dict[str, Counter[Place]] = {}
Before = Callable[[Any], Awaitable[None]]


@dataclass
class Record:
    """What a database would keep of a run."""

    outcomes: dict[tuple[str, int], Outcome] = field(default_factory=dict)
    items: dict[Place, ItemState] = field(default_factory=dict)
    signals: dict[Place, list[Signal]] = field(default_factory=dict)
    waiting: dict[Place, str] = field(default_factory=dict)
    begun: dict[Place, datetime] = field(default_factory=dict)

    def let_go(self, place: Place, answers: Answers) -> None:
        """Let happen what the node at the place waits for."""
        why = self.waiting.pop(place)
        if why == "waiting_for_time":
            self._begin_earlier(place)
        else:
            self.add(place, signal_for(why, place, answers))

    def add(self, place: Place, signal: Signal) -> bool:
        """Keep a signal; False where one of its kind is there already."""
        before = self.signals.setdefault(place, [])
        if any(other.kind == signal.kind for other in before):
            return False
        before.append(signal)
        return True

    def forget_failures(self) -> None:
        """Forget what a retry has to run again, and what was said to that."""
        self.outcomes = {key: outcome for key, outcome in self.outcomes.items() if outcome.handled}
        self.items = {
            place: item
            for place, item in self.items.items()
            if item.status == "COMPLETED" or place[:2] in self.outcomes
        }
        self.signals = {place: said for place, said in self.signals.items() if place[:2] in self.outcomes}
        self.waiting.clear()

    def _begin_earlier(self, place: Place) -> None:
        long_ago = datetime.now(UTC) - timedelta(seconds=2 * SLEEP_SECONDS)
        if place in self.items:
            reason = {**(self.items[place].reason or {}), "since": long_ago.isoformat()}
            self.items[place] = replace(self.items[place], reason=reason)
        else:
            self.begun[place] = long_ago


def signal_for(why: str, place: Place, answers: Answers) -> Signal:
    """What ends a wait, by the code of its reason."""
    if why == "breakpoint":
        return Signal("step", {})
    return Signal("answer", answers(place), ANSWERED_BY)


@dataclass
class Execution:
    """One execution of a run over its record; after `cut` things it records no more, and ends `lost` events later."""

    document: dict[str, Any]
    value: Any
    record: Record
    compiler: WorkflowGraphCompiler
    breakpoints: frozenset[str] = frozenset()
    cut: int | None = None
    lost: int = 0
    heard: Callable[[Execution], None] | None = None
    calls: Counter[Place] = field(default_factory=Counter)

    async def run(self) -> Flow:
        """Run it to its end or its cut; raises AssertionError when it repeats what was recorded."""
        compiled = self.compiler.compile(self.document)
        resources = Resources(registry=self.compiler.registry)
        info = RunInfo(f"run{next(_runs)}", "project", "workflow", 1, self.value)
        record = self.record
        self.maps = {node["id"] for node in self.document["nodes"] if node["type"] == "map"}
        done = dict(record.outcomes)
        items = {place for place, item in record.items.items() if item.status == "COMPLETED"}
        self.context = RunContext(
            info,
            resources,
            known=done,
            items={place: replace(item) for place, item in record.items.items()},
            item_log=self,
            begun=record.begun,
            waits=Waits(record.signals, grace_seconds=0.001),
            debug=Debug(nodes=self.breakpoints),
        )
        compiled.begin(self.context)
        flow = Flow(compiled, self.context, {}, [])
        _calls[info.id] = self.calls
        try:
            await self._stream(flow)
        finally:
            await resources.aclose()
            del _calls[info.id]
        again = [place for place in self.calls if place[:2] in done or place in items]
        assert not again, f"ran again: {again}"
        assert not done.keys() & flow.outcomes.keys()
        return flow

    @property
    def is_cut(self) -> bool:
        return self.cut is not None and self.cut <= 0

    async def _stream(self, flow: Flow) -> None:
        events = flow.compiled.graph.astream_events(
            {"input": self.value, "outputs": {}},
            {"recursion_limit": 10**9},
            version="v2",
            context=self.context,
            include_names=[ROOT],
            include_tags=[TAG],
            stream_mode="custom",
        )
        async with aclosing(events):
            async for event in events:
                if self.is_cut:
                    self.lost -= 1
                    if self.lost < 0:
                        return
                elif TAG in event["tags"] and event["event"] == "on_chain_end":
                    visit, outcome = event["data"]["input"], event["data"]["output"]
                    self._ended(flow, visit.key, outcome)
                elif event["event"] == "on_custom_event":
                    self._said(
                        event["name"].removeprefix(f"{TAG}."), event["data"]["visit"].place, event["data"]["data"]
                    )
                if self.heard:
                    self.heard(self)

    def _ended(self, flow: Flow, key: tuple[str, int], outcome: Outcome) -> None:
        if outcome.status == "WAITING":
            return
        flow.outcomes[key] = outcome
        self.record.outcomes[key] = outcome
        self.record.waiting.pop((*key, ()), None)
        self._count()

    def _said(self, kind: str, place: Place, data: Mapping[str, Any]) -> None:
        code = data["reason"]["code"] if kind == "waiting" else None
        # A map tells as its own what its items wait for.
        if code is not None and (place[0] not in self.maps or code == "breakpoint"):
            self.record.waiting[place] = code
            self._count()
        elif kind in ("going", "released"):
            self.record.waiting.pop(place, None)

    def _count(self) -> None:
        if self.cut is not None:
            self.cut -= 1

    # --- the log of items

    def put(self, state: ItemState) -> None:
        if self.is_cut:
            return
        self.record.items[state.place] = replace(state)
        waits_for = state.reason["code"] if state.status == "WAITING" and state.reason else "waiting_for_items"
        if waits_for == "waiting_for_items":
            self.record.waiting.pop(state.place, None)
        else:
            self.record.waiting[state.place] = waits_for
        self._count()

    def close(self, place: Place, reason: Mapping[str, Any]) -> None:
        pass

    async def room(self) -> None:
        await asyncio.sleep(0)


def compiler_with(before: Before) -> WorkflowGraphCompiler:
    """A compiler whose node types first wait for `before`, and are counted."""
    registry = COMPILER.registry
    types = {name: _wrapped(kind, before) for name, kind in registry.node_types.items()}
    return WorkflowGraphCompiler(Registry(types, registry.tools))


def _wrapped(kind: NodeType, before: Before) -> NodeType:
    async def run(context: Any, config: Any) -> Any:
        calls = _calls.get(context.run.id)
        if calls is not None:
            calls[context.node_id, context.iteration, context.path] += 1
        await before(context)
        return await kind.run(context, config)

    return replace(kind, run=run)


def shaken(rng: random.Random, seconds: float) -> Before:
    """A wait of none, some or many turns of the event loop, or of up to `seconds`."""

    async def before(_context: Any) -> None:
        roll = rng.random()
        if roll < 0.2:
            await asyncio.sleep(rng.random() * seconds)
        for _ in range(rng.choice([0, 0, 1, 3, 10])):
            await asyncio.sleep(0)

    return before
