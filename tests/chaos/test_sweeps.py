"""What the sweeper finds after deaths: who is to blame, what was left behind, and several sweepers at once."""

import asyncio
from datetime import timedelta
from uuid import UUID

import pytest

from app.clock import now
from app.ids import new_id
from app.services import signals, transitions
from app.services.claims import claim
from app.worker.custody import Custody
from app.worker.entries import RunLog
from app.worker.heartbeat import lock_key
from app.worker.inbox import Inbox
from app.worker.sweeper import Sweeper
from tests.worker.bench import Bench
from tests.worker.test_sweeper import run_of, sweeper_of, taken_from_the_queue


async def taken(bench: Bench, run_id: UUID, worker_id: UUID | None = None) -> RunLog:
    """The run, taken up once more by a worker that dies then."""
    async with bench.database.pool.connection() as connection:
        row = await (await connection.execute("select job_id from runs where id = %s", (run_id,))).fetchone()
        assert row is not None
        await connection.execute("update procrastinate_jobs set status = 'doing' where id = %s", (row["job_id"],))
        claimed = await claim(connection, bench.queue, run_id, row["job_id"], worker_id or new_id())
    assert claimed is not None
    return RunLog(run_id, bench.project, claimed["claim"], claimed["last_seq"], lambda: None)


async def living(bench: Bench) -> UUID:
    """A worker that has just been heard of."""
    query = """insert into workers (id, hostname, pid, queues, concurrency, started_at, heartbeat_at)
               values (%s, 'here', 1, '{}', 1, now(), now()) returning id"""
    worker: UUID = (await bench.rows(query, new_id()))[0]["id"]
    return worker


@pytest.mark.spec("RUN-70")
async def test_losses_count_only_as_long_as_nothing_completes_in_between(bench: Bench) -> None:
    run_id = await bench.queued()
    sweeper = sweeper_of(bench)
    losses = []
    for completes in (False, False, True, False, False):
        run = await taken(bench, run_id)
        if completes:
            bench.journal.event(run, "workflow.node.completed", "a", "{}")
            assert await bench.journal.written(run)
        await sweeper.sweep()
        after = await run_of(bench, run_id)
        losses.append((after["status"], after["losses"]))

    assert losses == [("QUEUED", 1), ("QUEUED", 2), ("QUEUED", 1), ("QUEUED", 2), ("FAILED", 2)]


@pytest.mark.spec("RUN-70")
async def test_of_the_runs_that_may_be_killers_one_is_executed_at_a_time(bench: Bench) -> None:
    runs = [await bench.queued() for _ in range(3)]
    sweeper = sweeper_of(bench)
    for _ in range(2):
        for run_id in runs:
            await taken(bench, run_id)
        await sweeper.sweep()

    async def fetched() -> list[dict]:
        query = "select (procrastinate_fetch_job_v2(array['default'], null)).id where %s is not null"
        return [row for row in await bench.rows(query, bench.project) if row["id"] is not None]

    first = await fetched()
    assert len(first) == 1
    assert await fetched() == []

    async with bench.database.pool.connection() as connection:
        job = first[0]["id"]
        row = await (await connection.execute("select id from runs where job_id = %s", (job,))).fetchone()
        assert row is not None
        claimed = await claim(connection, bench.queue, row["id"], job, await living(bench))
        assert claimed is not None
    run = RunLog(row["id"], bench.project, claimed["claim"], claimed["last_seq"], lambda: None)
    bench.journal.event(run, "workflow.node.completed", "a", "{}")
    assert await bench.journal.written(run)
    await sweeper.sweep()

    assert len(await fetched()) == 1


@pytest.mark.spec("RUN-70")
async def test_what_is_lost_after_it_has_lived_for_a_while_as_a_suspect_gets_more_chances_but_not_for_ever(
    bench: Bench,
) -> None:
    run_id = await bench.queued()
    sweeper = sweeper_of(bench)
    losses = []
    for lives in (False, False, True, True, True, True):
        worker = await living(bench)
        await taken(bench, run_id, worker)
        if lives:
            await bench.rows(
                """update run_events set at = at - interval '11 seconds' where run_id = %s
                   and type in ('workflow.run.started', 'workflow.run.resumed') returning seq""",
                run_id,
            )
            await sweeper.sweep()
            assert (await run_of(bench, run_id))["losses"] == 1
        await bench.rows("delete from workers where id = %s returning id", worker)
        await sweeper.sweep()
        after = await run_of(bench, run_id)
        losses.append((after["status"], after["losses"]))

    assert losses == [("QUEUED", n) for n in (1, 2, 2, 2, 2)] + [("FAILED", 1)]


async def lost(bench: Bench, *runs: UUID) -> list[tuple[str, int]]:
    """What becomes of the runs when the worker that has just taken them all up dies."""
    worker = new_id()
    for run_id in runs:
        await taken(bench, run_id, worker)
    await sweeper_of(bench).sweep()
    after = [await run_of(bench, run_id) for run_id in runs]
    return [(run["status"], run["losses"]) for run in after]


