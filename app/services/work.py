"""The unit of work: one transaction, and after its commit the wake-ups of those who read what it wrote."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, LiteralString
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from app.db import Database, Pool
from app.events.wakeups import Wakeups
from app.services.moves import Moved


@dataclass(slots=True)
class Work:
    """What one request or command does to the database. It takes a connection when it first needs one."""

    _pool: Pool
    _stack: AsyncExitStack
    _connection: AsyncConnection[DictRow] | None = None
    _begun: bool = False
    _moved: list[Moved] = field(default_factory=list)

    async def connection(self) -> AsyncConnection[Any]:
        """The connection of this transaction, for plain SQL and for the queue."""
        connection = await self.lone_connection()
        if not self._begun:
            await self._stack.enter_async_context(connection.transaction())
            self._begun = True
        return connection

    async def lone_connection(self) -> AsyncConnection[Any]:
        """The connection for one statement that is all there is to do: it needs no transaction around it.

        It commits by itself, unless this work has begun a transaction before.
        """
        if self._connection is None:
            self._connection = await self._stack.enter_async_context(self._pool.connection())
        return self._connection

    async def all(self, query: LiteralString, values: Any = None) -> list[DictRow]:
        """The rows of a query as dictionaries."""
        cursor = await (await self.connection()).execute(query, values)
        return await cursor.fetchall()

    async def first(self, query: LiteralString, values: Any = None) -> DictRow | None:
        """The first row of a query, if any."""
        cursor = await (await self.connection()).execute(query, values)
        return await cursor.fetchone()

    async def lone(self, query: LiteralString, values: Any = None) -> DictRow | None:
        """The first row, if any, of a query that is all there is to do."""
        cursor = await (await self.lone_connection()).execute(query, values)
        return await cursor.fetchone()

    async def run(self, query: LiteralString, values: Any = None) -> int:
        """Run a statement; how many rows it has changed."""
        return (await (await self.connection()).execute(query, values)).rowcount

    def moved(self, move: Moved) -> UUID:
        """Remember whom to wake once this has committed; returns the run's id."""
        self._moved.append(move)
        return move.run_id

    @property
    def moves(self) -> list[Moved]:
        return self._moved


@asynccontextmanager
async def unit_of_work(database: Database, wakeups: Wakeups) -> AsyncIterator[Work]:
    """Commit at the end, or roll back on an error; wake the readers of events only after the commit."""
    async with AsyncExitStack() as stack:
        work = Work(database.requests, stack)
        yield work
    for move in work.moves:
        wakeups.wake(move.project_id, move.run_id, move.last_seq)
