"""Notifications: many runs in one, on a connection of their own, never in the way of the journal."""

import asyncio
from collections.abc import AsyncIterator

import psycopg
import pytest

from app.events.wakeups import CHANNEL, Wake, Wakeups, parse_payload, payloads
from app.ids import new_id
from app.worker.journal import Journal
from tests.worker.bench import Bench


@pytest.fixture
async def wakeups(database_url: str) -> AsyncIterator[Wakeups]:
    wakeups = Wakeups(database_url)
    await wakeups.start()
    yield wakeups
    await wakeups.stop()


@pytest.mark.spec("SAVE-10")
def test_many_runs_go_into_few_payloads_that_postgresql_takes() -> None:
    wakes = [(new_id(), new_id(), 2**62 + number) for number in range(1000)]

    sent = payloads(wakes)

    assert [wake for payload in sent for wake in parse_payload(payload)] == wakes
    assert max(map(len, sent)) < 8000
    assert len(sent) < 15


async def _hear(connection: psycopg.AsyncConnection, runs: int) -> tuple[list[Wake], int]:
    """All wakes until each run was told of, and in how many notifications they came."""
    wakes: list[Wake] = []
    count = 0
    async with asyncio.timeout(15):
        async for notify in connection.notifies():
            count += 1
            wakes += parse_payload(notify.payload)
            if len({run for _, run, _ in wakes}) == runs:
                break
    return wakes, count


@pytest.mark.spec("SAVE-10")
async def test_wakes_of_many_runs_are_coalesced(wakeups: Wakeups, database_url: str) -> None:
    project, runs = new_id(), [new_id() for _ in range(200)]
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as listener:
        await listener.execute(f"listen {CHANNEL}")
        for seq in range(1, 11):
            for run in runs:
                wakeups.wake(project, run, seq)

        wakes, count = await _hear(listener, len(runs))

    assert {(run, seq) for _, run, seq in wakes} == {(run, 10) for run in runs}
    assert count <= 3


@pytest.mark.spec("SAVE-10")
async def test_what_could_not_be_sent_is_sent_on_another_connection(wakeups: Wakeups, database_url: str) -> None:
    project, first, second = new_id(), new_id(), new_id()
    mine = """select pg_terminate_backend(pid) from pg_stat_activity
              where application_name = 'graphwright-notify' and datname = current_database()"""
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as listener:
        await listener.execute(f"listen {CHANNEL}")
        wakeups.wake(project, first, 1)
        await _hear(listener, 1)

        assert (await listener.execute(mine)).rowcount == 1
        wakeups.wake(project, second, 7)

        wakes, _ = await _hear(listener, 1)
    assert (project, second, 7) in wakes


@pytest.mark.spec("SAVE-10")
async def test_notifications_that_cannot_be_sent_hold_up_no_flush(bench: Bench) -> None:
    run, silent = await bench.claimed(), asyncio.Event()

    async def never_answer(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await silent.wait()
        writer.close()

    async with await asyncio.start_server(never_answer, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        wakeups = Wakeups(f"postgresql://nobody@127.0.0.1:{port}/nothing")
        journal = Journal(bench.database, bench.queue, wakeups, flush_seconds=0.001)
        await wakeups.start()
        journal.start()
        for _ in range(20):
            journal.event(run, "workflow.node.started", "a", "{}")
            async with asyncio.timeout(4):
                assert await journal.written(run)
        await journal.stop()
        silent.set()
        await wakeups.stop()

    rows = await bench.rows("select max(seq) as seq from run_events where run_id = %s", run.run_id)
    assert rows[0]["seq"] == run.last_seq == 23
