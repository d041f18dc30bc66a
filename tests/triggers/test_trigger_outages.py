"""Schedules and hooks while the connections of their database break."""

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import psycopg
import pytest

from app.services.firings import next_moment
from app.services.work import unit_of_work
from tests.support import until
from tests.triggers.conftest import ECHO, Hooks, Schedules, Times


@pytest.mark.spec("SCHED-15", "HOOK-11")
async def test_schedules_and_hooks_go_on_when_connections_break(hooks: Hooks, database_url: str) -> None:
    made = await hooks.make(events=["workflow.run.completed"])
    schedules = Schedules(hooks.project, await hooks.project.workflow(ECHO))
    schedule = await schedules.make(cron="* * * * * *", overlap="allow", catch_up="all")
    for n in range(3):
        await until(lambda n=n: _delivered(hooks, n + 1), seconds=20)
        async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
            await connection.execute(
                """select pg_terminate_backend(pid) from pg_stat_activity
                   where datname = current_database() and pid <> pg_backend_pid()"""
            )
    await until(lambda: _delivered(hooks, 5), seconds=20)

    async def paused() -> bool:
        answer = await hooks.client.patch(f"{schedules.path}/{schedule['id']}", json={"active": False})
        return answer.status_code == 200

    await until(paused)
    due = [datetime.fromisoformat(one["scheduled_for"]) for one in await schedules.firings(schedule)]
    assert all(later - earlier == timedelta(seconds=1) for earlier, later in pairwise(due))
    found = await hooks.settled(made, len(due))
    assert len({one["run_id"] for one in found}) == len(due)


async def _delivered(hooks: Hooks, count: int) -> Any:
    return len({one.event["run_id"] for one in hooks.receiver.got}) >= count


@pytest.mark.spec("SCHED-16")
async def test_nobody_looks_all_the_time_for_what_is_owed_to_nobody(schedules: Schedules, times: Times) -> None:
    made = await schedules.make()
    await times.stands(made, "2026-06-01 12:00:00")
    path = f"{schedules.project.workflows}/{schedules.workflow['id']}"
    assert (await schedules.project.client.delete(path)).status_code == 204

    async with unit_of_work(times.database, times.wakeups) as work:
        assert await next_moment(work) is None


@pytest.mark.spec("SCHED-16")
async def test_a_schedule_that_cannot_be_fired_is_tried_again_after_a_pause(schedules: Schedules, times: Times) -> None:
    made = await schedules.make()
    await times.stands(made, "2026-06-01 12:00:00")
    async with times.database.pool.connection() as connection:
        await connection.execute("alter table schedule_firings add constraint none check (false) not valid")

    assert not await times.scheduler().look()
    async with times.database.pool.connection() as connection:
        await connection.execute("alter table schedule_firings drop constraint none")
    assert await times.scheduler().look()
    assert len(await schedules.runs()) == 1
