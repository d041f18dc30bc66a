import os
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from app.db import Database
from tests.postgres import VARIABLE, TestServer, clone, drop, make_template

_servers: list[TestServer] = []


def pytest_configure(config: pytest.Config) -> None:
    """Start one server for the whole session; the workers of xdist inherit its address."""
    if not hasattr(config, "workerinput") and VARIABLE not in os.environ and not config.option.collectonly:
        _servers.append(TestServer.start())
        os.environ[VARIABLE] = _servers[0].url


def pytest_unconfigure() -> None:
    for server in _servers:
        server.stop()
        del os.environ[VARIABLE]
    _servers.clear()


@pytest.fixture
async def postgres() -> str:
    """The URL of the server, ending with a slash; its template database is migrated."""
    url = os.environ[VARIABLE]
    await make_template(url)
    return url


@pytest.fixture
async def database_url(postgres: str) -> AsyncIterator[str]:
    """A migrated database of the test's own, dropped after it."""
    name = f"test_{uuid4().hex}"
    yield await clone(postgres, name)
    await drop(postgres, name)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The test's own database, open."""
    database = Database(database_url)
    await database.open()
    yield database
    await database.close()


@pytest.fixture
async def empty_database_url(postgres: str) -> AsyncIterator[str]:
    """A database without any table."""
    name = f"test_{uuid4().hex}"
    yield await clone(postgres, name, template="template1")
    await drop(postgres, name)