@pytest.mark.spec("RUN-86")
async def test_two_runs_that_end_their_workers_take_nobody_with_them_however_they_hit(bench: Bench) -> None:
    innocent, first, second = [await bench.queued() for _ in range(3)]

    # Each of them ends a worker twice before it is a suspect, and the innocent one is there every time.
    hits = [await lost(bench, innocent, killer) for killer in (first, first, second, second)]

    assert hits == [
        [("QUEUED", 1), ("QUEUED", 1)],
        [("QUEUED", 2), ("QUEUED", 2)],
        [("QUEUED", 3), ("QUEUED", 1)],
        [("QUEUED", 4), ("QUEUED", 2)],
    ]
    assert [await lost(bench, first), await lost(bench, second)] == [[("FAILED", 2)]] * 2


@pytest.mark.spec("RUN-86")
async def test_a_run_that_ends_its_worker_beside_ever_new_ones_fails_after_the_fifth(bench: Bench) -> None:
    killer = await bench.queued()

    losses = [(await lost(bench, killer, await bench.queued()))[0] for _ in range(5)]

    assert losses == [("QUEUED", n) for n in (1, 2, 3, 4)] + [("FAILED", 4)]


@pytest.mark.spec("RUN-86")
async def test_a_node_of_another_run_is_company_too(bench: Bench) -> None:
    run_id, other = await bench.queued(), await bench.queued()
    for _ in range(2):
        await lost(bench, run_id)
    worker = new_id()
    await bench.rows(
        """insert into node_calls (id, run_id, node_id, iteration, path, laps, attempt, queue, status, digest, claim,
                                   said, losses, worker_id, created_at, queued_at, started_at)
           select gen_random_uuid(), id, 'a', 0, '{}', '{}', 1, 'default', 'RUNNING', '', 0, 0, 0, worker,
                  now(), now(), now()
           from runs, (select %s::uuid as worker) w order by runs.id desc limit 1 returning id""",
        worker,
    )
    await taken(bench, run_id, worker)
    await sweeper_of(bench).sweep()

    after = await run_of(bench, run_id)
    assert (after["status"], after["losses"]) == ("QUEUED", 3)
    assert (await run_of(bench, other))["losses"] == 0


@pytest.mark.spec("RUN-86")
async def test_what_had_lived_for_a_while_is_no_company(bench: Bench) -> None:
    killer, harmless = await bench.queued(), await bench.queued()
    for _ in range(2):
        await lost(bench, killer)
    worker = await living(bench)
    await taken(bench, harmless, worker)
    await bench.rows(
        """update run_events set at = at - interval '11 seconds' where run_id = %s and type = 'workflow.run.started'
           returning seq""",
        harmless,
    )
    await taken(bench, killer, worker)
    await bench.rows("delete from workers where id = %s returning id", worker)
    await sweeper_of(bench).sweep()

    after = [await run_of(bench, run_id) for run_id in (killer, harmless)]
    assert [(run["status"], run["losses"]) for run in after] == [("FAILED", 2), ("QUEUED", 1)]


@pytest.mark.spec("RUN-86")
async def test_company_is_told_by_how_long_it_lived_before_its_worker_fell_silent(bench: Bench) -> None:
    killer, other = await bench.queued(), await bench.queued()
    for _ in range(2):
        await lost(bench, killer)
    worker = await living(bench)
    for run_id in (killer, other):
        await taken(bench, run_id, worker)
        await bench.rows("update run_events set at = at - interval '1 minute' where run_id = %s returning seq", run_id)
    await bench.rows("update workers set heartbeat_at = now() - interval '1 minute' where id = %s returning id", worker)
    await sweeper_of(bench).sweep()

    after = [await run_of(bench, run_id) for run_id in (killer, other)]
    assert [(run["status"], run["losses"]) for run in after] == [("QUEUED", 3), ("QUEUED", 1)]


@pytest.mark.spec("RUN-87")
async def test_suspects_wait_for_those_of_their_queue_only_and_stay_suspects_when_they_are_handed_back(
    bench: Bench,
) -> None:
    runs = [await bench.queued() for _ in range(3)]
    await bench.rows("update runs set queue = 'nobody serves it' where id = %s returning id", runs[0])
    for run_id in runs:
        for _ in range(2):
            await lost(bench, run_id)
    query = "select (procrastinate_fetch_job_v2(array['default'], null)).args ->> 'run_id' as run where %s is not null"

    async def fetched() -> list[str]:
        return [row["run"] for row in await bench.rows(query, bench.project) if row["run"] is not None]

    assert await fetched() == [str(runs[1])]
    assert await fetched() == []

    async with bench.database.pool.connection() as connection:
        job = (await run_of(bench, runs[1]))["job_id"]
        claimed = await claim(connection, bench.queue, runs[1], job, worker := await living(bench))
        assert claimed is not None
        await connection.execute("delete from procrastinate_jobs where id = %s", (job,))
    run = RunLog(runs[1], bench.project, claimed["claim"], claimed["last_seq"], lambda: None)
    await Custody(bench.database.pool, bench.queue, bench.wakeups, bench.journal, worker).hand_back(run)
    assert await fetched() == [str(runs[2])]
    assert await fetched() == []


