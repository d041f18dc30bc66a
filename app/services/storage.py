"""How large the database is: what the server already knows of its files, without counting rows."""

from collections.abc import Iterable
from typing import Any, LiteralString

from psycopg.rows import DictRow
from typing_extensions import TypedDict

from app.schemas.common import Time
from app.services.moves import Connection, one, several
from app.services.pages import maybe_rfc3339, rfc3339


class TableSize(TypedDict):
    """Bytes with indexes and large values; the number of rows is an estimate of PostgreSQL's."""

    name: str
    bytes: int
    rows_estimate: int


class LastPrune(TypedDict):
    """The newest pass of the pruner, with the rows that it has deleted by table; unfinished while it is under way."""

    started_at: Time
    finished_at: Time | None
    deleted: dict[str, int]


class Storage(TypedDict):
    """`events` is how many there are, by estimate; `artifact_bytes` is what the files of runs take."""

    database_bytes: int
    tables: list[TableSize]
    oldest_run_at: Time | None
    events: int
    artifact_bytes: int
    last_prune: LastPrune | None


async def storage(connection: Connection) -> Storage:
    """The sizes of the tables, the largest first, and what was last deleted."""
    tables = await sizes(connection)
    row = await one(connection, _WHOLE, None) or {}
    return {
        "database_bytes": row["bytes"],
        "tables": tables,
        "oldest_run_at": maybe_rfc3339(row["oldest"]),
        "events": next((table["rows_estimate"] for table in tables if table["name"] == "run_events"), 0),
        "artifact_bytes": next((table["bytes"] for table in tables if table["name"] == "artifact_blocks"), 0),
        "last_prune": _last_prune(await one(connection, _LAST, None)),
    }


async def sizes(connection: Connection) -> list[TableSize]:
    """The tables with what they take, the largest first."""
    return [
        {"name": row["name"], "bytes": row["bytes"], "rows_estimate": row["rows"]}
        for row in await several(connection, _TABLES, None)
    ]


async def database_bytes(connection: Connection) -> int:
    """What the database takes on disk."""
    row = await one(connection, "select pg_database_size(current_database()) as bytes", None)
    return int(row["bytes"]) if row else 0


def worth(tables: Iterable[TableSize], name: str, rows: int) -> int:
    """About how many bytes so many rows of a table take, by what a row of it takes on average."""
    found = next((table for table in tables if table["name"] == name), None)
    return 0 if found is None else round(found["bytes"] * rows / max(found["rows_estimate"], rows, 1))


def _last_prune(row: DictRow | None) -> LastPrune | None:
    if row is None:
        return None
    deleted: dict[str, Any] = row["deleted"] or {}
    return {
        "started_at": rfc3339(row["started_at"]),
        "finished_at": maybe_rfc3339(row["finished_at"]),
        "deleted": deleted,
    }


_TABLES: LiteralString = """
select c.relname as name, pg_total_relation_size(c.oid) as bytes,
       (case when s.n_live_tup > 0 then s.n_live_tup else greatest(c.reltuples, 0) end)::bigint as rows
from pg_class c left join pg_stat_user_tables s on s.relid = c.oid
where c.relkind = 'r' and c.relnamespace = current_schema()::regnamespace order by bytes desc, name"""

_WHOLE: LiteralString = """
select pg_database_size(current_database()) as bytes, (select created_at from runs order by id limit 1) as oldest"""

_LAST: LiteralString = "select started_at, finished_at, deleted from prunes where id = 1"
