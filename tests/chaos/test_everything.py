"""Everything that Graphwright consists of dies at once, its embedded PostgreSQL, too, and is started again."""

import random
import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import psycopg
import pytest

from app.embedded.database import endpoint
from app.embedded.watch import stop_server
from tests.chaos.invariants import check, check_over_http
from tests.chaos.load import Load
from tests.chaos.world import LONG, World, tell
from tests.support import until

pytestmark = [pytest.mark.timeout(600), pytest.mark.skipif(not LONG, reason="`make chaos` runs it: it takes long")]


@pytest.fixture
async def whole() -> AsyncIterator[World]:
    """A world of one process that brings its own database, with a worker beside it."""
    folder = Path(tempfile.mkdtemp(prefix="graphwright-", dir="/tmp")).resolve()
    folder.chmod(0o711)
    world = await World.make(folder, None, "", workers=0)
    try:
        world.url = world.direct = url_of(world)
        await world.add_worker()
        yield world
    finally:
        await world.close()
        for pid_file in folder.rglob("postmaster.pid"):
            stop_server(pid_file.parent)
        shutil.rmtree(folder)


def url_of(world: World) -> str:
    """The address of the database that the server has started."""
    where = endpoint(data_of(world))
    assert where is not None
    return where.url


def data_of(world: World) -> Path:
    return next(world.folder.rglob("postmaster.pid")).parent


def kill_everything(world: World) -> None:
    """kill -9 of the database with all its processes, of the server and of the worker."""
    postmaster = psutil.Process(int((data_of(world) / "postmaster.pid").read_text().split()[0]))
    doomed = [postmaster, *postmaster.children(recursive=True)]
    # First it stands still: it would else clean up after those of its processes that die before it.
    postmaster.suspend()
    for process in doomed:
        if process.is_running():
            process.kill()
    for worker in world.workers:
        worker.kill()
    world.api.kill()
    psutil.wait_procs(doomed, timeout=30)


@pytest.mark.spec("RUN-89")
async def test_runs_outlive_the_death_of_everything_with_the_database(whole: World) -> None:
    world, rng = whole, random.Random(89)
    done = "select count(*) from node_states where status = 'COMPLETED'"
    live = "select 1 from runs where status = 'RUNNING'"
    async with Load(world) as load:
        for _ in range(8):
            before = (await world.rows(done))[0][0]
            await load.start(14)
            goal = before + rng.randint(3, 25)
            await until(lambda goal=goal: _reached(world, done, goal), seconds=60)
            interrupted = len(await world.rows(live))
            kill_everything(world)
            tell(f"everything is dead; {interrupted} runs were being executed")
            assert interrupted
            await world.api.start()
            world.url = world.direct = url_of(world)
            for worker in world.workers:
                worker.environment["DATABASE_URL"] = world.url
                await worker.start()
            await load.finished(seconds=120)
        assert await world.rows("select id from runs where losses > 0")
        await check(world)
        await check_over_http(world, [story.path for story in load.stories[:14]])


async def _reached(world: World, query: str, count: int) -> bool:
    try:
        return bool((await world.rows(query))[0][0] >= count)
    except psycopg.OperationalError:
        return False
