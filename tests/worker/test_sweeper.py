"""The sweeper against those who move the same runs, and the order in which all of them lock."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import AsyncConnection

from app.db import Database
from app.ids import new_id
from app.services import restarts, transitions
from app.services.claims import claim
from app.services.transitions import Advance, Parent
from app.worker.sweeper import Sweeper
from tests.support import until, waits_for_a_lock
from tests.worker.bench import Bench


def sweeper_of(bench: Bench) -> Sweeper:
    return Sweeper(bench.database, bench.queue, bench.wakeups, heartbeat_seconds=5)


async def run_of(bench: Bench, run_id: UUID) -> dict[str, Any]:
    return (await bench.rows("select status, claim, job_id, losses from runs where id = %s", run_id))[0]


async def taken_from_the_queue(bench: Bench, run_id: UUID, *, ago: str) -> None:
    """The run has been in the queue for long; a worker has taken its job so long ago and says nothing."""
    await bench.rows("update runs set queued_at = now() - interval '1 hour' where id = %s returning id", run_id)
    await bench.rows(
        """update procrastinate_jobs set status = 'doing' where id = (select job_id from runs where id = %s)
           returning id""",
        run_id,
    )
    async with bench.database.pool.connection() as connection:
        await connection.execute("update procrastinate_events set at = now() - %s::interval", (ago,))


@asynccontextmanager
async def holding(database: Database, run_id: UUID) -> AsyncIterator[AsyncConnection[Any]]:
    """Somebody else's transaction that has locked the run."""
    async with database.pool.connection() as connection, connection.transaction():
        await connection.execute("select 1 from runs where id = %s for update", (run_id,))
        yield connection


async def is_locked(database: Database, run_id: UUID) -> bool:
    async with database.pool.connection() as connection:
        try:
            await connection.execute("select 1 from runs where id = %s for update nowait", (run_id,))
        except psycopg.errors.LockNotAvailable:
            return True
    return False


@pytest.mark.spec("RUN-55")
async def test_a_run_that_has_just_left_a_long_queue_is_left_to_the_worker_that_takes_it_up(bench: Bench) -> None:
    run_id = await bench.queued()
    await taken_from_the_queue(bench, run_id, ago="1 second")
    before = await run_of(bench, run_id)

    assert await sweeper_of(bench).sweep() == []
    assert await run_of(bench, run_id) == before

    await taken_from_the_queue(bench, run_id, ago="1 minute")
    assert len(await sweeper_of(bench).sweep()) == 1
    assert (await run_of(bench, run_id))["job_id"] != before["job_id"]


@pytest.mark.spec("RUN-55")
async def test_a_run_that_is_taken_up_while_the_sweeper_looks_is_not_taken_away(bench: Bench) -> None:
    run_id = await bench.queued()
    await taken_from_the_queue(bench, run_id, ago="1 minute")
    job_id = (await run_of(bench, run_id))["job_id"]

    async with holding(bench.database, run_id) as connection:
        sweep = asyncio.create_task(sweeper_of(bench).sweep())
        await until(lambda: waits_for_a_lock(bench.database))
        assert await claim(connection, bench.queue, run_id, job_id, new_id()) is not None

    assert await sweep == []
    run = await run_of(bench, run_id)
    assert (run["status"], run["claim"], run["job_id"]) == ("RUNNING", 1, job_id)


@pytest.mark.spec("RUN-55")
async def test_a_run_whose_job_has_ended_without_it_is_taken_up_again(bench: Bench) -> None:
    run = await bench.claimed()
    worker = """insert into workers select worker_id, 'here', 1, '{}', 1, now(), now() from runs where id = %s
           returning id"""
    await bench.rows(worker, run.run_id)
    assert await sweeper_of(bench).sweep() == []

    await bench.rows(
        "delete from procrastinate_jobs where id = (select job_id from runs where id = %s) returning id", run.run_id
    )
    assert len(await sweeper_of(bench).sweep()) == 1

    after = await run_of(bench, run.run_id)
    assert (after["status"], after["losses"]) == ("QUEUED", 1)


@pytest.mark.spec("RUN-53")
async def test_a_child_is_left_alone_when_its_parent_is_retried_while_the_sweeper_looks(bench: Bench) -> None:
    parent = await bench.queued()
    child = await bench.queued(Parent(parent, "a", 0, [], 1))
    await bench.rows("update runs set status = 'FAILED', finished_at = now() where id = %s returning id", parent)

    async with holding(bench.database, parent) as connection:
        sweep = asyncio.create_task(sweeper_of(bench).sweep())
        await until(lambda: waits_for_a_lock(bench.database))
        await restarts.retry(connection, bench.queue, bench.project, parent)
    await sweep

    assert (await run_of(bench, child))["status"] == "QUEUED"


