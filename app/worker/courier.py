"""The courier: turns the event log into deliveries of hooks, and delivers them. Not itself a job.

Every worker process works on it: who collects for a hook holds its lock, who sends holds a lease on the delivery. A
lease ends by itself, so what a killed process had in its hands is sent by another one, perhaps once more.
"""

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import psycopg

from app import log
from app.clock import now
from app.compiler.failures import HardError, message_of, retry_after_seconds
from app.compiler.guard import HttpGuard
from app.compiler.outbound import open_client
from app.db import Database
from app.services import deliveries
from app.services.deliveries import Taken
from app.services.pages import rfc3339
from app.services.signatures import known_secrets, standard_headers

POLL_SECONDS = 0.5
IDLE_SECONDS = 1.0
NARROW = timedelta(seconds=5)
WIDE_SECONDS = 10.0
"""Each look at the log goes back a few seconds, one now and then as far as anything may have committed late."""
CLEANING_SECONDS = 60.0
MOST_IN_FLIGHT = 64
TIMEOUT_SECONDS = 10.0
LEAVE_SECONDS = 1.0
BODY_BYTES = 4000
LONGEST_PAUSE_SECONDS = 3 * 3600.0
LONGEST_RETRY_AFTER_SECONDS = 6 * 3600.0

_log = log.get(__name__)


class Courier:
    """Collects and sends; `retry_seconds` is the first pause after a failure, each further one is doubled."""

    def __init__(self, database: Database, guard: HttpGuard, *, retry_seconds: float) -> None:
        self._pool = database.pool
        self._guard = guard
        self._retry_seconds = retry_seconds
        self._sending: dict[asyncio.Task[None], Taken] = {}
        self._news = asyncio.Event()
        self._looked: dict[UUID, float] = {}
        self._cleaned = float("-inf")
        self._place = UUID(int=0), UUID(int=0)

    async def run(self) -> None:
        """Collect and deliver until cancelled; outlives the database's absence."""
        async with open_client(self._guard) as client:
            collecting = asyncio.create_task(self._collect_all(), name="collector")
            try:
                while True:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(IDLE_SECONDS):
                            await self._news.wait()
                    self._news.clear()
                    try:
                        while await self._send(client):
                            pass
                    except (psycopg.Error, OSError) as error:
                        _log.warning("Hooks cannot be served and are tried again: %s", error)
            finally:
                collecting.cancel()
                await asyncio.gather(collecting, return_exceptions=True)
                await self._leave()

    async def _collect_all(self) -> None:
        """Look at the log for all hooks, again and again."""
        while True:
            pause = IDLE_SECONDS
            try:
                pause = await self._look()
            except (psycopg.Error, OSError) as error:
                _log.warning("The log cannot be read for hooks: %s", error)
            except Exception:  # noqa: BLE001  # without this loop no hook would hear anything, and nobody would know
                _log.exception("The log could not be read for hooks")
            await asyncio.sleep(pause)

    async def _look(self) -> float:
        """One look at the log; how long to wait for the next one."""
        await self._clean()
        async with self._pool.connection() as connection:
            hooks = await deliveries.active_hooks(connection)
        if not hooks:
            return IDLE_SECONDS
        more = [await self._collect(hook) for hook in hooks]
        self._news.set()
        return 0.0 if any(more) else POLL_SECONDS

    async def _collect(self, hook: dict[str, Any]) -> bool:
        """Look at the log for one hook; whether there was news, and so may be more."""
        time = asyncio.get_running_loop().time()
        wide = time - self._looked.get(hook["id"], float("-inf")) >= WIDE_SECONDS
        try:
            async with self._pool.connection() as connection, connection.transaction():
                more = await deliveries.collect(connection, hook, None if wide else now() - NARROW)
        except (psycopg.OperationalError, psycopg.InterfaceError, OSError):
            raise
        except Exception:  # noqa: BLE001  # whatever one hook meets, the others are looked at all the same
            _log.exception("The log could not be read for a hook", hook_id=str(hook["id"]))
            return False
        if wide and not more:
            self._looked[hook["id"]] = time
        return more

    async def _send(self, client: httpx.AsyncClient) -> bool:
        """Send what is due, as far as there is room; whether anything was."""
        room = MOST_IN_FLIGHT - len(self._sending)
        if room <= 0:
            return False
        async with self._pool.connection() as connection, connection.transaction():
            taken = await deliveries.lease(connection, room)
        for one in taken:
            task = asyncio.create_task(self._deliver(client, one), name="delivery")
            self._sending[task] = one
            task.add_done_callback(self._sent)
        return bool(taken)

    def _sent(self, task: asyncio.Task[None]) -> None:
        del self._sending[task]
        self._news.set()

    async def _deliver(self, client: httpx.AsyncClient, taken: Taken) -> None:
        """Send one delivery and note what came of it; where that cannot be noted, it is sent again after its lease."""
        answer, retry_after = await _post(client, taken)
        status = answer["status"]
        try:
            async with self._pool.connection() as connection, connection.transaction():
                if status is not None and httpx.codes.is_success(status):
                    await deliveries.delivered(connection, taken, answer)
                elif status == httpx.codes.GONE:
                    await deliveries.gone(connection, taken, answer)
                else:
                    await deliveries.failed(connection, taken, answer, self._pause(taken.failures, retry_after))
        except (psycopg.Error, OSError) as error:
            _log.warning("What came of a delivery cannot be noted: %s", error, delivery_id=str(taken.id))

    def _pause(self, failures: int, retry_after: float | None) -> float:
        pause = min(self._retry_seconds * 2.0 ** min(failures, 30), LONGEST_PAUSE_SECONDS)
        pause *= random.uniform(0.8, 1.2)  # noqa: S311  # spreads load, keeps no secret
        return max(pause, min(retry_after or 0.0, LONGEST_RETRY_AFTER_SECONDS))

    async def _leave(self) -> None:
        """Break off what is being sent, and let others send it at once."""
        left = dict(self._sending)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
        if left:
            with suppress(psycopg.Error, OSError, TimeoutError):
                async with asyncio.timeout(LEAVE_SECONDS), self._pool.connection() as connection:
                    await deliveries.release(connection, list(left.values()))

    async def _clean(self) -> None:
        time = asyncio.get_running_loop().time()
        if time - self._cleaned >= CLEANING_SECONDS:
            self._cleaned = time
            self._place = await deliveries.clean(self._pool, self._place)


