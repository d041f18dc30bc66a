"""Any order of commits, wakes, answers of the log, readers and deletions, one step at a time and without a clock."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any, cast
from unittest.mock import patch
from uuid import UUID

import pytest
from hypothesis import Phase, given, note, settings
from hypothesis import strategies as st

from app.events import Hub
from app.events import feeds as feeds_module
from app.events import hub as hub_module
from app.events import subscriber as subscriber_module
from tests.streams.calm import CalmLoop, Clock, MemoryLog, Wake
from tests.streams.conftest import PROGRESS
from tests.streams.players import Client, Follower, Numbered

FAILED = "workflow.run.failed"
HUB = "hub"
RUNS = [UUID(int=number) for number in (10, 11, 12)]
# Most happens to the first run: it takes several readers of one for most of what can go wrong.
OFTEN = [0, 0, 0, 0, 0, 1, 1, 2]
FOLLOWERS = 3
CLIENTS = 2
BATCHES = [[PROGRESS] * count for count in (1, 1, 1, 1, 2, 2, 2, 3, 3, 4, 5, 7)]
BATCHES += [[FAILED], [PROGRESS, FAILED], [FAILED, PROGRESS], [PROGRESS, PROGRESS, FAILED]]
SMALL = {"REPLAY_EVENTS": 3, "READ_EVENTS": 3, "REPLAY_RUNS": 2, "READ_RUNS": 2, "REPLAYS": 2}
# The hub polls when it is told to, and never by itself.
NEVER = 7 * 24 * 3600
# Who looks again after a while because of what another reader was handed does so in far less.
PATIENCE = 60
PLAYS = 800


class Stage:
    """The hub, its log, and readers that come, go and come back; its methods are the steps of a play.

    In a play that is `lossy` wakes get lost, runs are deleted and the database fails; the hub's poll mends that at the
    end of each act. In the others every wake arrives, and nothing else may be needed.
    """

    def __init__(self, *, lossy: bool) -> None:
        self.lossy = lossy
        self.loop = cast("CalmLoop", asyncio.get_running_loop())
        self.clock = Clock()
        self.log = MemoryLog(self.clock)
        self.hub = Hub("", cast("Any", None), poll_seconds=NEVER)
        self.followers = [Follower(self.hub, self.log, RUNS[0]) for _ in range(FOLLOWERS)]
        self.clients: dict[int, Client] = {}
        self.wakes: list[Wake] = []
        self.past: list[Wake] = []
        self.heard: Counter[UUID] = Counter()
        self.deleted: set[UUID] = set()
        for run_id in RUNS[:2]:
            self.log.commit(run_id, [PROGRESS])

    async def commit(self, which: int, what: int) -> None:
        run_id = RUNS[OFTEN[which]]
        if run_id not in self.deleted:
            # After an end a retry says first that it begins.
            begun = [PROGRESS] if self.log.ended(run_id) else []
            self.wakes.append(self.log.commit(run_id, begun + BATCHES[what]))

    async def wake(self, which: int, what: int) -> None:
        if self.wakes:
            wake = self.wakes.pop(which % len(self.wakes))
            self.past.append(wake)
            self.hear(wake, handed=bool(what % 3))

    def hear(self, wake: Wake, *, handed: bool) -> None:
        """A wake of this process hands over what was written, one of another does not."""
        project_id, run_id, last_seq, written = wake
        if handed and last_seq >= self.heard[run_id]:
            self.log.tips[run_id].add(last_seq)
        self.heard[run_id] = max(self.heard[run_id], last_seq)
        self.hub.hear(project_id, run_id, last_seq, cast("Any", written) if handed else ())

    async def tell(self, which: int, what: int) -> None:
        """A commit, its wake, and the answers that the hub wants to hand the events out."""
        await self.commit(which, what)
        await self.wake(-1, what)
        await self.loop.calm()
        await self.answer_hub()
        await self.loop.calm()

    async def wake_again(self, which: int, what: int) -> None:
        if self.past:
            self.hear(self.past[-1 - (which + what) % len(self.past)], handed=bool(what % 2))

    async def lose_wake(self, which: int, _: int) -> None:
        if self.lossy and self.wakes:
            self.wakes.pop(which % len(self.wakes))

    async def see(self, *_: int) -> None:
        """Let what has been asked so far miss what comes next, whenever it is answered."""
        for call in self.log.calls:
            call.see()

    async def answer(self, which: int, _: int) -> None:
        if self.log.calls:
            self.log.calls[which % len(self.log.calls)].answer()

    async def answer_all(self, *_: int) -> None:
        """Let readers come as far as they can without a wake."""
        while self.log.calls:
            for call in self.log.calls:
                call.answer()
            await self.loop.calm()

    async def answer_hub(self, *_: int) -> None:
        for call in self.log.calls:
            if call.by == HUB:
                call.answer()

    async def fail(self, which: int, _: int) -> None:
        if self.lossy and self.log.calls:
            self.log.calls[which % len(self.log.calls)].fail()

    async def come(self, which: int, what: int) -> None:
        follower = self.followers[which % FOLLOWERS]
        if (log := self.log.events.get(follower.run_id)) is not None:
            end = len(log)
            place = max(0, [follower.place, 0, end - 1, end - 2][what % 4])
            follower.come(place, by_opening=what >= 8)

    async def go(self, which: int, _: int) -> None:
        await self.followers[which % FOLLOWERS].go()

    async def rest(self, which: int, _: int) -> None:
        """Let a reader take no more, for a while."""
        self.reader(which).awake.clear()

    async def go_on(self, which: int, _: int) -> None:
        self.reader(which).awake.set()

    async def subscribe(self, which: int, what: int) -> None:
        client = self.clients.get(which % CLIENTS)
        if client is None:
            client = self.clients[which % CLIENTS] = Client(self.hub, self.log)
        run_id = RUNS[OFTEN[what % 8]]
        place = [None, max(client.places.get(run_id, {0})), 0, None][which // 2]
        client.subscribe([run_id] if what < 8 else None, {} if place is None else {run_id: place})

    async def unsubscribe(self, which: int, what: int) -> None:
        if (client := self.clients.get(which % CLIENTS)) is not None:
            client.unsubscribe(RUNS[OFTEN[what % 8]])

    async def leave(self, which: int, _: int) -> None:
        if (client := self.clients.pop(which % CLIENTS, None)) is not None:
            await client.leave()

    async def delete(self, which: int, what: int) -> None:
        if self.lossy and not what:
            self.deleted.add(RUNS[OFTEN[which]])
            self.log.events.pop(RUNS[OFTEN[which]], None)

    async def poll(self, *_: int) -> None:
        if self.lossy:
            self.hub._resync.set()

    def reader(self, which: int) -> Follower | Client:
        """One that is there."""
        readers = [*(follower for follower in self.followers if follower.task is not None), *self.clients.values()]
        return readers[-1 - which % len(readers)] if readers else self.followers[0]

    async def end_act(self) -> None:
        """Let everybody go on until nobody can, and see that each has got everything."""
        self.log.open = True
        for call in list(self.log.calls):
            call.answer()
        for reader in (*self.followers, *self.clients.values()):
            reader.awake.set()
        while self.wakes:
            await self.wake(0, 0)
        await self.poll()
        await self.loop.calm(PATIENCE)
        for reader in (*self.followers, *self.clients.values()):
            reader.check()
        self.log.open = False

    async def end(self) -> None:
        for follower in self.followers:
            await follower.go()
        for client in self.clients.values():
            await client.leave()
        assert not self.hub._readers
        assert not self.hub._feeds.by_run
        assert not self.hub._feeds.by_project


Step = tuple[str, int, int, int | None]
OF_LOG = ["commit", "wake", "wake", "tell", "tell", "see", "see", "answer", "answer_all"]
OF_FOLLOWERS = ["come", "come", "come", "go", "go", "rest", "go_on"]
OF_CLIENTS = ["subscribe", "subscribe", "unsubscribe", "rest", "rest", "go_on", "go_on"]
SELDOM = ["wake_again", "lose_wake", "fail", "delete", "poll", "answer_hub"]
OF_ONE_RUN = [*(OF_LOG + OF_FOLLOWERS) * 3, *SELDOM]
OF_THE_PROJECT = [*(OF_LOG + OF_CLIENTS) * 3, *OF_FOLLOWERS, "leave", *SELDOM]


def compose(chance: random.Random) -> list[list[Step]]:
    """The acts of a play; each begins and ends with all readers having all there is."""
    names = chance.choice([OF_ONE_RUN, OF_THE_PROJECT])
    # The last number is how many turns of the loop pass before the next step; None stands for all that there are.
    turns = [None, None, None, None, 0, 1, 2]
    return [
        [
            (chance.choice(names), chance.randrange(8), chance.randrange(16), chance.choice(turns))
            for _ in range(chance.randint(8, 16))
        ]
        for _ in range(6)
    ]


def perform(acts: Sequence[Sequence[Step]], *, lossy: bool) -> None:
    with (
        patch.multiple(subscriber_module, BUFFER_EVENTS=4),
        asyncio.Runner(loop_factory=CalmLoop) as runner,
    ):
        runner.run(play(acts, lossy=lossy))


async def play(acts: Sequence[Sequence[Step]], *, lossy: bool) -> None:
    stage = Stage(lossy=lossy)
    handing = patch.object(feeds_module, "as_text", lambda row: row[2])
    with handing, patch.multiple(hub_module, store=stage.log, datetime=stage.clock, Subscriber=Numbered, **SMALL):
        tasks = [
            asyncio.create_task(hub_module._forever(work), name=HUB) for work in (stage.hub._poll, stage.hub._read)
        ]
        for act in acts:
            for name, which, what, turns in act:
                await getattr(stage, name)(which, what)
                for _ in range(turns or 0):
                    await asyncio.sleep(0)
                if turns is None:
                    await stage.loop.calm()
            await stage.end_act()
        await stage.end()
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


@pytest.mark.spec("STREAM-70")
@settings(max_examples=PLAYS, deadline=None, derandomize=True, phases=[Phase.generate], database=None)
@given(seed=st.integers(0, 2**64))
def test_each_reader_gets_each_event_once_in_any_interleaving(seed: int) -> None:
    # Drawn by the seed, as that many steps drawn one by one would take most of the time.
    chance = random.Random(seed)
    acts, lossy = compose(chance), chance.random() < 0.25
    note(f"{lossy=} {acts=}")
    perform(acts, lossy=lossy)


@pytest.mark.spec("STREAM-73")
def test_an_answer_that_is_asked_for_while_another_is_sent_does_not_overtake_events() -> None:
    first, again = ("subscribe", 2, 0, None), ("subscribe", 4, 8, None)
    perform([[first, again, ("rest", 0, 0, None), ("answer_all", 0, 0, None)]], lossy=False)
