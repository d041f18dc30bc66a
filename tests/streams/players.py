"""Who reads in a test of all interleavings, and knows at each event whether it is the one that has to come."""

import asyncio
import itertools
import json
from collections import deque
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID

import psycopg
from starlette.websockets import WebSocket

from app.events import EventText, Hub, Subscriber
from app.routes.feed import Conversation
from tests.streams.calm import PROJECT, MemoryLog


class Numbered(Subscriber):
    """A reader whose place in a set is the same in each play."""

    __slots__ = ("number",)
    numbers = itertools.count()

    def __init__(self) -> None:
        super().__init__()
        self.number = next(self.numbers)

    def __hash__(self) -> int:
        return self.number


class Follower:
    """Reads one run, as an event stream does; `place` is the seq of the last event that it got."""

    def __init__(self, hub: Hub, log: MemoryLog, run_id: UUID) -> None:
        self.run_id = run_id
        self.place = 0
        self.awake = asyncio.Event()
        self.task: asyncio.Task[None] | None = None
        self._hub = hub
        self._log = log

    def come(self, place: int, *, by_opening: bool) -> None:
        """Read on after a seq, unless it reads already; `by_opening` as an event stream does."""
        if self.task is not None and self.task.done():
            self.task.result()
            self.task = None
        if self.task is None:
            self.place = place
            self.awake.set()
            self.task = asyncio.create_task(self._open() if by_opening else self._follow())

    async def go(self) -> None:
        task, self.task = self.task, None
        if task is not None:
            await _end(task)

    def check(self) -> None:
        """Nobody can go on: what is there has been read."""
        if self.task is not None and self.task.done():
            self.task.result()
        elif self.task is not None:
            assert self.place >= len(self._log.events[self.run_id]), f"{self.run_id} waits at {self.place}"

    async def _follow(self) -> None:
        last: EventText | None = None
        async with aclosing(self._hub.run_events(self.run_id, self.place)) as batches:
            async for events in batches:
                last = await self._take(events)
        self._ended(last)

    async def _open(self) -> None:
        reader = self._hub.open()
        try:
            found = await self._hub.begin(reader, PROJECT, self.run_id, self.place)
            if found is None or (found[0].ended and self.place >= found[0].last_seq):
                return
            last = await self._take(found[1])
            while self._hub.goes_on(reader, self.run_id, last):
                last = await self._take(await self._hub.read(reader)) or last
            self._ended(last)
        except psycopg.Error:
            return
        finally:
            self._hub.leave(reader)

    async def _take(self, events: Sequence[EventText]) -> EventText | None:
        for event in events:
            assert (event.run_id, event.seq) == (self.run_id, self.place + 1)
            self.place = event.seq
        await self.awake.wait()
        return events[-1] if events else None

    def _ended(self, last: EventText | None) -> None:
        if self.run_id in self._log.events:
            assert last is not None
            assert last.terminal
            assert self.place in self._log.tips[self.run_id], "it ended at an end that something follows"


@dataclass(eq=False)
class _Asked:
    """A subscription that is yet to be answered; `void` are the runs unsubscribed since, or None for all."""

    runs: list[UUID] | None
    after: dict[UUID, int]
    void: set[UUID] | None = field(default_factory=set)


class Client:
    """Talks with the hub through the project's WebSocket, of which it is also the socket.

    `places` holds for each run the seqs after which the next event may come: one, but after a further snapshot.
    """

    scope: dict[str, Any]

    def __init__(self, hub: Hub, log: MemoryLog) -> None:
        self.places: dict[UUID, set[int]] = {}
        self.awake = asyncio.Event()
        self.awake.set()
        self._log = log
        self._asked: deque[_Asked] = deque()
        self._asked_all = False
        self._all = False
        self._inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._hub = hub
        self.task = asyncio.create_task(self._converse())

    async def leave(self) -> None:
        await _end(self.task)

    def subscribe(self, runs: list[UUID] | None, after: dict[UUID, int]) -> None:
        self._asked.append(_Asked(runs, after))
        self._asked_all = self._asked_all or runs is None
        self._say("subscribe", runs, after={str(run): seq for run, seq in after.items()})

    def unsubscribe(self, run_id: UUID) -> None:
        """Hear no more of a run, or of any if all have been subscribed."""
        if self._asked_all:
            self._say("unsubscribe", None)
            self.places, self._asked_all, self._all = {}, False, False
            for asked in self._asked:
                asked.void = None
        else:
            self._say("unsubscribe", [run_id])
            self.places.pop(run_id, None)
            for asked in self._asked:
                if asked.void is not None:
                    asked.void.add(run_id)

    def check(self) -> None:
        """Nobody can go on: what is there has been told."""
        if self.task.done():
            self.task.result()
        assert not self._asked
        for run_id, log in self._log.events.items():
            if run_id in self.places:
                assert max(self.places[run_id]) >= len(log), f"{run_id} waits at {self.places[run_id]}"
            elif self._all:
                assert self._beginning(run_id) == len(log), f"{run_id} was not told of"

    async def receive(self) -> dict[str, Any]:
        return await self._inbox.get()

    async def send_text(self, text: str) -> None:
        await self.awake.wait()
        message = json.loads(text)
        match message["type"]:
            case "snapshot":
                self._take_snapshot(message["runs"])
            case "lagged":
                self._take_lag(message["after"])
            case "error":
                if message["code"] == "unavailable":
                    self._asked.popleft()
                else:
                    assert message["code"] == "not_found", message
            case _:
                self._take(UUID(message["run_id"]), message["seq"])

    async def _converse(self) -> None:
        self._conversation = Conversation(cast("WebSocket", self), self._hub, PROJECT)
        await self._conversation.run()

    def _say(self, kind: str, runs: list[UUID] | None, **more: Any) -> None:
        named = "*" if runs is None else [str(run) for run in runs]
        self._inbox.put_nowait({"type": "websocket.receive", "text": json.dumps({"type": kind, "runs": named, **more})})

    def _take_snapshot(self, heads: list[dict[str, Any]]) -> None:
        asked = self._asked.popleft()
        if asked.void is None:
            return
        before, self._all = self._all, self._all or asked.runs is None
        for head in heads:
            run_id = UUID(head["id"])
            if run_id in asked.void:
                continue
            if run_id in asked.after:
                self.places[run_id] = {asked.after[run_id]}
                continue
            if before:
                self.places.setdefault(run_id, {self._beginning(run_id)})
            # A run that it had already goes on, or begins anew after its end.
            self.places.setdefault(run_id, set()).add(head["last_seq"])

    def _take(self, run_id: UUID, seq: int) -> None:
        if run_id not in self.places:
            if not self._all:
                return  # it was on its way when we unsubscribed
            self.places[run_id] = {self._beginning(run_id)}
        assert seq - 1 in self.places[run_id], f"{run_id} had {self.places[run_id]} and now {seq}"
        self.places[run_id] = {seq}

    def _take_lag(self, after: dict[str, int]) -> None:
        for name, seq in after.items():
            places = self.places.get(UUID(name), {seq})
            assert seq in places, f"{name} had {places} and is said to lag from {seq}"

    def _beginning(self, run_id: UUID) -> int:
        """Where a run begins that was in no snapshot."""
        return self._log.ended_by(run_id, self._conversation._reader.floor)


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()
