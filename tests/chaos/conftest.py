import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.chaos.proxy import Proxy
from tests.chaos.world import Postgres, World
from tests.postgres import TestServer, clone, drop, make_template
from tests.worker.conftest import bench

__all__ = ["bench"]


@pytest.fixture
async def proxy(database_url: str) -> AsyncIterator[Proxy]:
    """A proxy in front of the test's own database."""
    async with Proxy(database_url) as proxy:
        yield proxy


@pytest.fixture
def size() -> dict[str, int]:
    """How many workers a world has; to be parametrized."""
    return {"workers": 1}


@pytest.fixture
async def world(database_url: str, tmp_path: Path, size: dict[str, int]) -> AsyncIterator[World]:
    """A world on the test's own database."""
    world = await World.make(tmp_path, database_url, database_url, **size)
    yield world
    await world.close()


@pytest.fixture
async def behind(proxy: Proxy, tmp_path: Path, size: dict[str, int]) -> AsyncIterator[World]:
    """A world whose processes reach their database through the proxy."""
    world = await World.make(tmp_path, proxy.url, proxy.direct, **size)
    yield world
    await world.close()


@pytest.fixture(scope="session")
def own_server() -> Iterator[TestServer]:
    server = TestServer.start()
    yield server
    server.stop()


@pytest.fixture
async def mortal(own_server: TestServer, tmp_path: Path, size: dict[str, int]) -> AsyncIterator[tuple[World, Postgres]]:
    """A world on a PostgreSQL that can be stopped."""
    name = f"chaos_{os.getpid()}_{tmp_path.name[:30]}".replace("-", "_")
    await make_template(own_server.url)
    url = await clone(own_server.url, name)
    world = await World.make(tmp_path, url, url, **size)
    yield world, Postgres(own_server)
    await world.close()
    await drop(own_server.url, name)
