"""The database: one engine for requests, one pool for the journal, the streams and the queue."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, async_sessionmaker, create_async_engine
from sqlmodel.ext.asyncio.session import AsyncSession

from app import jsontext

Pool = AsyncConnectionPool[AsyncConnection[DictRow]]


def sqlalchemy_url(url: str) -> str:
    """The URL for SQLAlchemy with psycopg 3, from any PostgreSQL URL."""
    _, _, rest = url.partition("://")
    return "postgresql+psycopg://" + rest


def libpq_url(url: str) -> str:
    """The URL for libpq, from any PostgreSQL URL."""
    _, _, rest = url.partition("://")
    return "postgresql://" + rest


async def _autocommit(connection: AsyncConnection[Any]) -> None:
    # Not among the pool's kwargs: procrastinate passes those on to a connection of its own, with its own autocommit.
    await connection.set_autocommit(True)


async def _check(connection: AsyncConnection[Any]) -> None:
    """Raises psycopg.OperationalError for a connection that the server has closed, without asking the server.

    The first look takes in the server's last words, the second one finds that nothing follows them.
    """
    for _ in range(2):
        connection.pgconn.consume_input()


def as_arrays(rows: Sequence[Sequence[Any]]) -> list[str]:
    """The columns of the rows, each as the text of a PostgreSQL array.

    The driver's own way of writing lists looks up and calls a dumper for each value, which costs several times as much.
    """
    return [_array(column) for column in zip(*rows, strict=True)]


def _array(column: Sequence[Any]) -> str:
    """The text of one column. Mostly a column is of one kind, and often of one value: that is looked for first."""
    kinds, count = set(map(type, column)), len(column)
    if len(kinds) == 1:
        (kind,) = kinds
        if column.count(column[0]) == count:
            return "{" + ",".join([_literal(column[0])] * count) + "}"
        if kind is str:
            text = '","'.join(column)
            if "\\" not in text and text.count('"') == 2 * count - 2:
                return f'{{"{text}"}}'
        elif kind is bytes:
            return '{"\\\\x' + '","\\\\x'.join(map(bytes.hex, column)) + '"}'
        elif kind in _PLAIN:
            return '{"' + '","'.join(map(str, column)) + '"}'
    return "{" + ",".join(map(_literal, column)) + "}"


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, bytes | bytearray | memoryview):
        return '"\\\\x' + value.hex() + '"'
    return f'"{value}"'


_PLAIN: frozenset[type] = frozenset({int, UUID, datetime})
"""What needs no escapes in the text of an array."""


class Database:
    """Owns the engine and the pool; opened and closed by the composition root, never made at import."""

    def __init__(self, url: str, *, pool_size: int = 10) -> None:
        self.url = libpq_url(url)
        self.engine: AsyncEngine = create_async_engine(
            make_url(sqlalchemy_url(url)),
            pool_size=pool_size,
            max_overflow=0,
            pool_pre_ping=True,
            json_serializer=jsontext.dumps,
            json_deserializer=jsontext.loads,
        )
        self._sessions = async_sessionmaker(self.engine, class_=AsyncSession, expire_on_commit=False)
        self.pool: Pool = AsyncConnectionPool(
            self.url,
            min_size=2,
            max_size=pool_size,
            open=False,
            reconnect_timeout=5,
            check=_check,
            kwargs={"row_factory": dict_row},
            configure=_autocommit,
            connection_class=AsyncConnection[DictRow],
        )

    async def open(self) -> None:
        """Open the pool; waits until it has a connection. Raises psycopg_pool.PoolTimeout when it gets none."""
        await self.pool.open(wait=True)

    async def close(self) -> None:
        """Close every connection."""
        await self.pool.close()
        await self.engine.dispose()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[AsyncSession]:
        """One unit of work: commits at the end, rolls back on an error. Nothing else commits."""
        async with self._sessions() as session, session.begin():
            yield session


async def driver_connection(session: AsyncSession) -> AsyncConnection[Any]:
    """The session's own psycopg connection, for what has to share its transaction."""
    raw = await (await session.connection()).get_raw_connection()
    connection = raw.driver_connection
    assert isinstance(connection, AsyncConnection)  # noqa: S101  # the engine is always psycopg's
    return connection