@pytest.mark.spec("RUN-57")
async def test_a_flush_locks_its_runs_in_the_order_of_their_ids(bench: Bench) -> None:
    runs = sorted([await bench.claimed() for _ in range(30)], key=lambda run: run.run_id)
    first, last = runs[0], runs[-1]
    # The first one comes last on the disk, in a table that is read as a whole.
    await bench.rows(
        """insert into runs (id, project_id, workflow_id, version, status, attempt, claim, losses, last_seq, created_at)
           select gen_random_uuid(), project_id, workflow_id, version, 'COMPLETED', 1, 1, 0, 1, now()
           from runs, generate_series(1, 300) where runs.id = %s returning id""",
        first.run_id,
    )
    await bench.rows("update runs set meta = '{}' where id = %s returning id", first.run_id)
    async with bench.database.pool.connection() as connection:
        await connection.execute("analyze runs")

    async def flush() -> None:
        async with bench.database.pool.connection() as connection, connection.transaction():
            await connection.execute("set local enable_nestloop = off")
            await transitions.advance(connection, [Advance(r.run_id, r.claim, r.last_seq) for r in reversed(runs)])

    async with holding(bench.database, first.run_id):
        task = asyncio.create_task(flush())
        await until(lambda: waits_for_a_lock(bench.database))
        assert not await is_locked(bench.database, last.run_id)
    await task


@pytest.mark.spec("RUN-57")
async def test_a_cancel_locks_all_child_runs_in_the_order_of_their_ids(bench: Bench) -> None:
    top = await bench.queued()
    first, second = [await bench.queued(Parent(top, "a", n, [], 1)) for n in range(2)]
    grandchild = await bench.queued(Parent(first, "a", 0, [], 2))

    async def cancel() -> int:
        async with bench.database.pool.connection() as connection, connection.transaction():
            return len(await transitions.cancel(connection, bench.queue, bench.project, top))

    async with holding(bench.database, second):
        task = asyncio.create_task(cancel())
        await until(lambda: waits_for_a_lock(bench.database))
        assert not await is_locked(bench.database, grandchild)
    assert await task == 4


@pytest.mark.spec("RUN-57")
async def test_a_look_of_the_sweeper_locks_all_that_it_will_move_in_the_order_of_their_ids(bench: Bench) -> None:
    going_on, stranded = await bench.queued(), await bench.queued()
    child = await bench.queued(Parent(going_on, "a", 0, [], 1))
    await bench.rows(
        """update runs set status = 'RETRYING', wake_at = now() - interval '1 minute' where id = %s returning id""",
        going_on,
    )
    await bench.rows("update runs set status = 'FAILED' where id = %s returning id", child)
    await bench.rows("delete from procrastinate_jobs where id <> %s returning id", -1)

    async with holding(bench.database, stranded):
        task = asyncio.create_task(sweeper_of(bench).sweep())
        await until(lambda: waits_for_a_lock(bench.database))
        assert not await is_locked(bench.database, child)
    assert {moved.run_id for moved in await task} >= {going_on, stranded}
    assert {(await run_of(bench, run_id))["status"] for run_id in (going_on, stranded, child)} == {"QUEUED"}


@pytest.mark.spec("RUN-57")
async def test_a_retry_locks_all_child_runs_in_the_order_of_their_ids(bench: Bench) -> None:
    top = await bench.queued()
    first, second = [await bench.queued(Parent(top, "a", n, [], 1)) for n in range(2)]
    grandchild = await bench.queued(Parent(first, "a", 0, [], 2))
    for run_id in (top, first, second, grandchild):
        await bench.rows("update runs set status = 'FAILED' where id = %s returning id", run_id)

    async def retry() -> None:
        async with bench.database.pool.connection() as connection, connection.transaction():
            await restarts.retry(connection, bench.queue, bench.project, top)

    async with holding(bench.database, second):
        task = asyncio.create_task(retry())
        await until(lambda: waits_for_a_lock(bench.database))
        assert not await is_locked(bench.database, grandchild)
    await task
    assert {(await run_of(bench, run_id))["status"] for run_id in (top, first, second, grandchild)} == {"QUEUED"}
