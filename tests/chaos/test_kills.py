"""Processes that die, stand still, and are told to stop, while runs of every shape go on."""

import asyncio
import random

import pytest

from tests.chaos.invariants import check, check_over_http
from tests.chaos.load import Load
from tests.chaos.world import World, scaled, tell

pytestmark = [pytest.mark.timeout(scaled(120, 1200))]


@pytest.mark.spec("RUN-60")
@pytest.mark.parametrize("size", [{"workers": 2}], ids=["two-workers"])
async def test_runs_outlive_kills_of_workers_and_of_the_api(world: World) -> None:
    rng = random.Random(60)
    async with Load(world) as load:
        starting = asyncio.create_task(load.start(scaled(21, 200)))
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
