"""The database: one pool for requests, one for the journal, the streams and the queue."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

from app import jsontext

Pool = AsyncConnectionPool[AsyncConnection[DictRow]]

POOL_SECONDS = 30.0
REQUEST_SECONDS = 5.0
"""How long a request waits for a connection before it is answered with 503."""


def sqlalchemy_url(url: str) -> str:
    """The URL for SQLAlchemy with psycopg 3, from any PostgreSQL URL."""
    _, _, rest = url.partition("://")
    return "postgresql+psycopg://" + rest


def libpq_url(url: str) -> str:
    """The URL for libpq, from any PostgreSQL URL."""
    _, _, rest = url.partition("://")
    return "postgresql://" + rest


async def _configure(connection: AsyncConnection[Any], idle_seconds: float) -> None:
    # Not among the pool's kwargs: procrastinate passes those on to a connection of its own, with its own autocommit.
    await connection.set_autocommit(True)
    # A process that stands still keeps its locks, and others would wait for them as long as it does. In the middle of
    # a pipeline it is not idle: there only the limit on the whole transaction helps, which came with PostgreSQL 17.
    limits = {"idle_in_transaction_session_timeout": idle_seconds, "transaction_timeout": 1.5 * idle_seconds}
    await connection.execute(
        """select set_config(name, (%s::jsonb ->> name), false) from pg_settings where name = any(%s)""",
        (jsontext.dumps({name: str(round(1000 * seconds)) for name, seconds in limits.items()}), list(limits)),
    )


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
    """Owns the pools; opened and closed by the composition root, never made at import.

    `requests` is apart from `pool`, so that many requests at once never hold up what runs have to write. The server
    ends a transaction in which this process does nothing for `idle_seconds`, or that takes half as long again.
    """

    def __init__(self, url: str, *, pool_size: int = 10, idle_seconds: float = 20.0) -> None:
        self.url = libpq_url(url)
        configure = partial(_configure, idle_seconds=idle_seconds)
        self.pool = _pool(self.url, pool_size, configure, timeout=POOL_SECONDS)
        self.requests = _pool(self.url, pool_size, configure, timeout=REQUEST_SECONDS)

    async def open(self) -> None:
        """Open the pools; waits until both have a connection. Raises psycopg_pool.PoolTimeout when they get none."""
        await self.pool.open(wait=True)
        await self.requests.open(wait=True)

    async def close(self) -> None:
        """Close every connection."""
        await self.requests.close()
        await self.pool.close()


def _pool(url: str, size: int, configure: Callable[[AsyncConnection[Any]], Awaitable[None]], *, timeout: float) -> Pool:
    return AsyncConnectionPool(
        url,
        min_size=2,
        max_size=size,
        open=False,
        timeout=timeout,
        reconnect_timeout=5,
        check=_check,
        kwargs={"row_factory": dict_row},
        configure=configure,
        connection_class=AsyncConnection[DictRow],
    )
