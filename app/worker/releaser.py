"""The releaser: gives held runs jobs as soon as this process has made room for them."""

import asyncio
from uuid import UUID

import psycopg

from app import log
from app.db import Pool
from app.queue import Queue
from app.services.holds import held_projects, release

PAUSE_SECONDS = 0.02
"""Between two looks, so that many runs that leave at once cost one of them."""

_log = log.get(__name__)


class Releaser:
    """One per worker process. What it misses, as others make room, the sweeper finds within a second."""

    def __init__(self, pool: Pool, queue: Queue) -> None:
        self._pool = pool
        self._queue = queue
        self._noted: set[UUID] = set()
        self._news = asyncio.Event()

    def note(self, project_id: UUID) -> None:
        """There may be room for held runs of the project."""
        self._noted.add(project_id)
        self._news.set()

    async def run(self) -> None:
        """Release until cancelled; outlives the database's absence."""
        while True:
            await self._news.wait()
            self._news.clear()
            noted, self._noted = self._noted, set()
            try:
                await release_all(self._pool, self._queue, noted)
            except (psycopg.Error, OSError) as error:
                _log.warning("Held runs cannot be released now; the sweeper will: %s", error)
            await asyncio.sleep(PAUSE_SECONDS)


async def release_all(pool: Pool, queue: Queue, projects: set[UUID] | None = None) -> None:
    """Release what there is room for in these projects, or in all; each in a transaction of its own."""
    if projects is None:
        async with pool.connection() as connection:
            projects = set(await held_projects(connection))
    for project_id in projects:
        async with pool.connection() as connection, connection.transaction():
            await release(connection, queue, project_id)
