"""Processes that die, stand still, and are told to stop, while runs of every shape go on."""

import asyncio
import random
import signal
import time

import pytest

from tests.chaos.invariants import check, check_over_http
from tests.chaos.load import Load, chain, output, step
from tests.chaos.world import World, scaled, tell
from tests.support import ended, until
from tests.worker.runs import graph, started

pytestmark = [pytest.mark.timeout(scaled(120, 1200))]


@pytest.mark.spec("RUN-60")
@pytest.mark.parametrize("size", [{"workers": 2}], ids=["two-workers"])
async def test_runs_outlive_kills_of_workers_and_of_the_api(world: World) -> None:
    rng = random.Random(60)
    async with Load(world) as load:
        starting = asyncio.create_task(load.start(scaled(14, 200)))
        for n in range(scaled(3, 40)):
            await asyncio.sleep(rng.uniform(0.3, scaled(1, 4)))
            if n % 3 == 2:
                tell("kill -9 of the API")
                world.api.kill()
                await world.api.start("--no-worker")
            else:
                tell("kill -9 of a worker")
                worker = rng.choice(world.workers)
                worker.kill()
                await worker.start()
        await starting
        await load.finished(seconds=scaled(40, 240))
        await check(world)
        await check_over_http(world, [story.path for story in load.stories[:14]])


@pytest.mark.spec("RUN-70")
@pytest.mark.parametrize("size", [{"workers": 3}], ids=["three-workers"])
async def test_a_run_that_kills_its_workers_fails_and_the_runs_beside_it_do_not(world: World) -> None:
    die = graph([{"id": "die", "type": "tool", "config": {"tool": "chaos.die"}}])
    project = world.projects[0]

    async def restart() -> None:
        while True:
            await asyncio.sleep(0.05)
            for worker in world.workers:
                if not worker.is_alive:
                    await worker.start()

    # These have nothing to show for themselves before they have ended.
    beside = [await started(project, chain(1, scaled(2, 12)), {"n": n}) for n in range(scaled(3, 6))]
    killers = [await started(project, die) for _ in range(scaled(1, 2))]
    restarting = asyncio.create_task(restart())
    try:
        for path in killers:
            run = await ended(world.client, path, seconds=scaled(40, 200))
            assert (run["status"], run["reason"]["code"]) == ("FAILED", "worker_lost")
        for n, path in enumerate(beside):
            run = await ended(world.client, path, seconds=scaled(40, 200))
            assert (run["status"], run["result"]) == ("COMPLETED", n)
    finally:
        restarting.cancel()
        await asyncio.gather(restarting, return_exceptions=True)
    await check(world)
    await check_over_http(world, [*killers, *beside])


@pytest.mark.spec("RUN-63")
@pytest.mark.parametrize("size", [{"workers": 2}], ids=["two-workers"])
async def test_a_worker_that_drains_hands_long_nodes_over_and_loses_nothing(world: World) -> None:
    async with Load(world) as load:
        await load.start(scaled(7, 60))
        long = [await started(world.projects[n % 2], chain(2, scaled(2, 15)), {"n": n}) for n in range(6)]
        for worker in list(world.workers)[: scaled(1, 2)]:
            worker.send(signal.SIGTERM)
            began = time.monotonic()
            assert await worker.wait(15) == 0
            tell(f"drained in {time.monotonic() - began:.1f} s")
            assert time.monotonic() - began < 6
            await world.add_worker()
        await load.finished(seconds=scaled(30, 120))
        for n, path in enumerate(long):
            run = await ended(world.client, path, seconds=scaled(30, 90))
            assert (run["status"], run["result"]) == ("COMPLETED", n + 1)
        assert not await world.rows("select id from runs where losses > 0")
        await check(world)
        await check_over_http(world, long)


@pytest.mark.spec("RUN-60")
@pytest.mark.parametrize("size", [{"workers": 0}], ids=["one-process"])
async def test_a_child_run_whose_end_was_told_to_nobody_is_heard_of_after_a_kill(world: World) -> None:
    """The only process dies again and again while children end and parents are told of it."""
    rng = random.Random(64)
    async with Load(world) as load:
        await load.start(scaled(4, 60), ["child"])
        for _ in range(scaled(1, 6)):
            ends = "select 1 from run_events e join runs r on r.id = e.run_id where e.type = %s and r.depth = 1"
            count = len(await world.rows(ends, ("workflow.run.completed",)))

            async def another(ends: str = ends, count: int = count) -> bool:
                found = len(await world.rows(ends, ("workflow.run.completed",)))
                return found >= count + scaled(1, 5) or found == len(load.stories)

            await until(another, seconds=60)
            await asyncio.sleep(rng.uniform(0, 0.005))
            world.api.kill()
            await world.api.start()
        await load.finished(seconds=scaled(30, 120))
        await check(world)


@pytest.mark.spec("RUN-73")
async def test_nodes_on_other_workers_outlive_kills_on_both_sides(world: World) -> None:
    rng = random.Random(73)
    other = await world.add_worker(GRAPHWRIGHT_QUEUES="other")
    far = [{**step(f"far{n}", "{{ input.n * 2 }}", 0.2), "queue": "other"} for n in range(2)]
    nodes = [step("here", "{{ input.n }}"), *far, output("{{ far0.output + far1.output + here.output }}")]
    edges = [("here", "far0"), ("far0", "far1"), ("here", "end"), ("far1", "end")]
    project = world.projects[0]
    workflow = await project.workflow(graph(nodes, *edges))
    runs = [
        (await world.post(project.runs, {"workflow_id": workflow["id"], "input_data": {"n": n}}, execute="true")).json()
        for n in range(scaled(8, 80))
    ]
    for n in range(scaled(2, 20)):
        await asyncio.sleep(rng.uniform(0.2, scaled(1, 3)))
        worker = (other, world.workers[0])[n % 2]
        tell("kill -9 of the worker of the nodes" if worker is other else "kill -9 of the worker of the runs")
        worker.kill()
        await worker.start()
    for n, made in enumerate(runs):
        run = await ended(world.client, f"{project.runs}/{made['id']}", seconds=scaled(40, 240))
        assert (run["status"], run["result"]) == ("COMPLETED", 5 * n)
    await check(world)
    await check_over_http(world, [f"{project.runs}/{made['id']}" for made in runs[:7]])
