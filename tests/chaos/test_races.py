"""Many who want the same run at the same moment: one wins, and all agree who."""

import asyncio
import random
from collections import Counter
from typing import Any

import httpx
import pytest

from app.services import restarts, transitions
from app.worker.entries import RunLog
from tests.chaos.invariants import check, check_over_http
from tests.chaos.load import chain, output
from tests.chaos.test_sweeps import taken
from tests.chaos.world import World, scaled, tell
from tests.support import ended
from tests.worker.bench import Bench
from tests.worker.runs import graph, in_status, started, transform

pytestmark = [pytest.mark.timeout(scaled(120, 900))]


@pytest.mark.spec("RUN-69")
@pytest.mark.parametrize("size", [{"workers": 0}], ids=["one-process"])
async def test_of_many_who_want_the_same_at_once_one_wins(world: World) -> None:
    project, client = world.projects[0], world.client
    ask = {"id": "ask", "type": "approval", "config": {"prompt": "Who?"}}
    document = graph([ask, output("{{ ask.output.answer.n }}")], ("ask", "end"))
    workflow = await project.workflow(document)
    paths: list[str] = []
    for _ in range(scaled(2, 15)):
        run = await project.run(workflow["id"])
        path = f"{project.runs}/{run['id']}"
        executed = await asyncio.gather(*(client.post(f"{path}/execute") for _ in range(100)))
        assert Counter(answer.status_code for answer in executed) == {202: 1, 409: 99}

        await in_status(client, path, "WAITING")
        said = [{"node_id": "ask", "answer": {"n": n}} for n in range(20)]
        heard = await asyncio.gather(*(client.post(f"{path}/resume", json=body) for body in said))
        winners = [n for n, answer in enumerate(heard) if answer.status_code == 202]
        assert len(winners) == 1
        assert {answer.status_code for n, answer in enumerate(heard) if n not in winners} == {409}
        done = await ended(client, path)
        assert (done["status"], done["result"]) == ("COMPLETED", winners[0])
        paths.append(path)
    await check(world)
    await check_over_http(world, paths)


@pytest.mark.spec("RUN-69")
@pytest.mark.parametrize("size", [{"workers": 0}], ids=["one-process"])
async def test_cancels_that_race_with_starts_ends_and_retries_leave_one_story(world: World) -> None:
    rng = random.Random(69)
    project, client = world.projects[0], world.client
    document = graph([transform("a", 1), *chain(2, 0.01)["nodes"]], ("a", "n0"), ("n0", "n1"), ("n1", "end"))
    workflow = await project.workflow(document)
    ends: Counter[str] = Counter()
    answers: Counter[tuple[str, int]] = Counter()
    paths: list[str] = []

    async def later(path: str, verb: str, seconds: float) -> httpx.Response:
        await asyncio.sleep(seconds)
        answer = await client.post(f"{path}/{verb}")
        answers[verb, answer.status_code] += 1
        return answer

    async def play(longest: float) -> None:
        run = await project.run(workflow["id"], {"n": 1})
        path = f"{project.runs}/{run['id']}"
        paths.append(path)
        await asyncio.gather(
            later(path, "execute", rng.uniform(0, 0.005)), later(path, "cancel", rng.uniform(0, longest))
        )
        if (await client.get(path)).json()["status"] == "PENDING":
            await client.post(f"{path}/cancel")
        if rng.random() < 0.6:
            moves = ["retry", "cancel", "cancel", "retry"]
            await asyncio.gather(*(later(path, verb, rng.uniform(0, 0.05)) for verb in moves))
        ends[(await ended(client, path, seconds=30))["status"]] += 1

    for n in range(scaled(8, 100)):
        await asyncio.gather(*(play((0.01, 0.05, 0.15)[n % 3]) for _ in range(6)))
    tell(f"ends {dict(ends)}, answers {dict(answers)}")

    assert ends["COMPLETED"] >= 3
    assert ends["CANCELLED"] >= 3
    assert set(ends) == {"COMPLETED", "CANCELLED"}
    assert answers["cancel", 202] >= 5
    assert answers["retry", 202] >= 5
    assert {code for _, code in answers} == {202, 409}
    await check(world)
    await check_over_http(world, paths[:10])


@pytest.mark.spec("RUN-69")
async def test_runs_that_are_cancelled_while_their_worker_is_killed_end_cancelled(world: World) -> None:
    project, client = world.projects[0], world.client
    path = await started(project, chain(2, 30), {"n": 1})
    other = await started(project, chain(3, 0.5), {"n": 1})
    await in_status(client, path, "RUNNING")
    worker = world.workers[0]

    answer: Any = asyncio.create_task(client.post(f"{path}/cancel"))
    worker.kill()
    assert (await answer).status_code == 202
    await worker.start()

    assert (await ended(client, path))["status"] == "CANCELLED"
    assert (await ended(client, other, seconds=30))["status"] == "COMPLETED"
    await check(world)


@pytest.mark.spec("RUN-85")
@pytest.mark.parametrize("order", ["old first", "new first", "in turns"])
async def test_of_two_executions_that_speak_in_one_flush_only_the_later_one_is_heard(bench: Bench, order: str) -> None:
    told: list[int] = []
    old = await bench.claimed()
    old.lost = lambda: told.append(old.claim)
    async with bench.database.pool.connection() as connection, connection.transaction():
        await transitions.cancel(connection, bench.queue, bench.project, old.run_id)
        await restarts.retry(connection, bench.queue, bench.project, old.run_id)
    new = await taken(bench, old.run_id)
    before = new.last_seq
    turns = {"old first": [old, old, new, new], "new first": [new, new, old, old], "in turns": [old, new, old, new]}

    for run in turns[order]:
        _speak(bench, run)
    assert await bench.journal.written(new)

    _speak(bench, old)
    assert not await bench.journal.written(old)
    _speak(bench, new)
    assert await bench.journal.written(new)
    events = await bench.rows("select seq, type, data from run_events where run_id = %s order by seq", old.run_id)
    last = (await bench.rows("select last_seq from runs where id = %s", old.run_id))[0]["last_seq"]
    assert [event["seq"] for event in events] == list(range(1, last + 1))
    assert {event["data"]["claim"] for event in events[before:]} == {new.claim}
    assert told == [old.claim]


def _speak(bench: Bench, run: RunLog) -> None:
    bench.journal.token(run, "a", f'{{"claim":{run.claim}}}', '"x"')
    bench.journal.event(run, "workflow.node.progress", "a", f'{{"claim":{run.claim}}}')
