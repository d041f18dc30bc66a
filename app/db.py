"""The database: one pool for requests, one for the journal, the streams and the queue."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode
from uuid import UUID

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

from app import jsontext

Configure = Callable[[AsyncConnection[Any]], Awaitable[None]]

LIVENESS = {
    "connect_timeout": 10,
    "keepalives_idle": 5,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 15_000,
}
"""A connection whose packets get lost is noticed in about 15 seconds, whether it sends or waits."""

POOL_SECONDS = 30.0
REQUEST_SECONDS = 5.0
"""How long a request waits for a connection before it is answered with 503."""


RECONNECT_SECONDS = 1.0
"""After this the pool counts its attempts anew. It would else pause longer and longer, and then give up altogether."""


def sqlalchemy_url(url: str) -> str:
    """The URL for SQLAlchemy with psycopg 3, from any PostgreSQL URL."""
    _, _, rest = url.partition("://")
    return "postgresql+psycopg://" + rest


def libpq_url(url: str) -> str:
    """The URL for libpq, from any PostgreSQL URL."""
    _, _, rest = url.partition("://")
    return "postgresql://" + rest


def watched_url(url: str) -> str:
    """The URL for libpq with what lets it notice that the other end is gone, unless the URL says that itself."""
    base, _, options = libpq_url(url).partition("?")
    given = dict(parse_qsl(options, keep_blank_values=True))
    return f"{base}?{urlencode({**LIVENESS, **given}, quote_via=quote)}"


async def _plain(connection: AsyncConnection[Any]) -> None:
    # What is set for the session would stay with a pooler's connection, which others get next.
    await connection.set_autocommit(True)


async def _configure(connection: AsyncConnection[Any], idle_seconds: float) -> None:
    # Not among the pool's kwargs: procrastinate passes those on to a connection of its own, with its own autocommit.
    await connection.set_autocommit(True)
    # A process that stands still keeps its locks, and others would wait for them as long as it does. In the middle of
    # a pipeline it is not idle: there only the limit on the whole transaction helps, which came with PostgreSQL 17.
    limits = {"idle_in_transaction_session_timeout": idle_seconds, "transaction_timeout": 1.5 * idle_seconds}
    try:
        await connection.execute(
            """select set_config(name, (%s::jsonb ->> name), false) from pg_settings where name = any(%s)""",
            (jsontext.dumps({name: str(round(1000 * seconds)) for name, seconds in limits.items()}), list(limits)),
        )
    except BaseException:
        # The pool forgets a connection that could not be set up, and does not close it.
        await connection.close()
        raise


class Pool(AsyncConnectionPool[AsyncConnection[DictRow]]):
    """A pool that gives no connection which the server has closed.

    With a check of its own the library pauses for seconds after each closed one that it meets; after an outage all are.
    """

    async def getconn(self, timeout: float | None = None) -> AsyncConnection[DictRow]:  # noqa: ASYNC109  # the base class has it
        """A connection. Raises psycopg_pool.PoolTimeout when there is none in time."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        while True:
            connection = await super().getconn(max(0.0, deadline - time.monotonic()))
            if not _is_closed(connection):
                return connection
            await self.putconn(connection)


def _is_closed(connection: AsyncConnection[Any]) -> bool:
    """Whether the server has closed the connection, without asking the server.

    The first look takes in the server's last words, the second one finds that nothing follows them.
    """
    try:
        for _ in range(2):
            connection.pgconn.consume_input()
    except psycopg.OperationalError:
        return True
    return False


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

    `url` is that of the database itself, for connections that listen, hold locks or have settings. Both pools go to a
    `pooler` in transaction mode, such as PgBouncer, where there is one.
    """

    def __init__(self, url: str, *, pooler: str | None = None, pool_size: int = 10, idle_seconds: float = 20.0) -> None:
        self.url = watched_url(url)
        if pooler is None:
            configure: Configure = partial(_configure, idle_seconds=idle_seconds)
            place, kwargs = self.url, {}
        else:
            # The next statement may go to a connection that has not prepared what this one has.
            configure, place, kwargs = _plain, watched_url(pooler), {"prepare_threshold": None}
        self.pool = _pool(place, pool_size, configure, kwargs, timeout=POOL_SECONDS)
        self.requests = _pool(place, pool_size, configure, kwargs, timeout=REQUEST_SECONDS)

    async def open(self) -> None:
        """Open the pools; waits until both have a connection. Raises psycopg_pool.PoolTimeout when they get none."""
        await self.pool.open(wait=True)
        await self.requests.open(wait=True)

    async def close(self) -> None:
        """Close every connection."""
        await self.requests.close()
        await self.pool.close()


async def _try_again(pool: AsyncConnectionPool[Any]) -> None:
    """Begin anew to connect for those who wait: by itself the pool does so only when somebody else comes."""
    await pool.check()


def _pool(url: str, size: int, configure: Configure, kwargs: Mapping[str, Any], *, timeout: float) -> Pool:
    return Pool(
        url,
        min_size=2,
        max_size=size,
        open=False,
        timeout=timeout,
        reconnect_timeout=RECONNECT_SECONDS,
        reconnect_failed=_try_again,
        kwargs={"row_factory": dict_row, **kwargs},
        configure=configure,
        connection_class=AsyncConnection[DictRow],
    )
