"""Work on the database that has to be done, however long the database stays away."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from app import log
from app.worker.outages import passes, was_ended

T = TypeVar("T")
LONGEST_PAUSE_SECONDS = 1.0

_log = log.get(__name__)


async def outlasting(work: Callable[[], Awaitable[T]], what: str) -> T:
    """What the work gives, tried again as long as the database cannot be reached; it must bear being done twice."""
    pause = 0.0
    while True:
        try:
            return await work()
        except Exception as error:
            if not passes(error) and not was_ended(error):
                raise
            _log.warning("%s waits for the database: %s", what, error)
            pause = min(pause * 2 or 0.05, LONGEST_PAUSE_SECONDS)
            await asyncio.sleep(pause)
