import asyncio
from datetime import timedelta

import pytest

from app import jsontext
from app.compiler.items import ItemState
from app.models import RunStatus, now
from app.services.transitions import Advance
from app.worker.journal import NodeRow
from tests.worker.bench import Bench


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
