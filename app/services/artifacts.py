"""Files of runs: rows that say whose they are, and blocks with their bytes.

The bytes behind an id never change. Runs that are forked from one another have ids in common; the blocks go with the
last of them. Who deletes rows of an id locks all its rows first, so that of two at once the second sees what is left.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg.rows import DictRow, tuple_row

from app.clock import now
from app.db import Pool
from app.ids import new_id
from app.services.moves import Connection, one, run_sql, several

BLOCK_BYTES = 256 * 1024
READ_BLOCKS = 4
"""So many blocks are in memory at once for each reader."""

Owns = Callable[[Connection], Awaitable[bool]]
"""Whether who saves still has what the file is for; holds on to that until the transaction ends."""


@dataclass(frozen=True, slots=True)
class NewArtifact:
    """A file to be saved by one attempt of a turn of a node; `path` is the item of a map."""

    run_id: UUID
    node_id: str
    iteration: int
    path: tuple[int, ...]
    attempt: int
    name: str
    media_type: str
    size: int
    sha256: bytes
    id: UUID = field(default_factory=new_id)
    created_at: datetime = field(default_factory=now)


class ShortenedError(Exception):
    """Bytes that were asked for have been deleted meanwhile."""


async def save(connection: Connection, new: NewArtifact, blocks: Callable[[], Iterable[bytes]], owns: Owns) -> bool:
    """Save a file, instead of the one of that name from the same turn, if any.

    False where it is not one's own to save: the caller rolls back. The transaction may be tried again. What comes first
    in it takes the time, and locks nothing of the run.
    """
    if await one(connection, "select 1 from artifacts where run_id = %s and id = %s", (new.run_id, new.id)):
        # An earlier try has committed although its answer was lost.
        return True
    await _write_blocks(connection, new.id, blocks())
    if not await owns(connection):
        return False
    await _replace(connection, new)
    await run_sql(
        connection,
        """insert into artifacts (run_id, id, node_id, iteration, path, attempt, name, media_type, size, sha256, listed,
                                  created_at)
           values (%s, %s, %s, %s, %s::int[], %s, %s, %s, %s, %s, true, %s)""",
        (new.run_id, new.id, *_place(new), new.attempt, new.name, new.media_type, new.size, new.sha256, new.created_at),
    )
    return True


async def _write_blocks(connection: Connection, artifact_id: UUID, blocks: Iterable[bytes]) -> None:
    copying: LiteralString = "copy artifact_blocks (artifact_id, number, data) from stdin (format binary)"
    async with connection.cursor() as cursor, cursor.copy(copying) as copy:
        copy.set_types(("uuid", "int4", "bytea"))
        for number, block in enumerate(blocks):
            await copy.write_row((artifact_id, number, block))


async def _replace(connection: Connection, new: NewArtifact) -> None:
    """Take the file of that name from the list. Its bytes go, too, unless a result that was put aside may name them."""
    former = await one(
        connection,
        """select id, exists (select 1 from kept_results k where k.run_id = a.run_id and k.node_id = a.node_id) as kept
           from artifacts a where run_id = %s and node_id = %s and iteration = %s and path = %s::int[] and name = %s
           and listed""",
        (new.run_id, *_place(new), new.name),
    )
    if former is None:
        return
    key = new.run_id, former["id"]
    if former["kept"]:
        await run_sql(connection, "update artifacts set listed = false where run_id = %s and id = %s", key)
        return
    await run_sql(connection, "select 1 from artifacts where id = %s order by run_id for update", key[1:])
    await run_sql(connection, "delete from artifacts where run_id = %s and id = %s", key)
    await _delete_blocks(connection, [former["id"]])


def _place(new: NewArtifact) -> tuple[str, int, list[int]]:
    return new.node_id, new.iteration, list(new.path)


async def owned_by_execution(connection: Connection, run_id: UUID, claim: int) -> bool:
    """Whether the run is still executed under this claim; its row is held if so."""
    query: LiteralString = "select 1 from runs where id = %s and claim = %s and status = 'RUNNING' for no key update"
    return await one(connection, query, (run_id, claim)) is not None


async def owned_by_call(connection: Connection, run_id: UUID, call_id: UUID, claim: int) -> bool:
    """Whether the call is still made under this claim; its run's row is held."""
    await run_sql(connection, "select 1 from runs where id = %s for no key update", (run_id,))
    query: LiteralString = "select 1 from node_calls where id = %s and claim = %s and status = 'RUNNING'"
    return await one(connection, query, (call_id, claim)) is not None


