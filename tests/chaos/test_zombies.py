"""Processes that stand still for longer than they may, and then go on."""

import signal
import time
from typing import Any

import psutil
import psycopg
import pytest

from app.worker.sweeper import SWEEP_LOCK
from tests.chaos.invariants import check, check_over_http
from tests.chaos.load import Load, output
from tests.chaos.world import WorkerProcess, World, scaled
from tests.support import until
from tests.worker.runs import graph, started

pytestmark = [pytest.mark.timeout(scaled(120, 600))]


async def has(world: World, query: Any, values: Any = None) -> bool:
    return bool(await world.rows(query, values))


async def worker_of(world: World, path: str) -> WorkerProcess:
    """The worker that executes a run."""
    query = "select w.pid from runs r join workers w on w.id = r.worker_id where r.id::text = %s"
    pid = (await until(lambda: world.rows(query, (path.rpartition("/")[2],))))[0][0]
    return next(w for w in world.workers if w.process is not None and w.process.pid == pid)


@pytest.mark.spec("RUN-61")
@pytest.mark.parametrize("size", [{"workers": 2}], ids=["two-workers"])
async def test_a_worker_that_stood_still_writes_nothing_and_works_on(world: World) -> None:
    gate = world.folder / "gate"
    held = {"id": "held", "type": "tool", "config": {"tool": "chaos.gate", "args": {"path": str(gate), "value": 7}}}
    path = await started(world.projects[0], graph([held, output("{{ held.output }}")], ("held", "end")))
    run_id = path.rpartition("/")[2]
    zombie = await worker_of(world, path)
    async with Load(world) as load:
        await load.start(scaled(7, 60))

        zombie.send(signal.SIGSTOP)
        await until(lambda: has(world, "select 1 from runs where id::text = %s and losses = 1", (run_id,)))
        gate.touch()
        await load.finished(seconds=scaled(30, 120))
        first = (await world.rows("select status, result, last_seq from runs where id::text = %s", (run_id,)))[0]
        thawed = time.time()
        zombie.send(signal.SIGCONT)

        # It takes up runs again, and keeps them: the other one is gone.
        for worker in world.workers:
            if worker is not zombie:
                worker.kill()
        await load.start(scaled(7, 60))
        await load.finished(seconds=scaled(30, 120))
        lost = await world.rows("select id from runs where losses > 1")
        again = (await world.rows("select status, result, last_seq from runs where id::text = %s", (run_id,)))[0]
        assert first == again
        assert first[:2] == ("COMPLETED", 7)
        assert not lost
        await check(world, thawed=thawed)
        await check_over_http(world, [path])


async def sweeper_that_waits(world: World) -> WorkerProcess | None:
    """The worker in whose sweep the database waits for a lock, found by its connection."""
    rows = await world.rows(
        """select a.client_port from pg_locks l join pg_stat_activity a on a.pid = l.pid
           where l.locktype = 'advisory' and l.granted and a.wait_event_type = 'Lock'
           and a.datname = current_database() and l.classid::bigint << 32 | l.objid::bigint = %s""",
        (SWEEP_LOCK,),
    )
    for worker in world.workers:
        if rows and worker.is_alive and worker.process is not None:
            ends = psutil.Process(worker.process.pid).net_connections("tcp")
            if any(end.laddr and end.laddr.port == rows[0][0] for end in ends):
                return worker
    return None


@pytest.mark.spec("RUN-88")
@pytest.mark.parametrize("size", [{"workers": 3}], ids=["three-workers"])
async def test_a_worker_that_stands_still_in_the_middle_of_a_sweep_stops_nobody(world: World) -> None:
    gate = world.folder / "gate"
    held = {"id": "held", "type": "tool", "config": {"tool": "chaos.gate", "args": {"path": str(gate), "value": 7}}}
    path = await started(world.projects[0], graph([held, output("{{ held.output }}")], ("held", "end")))
    run_id = path.rpartition("/")[2]
    victim = await worker_of(world, path)
    async with Load(world) as load:
        async with await psycopg.AsyncConnection.connect(world.direct) as lock:
            # Whoever comes to take the run from the dead waits here, with the sweepers' lock in his hands.
            await lock.execute("select 1 from runs where id::text = %s for update", (run_id,))
            victim.kill()
            zombie = await until(lambda: sweeper_that_waits(world))
            await load.start(scaled(4, 60))
            zombie.send(signal.SIGSTOP)
            await lock.rollback()
        await until(lambda: has(world, "select 1 from runs where id::text = %s and losses = 1", (run_id,)))
        gate.touch()
        await load.start(scaled(3, 60))
        await load.finished(seconds=scaled(30, 120))
        assert not await has(world, "select 1 from workers where pid = %s", (zombie.process.pid,))
        thawed = time.time()
        zombie.send(signal.SIGCONT)

        # It works on, and looks for the dead again: nobody else is there to do it.
        others = [worker for worker in world.workers if worker is not zombie and worker.process is not None]
        pids = [worker.process.pid for worker in others if worker.process is not None]
        for worker in others:
            worker.kill()
        gone = "select 1 where not exists (select 1 from workers where pid = any(%s))"
        await until(lambda: has(world, gone, (pids,)))
        await load.start(scaled(4, 60))
        await load.finished(seconds=scaled(30, 120))
        assert not await has(world, "select 1 from runs where losses > 1 or status = 'FAILED'")
        await check(world, thawed=thawed)
        await check_over_http(world, [path])
