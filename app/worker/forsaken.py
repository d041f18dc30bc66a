"""Runs of `graphwright run` whose command has died: nobody else may execute them, so they are cancelled."""

import asyncio
import time
from contextlib import suppress
from uuid import UUID

import psycopg

from app import log
from app.db import Pool
from app.errors import ConflictError
from app.events.wakeups import Wakeups
from app.queue import OWN_QUEUE, Queue
from app.services.moves import Moved, reason, several
from app.services.transitions import cancel

LOOK_SECONDS = 5.0
LONGEST_SILENCE_SECONDS = 20.0
"""A command that has lost its connection comes back within this."""

_log = log.get(__name__)


class Forsaken:
    """Looks for runs in queues that belonged to one process, and that no worker has served for `silence` seconds."""

    def __init__(self, pool: Pool, queue: Queue, wakeups: Wakeups, *, silence: float = LONGEST_SILENCE_SECONDS) -> None:
        self._pool = pool
        self._queue = queue
        self._wakeups = wakeups
        self._silence = silence
        self._since: dict[UUID, float] = {}

    async def run(self) -> None:
        """Look until cancelled; outlives the database's absence."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                for moved in await self.look():
                    self._wakeups.wake(moved.project_id, moved.run_id, moved.last_seq)
            except (psycopg.Error, OSError) as error:
                _log.warning("Runs of commands that have died cannot be looked for now: %s", error)

    async def look(self) -> list[Moved]:
        """One look; the runs that were cancelled by it."""
        async with self._pool.connection() as connection:
            rows = await several(
                connection,
                """select id, project_id from runs r where queue <> 'default' and finished_at is null
                   and starts_with(queue, %s) and parent_run_id is null
                   and not exists (select 1 from workers w where r.queue = any(w.queues)) order by id limit 500""",
                (OWN_QUEUE,),
            )
        now = time.monotonic()
        self._since = {row["id"]: self._since.get(row["id"], now) for row in rows}
        why = reason("command_ended", "The command that executed this run has ended.")
        moves: list[Moved] = []
        for row in rows:
            if now - self._since[row["id"]] < self._silence:
                continue
            async with self._pool.connection() as connection, connection.transaction():
                # It may have ended by itself.
                with suppress(ConflictError):
                    moves += await cancel(connection, self._queue, row["project_id"], row["id"], why)
        return moves
