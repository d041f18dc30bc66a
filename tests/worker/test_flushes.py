"""When the journal flushes, and what a flush costs."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import pytest

from app.db import Database
from app.worker.entries import RunLog
from app.worker.journal import Journal
from tests.support import until
from tests.worker.bench import Bench

MASSES = [
    "run_events",
    "node_states",
    "map_items",
    "large_values",
    "checkpoints",
    "checkpoint_blobs",
    "checkpoint_writes",
]
FLUSHES = "select xmin::text from run_events where run_id = %s and type = 'workflow.node.progress' group by 1"


@asynccontextmanager
async def journal_of(bench: Bench, *, flush_seconds: float) -> AsyncIterator[Journal]:
    """A journal of its own that waits so long for company."""
    journal = Journal(bench.database, bench.queue, bench.wakeups, flush_seconds=flush_seconds)
    journal.start()
    try:
        yield journal
    finally:
        await journal.stop()


def say(journal: Journal, run: RunLog) -> None:
    journal.event(run, "workflow.node.progress", "a", "{}")


@pytest.mark.spec("SAVE-11")
async def test_a_burst_is_written_together(bench: Bench) -> None:
    run = await bench.claimed()
    async with journal_of(bench, flush_seconds=60) as journal:
        for _ in range(100):
            say(journal, run)
            await asyncio.sleep(0)
        assert await journal.written(run)

    assert len(await bench.rows(FLUSHES, run.run_id)) == 1


@pytest.mark.spec("SAVE-11")
async def test_a_lone_word_does_not_wait_for_others(bench: Bench) -> None:
    run = await bench.claimed()

    async def is_written() -> bool:
        return bool(await bench.rows(FLUSHES, run.run_id))

    async with journal_of(bench, flush_seconds=60) as journal:
        say(journal, run)
        await until(is_written, seconds=10)


@pytest.mark.spec("SAVE-11")
async def test_who_never_stops_talking_is_written_all_the_same(bench: Bench) -> None:
    run = await bench.claimed()
    async with journal_of(bench, flush_seconds=0.05) as journal, asyncio.timeout(20):
        while len(await bench.rows(FLUSHES, run.run_id)) < 3:
            for _ in range(100):
                say(journal, run)
                await asyncio.sleep(0)


@pytest.mark.spec("SAVE-12")
async def test_no_row_that_runs_write_in_masses_has_the_database_look_up_another(database: Database) -> None:
    async with await psycopg.AsyncConnection.connect(database.url) as connection:
        cursor = await connection.execute(
            """select conrelid::regclass::text, conname from pg_constraint
               where contype = 'f' and conrelid = any(%s::regclass[])""",
            (MASSES,),
        )
        found = await cursor.fetchall()

    assert found == []
