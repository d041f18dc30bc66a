"""What nodes say on other workers, in the moments in which it may get lost."""

import asyncio
from collections.abc import Awaitable
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from app import jsontext
from app.compiler.calls import NewCall
from app.compiler.waiting import Waits
from app.events.wakeups import Wakeups
from app.ids import new_id
from app.services.called import News, Taken, report, take_call
from app.services.calls import make_call
from app.services.moves import one
from app.worker import inbox
from app.worker.callee import _Speech
from app.worker.calls import Calls
from app.worker.entries import RunLog
from tests.support import until
from tests.worker.bench import Bench


async def call_of(bench: Bench, run: RunLog) -> Taken:
    """A call of the run's node that a worker has just taken up."""
    async with bench.database.pool.connection() as connection, connection.transaction():
        row = {"id": run.run_id, "claim": run.claim, "priority": 0}
        made = await make_call(connection, bench.queue, row, NewCall(("a", 0, ()), 1, [], "gpu", {"n": 1}))
        assert made is not None
        job = await one(connection, "select job_id from node_calls where id = %s", (made["id"],))
        assert job is not None
        taken = await take_call(connection, made["id"], job["job_id"], new_id())
    assert taken is not None
    return taken


async def news(bench: Bench, run_id: UUID) -> list[dict]:
    return await bench.rows("select id, kind, data from node_call_news where run_id = %s order by id", run_id)


@pytest.mark.spec("QUEUE-70")
async def test_what_a_lost_executor_has_heard_stays_for_the_one_that_has_the_run(bench: Bench) -> None:
    mine, lost, later = [await bench.claimed() for _ in range(3)]
    for run in (mine, lost, later):
        taken = await call_of(bench, run)
        async with bench.database.pool.connection() as connection, connection.transaction():
            await report(connection, taken.call, 1, [News("log", {"message": "hello"})])
    await bench.rows("update runs set claim = claim + 1 where id = %s returning id", lost.run_id)

    later.is_lost = True
    for run in (mine, lost, later):
        for row in await news(bench, run.run_id):
            bench.journal.heard(run, row["id"])
    assert await bench.journal.written(mine)

    assert await news(bench, mine.run_id) == []
    for run in (lost, later):
        assert [row["kind"] for row in await news(bench, run.run_id)] == ["begun", "log"]


@pytest.mark.spec("QUEUE-71")
async def test_what_is_said_while_something_is_told_is_told_without_another_word(bench: Bench) -> None:
    run = await bench.claimed()
    taken = await call_of(bench, run)
    work = asyncio.create_task(asyncio.sleep(60))
    speech = _Speech(bench.database.pool, Wakeups(bench.database.url), taken, work)

    await speech.say("log", {"message": "first"})
    async with bench.database.pool.connection() as connection, connection.transaction():
        # Whoever tells has to wait here.
        await connection.execute("select 1 from runs where id = %s for update", (run.run_id,))
        await until(lambda: _nothing_unsaid(speech))
        await speech.say("log", {"message": "second"})

    async def both() -> bool:
        said = [jsontext.dumps(row["data"]) for row in await news(bench, run.run_id)]
        return any("second" in one for one in said)

    await until(both)
    work.cancel()


async def _nothing_unsaid(speech: _Speech) -> bool:
    return not speech._unsaid


@pytest.mark.spec("QUEUE-74")
async def test_what_two_read_at_the_same_time_is_told_once(bench: Bench) -> None:
    run = await bench.claimed()
    calls = calls_of(bench, run)
    told: list[int] = []

    async def ear(kind: str, data: dict, number: int) -> bool:
        await asyncio.sleep(0)
        told.append(number)
        return False

    made = await calls.make(NewCall(("a", 0, ()), 1, [], "gpu", {}), ear)
    assert made.status == "QUEUED"
    (call_id,) = calls.listening
    readers = [[calls.hear(call_id, number, "log", {}) for number in range(3)] for _ in range(2)]
    await asyncio.gather(*(in_turn(one) for one in readers))

    assert told == [0, 1, 2]


@pytest.mark.spec("QUEUE-74")
async def test_what_nobody_listens_to_yet_keeps_nobody_from_hearing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inbox, "MOST_NEWS", 10)
    busy, run = await bench.claimed(), await bench.claimed()
    async with bench.database.pool.connection() as connection, connection.transaction():
        await report(connection, (await call_of(bench, busy)).call, 1, [News("log", {"n": n}) for n in range(10)])
    calls, heard = calls_of(bench, run), asyncio.Event()

    async def ear(kind: str, data: dict, number: int) -> bool:
        heard.set()
        return True

    await calls.make(NewCall(("a", 0, ()), 1, [], "gpu", {"n": 1}), ear)
    await call_of(bench, run)
    listens = inbox.Inbox(bench.database.pool, concurrency=10)
    task = asyncio.create_task(listens.run())
    with listens.open(busy, context_with(calls_of(bench, busy))), listens.open(run, context_with(calls)):
        async with asyncio.timeout(10):
            await heard.wait()
    task.cancel()


def calls_of(bench: Bench, run: RunLog) -> Calls:
    row = {"id": run.run_id, "claim": run.claim, "priority": 0, "queue": "default"}
    return Calls(bench.database.pool, bench.queue, bench.journal, row=row, run=run, queues=frozenset())


def context_with(calls: Calls) -> Any:
    return SimpleNamespace(calls=calls, waits=Waits())


async def in_turn(hears: list[Awaitable[None]]) -> None:
    for hear in hears:
        await hear
