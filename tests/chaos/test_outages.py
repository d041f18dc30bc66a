"""PostgreSQL that is stopped, started, away for long, and connections that are ended under everybody's hands."""

import asyncio
import random
import signal
import time
from contextlib import suppress

import psycopg
import pytest

from tests.chaos.invariants import check, check_over_http
from tests.chaos.load import Load, chain
from tests.chaos.world import Postgres, World, scaled, tell
from tests.support import until
from tests.worker.runs import started

pytestmark = [pytest.mark.timeout(scaled(120, 1200))]

Mortal = tuple[World, Postgres]


@pytest.mark.spec("RUN-62")
async def test_runs_go_on_while_the_database_is_stopped_and_started_again_and_again(mortal: Mortal) -> None:
    world, postgres = mortal
    rng = random.Random(62)
    async with Load(world) as load:
        starting = asyncio.create_task(load.start(scaled(14, 120)))
        for n in range(scaled(2, 25)):
            await asyncio.sleep(rng.uniform(0.2, scaled(1, 4)))
            mode = ("fast", "immediate")[n % 2]
            tell(f"PostgreSQL is stopped: {mode}")
            await postgres.stop(mode)
            await asyncio.sleep(rng.uniform(0, scaled(1, 3)))
            await postgres.start()
        await starting
        await load.finished(seconds=scaled(30, 240))
        assert not await world.rows("select id from runs where losses > 0")
        await check(world)
        await check_over_http(world, [story.path for story in load.stories[:7]])


@pytest.mark.spec("RUN-62")
async def test_runs_go_on_within_five_seconds_after_a_long_outage_and_jobs_start_at_once_again(mortal: Mortal) -> None:
    world, postgres = mortal
    worker = world.workers[0]
    path = await started(world.projects[0], chain(40, 0.2), {"n": 1})
    run_id = path.rpartition("/")[2]
    ends = "select count(*), max(finished_at) from node_states where run_id::text = %s and status = 'COMPLETED'"
    await until(lambda: _more(world, ends, run_id, 2))

    await postgres.stop("immediate")
    await asyncio.sleep(scaled(3, 60))
    before = worker.is_alive
    await postgres.start()
    back = time.monotonic()
    count = (await world.rows(ends, (run_id,)))[0][0]
    await until(lambda: _more(world, ends, run_id, count + 1), seconds=5)
    tell(f"runs went on after {time.monotonic() - back:.2f} s")

    assert before
    assert worker.is_alive
    assert (await world.rows("select claim, losses from runs where id::text = %s", (run_id,)))[0] == (1, 0)
    async with Load(world) as load:
        # One after the other: many at once would also wait for each other.
        for _ in range(scaled(3, 20)):
            await load.start(1, ["chain"])
            await load.finished()
        waits = await world.rows(
            """select extract(epoch from s.at - q.at)::float8 from run_events q join run_events s using (run_id)
               where q.type = 'workflow.run.queued' and s.type = 'workflow.run.started' and q.at > %s::timestamptz""",
            ((await world.rows("select pg_postmaster_start_time()"))[0][0],),
        )
        assert len(waits) == len(load.stories)
        assert sorted(waits)[len(waits) // 2][0] < 0.5
    await world.client.post(f"{path}/cancel")
    await check(world)


async def _more(world: World, query: str, run_id: str, count: int) -> bool:
    with suppress(psycopg.OperationalError):
        return bool((await world.rows(query, (run_id,)))[0][0] >= count)
    return False


@pytest.mark.spec("RUN-62")
async def test_runs_outlive_connections_that_are_ended_at_random(world: World) -> None:
    rng = random.Random(63)
    kill = "select pg_terminate_backend(pid) from pg_stat_activity where pid = %s"
    async with Load(world) as load:
        starting = asyncio.create_task(load.start(scaled(21, 200)))
        for _ in range(scaled(25, 600)):
            await asyncio.sleep(0.1)
            others = await world.rows(
                """select pid from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
                   and backend_type = 'client backend'"""
            )
            if others:
                await world.rows(kill, rng.choice(others))
        await starting
        await load.finished(seconds=scaled(30, 240))
        assert not await world.rows("select id from runs where status = 'FAILED'")
        await check(world)
        await check_over_http(world, [story.path for story in load.stories[:7]])


@pytest.mark.spec("RUN-74")
async def test_requests_are_answered_at_once_though_all_connections_were_ended_in_between(world: World) -> None:
    kill = """select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database()
              and pid <> pg_backend_pid() and backend_type = 'client backend'"""
    for _ in range(scaled(4, 40)):
        await asyncio.gather(*(world.client.get("/projects") for _ in range(20)))
        await world.rows(kill)
        await until(lambda: _ended(world))
        began = time.monotonic()
        answers = await asyncio.gather(*(world.client.get(world.projects[0].runs) for _ in range(5)))
        assert {answer.status_code for answer in answers} == {200}
        assert time.monotonic() - began < 2
    await check(world)


async def _ended(world: World) -> bool:
    """Whether the API holds no connection for requests any more, but what it has opened anew."""
    query = "select 1 from pg_stat_activity where datname = current_database() and query = 'ROLLBACK'"
    return not await world.rows(query)


@pytest.mark.spec("RUN-63")
@pytest.mark.parametrize("back", [True, False], ids=["back-soon", "away"])
async def test_a_worker_that_is_told_to_stop_ends_in_time_though_the_database_is_away(
    mortal: Mortal, back: bool
) -> None:
    world, postgres = mortal
    worker = world.workers[0]
    path = await started(world.projects[0], chain(3, 30), {"n": 1})
    await until(lambda: _started(world, "n0"))

    await postgres.stop("fast")
    worker.send(signal.SIGTERM)
    try:
        if back:
            await postgres.start()
        began = time.monotonic()
        await worker.wait(12)
        tell(f"it ended after {time.monotonic() - began:.1f} s")
    finally:
        if not back:
            await postgres.start()

    await world.add_worker()
    await until(lambda: _claimed_again(world, path))
    await world.post(f"{path}/cancel")
    await check(world)


async def _started(world: World, node: str) -> bool:
    return f'"{node}"' in await world.calls()


async def _claimed_again(world: World, path: str) -> bool:
    rows = await world.rows("select claim, status from runs where id::text = %s", (path.rpartition("/")[2],))
    return bool(rows[0][0] == 2 and rows[0][1] == "RUNNING")
