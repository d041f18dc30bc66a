import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from app.config import Settings
from app.db import Database
from app.main import create_app
from tests.postgres import VARIABLE, TestServer, clone, drop, make_template
from tests.support import Project, ServerProcess, ThreadServer, client_of, running, settings_for

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


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    """Settings of an open server on the test's own database."""
    return settings_for(database_url, tmp_path)


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[FastAPI]:
    """The application without a worker, open, with its lifespan entered."""
    async with running(create_app(settings, worker=False)) as app:
        yield app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of `app`; paths are relative to /api/v1."""
    async with client_of(app) as client:
        yield client


@pytest.fixture
async def project(client: httpx.AsyncClient) -> Project:
    """A project in `app`."""
    return await Project.make(client)


@pytest.fixture
async def server(settings: Settings) -> AsyncIterator[ThreadServer]:
    """A real HTTP server with a worker, in a thread."""
    server = await asyncio.to_thread(ThreadServer(settings).start)
    yield server
    await asyncio.to_thread(server.stop)


@pytest.fixture
async def server_client(server: ThreadServer) -> AsyncIterator[httpx.AsyncClient]:
    """A client of `server`; paths are relative to /api/v1."""
    async with httpx.AsyncClient(base_url=server.api, timeout=60) as client:
        yield client


@pytest.fixture
async def server_project(server_client: httpx.AsyncClient) -> Project:
    """A project in `server`."""
    return await Project.make(server_client)


@pytest.fixture
async def server_process(database_url: str, tmp_path: Path) -> AsyncIterator[ServerProcess]:
    """`graphwright serve` as a process on the test's own database; it is up, and can be killed and started again."""
    process = ServerProcess(tmp_path, database_url)
    await process.start()
    yield process
    process.kill()