@pytest.mark.spec("RUN-60")
@pytest.mark.parametrize("alive", [False, True])
async def test_the_job_of_an_ended_run_goes_with_its_dead_worker(bench: Bench, alive: bool) -> None:
    run_id = await bench.queued()
    worker_id = await living(bench) if alive else new_id()
    await bench.rows(
        """with w as (insert into procrastinate_workers default values returning id)
           update procrastinate_jobs set worker_id = w.id from w where args ->> 'run_id' = %s::text returning 1""",
        run_id,
    )
    run = await taken(bench, run_id, worker_id)
    bench.journal.event(run, "workflow.run.completed", None, "{}")
    move = transitions.Advance(run_id, run.claim, run.last_seq, transitions.RunStatus.COMPLETED, result=1)
    assert await bench.journal.move(run, move)

    await sweeper_of(bench).sweep()

    left = await bench.rows("select id from procrastinate_jobs where args ->> 'run_id' = %s::text", run_id)
    assert len(left) == int(alive)


@pytest.mark.spec("RUN-68")
async def test_several_sweepers_move_each_run_once(bench: Bench) -> None:
    runs = [await bench.queued() for _ in range(30)]
    for run_id in runs:
        await taken(bench, run_id)
    sweepers = [sweeper_of(bench) for _ in range(4)]

    moved = [move for found in await asyncio.gather(*(s.sweep() for s in sweepers)) for move in found]

    assert sorted(move.run_id for move in moved) == sorted(runs)
    after = [await run_of(bench, run_id) for run_id in runs]
    assert {(run["status"], run["losses"]) for run in after} == {("QUEUED", 1)}


@pytest.mark.spec("RUN-61")
async def test_what_is_said_to_a_run_does_not_reach_an_execution_that_has_lost_it(bench: Bench) -> None:
    old = await bench.claimed()
    await bench.rows("update runs set claim = claim + 1 where id = %s returning id", old.run_id)
    await bench.rows(
        """insert into run_signals (id, run_id, node_id, iteration, path, kind, delivered, created_at)
           values (gen_random_uuid(), %s, 'a', 0, '{}', 'answer', false, now()) returning id""",
        old.run_id,
    )
    told: list[object] = []
    inbox = Inbox(bench.database.pool, concurrency=1)
    context = _Context(told)
    with inbox.open(old, context):  # type: ignore[arg-type]  # all that the inbox asks of one
        await inbox._deliver([old])

    assert told == []
    signals = await bench.rows("select delivered from run_signals where run_id = %s", old.run_id)
    assert signals == [{"delivered": False}]


class _Context:
    """As much of a run's context as takes signals."""

    def __init__(self, told: list[object]) -> None:
        self.waits = self
        self._told = told

    def tell(self, *signal: object) -> bool:
        self._told.append(signal)
        return True


@pytest.mark.spec("RUN-61")
async def test_a_worker_without_its_lock_is_taken_for_dead_by_one_sweeper_only(bench: Bench) -> None:
    worker = new_id()
    await bench.rows(
        """insert into workers (id, hostname, pid, queues, concurrency, started_at, heartbeat_at)
           values (%s, 'here', 1, '{}', 1, now(), now() - interval '10 seconds') returning id""",
        worker,
    )
    sweeper = Sweeper(bench.database, bench.queue, bench.wakeups, heartbeat_seconds=0.01)
    async with bench.database.pool.connection() as connection:
        await connection.execute("select pg_advisory_lock(%s)", (lock_key(worker),))
        await sweeper.sweep()
        alive = await bench.rows("select id from workers where id = %s", worker)
        await connection.execute("select pg_advisory_unlock(%s)", (lock_key(worker),))
    await sweeper.sweep()

    assert len(alive) == 1
    assert await bench.rows("select id from workers where id = %s", worker) == []


@pytest.mark.spec("RUN-64")
async def test_a_run_that_was_told_before_its_time_is_missed_when_its_job_is_lost(bench: Bench) -> None:
    run = await bench.claimed()
    later = now() + timedelta(hours=1)
    bench.journal.event(run, "workflow.run.waiting", None, "{}")
    move = transitions.Advance(
        run.run_id, run.claim, run.last_seq, transitions.RunStatus.WAITING, reason={"code": "w"}, wake_at=later
    )
    assert await bench.journal.move(run, move)
    async with bench.database.pool.connection() as connection, connection.transaction():
        row = await (await connection.execute("select * from runs where id = %s", (run.run_id,))).fetchone()
        assert await signals.send(connection, bench.queue, row, [signals.NewSignal("a", 0, "answer")])
    await taken_from_the_queue(bench, run.run_id, ago="1 minute")

    moved = await sweeper_of(bench).sweep()

    assert [move.run_id for move in moved] == [run.run_id]
    assert (await run_of(bench, run.run_id))["status"] == "QUEUED"
