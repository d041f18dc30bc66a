"""Maps: one node's work over each item of a list, so many at once, each item kept as soon as it ends.

A fixed pool of coroutines takes the items one after the other, so what a map costs in memory beside its items and
results does not grow with their number. An item is a visit of the inner node: it is tried again, times out and waits
like a node. It has no events of its own; where it stands is told to the run's `ItemLog`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from langchain_core.runnables import RunnableConfig
from pydantic import JsonValue

from app.compiler.calls import WAITING_FOR_WORKER, WORKING_ELSEWHERE
from app.compiler.failures import Failure, ItemError, Park
from app.compiler.items import ItemState, Results, digest
from app.compiler.turns import Outcome
from app.compiler.visits import Visit
from app.compiler.waiting import Path, Reason, most_telling

PROGRESS_SECONDS = 0.1
"""Watchers are told of the progress of a map this often at most."""
BREATH_SECONDS = 0.002
"""Items that never wait let the rest of the process have its turn this often."""

Work = Callable[[Visit, RunnableConfig], Awaitable[Outcome]]
Tell = Callable[[Visit, RunnableConfig, str, Mapping[str, Any]], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class _Parked:
    path: Path
    why: Reason
    wake_at: datetime | None


class MapRun:
    """One attempt of one visit of a map."""

    def __init__(  # the two ways out and what the items share
        self,
        visit: Visit,
        config: RunnableConfig,
        base: Mapping[str, Any],
        work: Work,
        tell: Tell,
        *,
        again: bool,
        collect: bool,
    ) -> None:
        """`base` is the scope that the items share, `again` says that the map was tried before."""
        self._visit = visit
        self._context = visit.context
        self._config = config
        self._base = base
        self._work = work
        self._tell = tell
        self._again = again
        self._collect = collect
        self._results = Results(())
        self._tasks: list[asyncio.Task[None]] = []
        self._news = asyncio.Event()
        self._failure: Failure | None = None
        self._parked: list[_Parked] = []
        self._stood = visit.place in visit.context.begun
        self._breath = 0.0
        self._told: dict[str, int] | None = None

    async def run(self, items: Sequence[JsonValue], concurrency: int) -> JsonValue:
        """The results in the order of the items; raises ItemError, and Park when what is under way only waits."""
        place = self._visit.place
        known = self._context.results.get(place)
        if known is None or known.items != items:
            known = self._context.results[place] = Results(items)
        self._results = known
        await self._recall()
        if self._stood:
            self._told = self._counts()
        await self._progress()
        # A map that is an item itself tells nobody.
        ticker = None if self._visit.path else asyncio.create_task(self._tick())
        try:
            await self._run_rest(concurrency)
        finally:
            if ticker is not None:
                ticker.cancel()
        await self._progress()
        if self._failure is not None:
            raise ItemError(self._failure)
        if self._parked:
            raise await self._park()
        del self._context.results[place]
        return known.values

    async def _recall(self) -> None:
        """Take in what earlier executions have kept of the very same items."""
        visit, results, kept = self._visit, self._results, self._context.items
        if not kept:
            return
        for index, item in enumerate(results.items):
            place = (visit.node_id, visit.iteration, (*visit.path, index))
            state = kept.pop(place, None)
            if state is None or results.is_done[index] or state.digest != digest(item):
                continue
            if state.status == "COMPLETED":
                results.set(index, state.output)
            elif state.status == "FAILED" and self._collect:
                results.set(index, _collected(state.error), failed=True)
            elif state.status == "WAITING" and (began := state.began) is not None:
                self._context.begun[place] = began
                results.attempts[index] = state.attempt - 1
            else:
                results.attempts[index] = state.attempt
            await self._breathe()

    async def _run_rest(self, concurrency: int) -> None:
        results = self._results
        rest = (index for index, is_done in enumerate(results.is_done) if not is_done)
        with self._context.waits.aside():
            async with asyncio.TaskGroup() as group:
                for _ in range(min(concurrency, len(results.items) - results.done)):
                    self._tasks.append(group.create_task(self._take(rest)))

    async def _take(self, rest: Iterator[int]) -> None:
        """Run one item after the other; one that parks stays under way, so it ends the taking."""
        with self._context.waits.working():
            for index in rest:
                visit = self._begin(index)
                if self._stood and visit.place not in self._context.begun:
                    self._stood = False
                    await self._tell(self._visit, self._config, "going", {})
                try:
                    outcome = await self._work(visit, self._config)
                except Park as park:
                    why = visit.waiting or Reason("waiting", "The item waits.")
                    self._parked.append(_Parked(visit.path, why, visit.wake_at(park.until)))
                    return
                finally:
                    self._visit.spawned = self._visit.spawned or visit.spawned
                self._end(index, visit, outcome)
                if self._failure is not None:
                    self._stop()
                    return
                await self._breathe()

    def _begin(self, index: int) -> Visit:
        outer, results = self._visit, self._results
        return Visit(
            outer.context,
            outer.turn,
            outer.unit,
            outer.node_id,
            outer.iteration,
            results.attempts.get(index, 0) + 1,
            path=(*outer.path, index),
            item=results.items[index],
            index=index,
            base=self._base,
            again=self._again,
        )

    def _end(self, index: int, visit: Visit, outcome: Outcome) -> None:
        log, results, error = self._context.item_log, self._results, outcome.error
        if self._context.begun:
            self._context.begun.pop(visit.place, None)
        if log is not None:
            now = datetime.now(UTC)
            began = visit.started or visit.began or now
            log.put(
                ItemState(
                    visit.place,
                    outcome.status,
                    visit.attempt,
                    digest(visit.item),
                    outcome.output,
                    error,
                    started_at=began,
                    # The clock may have been set back meanwhile.
                    finished_at=max(began, now),
                )
            )
        if outcome.status == "COMPLETED":
            results.set(index, outcome.output)
        elif self._collect:
            results.set(index, _collected(error), failed=True)
        else:
            results.attempts[index] = visit.attempt
            self._failure = self._failure or _failure_at(index, error or {})
        self._news.set()

    def _stop(self) -> None:
        current = asyncio.current_task()
        for task in self._tasks:
            if task is not current:
                task.cancel()

    async def _breathe(self) -> None:
        if time.monotonic() >= self._breath:
            await asyncio.sleep(0)
            if self._context.item_log is not None:
                await self._context.item_log.room()
            self._breath = time.monotonic() + BREATH_SECONDS

    async def _park(self) -> Park:
        """Say why the map waits; the Park to be raised."""
        visit, parked = self._visit, sorted(self._parked, key=lambda one: one.path)
        first = most_telling(parked, lambda one: one.why.code)
        count = sum(_count(one.why) for one in parked)
        message = first.why.message if count == 1 else f"{count} items wait, one of them so: {first.why.message}"
        details: dict[str, JsonValue] = {"item": list(first.path), **first.why.details, "waiting": count}
        why = visit.waiting = Reason(first.why.code, message, details)
        until = min((one.wake_at for one in parked if one.wake_at is not None), default=None)
        # Answers are for the innermost items: a map that is an item itself must not look like one of those.
        said = why if not visit.path else Reason("waiting_for_items", message, {"waiting": count})
        since = (visit.began or datetime.now(UTC)).isoformat()
        shown = {"reason": {**said.as_json(), "since": since}, "wake_at": visit.wake_at(until), "input": visit.given}
        # A map whose items are worked on elsewhere does not wait, as long as nobody can do anything about the others.
        working = any(one.why.code == WORKING_ELSEWHERE for one in parked)
        if working and first.why.code in (WAITING_FOR_WORKER, WORKING_ELSEWHERE):
            await self._tell(visit, self._config, "going", {})
        else:
            await self._tell(visit, self._config, "waiting", shown)
        return Park(until)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(PROGRESS_SECONDS)
            await self._news.wait()
            await self._progress()

    async def _progress(self) -> None:
        self._news.clear()
        counts = self._counts()
        if counts != self._told:
            self._told = counts
            await self._tell(self._visit, self._config, "progress", counts)

    def _counts(self) -> dict[str, int]:
        results = self._results
        failed = results.failed + (self._failure is not None)
        return {"done": results.done, "total": len(results.items), "failed": failed}


def take_down(visit: Visit, kind: str, data: Mapping[str, Any]) -> bool:
    """Take down what a node tells while it runs for an item; False for what watchers are to be told."""
    status = _STATUSES.get(kind)
    if status is None:
        return kind == "progress"
    log = visit.context.item_log
    if kind == "retrying":
        visit.started = visit.started or visit.began
    if log is not None:
        now = datetime.now(UTC)
        wake_at = now + timedelta(seconds=data["delay"]) if kind == "retrying" else data.get("wake_at")
        error, started = data.get("error"), visit.started or visit.began or now
        state = ItemState(visit.place, status, visit.attempt, digest(visit.item), None, error, data.get("reason"))
        state.wake_at, state.started_at = wake_at, started
        log.put(state)
    return True


_STATUSES = {
    "waiting": "WAITING",
    "going": "RUNNING",
    "begun": "RUNNING",
    "retrying": "RETRYING",
    "attempt": "RUNNING",
}


def _collected(error: Mapping[str, Any] | None) -> JsonValue:
    said = error or {}
    return {"error": {"type": said.get("type"), "message": said.get("message")}}


def _failure_at(index: int, error: Mapping[str, Any]) -> Failure:
    message = f"Item {index}: {error.get('message')}"
    return Failure(str(error.get("type")), message, str(error.get("stack") or ""), bool(error.get("retryable")))


def _count(why: Reason) -> int:
    count = why.details.get("waiting", 1)
    return count if isinstance(count, int) else 1
