"""The life of runs against a model of the moves that are allowed: any order of moves, by those who own a run or not."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from app.clock import now
from app.db import Database
from app.errors import ConflictError
from app.ids import new_id
from app.services import restarts, signals, starts, transitions
from app.services.claims import claim
from app.services.moves import reason
from app.services.signals import NewSignal
from app.services.transitions import Advance
from app.statuses import RunStatus
from app.worker.entries import NodeRow, RunLog
from tests.chaos.world import scaled
from tests.worker.bench import Bench
from tests.worker.test_sweeper import sweeper_of

T = TypeVar("T")
LIVE = ("PENDING", "QUEUED", "RUNNING", "WAITING", "RETRYING")
WHY = reason("test", "The model says so.")
LATER = timedelta(hours=1)


@dataclass
class Model:
    """What is known of a run: its status, its log, who may write to it."""

    id: UUID
    status: str = "PENDING"
    log: list[str] = field(default_factory=lambda: ["run.created"])
    claims: list[RunLog] = field(default_factory=list)
    losses: int = 0
    has_job: bool = False
    is_told: bool = False
    node_ended: bool = False
    has_progressed: bool = False

    def move(self, status: str, *events: str, job: bool) -> None:
        self.status = status
        self.log += events
        self.has_job = job


class Life(RuleBasedStateMachine):
    """Every rule does one thing to one run, and the model says what has to come of it."""

    url = ""
    runs = Bundle("runs")

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.database = Database(self.url, pool_size=4)
        self.bench = Bench(self.database)
        self.models: dict[UUID, Model] = {}
        self.do(self._open())

    async def _open(self) -> None:
        await self.database.open()
        await self.bench.open()

    def teardown(self) -> None:
        self.do(self._close())
        self.runner.close()

    async def _close(self) -> None:
        await self.bench.close()
        async with self.database.pool.connection() as connection:
            await connection.execute("delete from runs where id = any(%s)", (list(self.models),))
            await connection.execute("delete from procrastinate_jobs")
        await self.database.close()

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    async def _in_transaction(self, work: Any) -> Any:
        async with self.database.pool.connection() as connection, connection.transaction():
            return await work(connection)

    def transact(self, work: Any) -> Any:
        return self.do(self._in_transaction(work))

    @rule(target=runs)
    def create(self) -> Model:
        bench = self.bench
        moved = self.transact(
            lambda c: transitions.create(
                c, project_id=bench.project, workflow_id=bench.workflow, version=1, input_data=None, metadata={}
            )
        )
        model = Model(moved.run_id)
        self.models[model.id] = model
        return model

    @rule(run=runs)
    def execute(self, run: Model) -> None:
        work = lambda c: starts.start(c, self.bench.queue, self.bench.project, run.id)  # noqa: E731
        if run.status != "PENDING":
            with pytest.raises(ConflictError):
                self.transact(work)
            return
        self.transact(work)
        run.move("QUEUED", "run.queued", job=True)

    @rule(run=runs)
    def claim(self, run: Model) -> None:
        row = self.do(self._claimed(run))
        if run.status not in ("QUEUED", "WAITING", "RETRYING") or not run.has_job:
            assert row is None
            return
        run.claims.append(RunLog(run.id, self.bench.project, row["claim"], row["last_seq"], lambda: None))
        run.move("RUNNING", "run.started" if row["claim"] == 1 else "run.resumed", job=True)
        run.is_told = False
        assert row["claim"] == len(run.claims)

    async def _claimed(self, run: Model) -> Any:
        """What becomes of the run's job when a worker fetches it, and marks what was said to the run as heard."""
        worker = """insert into workers (id, hostname, pid, queues, concurrency, started_at, heartbeat_at)
                    values (%s, 'here', 1, '{}', 1, now(), now())"""
        worker_id = new_id()
        async with self.database.pool.connection() as connection:
            job = await (await connection.execute("select job_id from runs where id = %s", (run.id,))).fetchone()
            assert job is not None
            await connection.execute(worker, (worker_id,))
            await connection.execute(
                "update procrastinate_jobs set status = 'doing' where id = %s and status = 'todo'", (job["job_id"],)
            )
            row = await claim(connection, self.bench.queue, run.id, job["job_id"] or 0, worker_id)
            if row is not None:
                await connection.execute("update run_signals set delivered = true where run_id = %s", (run.id,))
            return row

    @rule(run=runs, who=st.integers(0, 3), status=st.sampled_from([None, "COMPLETED", "FAILED", "WAITING", "RETRYING"]))
    def advance(self, run: Model, who: int, status: str | None) -> None:
        """The execution writes; so does each that had the run before."""
        if not run.claims:
            return
        log = run.claims[-1 - who % len(run.claims)]
        owner = run.status == "RUNNING" and log is run.claims[-1]
        kept = self.do(self._advance(log, status))
        assert kept == (owner and not log.is_lost) or log.is_lost
        if not owner:
            assert not kept
            assert log.is_lost
        elif kept and status is None:
            run.log.append("node.completed")
            run.node_ended, run.has_progressed = True, True
        elif kept:
            job = status == "RETRYING" or (status == "WAITING" and run.is_told)
            run.move(str(status), f"run.{str(status).lower()}", job=job)

    async def _advance(self, log: RunLog, status: str | None) -> bool:
        journal = self.bench.journal
        if status is None:
            journal.state(log, NodeRow("a", 0, [], "COMPLETED", 1))
            journal.event(log, "workflow.node.completed", "a", '{"iteration": 0}')
            return await journal.written(log)
        journal.event(log, f"workflow.run.{status.lower()}", None, "{}")
        wake_at = now() + LATER if status == "RETRYING" else None
        move = Advance(log.run_id, log.claim, log.last_seq, RunStatus(status), reason=WHY, wake_at=wake_at)
        kept = await journal.move(log, move)
        if kept:
            # The worker's job ends with its execution.
            async with self.database.pool.connection() as connection:
                await connection.execute(
                    "delete from procrastinate_jobs where args ->> 'run_id' = %s and status = 'doing'", (log.name,)
                )
        return kept

    @rule(run=runs)
    def cancel(self, run: Model) -> None:
        work = lambda c: transitions.cancel(c, self.bench.queue, self.bench.project, run.id)  # noqa: E731
        if run.status not in LIVE:
            with pytest.raises(ConflictError):
                self.transact(work)
            return
        self.transact(work)
        run.move("CANCELLED", *([] if run.node_ended else ["node.cancelled"]), "run.cancelled", job=False)

    @rule(run=runs)
    def retry(self, run: Model) -> None:
        work = lambda c: restarts.retry(c, self.bench.queue, self.bench.project, run.id)  # noqa: E731
        if run.status not in ("FAILED", "CANCELLED"):
            with pytest.raises(ConflictError):
                self.transact(work)
            return
        self.transact(work)
        run.move("QUEUED", "run.queued", job=True)
        run.losses, run.is_told = 0, run.is_told and run.node_ended

    @rule(run=runs, who=st.integers(0, 2))
    def hand_back(self, run: Model, who: int) -> None:
        if not run.claims:
            return
        token = run.claims[-1 - who % len(run.claims)].claim
        moved = self.transact(lambda c: transitions.requeue(c, run.id, token, WHY, loss=False))
        if run.status in ("RUNNING", "QUEUED", "WAITING") and token == run.claims[-1].claim:
            assert moved is not None
            run.move("QUEUED", "run.queued", job=True)
        else:
            assert moved is None

    @rule(run=runs)
    def give_up(self, run: Model) -> None:
        moved = self.transact(lambda c: transitions.give_up(c, self.bench.project, run.id, WHY))
        if run.status not in ("RUNNING", "QUEUED"):
            assert moved is None
            return
        run.move("FAILED", *([] if run.node_ended else ["node.cancelled"]), "run.failed", job=run.has_job)

    @rule(run=runs)
    def signal(self, run: Model) -> None:
        async def say(connection: Any) -> Any:
            row = await (await connection.execute("select * from runs where id = %s for update", (run.id,))).fetchone()
            return await signals.send(connection, self.bench.queue, row, [NewSignal("a", 0, "answer")])

        moved = self.transact(say)
        assert (moved is not None) == (run.status == "WAITING")
        run.is_told = True
        if moved is not None:
            run.move("QUEUED", "run.queued", job=True)

    @rule(run=runs, dies=st.booleans())
    def sweep(self, run: Model, dies: bool) -> None:
        if dies:
            self.transact(
                lambda c: c.execute(
                    "delete from workers where id = (select worker_id from runs where id = %s and status = 'RUNNING')",
                    (run.id,),
                )
            )
        moved = [move.run_id for move in self.do(sweeper_of(self.bench).sweep())]
        if not dies or run.status != "RUNNING":
            assert moved == []
            return
        assert moved == [run.id]
        losses = 1 if run.has_progressed else run.losses + 1
        run.has_progressed = False
        if losses >= 3:
            run.move("FAILED", *([] if run.node_ended else ["node.cancelled"]), "run.failed", job=run.has_job)
        else:
            run.losses = losses
            run.move("QUEUED", "run.queued", job=True)

    @invariant()
    def the_rows_say_what_the_model_says(self) -> None:
        for model in self.models.values():
            self.do(self._compare(model))

    async def _compare(self, model: Model) -> None:
        run = (await self.bench.rows("select * from runs where id = %s", model.id))[0]
        events = await self.bench.rows("select seq, type from run_events where run_id = %s order by seq", model.id)
        assert run["status"] == model.status
        assert [event["type"].removeprefix("workflow.") for event in events] == model.log
        assert [event["seq"] for event in events] == list(range(1, run["last_seq"] + 1))
        assert run["claim"] == len(model.claims)
        if model.status in ("QUEUED", "RUNNING", "RETRYING"):
            query = "select j.status from procrastinate_jobs j join runs r on r.job_id = j.id where r.id = %s"
            assert len(await self.bench.rows(query, model.id)) == 1


@pytest.mark.spec("RUN-72")
@pytest.mark.timeout(scaled(120, 900))
async def test_any_order_of_moves_leaves_runs_as_the_model_says(database_url: str) -> None:
    machine = type("LifeHere", (Life,), {"url": database_url})
    how = settings(
        max_examples=scaled(25, 600),
        stateful_step_count=scaled(25, 40),
        deadline=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    await asyncio.to_thread(run_state_machine_as_test, machine, settings=how)
