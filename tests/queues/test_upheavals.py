"""What happens beside the usual: loops that fail, projects that are deleted while their runs are taken up."""

import asyncio

import pytest

from app.services.projects import delete_project
from app.services.work import unit_of_work
from app.worker import process
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
