from datetime import UTC, datetime
from uuid import uuid4

import psycopg
import pytest

from app.db import Database, as_arrays

ODD = ["", "NULL", "null", '"', "\\", "{}", "a,b", "{a}", " spaced ", "é😀", "line\nbreak", '\\"', "\\x00", None]


async def test_arrays_as_text_carry_every_value_as_it_is(database: Database) -> None:
    moment = datetime(2026, 2, 3, 4, 5, 6, 789, tzinfo=UTC)
    rows = [(text, n, uuid4(), moment, bytes(range(n)), n % 2 == 0) for n, text in enumerate(ODD)]

    async with database.pool.connection() as connection:
        cursor = await connection.execute(
            """select * from unnest(%s::text[], %s::int[], %s::uuid[], %s::timestamptz[], %s::bytea[], %s::bool[])
               as v(a, b, c, d, e, f) order by b""",
            as_arrays(rows),
        )
        found = [tuple(row.values()) for row in await cursor.fetchall()]

    assert found == rows


@pytest.mark.parametrize(
    "column", [["a", 'b"c'], ["a", "b\\c"], ["", "NULL"], ["{a", "b,c"], ["a b", "é"], [None, None]]
)
async def test_columns_of_one_kind_are_carried_as_they_are(database: Database, column: list[str | None]) -> None:
    async with database.pool.connection() as connection:
        found = await connection.execute("select unnest(%s::text[]) as a", as_arrays([(value,) for value in column]))
        assert [row["a"] for row in await found.fetchall()] == column


async def test_a_connection_that_the_server_closed_is_not_handed_out(database: Database) -> None:
    async with database.pool.connection() as connection:
        pid = connection.info.backend_pid
    async with await psycopg.AsyncConnection.connect(database.url, autocommit=True) as other:
        await other.execute("select pg_terminate_backend(%s, 5000)", (pid,))

    for _ in range(4):
        async with database.pool.connection() as connection:
            assert connection.info.backend_pid != pid
            await connection.execute("select 1")


async def test_a_nul_in_plain_text_is_refused_and_not_cut(database: Database) -> None:
    async with database.pool.connection() as connection:
        with pytest.raises(psycopg.DataError):
            await connection.execute("select unnest(%s::text[])", as_arrays([("a\0b",)]))
