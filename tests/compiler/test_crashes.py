"""Runs that crash and wait at random go on to the same end, and repeat nothing that was recorded."""

import asyncio
import random
from typing import Any

import pytest

from app.compiler.waiting import Place
from tests.compiler.executions import Execution, Record, compiler_with, shaken, signal_for
from tests.compiler.flow import Flow
from tests.reference.agreement import comparable, expected_turns, found_turns
from tests.reference.generator import random_answers, random_graph, random_input
from tests.reference.interpreter import Outcome, interpret

GRAPHS, CHUNK, AT_ONCE = 2000, 100, 8
PATIENCE = 15


class Story:
    """One random graph, what the reference says of it, and a run of it through crashes and waits."""

    def __init__(self, seed: int, *, waits: bool) -> None:
        self.seed = seed
        self.rng = rng = random.Random(seed)
        # Most of them small: what matters is where they are cut.
        size = rng.randint(3, rng.choice([5, 8, 12, 25]))
        self.document = random_graph(
            rng, size=size, loops=seed % 4, state=seed % 3 == 0, maps=True, waits=waits, sleeps=waits
        )
        self.value = random_input(rng)
        self.answers = random_answers(seed)
        self.asked: list[Place] = []
        self.expected: Outcome = interpret(self.document, self.value, self._answer)
        self.compiler = compiler_with(shaken(rng, 0.002))
        self.record = Record()
        names = [node["id"] for node in self.document["nodes"]]
        self.breakpoints = frozenset(rng.sample(names, min(len(names), 2)) if waits and seed % 4 == 0 else ())

    def _answer(self, place: Place) -> Any:
        self.asked.append(place)
        return self.answers(place)

    async def crash(self) -> None:
        """Execute a part of it."""
        left = len(self.expected.nodes) + len(self.asked)
        cut = self.rng.choice([self.rng.randint(1, 3), self.rng.randint(1, max(1, left))])
        await self._execution(cut=cut, lost=self.rng.choice([0, 0, 1, 5, 50])).run()

    async def finish(self) -> Flow:
        """Execute it until it waits no more; `ran` are then the turns that have ended meanwhile."""
        self.ran: set[tuple[str, int]] = set()
        times = 0
        while True:
            times += 1
            if times == PATIENCE:
                # A loop that asks in each of a hundred laps would be gone through a hundred times.
                for place in self.asked:
                    self.record.add(place, signal_for("waiting_for_approval", place, self.answers))
            flow = await self._execution().run()
            self.ran |= flow.outcomes.keys()
            if not flow.context.parks:
                return flow
            waiting = sorted(self.record.waiting)
            assert waiting
            for place in self.rng.sample(waiting, self.rng.randint(1, len(waiting))):
                self.record.let_go(place, self.answers)

    def _execution(self, **more: Any) -> Execution:
        return Execution(
            self.document,
            self.value,
            self.record,
            self.compiler,
            breakpoints=self.breakpoints,
            heard=self._heard,
            **more,
        )

    def _heard(self, execution: Execution) -> None:
        """Answer while the run goes on, sometimes before anybody asks."""
        asking = [place for place, why in self.record.waiting.items() if why != "waiting_for_time"]
        if not asking or self.rng.random() > 0.1:
            return
        place = self.rng.choice([*asking, *self.asked])
        why = self.record.waiting.get(place, "waiting_for_approval")
        signal = signal_for(why, place, self.answers)
        if self.record.add(place, signal):
            execution.context.waits.tell(place, signal)

    def check(self, flow: Flow) -> None:
        expected = self.expected
        assert found_turns(self.record.outcomes) == expected_turns(expected), self.seed
        assert flow.status == expected.status, self.seed
        if expected.status == "COMPLETED":
            assert comparable(flow.result) == comparable(expected.result), self.seed
            assert (flow.compiled.final_state(flow.context) or {}) == comparable(expected.state), self.seed


async def tell(seed: int, *, crashes: int, waits: bool) -> None:
    story = Story(seed, waits=waits)
    try:
        async with asyncio.timeout(60):
            for _ in range(crashes):
                await story.crash()
            story.check(await story.finish())
    except Exception as error:
        error.add_note(f"seed {seed}, {crashes} crashes, waits: {waits}")
        raise


async def tell_all(seeds: range, **what: Any) -> None:
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(seed: int) -> None:
        async with slots:
            await tell(seed, **{"crashes": random.Random(-seed).randint(1, 3), **what})

    await asyncio.gather(*(one(seed) for seed in seeds))


@pytest.mark.spec("LANG-30")
@pytest.mark.parametrize("first", range(0, GRAPHS, CHUNK))
async def test_a_run_that_crashes_at_random_ends_the_same_and_repeats_nothing_recorded(first: int) -> None:
    await tell_all(range(first, first + CHUNK), waits=False)


@pytest.mark.spec("LANG-31")
@pytest.mark.parametrize("first", range(0, 500, CHUNK))
async def test_a_run_that_waits_ends_as_if_the_answers_had_been_there(first: int) -> None:
    await tell_all(range(20_000 + first, 20_000 + first + CHUNK), waits=True, crashes=0)


@pytest.mark.spec("LANG-30", "LANG-31")
@pytest.mark.parametrize("first", range(0, 300, CHUNK))
async def test_a_run_that_waits_and_crashes_ends_the_same(first: int) -> None:
    await tell_all(range(30_000 + first, 30_000 + first + CHUNK), waits=True)


@pytest.mark.spec("RUN-11")
@pytest.mark.parametrize("waits", [False, True])
async def test_a_retry_runs_what_failed_and_was_skipped_behind_it_and_nothing_else(waits: bool) -> None:
    retries = 0
    for seed in range(60_000, 60_150):
        story = Story(seed, waits=waits)
        flow = await story.finish()
        again = {key for key, outcome in story.record.outcomes.items() if not outcome.handled}
        story.record.forget_failures()
        flow = await story.finish()
        story.check(flow)
        assert story.ran == again, seed
        retries += bool(again)
    assert retries > 20
