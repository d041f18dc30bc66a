"""The pruner: deletes what is no longer kept; of all processes one at a time, and so slowly that nobody feels it."""

import asyncio
import time
from collections.abc import Callable
from datetime import timedelta
from typing import LiteralString

import psycopg

from app import jsontext, log
from app.clock import now
from app.config import Settings
from app.db import Database
from app.services.moves import Connection, one, run_sql
from app.services.pruning import Deleted, only_pruner, prune
from app.services.retention import Wanted, by_policy

LONGEST_LOOK_SECONDS = 60.0
REST = 4.0
"""After each batch the pruner rests so many times as long as the batch took."""
LONGEST_REST_SECONDS = 5.0

_log = log.get(__name__)


class Pruner:
    """Looks as often as the settings say; holds a connection only while there may be something to delete."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._url = database.url
        self._pool = database.pool
        self._settings = settings
        self._every = timedelta(seconds=settings.prune_every_seconds)
        self._pause = min(settings.prune_every_seconds, LONGEST_LOOK_SECONDS)

    async def run(self) -> None:
        """Prune until cancelled; outlives the database's absence."""
        while True:
            await asyncio.sleep(self._pause)
            try:
                await self.look()
            except (psycopg.Error, OSError) as error:
                _log.warning("The pruner has broken off and tries again: %s", error)

    async def look(self) -> Deleted | None:
        """Make a pass if one is due and nobody else makes it; what was deleted, or None."""
        async with self._pool.connection() as connection:
            if not await self._is_due(connection):
                return None
        async with only_pruner(self._url) as alone:
            if alone is None or not await self._is_due(alone):
                return None
            deleted = await recorded_pass(alone, await by_policy(alone, self._settings), rest=REST)
        if deleted:
            _log.info("Deleted what is no longer kept", **deleted)
        return deleted

    async def _is_due(self, connection: Connection) -> bool:
        row = await one(connection, "select started_at from prunes where id = 1", None)
        return row is None or row["started_at"] <= now() - self._every


async def recorded_pass(
    connection: Connection, wanted: Wanted, *, rest: float, tell: Callable[[Deleted], None] | None = None
) -> Deleted:
    """Delete what is wanted and note it for who asks; rests `rest` times as long as it works.

    `tell` is called with all that is deleted so far, after each batch.
    """
    deleted = Deleted()
    await run_sql(connection, _BEGIN, (now(),))
    began = time.monotonic()
    async for batch in prune(connection, wanted):
        deleted += batch
        if tell is not None:
            tell(deleted)
        await asyncio.sleep(min((time.monotonic() - began) * rest, LONGEST_REST_SECONDS))
        began = time.monotonic()
    await run_sql(connection, _END, (now(), jsontext.dumps(dict(deleted))))
    return deleted


_BEGIN: LiteralString = """
insert into prunes (id, started_at) values (1, %s)
on conflict (id) do update set started_at = excluded.started_at, finished_at = null, deleted = null"""

_END: LiteralString = "update prunes set finished_at = %s, deleted = %s::json where id = 1"
