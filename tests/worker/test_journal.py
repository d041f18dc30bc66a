import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta

import psycopg
import pytest

from app import jsontext
from app.clock import now
from app.compiler.items import ItemState
from app.services import transitions
from app.services.transitions import Advance
from app.statuses import RunStatus
from app.worker.entries import NodeRow
from tests.support import until
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


RAISE = """
create sequence tries;
create function refuse() returns trigger language plpgsql as $$ begin
  if nextval('tries') <= TIMES and new.data::text like '%MARK%' then
    raise exception 'refused for a test' using errcode = 'STATE';
  end if;
  return new;
end $$;
create trigger refuses before insert on run_events for each row execute function refuse();"""


async def refuses(bench: Bench, state: str, *, times: int, mark: str) -> None:
    """Let events whose data contain the mark be refused with an SQLSTATE, as often as is said."""
    async with bench.database.pool.connection() as connection:
        text = RAISE.replace("STATE", state).replace("TIMES", str(times)).replace("MARK", mark)
        await connection.execute(text)


@pytest.mark.spec("SAVE-3")
@pytest.mark.parametrize(
    "state",
    [
        *("40001", "40P01", "53100", "53200", "55P03", "57014"),
        *("57P01", "57P03", "58030", "25006", "25P04", "0A000", "08006"),
    ],
)
async def test_an_error_that_passes_costs_another_try(bench: Bench, state: str) -> None:
    run = await bench.claimed()
    await refuses(bench, state, times=2, mark="hard")
    bench.journal.event(run, "workflow.node.started", "a", '{"it": "hard"}')

    async with asyncio.timeout(20):
        assert await bench.journal.written(run)

    assert len(await bench.rows("select 1 from run_events where run_id = %s", run.run_id)) == 4


@pytest.mark.spec("SAVE-4")
@pytest.mark.parametrize("state", ["P0001", "22003", "23514", "54000", "42501", "XX000", "25P04"])
async def test_a_refusal_ends_its_run_only(bench: Bench, state: str) -> None:
    good, bad = await bench.claimed(), await bench.claimed()
    await refuses(bench, state, times=1000, mark="evil")
    bench.journal.event(bad, "workflow.node.started", "a", '{"it": "evil"}')
    bench.journal.event(good, "workflow.node.started", "a", "{}")

    async with asyncio.timeout(20):
        assert await bench.journal.written(good)
        assert not await bench.journal.written(bad)

    rows = await bench.rows("select status, reason from runs where id = %s", bad.run_id)
    assert (rows[0]["status"], rows[0]["reason"]["code"]) == ("FAILED", "internal_error")
    assert len(await bench.rows("select 1 from run_events where run_id = %s", good.run_id)) == 4


@pytest.mark.spec("RUN-90")
@pytest.mark.parametrize("moved", ["cancelled", "taken by the sweeper"])
async def test_rows_that_failed_are_not_taken_for_written_because_others_have_moved_the_run(
    bench: Bench, moved: str
) -> None:
    run = await bench.claimed()
    await refuses(bench, "57014", times=1000, mark="hard")
    bench.journal.event(run, "workflow.node.started", "a", '{"it": "hard"}')
    written = asyncio.create_task(bench.journal.written(run))
    await until(lambda: tried(bench))
    async with bench.database.pool.connection() as connection, connection.transaction():
        if moved == "cancelled":
            await transitions.cancel(connection, bench.queue, bench.project, run.run_id)
        else:
            await transitions.requeue(connection, run.run_id, None, {"code": "x", "message": "x"}, loss=False)
    async with bench.database.pool.connection() as connection:
        await connection.execute("drop trigger refuses on run_events")

    async with asyncio.timeout(10):
        assert not await written
    assert run.is_lost
    rows = await bench.rows("select type from run_events where run_id = %s", run.run_id)
    assert "workflow.node.started" not in [row["type"] for row in rows]


async def tried(bench: Bench) -> bool:
    """Whether an event has been refused at least once."""
    async with bench.database.pool.connection() as connection:
        row = await (await connection.execute("select is_called from tries")).fetchone()
    return row is not None and row["is_called"]


@pytest.mark.spec("SAVE-4")
async def test_a_refused_run_that_cannot_be_ended_is_let_go_and_harms_no_other(bench: Bench) -> None:
    good, bad = await bench.claimed(), await bench.claimed()
    lost = bench.lost
    await refuses(bench, "P0001", times=1000, mark="e")  # "evil", and what would tell of the run's end
    bench.journal.event(bad, "workflow.node.started", "a", '{"it": "evil"}')

    async with asyncio.timeout(20):
        assert not await bench.journal.written(bad)
        assert await bench.journal.written(good)

    assert lost.is_set()
    assert (await bench.rows("select status from runs where id = %s", bad.run_id))[0]["status"] == "RUNNING"


@pytest.mark.spec("SAVE-4")
async def test_text_that_no_database_can_hold_ends_its_run_only(bench: Bench) -> None:
    good, bad = await bench.claimed(), await bench.claimed()
    bench.journal.event(bad, "workflow.node.started", "\ud800", "{}")
    bench.journal.event(good, "workflow.node.started", "a", "{}")

    async with asyncio.timeout(20):
        assert await bench.journal.written(good)
        assert not await bench.journal.written(bad)

    assert (await bench.rows("select status from runs where id = %s", bad.run_id))[0]["status"] == "FAILED"


@pytest.mark.spec("SAVE-5")
async def test_a_server_that_has_become_read_only_costs_its_connections_only(bench: Bench) -> None:
    run, pool = await bench.claimed(), bench.database.pool
    async with AsyncExitStack() as stack:
        # All connections of the pool are as those to a server that has become a standby.
        for connection in [await stack.enter_async_context(pool.connection()) for _ in range(pool.max_size)]:
            await connection.execute("set default_transaction_read_only = on")
    bench.journal.event(run, "workflow.node.started", "a", "{}")

    async with asyncio.timeout(20):
        assert await bench.journal.written(run)


@pytest.mark.spec("SAVE-3")
async def test_a_statement_timeout_costs_another_try(bench: Bench) -> None:
    run, pool = await bench.claimed(), bench.database.pool
    async with AsyncExitStack() as stack:
        for connection in [await stack.enter_async_context(pool.connection()) for _ in range(pool.max_size)]:
            await connection.execute("set statement_timeout = '100ms'")
    async with await psycopg.AsyncConnection.connect(bench.database.url) as holder:
        await holder.execute("lock table run_events in access exclusive mode")
        bench.journal.event(run, "workflow.node.started", "a", "{}")
        written = asyncio.create_task(bench.journal.written(run))
        _, pending = await asyncio.wait([written], timeout=0.5)
        assert pending
        await holder.rollback()

    async with asyncio.timeout(20):
        assert await written
