"""A network that loses what hurts: the answer to a commit, notifications, and everything without a word."""

import asyncio
import time

import httpx
import pytest

from tests.chaos.invariants import check, check_over_http
from tests.chaos.load import SHAPES, Load, chain
from tests.chaos.proxy import Proxy
from tests.chaos.world import World, scaled, tell
from tests.support import ended

pytestmark = [pytest.mark.timeout(scaled(120, 900))]

COMMITS = {
    "flush": "with held as materialized",
    "execute": "set status = 'QUEUED'",
    "claim": "status = 'RUNNING', claim = r.claim + 1",
    "fetch": "procrastinate_fetch_job",
    "finish": "procrastinate_finish_job",
    "child": "parent_current",
}


@pytest.mark.spec("RUN-64")
async def test_runs_outlive_commits_whose_answer_is_lost(behind: World, proxy: Proxy) -> None:
    times = scaled(2, 40)
    async with Load(behind) as load:
        for _ in range(scaled(1, 12)):
            for text in COMMITS.values():
                proxy.lose_answer(text, times)
            await load.start(2 * len(SHAPES))
        await load.finished(seconds=scaled(40, 240))
        tell(f"answers that were lost: {dict(proxy.lost)}")
        assert all(proxy.lost[text] for text in COMMITS.values())
        proxy.lose_no_more()
        assert not await behind.rows("select id, losses from runs where losses > 0")
        await check(behind)
        await check_over_http(behind, [story.path for story in load.stories[:7]])


@pytest.mark.spec("RUN-65")
async def test_a_client_that_got_no_answer_repeats_with_its_key_and_moves_one_run_once(
    behind: World, proxy: Proxy
) -> None:
    project = behind.projects[0]
    workflow = await project.workflow(chain(2, 0.5))
    body = {"workflow_id": workflow["id"], "input_data": {"n": 1}}
    statuses: list[int] = []

    async def count(answer: httpx.Response) -> None:
        statuses.append(answer.status_code)

    behind.client.event_hooks["response"].append(count)
    for n in range(scaled(3, 50)):
        proxy.lose_answer("insert into runs (")
        made = (await behind.post(project.runs, body)).json()
        path = f"{project.runs}/{made['id']}"
        proxy.lose_answer("set status = 'QUEUED'")
        executed = await behind.post(f"{path}/execute")
        proxy.lose_answer("set status = 'CANCELLED'")
        cancelled = await behind.post(f"{path}/cancel")

        assert (executed.status_code, cancelled.status_code) == (202, 202)
        assert (await behind.rows("select count(*) from runs"))[0][0] == n + 1
        assert (await ended(behind.client, path))["status"] == "CANCELLED"
    assert proxy.lost.total() == 3 * scaled(3, 50)
    assert statuses.count(503) == proxy.lost.total()
    assert not await behind.rows(
        "select run_id, type from run_events where type in ('workflow.run.created', 'workflow.run.cancelled') "
        "group by 1, 2 having count(*) > 1"
    )
    await check(behind)


@pytest.mark.spec("RUN-66")
async def test_without_notifications_runs_start_and_streams_go_on_within_two_seconds(
    behind: World, proxy: Proxy
) -> None:
    proxy.deaf = True
    project = behind.projects[0]
    workflow = await project.workflow(chain(3, 0.3))
    late: list[float] = []
    for _ in range(scaled(2, 20)):
        run = await project.run(workflow["id"], {"n": 1}, execute=True)
        path = f"{project.runs}/{run['id']}"
        async with asyncio.timeout(20), behind.client.stream("GET", f"{path}/events") as answer:
            late += [time.time() async for line in answer.aiter_lines() if line.startswith("event: workflow.")]
        rows = await behind.rows(
            "select extract(epoch from at)::float8 from run_events where run_id::text = %s order by seq", (run["id"],)
        )
        late[-len(rows) :] = [there - at for there, (at,) in zip(late[-len(rows) :], rows, strict=True)]
        waited = await behind.rows(
            """select extract(epoch from max(at) filter (where type = 'workflow.run.started')
                      - max(at) filter (where type = 'workflow.run.queued'))::float8
               from run_events where run_id::text = %s""",
            (run["id"],),
        )
        assert waited[0][0] < 2
    assert proxy.dropped > 0
    assert max(late) < 2.5
    await check(behind)


@pytest.mark.spec("RUN-67")
async def test_runs_go_on_after_a_network_that_took_everything_and_gave_nothing(behind: World, proxy: Proxy) -> None:
    async with Load(behind) as load:
        await load.start(scaled(7, 70))
        proxy.freeze()
        await asyncio.sleep(scaled(2, 30))
        proxy.thaw()
        await load.start(scaled(7, 70))
        await load.finished(seconds=scaled(30, 120))
        assert not await behind.rows("select id from runs where status = 'FAILED'")
        await check(behind)


@pytest.mark.spec("RUN-67")
async def test_runs_go_on_over_a_slow_network_that_cuts_all_connections_again_and_again(
    behind: World, proxy: Proxy
) -> None:
    async with Load(behind) as load:
        starting = asyncio.create_task(load.start(scaled(7, 140)))
        for n in range(scaled(4, 40)):
            proxy.delay = (0.0, 0.005)[n % 2]
            proxy.refusing = n % 4 == 3
            proxy.cut(reset=n % 3 > 0)
            await asyncio.sleep(0.7)
        proxy.delay, proxy.refusing = 0.0, False
        await starting
        await load.finished(seconds=scaled(30, 120))
        assert not await behind.rows("select id from runs where status = 'FAILED'")
        await check(behind)
