"""What every process of Graphwright opens first: the database, the queue, the wake-ups, the compiler."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import psycopg

from app import log
from app.compiler import Registry, WorkflowGraphCompiler
from app.compiler.discovery import load_registry
from app.config import Settings
from app.db import Database
from app.embedded import EmbeddedPostgres
from app.errors import GraphwrightError
from app.events.wakeups import Wakeups
from app.migrate import migrate
from app.queue import Queue
from app.services.catalog import examples

DATABASE_FOLDER = "postgres"
WATCH_SECONDS = 2.0

_log = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Runtime:
    """Open until the block of `open_runtime` ends."""

    settings: Settings
    database: Database
    queue: Queue
    wakeups: Wakeups
    registry: Registry
    compiler: WorkflowGraphCompiler


@asynccontextmanager
async def database_url(settings: Settings) -> AsyncIterator[str]:
    """The URL of the database itself: the one that is set, or that of the embedded server, which runs meanwhile.

    Raises EmbeddedPostgresError.
    """
    known = settings.direct_url or settings.database_url
    if known is not None:
        yield known.get_secret_value()
        return
    async with EmbeddedPostgres(settings.home / DATABASE_FOLDER) as embedded:
        url = await embedded.start()
        watch = asyncio.create_task(_keep_up(embedded, url), name="embedded-watch")
        try:
            yield url
        finally:
            watch.cancel()
            with suppress(asyncio.CancelledError):
                await watch


@asynccontextmanager
async def open_runtime(settings: Settings) -> AsyncIterator[Runtime]:
    """Open the database at the newest revision and all that works on it.

    Raises GraphwrightError or psycopg.Error when the database cannot be opened.
    """
    async with database_url(settings) as url:
        await migrate(url)
        registry = load_registry([examples(), *settings.workflows])
        pooler = settings.database_url.get_secret_value() if settings.direct_url and settings.database_url else None
        database = Database(url, pooler=pooler, pool_size=settings.pool_size, idle_seconds=settings.worker_lost_seconds)
        await database.open()
        queue, wakeups = Queue(settings.fair_window), Wakeups(database.url)
        try:
            await queue.open(database.pool, database.url)
            await wakeups.start()
            yield Runtime(settings, database, queue, wakeups, registry, WorkflowGraphCompiler(registry))
        finally:
            await wakeups.stop()
            await queue.close()
            await database.close()


async def _keep_up(embedded: EmbeddedPostgres, url: str) -> None:
    """Start the embedded server again whenever it died."""
    while True:
        await asyncio.sleep(WATCH_SECONDS)
        try:
            connection = await psycopg.AsyncConnection.connect(url, connect_timeout=5)
            await connection.close()
        except (psycopg.Error, OSError) as error:
            _log.warning("The embedded database does not answer and is started again: %s", error)
            try:
                await embedded.start()
            except GraphwrightError as failure:
                _log.warning("The embedded database could not be started again: %s", failure)
