import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest

from app import jsontext
from app.compiler.items import ItemState
from app.db import Database
from app.events.wakeups import Wakeups
from app.ids import new_id
from app.models import RunStatus, now
from app.queue import Queue
from app.services import transitions
from app.services.claims import claim
from app.services.transitions import Advance
from app.worker.journal import Journal, NodeRow, RunLog

GRAPH = {"nodes": [{"id": "a", "type": "transform", "config": {"value": 1}}], "edges": []}


class Bench:
    """A journal on a database with one workflow."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.queue = Queue()
        self.wakeups = Wakeups(database.url)
        self.journal = Journal(database, self.queue, self.wakeups, flush_seconds=0.001)
        self.project, self.workflow = new_id(), new_id()

    async def claimed(self) -> RunLog:
        """A run that this process has just taken up."""
        async with self.database.pool.connection() as connection, connection.transaction():
            moved = await transitions.create(
                connection,
                project_id=self.project,
                workflow_id=self.workflow,
                version=1,
                input_data=None,
                metadata={},
            )
            await transitions.execute(connection, self.queue, self.project, moved.run_id)
            job = await (await connection.execute("select job_id from runs where id = %s", (moved.run_id,))).fetchone()
            row = await claim(connection, self.queue, moved.run_id, job["job_id"], new_id())
        self.lost = asyncio.Event()
        return RunLog(moved.run_id, self.project, row["claim"], row["last_seq"], self.lost.set)

    async def rows(self, query: str, run_id: UUID) -> list[dict]:
        async with self.database.pool.connection() as connection:
            return await (await connection.execute(query, (run_id,))).fetchall()


@pytest.fixture
async def bench(database: Database) -> AsyncIterator[Bench]:
    bench = Bench(database)
    await bench.queue.open(database.pool)
    async with database.pool.connection() as connection:
        await connection.execute("insert into projects values (%s, 'p', now())", (bench.project,))
        await connection.execute(
            """insert into workflows (id, project_id, name, description, active, version, revision,
                                      created_at, updated_at)
               values (%s, %s, 'w', '', true, 1, 1, now(), now())""",
            (bench.workflow, bench.project),
        )
        await connection.execute(
            """insert into workflow_versions (workflow_id, version, project_id, graph, content_hash, created_at)
               values (%s, 1, %s, %s::json, 'h', now())""",
            (bench.workflow, bench.project, jsontext.dumps(GRAPH)),
        )
    bench.journal.start()
    yield bench
    await bench.journal.stop()
    await bench.queue.close()


@pytest.mark.spec("RUN-9")
async def test_an_executor_that_lost_its_run_writes_nothing_and_is_told(bench: Bench) -> None:
    run = await bench.claimed()
    await bench.rows("update runs set claim = claim + 1 where id = %s returning id", run.run_id)
    bench.journal.state(run, NodeRow("a", 0, [], "COMPLETED", 1, output="1"))
    bench.journal.event(run, "workflow.node.completed", "a", "{}")

    kept = await bench.journal.move(run, Advance(run.run_id, run.claim, run.last_seq, RunStatus.COMPLETED, result=1))

    assert not kept
    assert bench.lost.is_set()
    assert await bench.rows("select 1 from node_states where run_id = %s", run.run_id) == []
    assert len(await bench.rows("select 1 from run_events where run_id = %s", run.run_id)) == 3
    assert (await bench.rows("select status from runs where id = %s", run.run_id))[0]["status"] == "RUNNING"


@pytest.mark.spec("RUN-9")
async def test_of_two_runs_in_one_flush_the_lost_one_does_not_harm_the_other(bench: Bench) -> None:
    mine, other = await bench.claimed(), await bench.claimed()
    await bench.rows("update runs set status = 'CANCELLED' where id = %s returning id", other.run_id)
    for run in (mine, other):
        bench.journal.event(run, "workflow.node.started", "a", "{}")

    assert await bench.journal.written(mine)
    assert [len(await bench.rows("select 1 from run_events where run_id = %s", r.run_id)) for r in (mine, other)] == [
        4,
        3,
    ]


@pytest.mark.spec("RUN-2")
@pytest.mark.parametrize("text", ["\0", "\ud800", "a\0b\udfff", "😀"])
async def test_any_text_survives_the_journal(bench: Bench, text: str) -> None:
    run = await bench.claimed()
    bench.journal.state(run, NodeRow("a", 0, [], "COMPLETED", 1, output=jsontext.dumps({text: text})))
    bench.journal.event(run, "workflow.node.completed", "a", jsontext.dumps({"output": text}))

    assert await bench.journal.written(run)

    stored = await bench.rows("select output::text as output from node_states where run_id = %s", run.run_id)
    assert jsontext.loads(stored[0]["output"]) == {text: text}


@pytest.mark.spec("RUN-16")
async def test_a_run_whose_rows_the_database_refuses_fails_and_harms_no_other(bench: Bench) -> None:
    good, bad = await bench.claimed(), await bench.claimed()
    bench.journal.event(bad, "workflow.node.completed", "a", "this is not JSON")
    bench.journal.event(good, "workflow.node.completed", "a", "{}")

    assert await bench.journal.written(good)
    assert not await bench.journal.written(bad)

    rows = await bench.rows("select status, reason from runs where id = %s", bad.run_id)
    assert (rows[0]["status"], rows[0]["reason"]["code"]) == ("FAILED", "internal_error")
    assert len(await bench.rows("select 1 from run_events where run_id = %s", good.run_id)) == 4


BREAK_ONCE = """
create sequence tries;
create function break_once() returns trigger language plpgsql as $$ begin
  if nextval('tries') = 1 then perform pg_terminate_backend(pg_backend_pid()); end if;
  return new;
