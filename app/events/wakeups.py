"""Telling the readers of all processes that a run's log has grown."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from uuid import UUID

import orjson
import psycopg

from app import log
from app.events.store import EventRow

CHANNEL = "graphwright_events"
# PostgreSQL takes payloads of less than 8,000 bytes.
PAYLOAD_BYTES = 7900
STOP_SECONDS = 1.0
GAP_SECONDS = 0.003
"""The least time between two notifications: under load each then tells of many runs."""
LONGEST_PAUSE_SECONDS = 2.0

_log = log.get(__name__)

Wake = tuple[UUID, UUID, int]
Listener = Callable[[UUID, UUID, int, Sequence[EventRow]], None]


def payloads(wakes: Iterable[Wake]) -> list[str]:
    """The wakes (project, run, newest seq) as JSON lists, each short enough for one NOTIFY."""
    found: list[str] = []
    parts: list[str] = []
    size = 2
    for project_id, run_id, last_seq in wakes:
        part = f'["{project_id}","{run_id}",{last_seq}]'
        if size + len(part) > PAYLOAD_BYTES:
            found.append(f"[{','.join(parts)}]")
            parts, size = [], 2
        parts.append(part)
        size += len(part) + 1
    if parts:
        found.append(f"[{','.join(parts)}]")
    return found


def parse_payload(text: str) -> list[Wake]:
    """What a payload says; nothing if it is not one of ours, as anybody on the database can send one."""
    try:
        return [(UUID(project), UUID(run), int(seq)) for project, run, seq in orjson.loads(text)]
    except (TypeError, ValueError, AttributeError):
        _log.warning("A notification that nobody understands was ignored.")
        return []


class Wakeups:
    """Sends coalesced notifications on a connection of its own, apart from the transactions that write.

    A NOTIFY inside a writing transaction would make all of them wait for each other. A wake that gets lost costs
    readers one poll, so the connection does not wait for the disk, and nothing is kept when it breaks for long.
    Who listens in this process is told at once, without the way through the database, and given what was written.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._pending: dict[UUID, tuple[UUID, int]] = {}
        self._listeners: list[Listener] = []
        self._news = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._connection: psycopg.AsyncConnection | None = None

    def wake(self, project_id: UUID, run_id: UUID, last_seq: int, written: Sequence[EventRow] = ()) -> None:
        """Say that the run's log has been committed up to `last_seq`; from the event loop's thread, never waits.

        `written` may be the newest events of the log, in order and without gaps.
        """
        before = self._pending.get(run_id)
        if before is None or before[1] < last_seq:
            self._pending[run_id] = (project_id, last_seq)
        self._news.set()
        for listener in self._listeners:
            listener(project_id, run_id, last_seq, written)

    def tell(self, listener: Listener) -> None:
        """Call a function of this process on every wake, too."""
        self._listeners.append(listener)

    async def start(self) -> None:
        """Begin to send."""
        self._task = asyncio.create_task(self._run(), name="wakeups")

    async def stop(self) -> None:
        """Send what is left, if that goes quickly, and close the connection."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self._send()
        except (psycopg.Error, OSError, TimeoutError):
            _log.info("The last notifications were not sent; readers find the events by polling.")
        await self._disconnect()

    async def _run(self) -> None:
        pause = 0.0
        while True:
            await self._news.wait()
            try:
                await self._send()
                pause = 0.0
                await asyncio.sleep(GAP_SECONDS)
            except (psycopg.Error, OSError) as error:
                if not pause:
                    _log.warning("Notifications cannot be sent, readers poll meanwhile: %s", error)
                await self._disconnect()
                pause = min(pause * 2 or 0.05, LONGEST_PAUSE_SECONDS)
                await asyncio.sleep(pause)

    async def _send(self) -> None:
        self._news.clear()
        if not self._pending:
            return
        sending, self._pending = self._pending, {}
        try:
            connection = self._connection or await self._connect()
            for payload in payloads((project, run, seq) for run, (project, seq) in sending.items()):
                await connection.execute("select pg_notify(%s, %s)", (CHANNEL, payload))
        except BaseException:
            # Sent again with what has come meanwhile: a wake that arrives twice does no harm.
            for run_id, (project_id, last_seq) in sending.items():
                self.wake(project_id, run_id, last_seq)
            raise

    async def _connect(self) -> psycopg.AsyncConnection:
        self._connection = connection = await psycopg.AsyncConnection.connect(
            self._url, autocommit=True, connect_timeout=5, application_name="graphwright-notify"
        )
        await connection.execute("set synchronous_commit = off")
        return connection

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()