async def find(connection: Connection, project_id: UUID, run_id: UUID, artifact_id: UUID) -> DictRow | None:
    """The file of the run, or of a run of the same tree: values with references go up and down there."""
    return await one(connection, _FIND, {"project": project_id, "run": run_id, "artifact": artifact_id})


async def read(pool: Pool, artifact_id: UUID, start: int, end: int) -> AsyncIterator[bytes]:
    """The bytes from `start` until before `end`, in parts; holds no connection between them. Raises ShortenedError."""
    while start < end:
        first = start // BLOCK_BYTES
        last = min((end - 1) // BLOCK_BYTES, first + READ_BLOCKS - 1)
        async with pool.connection() as connection:
            cursor = connection.cursor(binary=True, row_factory=tuple_row)
            await cursor.execute(_READ, (artifact_id, first, last))
            rows = await cursor.fetchall()
        if len(rows) != last - first + 1:
            raise ShortenedError("The file has been deleted while it was read.")
        offset = first * BLOCK_BYTES
        for (block,) in rows:
            yield block[start - offset : end - offset]
            offset += BLOCK_BYTES
            start = offset


async def delete(connection: Connection, runs: Sequence[UUID]) -> dict[str, int]:
    """Delete what the runs have; how many rows of each table are gone. The caller holds the runs."""
    held = await several(connection, _LOCK, (list(runs),))
    if not held:
        return {}
    cursor = await connection.execute("delete from artifacts where run_id = any(%s)", (list(runs),))
    return {
        "artifacts": cursor.rowcount,
        "artifact_blocks": await _delete_blocks(connection, list({row["id"] for row in held})),
    }


async def _delete_blocks(connection: Connection, ids: list[UUID]) -> int:
    """Delete the blocks of those that no run has any more."""
    cursor = await connection.execute(
        """delete from artifact_blocks b where artifact_id = any(%s)
           and not exists (select 1 from artifacts a where a.id = b.artifact_id)""",
        (ids,),
    )
    return cursor.rowcount


async def take_over(connection: Connection, source: UUID, target: UUID) -> None:
    """Let a run have what another one and its child runs have, so that values which it takes over refer to something.

    In its list are those of turns and items whose results it has taken over, or may take over.
    """
    values: dict[str, Any] = {"source": source, "target": target}
    await run_sql(connection, _HOLD, values)
    await run_sql(connection, _TAKE_OVER, values)


_FIND: LiteralString = """
with recursive up as (
  select r.id as leaf, r.id, r.parent_run_id from runs r
  where r.project_id = %(project)s
    and r.id = any(%(run)s::uuid || array(select run_id from artifacts where id = %(artifact)s))
  union all
  select u.leaf, p.id, p.parent_run_id from up u join runs p on p.id = u.parent_run_id),
root as (select leaf, id from up where parent_run_id is null)
select a.* from artifacts a
join root holder on holder.leaf = a.run_id
join root asked on asked.leaf = %(run)s and asked.id = holder.id
where a.id = %(artifact)s order by a.run_id = %(run)s desc limit 1"""

_READ: LiteralString = """
select data from artifact_blocks where artifact_id = %s and number between %s and %s order by number"""

_LOCK: LiteralString = """
select id from artifacts where id in (select id from artifacts where run_id = any(%s)) order by id, run_id for update"""

_TREE: LiteralString = """
with recursive tree as (
  select %(source)s::uuid as id
  union all
  select c.id from tree t join runs c on c.parent_run_id = t.id)"""

_HOLD: LiteralString = f"""{_TREE}
select 1 from artifacts a where run_id in (select id from tree) order by id, run_id for share"""

_TAKE_OVER: LiteralString = f"""{_TREE}
insert into artifacts (run_id, id, node_id, iteration, path, attempt, name, media_type, size, sha256, listed,
                       created_at)
select distinct on (a.id) %(target)s::uuid, a.id, a.node_id, a.iteration, a.path, a.attempt, a.name, a.media_type,
       a.size, a.sha256,
       a.run_id = %(source)s and a.listed and (
         exists (select 1 from node_states n where n.run_id = %(target)s and n.node_id = a.node_id
                 and n.iteration = a.iteration)
         or exists (select 1 from kept_results k where k.run_id = %(target)s and k.node_id = a.node_id
                    and k.iteration = a.iteration)
         or exists (select 1 from map_items i where i.run_id = %(target)s and i.node_id = a.node_id
                    and i.iteration = a.iteration and i.path = a.path)),
       a.created_at
from artifacts a where a.run_id in (select id from tree) order by a.id, a.run_id = %(source)s desc"""
