"""Deleting what is no longer kept, in small batches that hold up nobody.

A run goes with its whole tree: child runs stay as long as what started them, which may still want their results. Rows
of runs are locked in the order of their ids, as everybody locks them, and those that somebody else holds are left for
the next pass.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString
from uuid import UUID

from psycopg import AsyncConnection

from app.db import libpq_url
from app.services import artifacts
from app.services.moves import Connection, run_sql, several
from app.services.retention import Bounds, Wanted
from app.statuses import RUN_ENDED

Deleted = Counter[str]
"""How many rows of each table are gone."""
BATCH_RUNS = 200
BATCH_EVENTS = 10_000
BATCH_ROWS = 1000
BEGINNING = datetime(2000, 1, 1, tzinfo=UTC)
LATE = timedelta(hours=1)
"""A run may be written so much later than the moment at which it ended: for so long its events are looked for again."""
LOCK_KEY = 0x67726170_7072756E
OF_A_RUN: tuple[LiteralString, ...] = (
    "run_events",
    "node_states",
    "map_items",
    "run_signals",
    "kept_results",
    "large_values",
    "node_calls",
)
OF_A_THREAD: tuple[LiteralString, ...] = ("checkpoint_writes", "checkpoint_blobs", "checkpoints")
_ENDED = [str(status) for status in RUN_ENDED]


@asynccontextmanager
async def only_pruner(url: str) -> AsyncIterator[Connection | None]:
    """A connection that holds the pruner's lock until the block ends; None when another process has it."""
    async with await AsyncConnection.connect(
        libpq_url(url), autocommit=True, connect_timeout=5, application_name="graphwright-prune"
    ) as connection:
        # What a crash brings back is deleted by the next pass: no batch has to wait for the disk.
        await connection.execute("set synchronous_commit = off")
        await connection.execute("set lock_timeout = '1s'")
        cursor = await connection.execute("select pg_try_advisory_lock(%s)", (LOCK_KEY,))
        row = await cursor.fetchone()
        yield connection if row and row[0] else None


async def prune(connection: Connection, wanted: Wanted) -> AsyncIterator[Deleted]:
    """Delete what is wanted; tells after each batch, in a transaction of its own, what it has deleted.

    The caller may take its time between two of them. Raises psycopg.errors.LockNotAvailable while tables are altered.
    """
    for part in _parts(connection, wanted):
        async for deleted in part:
            yield deleted


def _parts(connection: Connection, wanted: Wanted) -> Iterator[AsyncIterator[Deleted]]:
    for bounds in wanted.bounds:
        if bounds.runs is not None:
            yield _runs(connection, bounds.project_id, bounds.runs)
        if bounds.events is not None:
            yield _events(connection, bounds, bounds.events)
    if wanted.threads is not None:
        yield _threads(connection, [bounds.project_id for bounds in wanted.bounds], wanted.threads)
    if wanted.keys is not None:
        yield _until_none_is_left(connection, "idempotency_keys", _OLD_KEYS, wanted.keys)
    if wanted.jobs:
        yield _until_none_is_left(connection, "procrastinate_jobs", _OLD_JOBS, _ENDED)


async def delete_runs(connection: Connection, runs: Sequence[UUID]) -> Deleted:
    """Delete runs with all that they have written, most of which no foreign key ties to them; the caller holds them."""
    deleted = Deleted()
    for table in OF_A_RUN:
        cursor = await connection.execute(f"delete from {table} where run_id = any(%s)", (list(runs),))
        deleted[table] += cursor.rowcount
    deleted.update(await artifacts.delete(connection, runs))
    deleted += await delete_threads(connection, runs)
    cursor = await connection.execute("delete from runs where id = any(%s)", (list(runs),))
    deleted["runs"] += cursor.rowcount
    return deleted


async def delete_threads(connection: Connection, runs: Sequence[UUID]) -> Deleted:
    """Delete the checkpoints of runs, which no foreign key ties to them."""
    deleted = Deleted()
    names = [str(run) for run in runs]
    for table in OF_A_THREAD:
        cursor = await connection.execute(f"delete from {table} where thread_id = any(%s)", (names,))
        deleted[table] += cursor.rowcount
    return deleted


async def _runs(connection: Connection, project_id: UUID, before: datetime) -> AsyncIterator[Deleted]:
    place: tuple[Any, ...] = (BEGINNING, UUID(int=0))
    while True:
        roots = await several(connection, _OLD_ROOTS, (project_id, before, *place, BATCH_RUNS))
        if not roots:
            return
        trees = await several(connection, _TREES, ([row["id"] for row in roots], _ENDED, before))
        part: list[list[UUID]] = []
        for tree in trees:
            part.append(tree["ids"])
            if sum(map(len, part)) >= BATCH_RUNS:
                yield await _delete_trees(connection, part, before)
                part = []
        if part:
            yield await _delete_trees(connection, part, before)
        place = (roots[-1]["finished_at"], roots[-1]["id"])


async def _delete_trees(connection: Connection, trees: Sequence[Sequence[UUID]], before: datetime) -> Deleted:
    """Delete whole trees of runs, but those in which somebody has moved or holds a run."""
    async with connection.transaction():
        wanted = [run for tree in trees for run in tree]
        rows = await several(connection, _LOCK_OLD, (wanted, _ENDED, before))
        held = {row["id"] for row in rows}
        return await delete_runs(connection, [run for tree in trees if held.issuperset(tree) for run in tree])


