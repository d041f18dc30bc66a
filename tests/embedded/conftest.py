import asyncio
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from app.embedded.watch import stop_server
from tests.embedded.processes import Holder, cluster


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that the server's user can pass, with short paths; what still runs in it is stopped."""
    folder = Path(tempfile.mkdtemp(prefix="graphwright-", dir="/tmp")).resolve()
    folder.chmod(0o711)
    yield folder
    for pid_file in folder.rglob("postmaster.pid"):
        stop_server(pid_file.parent)
    shutil.rmtree(folder)


@pytest.fixture
async def holders() -> AsyncIterator[list[Holder]]:
    """The processes that a test has begun; those that still live are killed."""
    begun: list[Holder] = []
    yield begun
    for holder in begun:
        if holder.process.returncode is None:
            await holder.kill(with_children=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "needs_root" in item.fixturenames and os.geteuid() != 0:  # type: ignore[attr-defined]
            item.add_marker(pytest.mark.skip(reason="only root has another user run the server"))


@pytest.fixture
def needs_root() -> None:
    """For tests of what is different for root."""


@pytest.fixture(scope="module")
def running() -> Iterator[str]:
    """The URL of one server for the tests of a module that only look."""
    folder = Path(tempfile.mkdtemp(prefix="graphwright-", dir="/tmp")).resolve()
    folder.chmod(0o711)
    server = cluster(folder)
    yield asyncio.run(server.start())
    asyncio.run(server.stop())
    shutil.rmtree(folder)
