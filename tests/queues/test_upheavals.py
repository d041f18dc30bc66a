"""What happens beside the usual: loops that fail, projects that are deleted while their runs are taken up."""

import asyncio
import time

import pytest

from app.db import Database
from app.services.projects import delete_project
from app.services.work import unit_of_work
from app.worker import process
from app.worker.patience import outlasting
from tests.support import until
from tests.worker.bench import Bench


@pytest.mark.spec("QUEUE-72")
async def test_a_loop_that_fails_begins_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "LONGEST_PAUSE_SECONDS", 0.01)
    begun = 0

    class Failing:
        async def run(self) -> None:
            nonlocal begun
            begun += 1
            raise KeyError("nobody foresaw this")

    async def again() -> bool:
        return begun > 2

    task = asyncio.create_task(process._forever(Failing()))
    await until(again)
    assert not task.done()
    task.cancel()


@pytest.mark.spec("QUEUE-73")
async def test_a_project_is_deleted_while_a_run_of_it_is_taken_up(bench: Bench) -> None:
    run = await bench.claimed()
    pool = bench.database.pool

    async def delete() -> None:
        async with unit_of_work(bench.database, bench.wakeups) as work:
            await delete_project(work, bench.project)

    async def waits() -> bool:
        async with pool.connection() as connection:
            found = await connection.execute(
                """select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'"""
            )
            return await found.fetchone() is not None

    async with pool.connection() as connection, connection.transaction():
        # As whoever takes up a run of a project with a limit: first the project, then the run.
        await connection.execute("set local lock_timeout = '3s'")
        await connection.execute("select 1 from projects where id = %s for no key update", (bench.project,))
        deleting = asyncio.create_task(delete())
        await until(waits)
        await connection.execute("select 1 from runs where id = %s for update", (run.run_id,))
    await deleting
    assert await bench.rows("select 1 from runs where id = %s", run.run_id) == []


@pytest.mark.spec("QUEUE-75")
@pytest.mark.parametrize("limit", ["idle_in_transaction_session_timeout", "transaction_timeout"])
async def test_a_transaction_that_the_server_has_ended_meanwhile_is_made_again(bench: Bench, limit: str) -> None:
    pool = bench.database.pool
    tries = 0

    async def stand_still_once() -> int:
        nonlocal tries
        tries += 1
        async with pool.connection() as connection:
            if tries == 1:
                await connection.execute(f"set {limit} = '100ms'")
            async with connection.transaction():
                await connection.execute("select 1")
                if tries == 1:
                    time.sleep(0.5)  # the process stands still
                await connection.execute("select 1")
        return tries

    async with pool.connection() as connection:
        known = await connection.execute("select 1 from pg_settings where name = %s", (limit,))
        if await known.fetchone() is None:
            pytest.skip("this PostgreSQL has no such limit")
    assert await outlasting(stand_still_once, "A test") == 2


@pytest.mark.spec("QUEUE-76")
async def test_a_project_is_deleted_however_long_that_takes(bench: Bench, database_url: str) -> None:
    run = await bench.claimed()
    impatient = Database(database_url, idle_seconds=0.2)
    await impatient.open()

    async def delete() -> None:
        async with unit_of_work(impatient, bench.wakeups) as work:
            await delete_project(work, bench.project)

    async with bench.database.pool.connection() as connection, connection.transaction():
        await connection.execute("select 1 from runs where id = %s for update", (run.run_id,))
        deleting = asyncio.create_task(delete())
        done, _ = await asyncio.wait({deleting}, timeout=1)
    await asyncio.wait({deleting})
    await impatient.close()
    assert not done
    assert deleting.exception() is None
    assert await bench.rows("select 1 from runs where id = %s", run.run_id) == []