async def _events(connection: Connection, bounds: Bounds, before: datetime) -> AsyncIterator[Deleted]:
    first = bounds.looked_at or BEGINNING
    place: tuple[Any, ...] = (first, UUID(int=0))
    left = 0
    while True:
        found = await several(connection, _WITH_EVENTS, (bounds.project_id, before, *place, BATCH_RUNS))
        if not found:
            break
        part = _some(found)
        deleted, passed_over = await _delete_events(connection, [row["id"] for row in part], before)
        left += passed_over
        place = (part[-1]["finished_at"], part[-1]["id"])
        yield deleted
    if not left:
        await run_sql(
            connection,
            "update projects set events_pruned_until = greatest(events_pruned_until, %s) where id = %s",
            (before - LATE, bounds.project_id),
        )


def _some(found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first of the runs, at least one, and no more of them than a batch may have events."""
    part: list[dict[str, Any]] = []
    size = 0
    for row in found:
        size += row["events"]
        if part and size > BATCH_EVENTS:
            break
        part.append(row)
    return part


async def _delete_events(connection: Connection, runs: list[UUID], before: datetime) -> tuple[Deleted, int]:
    async with connection.transaction():
        rows = await several(connection, _LOCK_OLD, (runs, _ENDED, before))
        held = [row["id"] for row in rows]
        cursor = await connection.execute("delete from run_events where run_id = any(%s)", (held,))
        await run_sql(connection, "update runs set pruned_seq = last_seq where id = any(%s)", (held,))
    return Deleted({"run_events": cursor.rowcount}), len(runs) - len(held)


async def _threads(connection: Connection, projects: list[UUID], before: datetime) -> AsyncIterator[Deleted]:
    """The threads are gone through by their names, which are the ids of runs and so in the order of their age."""
    place, end = "", _first_id_of(before)
    while True:
        rows = await several(connection, _THREADS, (place, BATCH_RUNS))
        names = [row["thread_id"] for row in rows if row["thread_id"] < end]
        if not names:
            return
        place = names[-1]
        runs = [run for run in map(_run_id, names) if run is not None]
        async with connection.transaction():
            held = await several(connection, _LOCK_OLD_OF, (runs, _ENDED, before, projects))
            yield await delete_threads(connection, [row["id"] for row in held])


async def _until_none_is_left(
    connection: Connection, table: str, query: LiteralString, value: Any
) -> AsyncIterator[Deleted]:
    count = BATCH_ROWS
    while count == BATCH_ROWS:
        count = (await connection.execute(query, (value, BATCH_ROWS))).rowcount
        yield Deleted({table: count} if count else {})


def _first_id_of(moment: datetime) -> str:
    """The smallest id that a run could be given from then on."""
    return str(UUID(int=max(0, int(moment.timestamp() * 1000)) << 80))


def _run_id(name: str) -> UUID | None:
    """The run that a thread belongs to; None for a thread of somebody else."""
    try:
        return UUID(name)
    except ValueError:
        return None


_OLD_ROOTS: LiteralString = """
select id, finished_at from runs
where project_id = %s and finished_at < %s and (finished_at, id) > (%s, %s) and parent_run_id is null
order by finished_at, id limit %s"""

_TREES: LiteralString = """
with recursive tree as (
  select id as root, id, status, finished_at from runs where id = any(%s)
  union all
  select t.root, c.id, c.status, c.finished_at from tree t join runs c on c.parent_run_id = t.id)
select root, array_agg(id) as ids from tree group by root
having bool_and(status = any(%s) and finished_at < %s) order by root"""

_LOCK_OLD: LiteralString = """
select id from runs where id = any(%s) and status = any(%s) and finished_at < %s order by id for update skip locked"""

_LOCK_OLD_OF: LiteralString = """
select id from runs where id = any(%s) and status = any(%s) and finished_at < %s and project_id = any(%s)
order by id for update skip locked"""

_WITH_EVENTS: LiteralString = """
select id, finished_at, last_seq - pruned_seq as events from runs
where project_id = %s and finished_at < %s and (finished_at, id) > (%s, %s) and pruned_seq < last_seq
order by finished_at, id limit %s"""

_THREADS: LiteralString = """
with recursive walk as (
  (select thread_id from checkpoints where thread_id > %s order by thread_id limit 1)
  union all
  select (select c.thread_id from checkpoints c where c.thread_id > w.thread_id order by c.thread_id limit 1)
  from walk w where w.thread_id is not null)
select thread_id from walk where thread_id is not null limit %s"""

_OLD_KEYS: LiteralString = """
delete from idempotency_keys where (scope, key) in (
  select scope, key from idempotency_keys where created_at < %s order by created_at limit %s for update skip locked)"""

# Jobs that have ended, and those whose worker is gone and whose run needs them no more.
_OLD_JOBS: LiteralString = """
delete from procrastinate_jobs where id in (
  select j.id from procrastinate_jobs j
  where (j.status in ('succeeded', 'failed', 'cancelled', 'aborted')
         or j.status = 'doing' and j.task_name = 'run.execute'
            and not exists (select 1 from procrastinate_workers w where w.id = j.worker_id)
            and not exists (select 1 from runs r where r.id = (j.args ->> 'run_id')::uuid
                            and (r.job_id = j.id and r.status <> all(%s))))
  and not exists (select 1 from procrastinate_events e where e.job_id = j.id and e.at > now() - interval '10 minutes')
  order by j.id limit %s for update skip locked)"""
