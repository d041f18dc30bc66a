"""Any order of commits, wakes, readers and deletions, over a log in memory that answers when it likes."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from typing import Any, cast
from unittest.mock import patch
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.events import EventText, Hub, RunHead
from app.events import hub as hub_module
from app.events import subscriber as subscriber_module
from app.ids import new_id

PROGRESS, FAILED, COMPLETED = "workflow.node.progress", "workflow.run.failed", "workflow.run.completed"
PROJECT = new_id()
RUNS = 2
READERS = 6
SMALL = {"REPLAY_EVENTS": 3, "READ_EVENTS": 3, "REPLAY_RUNS": 2, "READ_RUNS": 2, "REPLAYS": 2}
SECONDS = 5


class Log:
    """What the store reads of the database; each answer tells of one moment, and takes its time before and after."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.events: dict[UUID, list[EventText]] = {new_id(): [] for _ in range(RUNS)}
        self.times: dict[UUID, list[tuple[int, datetime]]] = defaultdict(list)

    def commit(self, run_id: UUID, kinds: Iterable[str]) -> int:
        log = self.events[run_id]
        for kind in kinds:
            log.append(EventText(run_id, len(log) + 1, kind, f'{{"seq": {len(log) + 1}}}'))
            if kind != PROGRESS:
                self.times[run_id].append((len(log), datetime.now(UTC)))
        return len(log)

    async def linger(self) -> None:
        for _ in range(self.chance.randrange(9)):
            await asyncio.sleep(0)

    async def read_many(self, _: Any, cursors: Mapping[UUID, int], limit: int) -> dict[UUID, list[EventText]]:
        await self.linger()
        found = {run: self.events.get(run, [])[after : after + limit] for run, after in cursors.items()}
        await self.linger()
        return {run: events for run, events in found.items() if events}

    async def last_seqs(self, _: Any, run_ids: Sequence[UUID]) -> list[tuple[UUID, UUID, int, int]]:
        await self.linger()
        found = [(PROJECT, run, len(self.events[run]), 0) for run in run_ids if run in self.events]
        await self.linger()
        return found

    async def changed_runs(self, _: Any, *__: Any) -> list[tuple[UUID, UUID, int]]:
        return [row[:3] for row in await self.last_seqs(_, list(self.events))]

    async def ends(self, _: Any, run_ids: Sequence[UUID]) -> dict[UUID, list[tuple[int, datetime]]]:
        await self.linger()
        return {run: list(self.times[run]) for run in run_ids}

    async def heads(self, _: Any, __: UUID, run_ids: Sequence[UUID]) -> list[RunHead]:
        await self.linger()
        return [RunHead(run, PROJECT, "RUNNING", len(self.events[run])) for run in run_ids if run in self.events]

    async def live_heads(self, _: Any, project_id: UUID) -> list[RunHead]:
        return await self.heads(_, project_id, [run for run, log in self.events.items() if not _ended(log)])


