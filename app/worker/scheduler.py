"""The scheduler: fires schedules when they are due. Not itself a job.

Every worker process looks. Who fires a schedule holds its row, so each due time has one run, and no process that
hangs keeps the others from firing.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import psycopg

from app import log
from app.clock import now
from app.db import Database
from app.events.wakeups import Wakeups
from app.services.firings import Firer, due_schedules, fire, next_moment
from app.services.work import unit_of_work
from app.statuses import RUN_ENDED

LONGEST_PAUSE_SECONDS = 1.0
SHORTEST_PAUSE_SECONDS = 0.02
CLEANING_SECONDS = 60.0
KEPT = timedelta(days=30)

_log = log.get(__name__)


class Scheduler:
    """Looks when the next schedule is due, at least once a second; `clock` tells the time."""

    def __init__(
        self, database: Database, wakeups: Wakeups, firer: Firer, *, clock: Callable[[], datetime] = now
    ) -> None:
        self._database = database
        self._wakeups = wakeups
        self._firer = firer
        self._clock = clock
        self._cleaned = float("-inf")

    async def run(self) -> None:
        """Fire until cancelled; outlives the database's absence."""
        while True:
            pause = LONGEST_PAUSE_SECONDS
            try:
                well = await self.look()
                await self._clean()
                if well:
                    pause = await self._pause()
            except (psycopg.Error, OSError) as error:
                _log.warning("The scheduler cannot reach the database and tries again: %s", error)
            await asyncio.sleep(pause)

    async def look(self) -> bool:
        """Fire all that is due now; False where a schedule could not be fired, and stays due."""
        at, well = self._clock(), True
        async with unit_of_work(self._database, self._wakeups) as work:
            due = await due_schedules(work, at)
        for schedule_id in due:
            try:
                async with unit_of_work(self._database, self._wakeups) as work:
                    await fire(work, self._firer, schedule_id, at)
            except (psycopg.OperationalError, psycopg.InterfaceError, OSError):
                raise
            except Exception:  # noqa: BLE001  # one schedule that nobody foresaw must not keep others from firing
                _log.exception("A schedule could not be fired", schedule_id=str(schedule_id))
                well = False
        return well

    async def _pause(self) -> float:
        async with unit_of_work(self._database, self._wakeups) as work:
            moment = await next_moment(work)
        if moment is None:
            return LONGEST_PAUSE_SECONDS
        seconds = (moment - self._clock()).total_seconds()
        return min(max(seconds, SHORTEST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)

    async def _clean(self) -> None:
        """Forget old firings, a few at a time."""
        time = asyncio.get_running_loop().time()
        if time - self._cleaned < CLEANING_SECONDS:
            return
        self._cleaned = time
        async with unit_of_work(self._database, self._wakeups) as work:
            await work.run(
                """DELETE FROM schedule_firings WHERE (schedule_id, scheduled_for) IN (
                       SELECT schedule_id, scheduled_for FROM schedule_firings
                       WHERE created_at < %s AND status <> 'queued' AND NOT EXISTS (
                           SELECT 1 FROM runs WHERE id = run_id AND status <> ALL(%s)) LIMIT 1000)""",
                (self._clock() - KEPT, [str(status) for status in RUN_ENDED]),
            )
