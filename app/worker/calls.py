"""The calls of one execution: what its nodes have done by other workers."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from psycopg.rows import DictRow

from app.compiler.calls import Call, Ear, NewCall
from app.compiler.failures import Failure, RetryableError
from app.compiler.waiting import Place, Signal, Waits
from app.db import Pool
from app.queue import DEFAULT, Queue
from app.services.calls import look_at_call, make_call, news_of, owned_drop
from app.worker.entries import RunLog
from app.worker.journal import Journal
from app.worker.patience import outlasting

WHAT = "A node that another worker runs"


@dataclass(slots=True)
class _Listener:
    place: Place
    ear: Ear
    heard: int = -1
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Calls:
    """The NodeCalls of one execution of the run of `row`; `queues` are those that this worker serves."""

    def __init__(
        self, pool: Pool, queue: Queue, journal: Journal, *, row: DictRow, run: RunLog, queues: frozenset[str]
    ) -> None:
        self._pool = pool
        self._queue = queue
        self._journal = journal
        self._row = row
        self._run = run
        self._served = queues | {DEFAULT, row["queue"]}
        self._listeners: dict[UUID, _Listener] = {}
        self._known: set[Place] = set()
        self.waits: Waits | None = None

    @property
    def listening(self) -> list[UUID]:
        return list(self._listeners)

    def remember(self, places: set[Place]) -> None:
        """Take note of calls that earlier executions have left."""
        self._known |= places

    def serves(self, queue: str) -> bool:
        return queue in self._served

    def knows(self, place: Place) -> bool:
        return place in self._known

    async def make(self, call: NewCall, ear: Ear) -> Call:
        self._known.add(call.place)

        async def write() -> DictRow | None:
            async with self._pool.connection() as connection, connection.transaction():
                return await make_call(connection, self._queue, self._row, call)

        row = await outlasting(write, WHAT)
        if row is None:
            raise RetryableError("The run has gone to another worker.")
        self._listeners[row["id"]] = _Listener(call.place, ear)
        if row["status"] in ("COMPLETED", "FAILED"):
            await self._catch_up(row["id"])
        return _as_call(row)

    async def _catch_up(self, call_id: UUID) -> None:
        """Take in what is left of the news of a call that has ended: nobody will wait for them."""

        async def read() -> list[DictRow]:
            async with self._pool.connection() as connection:
                return await news_of(connection, call_id)

        for row in await outlasting(read, WHAT):
            if row["kind"] == "ended":
                self._journal.heard(self._run, row["id"])
            else:
                await self.hear(call_id, row["id"], row["kind"], row["data"])

    async def look(self, place: Place) -> Call:
        async def read() -> DictRow | None:
            async with self._pool.connection() as connection:
                return await look_at_call(connection, self._row["id"], place)

        row = await outlasting(read, WHAT)
        if row is None:
            raise RetryableError("The run has gone to another worker.")
        return _as_call(row)

    def leave(self, place: Place) -> None:
        self._listeners = {key: one for key, one in self._listeners.items() if one.place != place}

    async def abandon(self, place: Place) -> None:
        node_id, iteration, path = place
        below = {known for known in self._known if known[:2] == (node_id, iteration) and known[2][: len(path)] == path}
        if below:
            await self._drop(place)
            self._known -= below

    async def abandon_all(self) -> None:
        if self._known:
            await self._drop(None)

    async def _drop(self, below: Place | None) -> None:
        async def write() -> None:
            async with self._pool.connection() as connection, connection.transaction():
                await owned_drop(connection, self._queue, self._row, below)

        await outlasting(write, WHAT)

    async def hear(self, call_id: UUID, number: int, kind: str, data: Mapping[str, Any]) -> None:
        listener = self._listeners.get(call_id)
        if listener is None:
            return
        # The inbox may read the same news as `_catch_up`.
        async with listener.lock:
            if number > listener.heard and self._listeners.get(call_id) is listener:
                await self._hear(listener, number, kind, data)

    async def _hear(self, listener: _Listener, number: int, kind: str, data: Mapping[str, Any]) -> None:
        if kind == "ended":
            if self.waits is None or not self.waits.tell(listener.place, Signal("call")):
                return
            self._journal.heard(self._run, number)
        elif await listener.ear(kind, dict(data), number):
            self._journal.heard(self._run, number)
        listener.heard = number


def _as_call(row: DictRow) -> Call:
    failure = None if row["error"] is None else Failure(**row["error"])
    return Call(row["status"], row["reason"] or {}, row["output"], failure)
