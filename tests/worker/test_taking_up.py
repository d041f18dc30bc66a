"""Taking up runs and calls, and leaving jobs, while others end, cancel or delete them."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast
from uuid import UUID

import pytest

from app.compiler.calls import NewCall
from app.db import Pool
from app.ids import new_id
from app.services.calls import make_call
from app.worker.callee import Callee
from app.worker.takeup import take_up
from tests.support import until
from tests.worker.bench import Bench


class Held:
    """A pool that keeps the first who has worked with it, after the commit, until it is cancelled or let go."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._is_first = True
        self.reached = asyncio.Event()
        self.let_go = asyncio.Event()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Any]:
        first, self._is_first = self._is_first, False
        async with self._pool.connection() as connection:
            yield connection
        if first:
            self.reached.set()
            await self.let_go.wait()


@pytest.mark.spec("RUN-91")
async def test_a_run_that_is_being_taken_up_is_handed_back_without_a_loss(bench: Bench) -> None:
    run_id = await bench.queued()
    job_id = await bench.job_of(run_id)
    pool = Held(bench.database.pool)
    task = asyncio.create_task(take_up(cast("Pool", pool), bench.queue, run_id, job_id, new_id()))
    await pool.reached.wait()
    (row,) = await bench.rows("select status from runs where id = %s", run_id)
    assert row["status"] == "RUNNING"

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    (row,) = await bench.rows("select status, losses, job_id from runs where id = %s", run_id)
    assert (row["status"], row["losses"]) == ("QUEUED", 0)
    assert row["job_id"] != job_id


@pytest.mark.spec("RUN-91")
async def test_a_node_that_is_being_taken_up_is_handed_back_without_a_loss(bench: Bench) -> None:
    run = await bench.claimed()
    asked = NewCall(("a", 0, ()), 1, [], "gpu", {"type": "transform"})
    async with bench.database.pool.connection() as connection, connection.transaction():
        await make_call(connection, bench.queue, {"id": run.run_id, "claim": run.claim, "priority": 0}, asked)
    (call,) = await bench.rows("select id, job_id from node_calls where run_id = %s", run.run_id)
    pool = Held(bench.database.pool)
    callee = Callee(
        pool=cast("Pool", pool),
        queue=bench.queue,
        wakeups=bench.wakeups,
        registry=cast("Any", None),
        resources=cast("Any", None),
        artifacts=cast("Any", None),
        worker_id=new_id(),
        secrets={},
    )
    task = asyncio.create_task(callee.execute(call["id"], call["job_id"], lambda: True))
    await pool.reached.wait()

    task.cancel()
    pool.let_go.set()
    with pytest.raises(asyncio.CancelledError):
        await task

    (row,) = await bench.rows("select status, losses, job_id from node_calls where run_id = %s", run.run_id)
    assert (row["status"], row["losses"]) == ("QUEUED", 0)
    assert row["job_id"] != call["job_id"]


@pytest.mark.spec("RUN-92")
async def test_a_job_whose_row_is_gone_when_it_ends_is_noted_and_no_more(bench: Bench) -> None:
    run_id = await bench.queued()
    job_id = await bench.job_of(run_id)
    strays: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: strays.append(context))
    done = asyncio.Event()

    async def handle(subject: UUID, job: int, _: Any) -> None:
        assert (subject, job) == (run_id, job_id)
        await bench.rows("delete from procrastinate_jobs where id <> %s returning id", -1)
        done.set()

    work = bench.queue.work(handle, handle, queues=["default"], concurrency=1, drain_seconds=0.0)
    working = asyncio.create_task(work)
    await asyncio.wait_for(done.wait(), 15)
    await until(_idle)
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    gc.collect()
    await asyncio.sleep(0)
    assert strays == []


async def _idle() -> bool:
    return not any(task.get_name().startswith("process job") for task in asyncio.all_tasks())