end $$;
create trigger breaks before insert on TABLE for each row execute function break_once();"""


async def breaks_once(bench: Bench, table: str) -> None:
    """Let the connection break at the first row that comes into the table."""
    async with bench.database.pool.connection() as connection:
        await connection.execute(BREAK_ONCE.replace("TABLE", table))


@pytest.mark.spec("RUN-56")
async def test_a_connection_that_breaks_while_a_run_is_given_its_job_costs_another_try(bench: Bench) -> None:
    run, later = await bench.claimed(), now() + timedelta(hours=1)
    await breaks_once(bench, "procrastinate_jobs")
    bench.journal.event(run, "workflow.run.waiting", None, "{}")
    move = Advance(run.run_id, run.claim, run.last_seq, RunStatus.WAITING, reason={"code": "w"}, wake_at=later)

    async with asyncio.timeout(10):
        assert await bench.journal.move(run, move)

    job = "select status, scheduled_at from procrastinate_jobs where id = (select job_id from runs where id = %s)"
    assert (await bench.rows("select status from runs where id = %s", run.run_id))[0]["status"] == "WAITING"
    assert (await bench.rows(job, run.run_id))[0]["scheduled_at"] == later


@pytest.mark.spec("RUN-56")
async def test_rows_without_an_event_outlive_a_connection_that_breaks(bench: Bench) -> None:
    run = await bench.claimed()
    await breaks_once(bench, "map_items")
    bench.journal.item(run, ItemState(("a", 0, (0,)), "COMPLETED", 1, b"print", 1))

    async with asyncio.timeout(10):
        assert await bench.journal.written(run)

    assert await bench.rows("select output from map_items where run_id = %s", run.run_id) == [{"output": 1}]


@pytest.mark.spec("RUN-37")
async def test_a_run_in_retrying_keeps_its_time_whatever_it_is_told(bench: Bench) -> None:
    run, later = await bench.claimed(), now() + timedelta(hours=1)
    await bench.rows(
        """insert into run_signals (id, run_id, node_id, iteration, path, kind, delivered, created_at)
           values (gen_random_uuid(), %s, 'a', 0, '{}', 'child', false, now()) returning id""",
        run.run_id,
    )
    move = Advance(run.run_id, run.claim, run.last_seq, RunStatus.RETRYING, error={}, reason={}, wake_at=later)

    assert await bench.journal.move(run, move)

    job = "select scheduled_at from procrastinate_jobs j join runs r on r.job_id = j.id where r.id = %s"
    assert (await bench.rows(job, run.run_id))[0]["scheduled_at"] == later