class Stage:
    """The hub, its log, and readers that come, go and come back."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.log = Log(chance)
        self.runs = list(self.log.events)
        self.hub = Hub("", cast("Any", None), poll_seconds=0.005)
        self.got: list[list[int]] = [[] for _ in range(READERS)]
        self.reads = [self.runs[number % RUNS] for number in range(READERS)]
        self.tasks: dict[int, asyncio.Task[None]] = {}
        self.late: list[tuple[UUID, UUID, int]] = []
        self.all: dict[UUID, list[int]] = {}
        self.watcher: asyncio.Task[None] | None = None

    async def read(self, number: int) -> None:
        """Follow a run from where this reader was, taking its time now and then."""
        got = self.got[number]
        async with aclosing(self.hub.run_events(self.reads[number], got[-1] if got else 0)) as batches:
            async for events in batches:
                got += [event.seq for event in events]
                for _ in range(self.chance.choice((0, 0, 1, 40))):
                    await asyncio.sleep(0)

    async def watch(self) -> None:
        """Follow the whole project; what a run begins with is what the snapshot says, or its first event."""
        reader = self.hub.open()
        try:
            snapshot = await self.hub.subscribe(reader, PROJECT, None, dict.fromkeys(self.log.events, 0))
            self.all = {head.id: [] for head in snapshot.runs}
            while not reader.closed:
                for event in await self.hub.read(reader):
                    self.all.setdefault(event.run_id, []).append(event.seq)
                for _ in range(self.chance.choice((0, 0, 30))):
                    await asyncio.sleep(0)
        finally:
            self.hub.leave(reader)

    def watching(self) -> None:
        self.watcher = self.watcher or asyncio.create_task(self.watch())

    async def pause(self, times: int) -> None:
        for _ in range(times):
            await asyncio.sleep(0)

    def delete(self, number: int) -> None:
        self.log.events.pop(self.runs[number], None)

    def come(self, number: int) -> None:
        task = self.tasks.get(number)
        if task is None or task.done():
            self.tasks[number] = asyncio.create_task(self.read(number))

    async def go(self, number: int) -> None:
        if (task := self.tasks.pop(number, None)) is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def commit(self, number: int, kinds: Sequence[str], wakes: int) -> None:
        """Commit events; of the wakes some get lost, some come twice, some later and in another order."""
        run = self.runs[number]
        if run in self.log.events:
            last = self.log.commit(run, kinds)
            self.late += [(PROJECT, run, last)] * wakes

    def wake(self) -> None:
        self.chance.shuffle(self.late)
        while self.late and self.chance.random() < 0.7:
            self.hub.hear(*self.late.pop())

    async def settle(self) -> None:
        """End all runs without a word; whoever is here reads to the end by itself."""
        for run in self.log.events:
            self.log.commit(run, [COMPLETED])
        async with asyncio.timeout(SECONDS):
            # Who was just leaving after an end that nothing followed comes once more, as after a retry.
            for _ in range(2):
                for number in range(READERS):
                    # At the end of the log the stream would wait for a retry.
                    if len(self.got[number]) < len(self.log.events.get(self.reads[number], ())):
                        self.come(number)
                await asyncio.gather(*self.tasks.values())
            while self.watcher is not None and not self._watched():
                await asyncio.sleep(0.001)

    async def leave(self) -> None:
        if self.watcher is not None:
            self.watcher.cancel()
            await asyncio.gather(self.watcher, return_exceptions=True)

    def check(self) -> None:
        for number, got in enumerate(self.got):
            assert got == list(range(1, len(got) + 1))
            log = self.log.events.get(self.reads[number])
            assert log is None or len(got) == len(log)
        for got in self.all.values():
            assert got == list(range(1, len(got) + 1))
        assert not self.hub._readers
        assert not self.hub._feeds.by_run

    def _watched(self) -> bool:
        return all(self.all.get(run, [None])[-1:] == [len(log)] for run, log in self.log.events.items())


def _ended(log: Sequence[EventText]) -> bool:
    return bool(log) and log[-1].type != PROGRESS


runs = st.integers(0, RUNS - 1)
readers = st.integers(0, READERS - 1)
kinds = st.lists(st.sampled_from([PROGRESS, PROGRESS, PROGRESS, FAILED]), min_size=1, max_size=7)
STEPS = st.one_of(
    st.tuples(st.just("commit"), runs, kinds, st.integers(0, 2)),
    st.tuples(st.just("come"), readers),
    st.tuples(st.just("go"), readers),
    st.tuples(st.just("wake")),
    st.tuples(st.just("watching")),
    st.tuples(st.just("pause"), st.integers(1, 30)),
    st.tuples(st.just("delete"), runs),
)


async def play(steps: Sequence[tuple[Any, ...]], chance: random.Random) -> None:
    stage = Stage(chance)
    with patch.object(hub_module, "store", stage.log):
        loops = [asyncio.create_task(hub_module._forever(loop)) for loop in (stage.hub._poll, stage.hub._read)]
        for name, *arguments in steps:
            done = getattr(stage, name)(*arguments)
            if asyncio.iscoroutine(done):
                await done
        await stage.settle()
        await stage.leave()
        for loop in loops:
            loop.cancel()
        await asyncio.gather(*loops, return_exceptions=True)
    stage.check()


@pytest.mark.spec("STREAM-70")
@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(steps=st.lists(STEPS, max_size=40), seed=st.integers(0, 2**32))
def test_each_reader_gets_each_event_once_in_any_interleaving(steps: list[tuple[Any, ...]], seed: int) -> None:
    with (
        patch.multiple(hub_module, **SMALL),
        patch.multiple(subscriber_module, BUFFER_EVENTS=4),
    ):
        asyncio.run(play(steps, random.Random(seed)))