async def _post(client: httpx.AsyncClient, taken: Taken) -> tuple[dict[str, Any], float | None]:
    """What the receiver answered, as deliveries show it, and how long it asks to be left alone."""
    start, body = now(), taken.body.encode(errors="surrogatepass")
    headers = {
        **standard_headers(known_secrets(taken.hook), str(taken.id), start, body),
        "Content-Type": "application/json",
        "Accept-Encoding": "identity",
    }
    status, text, problem, retry_after = None, None, None, None
    try:
        async with (
            asyncio.timeout(TIMEOUT_SECONDS),
            client.stream("POST", taken.hook["url"], content=body, headers=headers, follow_redirects=False) as answer,
        ):
            status = answer.status_code
            retry_after = retry_after_seconds(answer.headers.get("retry-after"))
            text = await _beginning(answer)
    except TimeoutError:
        status, problem = None, f"No whole answer came within {TIMEOUT_SECONDS:g} s."
    except (httpx.HTTPError, httpx.InvalidURL, HardError, OSError) as error:
        status, problem = None, message_of(error)
    except Exception as error:  # noqa: BLE001  # what nobody foresaw is a failure, too: else it would never be given up
        _log.exception("A hook could not be called", hook_id=str(taken.hook["id"]))
        status, problem = None, message_of(error)
    if status is not None and httpx.codes.is_redirect(status):
        problem = "The receiver redirects, which is not followed. Give the hook the new address."
    took = (now() - start).total_seconds() * 1000
    told = {"at": rfc3339(start), "status": status, "body": text, "error": problem, "duration_ms": round(took, 1)}
    return told, retry_after


async def _beginning(answer: httpx.Response) -> str:
    """The first bytes of a body as text; the rest is not read."""
    found: list[bytes] = []
    async for chunk in answer.aiter_raw():
        found.append(chunk)
        if sum(map(len, found)) >= BODY_BYTES:
            break
    return _readable(found)


def _readable(chunks: Sequence[bytes]) -> str:
    return b"".join(chunks)[:BODY_BYTES].decode(errors="replace").replace("\0", "\N{REPLACEMENT CHARACTER}")
