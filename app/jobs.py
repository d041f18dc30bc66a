"""How jobs are worked off: procrastinate's worker, made to outlast the absence of the database and to end in time."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, LiteralString, TypeVar

import psycopg
from procrastinate import App, PsycopgConnector
from procrastinate.connector import Notify
from procrastinate.exceptions import ConnectorException
from procrastinate.worker import Worker

from app import log

T = TypeVar("T")
LONGEST_PAUSE_SECONDS = 0.5
ABORT_SECONDS = 1.0
"""What executions that have been cancelled get to hand their runs back."""
LATER_SECONDS = 5.0
"""Jobs are cancelled here; the engine's own time for that comes later, and is for the case that it gives up."""
STALLED_SECONDS = 86_400.0
"""The sweeper knows better than the engine who is alive, so the engine forgets its workers late."""

_log = log.get(__name__)


class PatientConnector(PsycopgConnector):
    """Asks again while the database is away, where the engine would give up and cut off all that it executes.

    Only what a worker asks by itself: what is asked on a caller's connection fails with that.
    """

    def __init__(self) -> None:
        super().__init__()
        self.is_leaving = False
        self.listen_url: str | None = None

    async def execute_query_async(self, query: LiteralString, **arguments: Any) -> None:
        ask = super().execute_query_async
        await self._patiently(lambda: ask(query, **arguments))

    async def execute_query_one_async(self, query: LiteralString, **arguments: Any) -> dict[str, Any]:
        ask = super().execute_query_one_async
        return await self._patiently(lambda: ask(query, **arguments))

    async def execute_query_all_async(self, query: LiteralString, **arguments: Any) -> list[dict[str, Any]]:
        ask = super().execute_query_all_async
        return await self._patiently(lambda: ask(query, **arguments))

    async def listen_notify(self, on_notification: Notify, channels: Iterable[str]) -> None:
        # What is missed meanwhile is found by looking: a worker does that once a second.
        listen, names = super().listen_notify, list(channels)
        await self._patiently(lambda: listen(on_notification, names))

    @asynccontextmanager
    async def _get_standalone_connection(self) -> AsyncGenerator[psycopg.AsyncConnection[Any]]:
        """The engine's own way, for connections that listen, leads to the pool's address: that of a pooler maybe."""
        if self.listen_url is None:
            async with super()._get_standalone_connection() as connection:
                yield connection
            return
        async with await psycopg.AsyncConnection.connect(
            self.listen_url, autocommit=True, connect_timeout=5, application_name="graphwright-queue"
        ) as connection:
            yield connection

    async def _patiently(self, ask: Callable[[], Awaitable[T]]) -> T:
        pause = 0.0
        while True:
            try:
                return await ask()
            except ConnectorException as error:
                away = isinstance(error.__cause__, psycopg.OperationalError | psycopg.InterfaceError)
                if self.is_leaving or not away:
                    raise
                if not pause:
                    _log.warning("The queue cannot be reached and is tried again: %s", error.__cause__)
            pause = min(pause * 2 or 0.05, LONGEST_PAUSE_SECONDS)
            await asyncio.sleep(pause)


def _told(task: asyncio.Task[Any]) -> None:
    """Take in what came of a job's task: it fails where the job's row is gone, as others have taken over its work."""
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.info("The end of a job could not be noted: %s", error.__cause__ or error)


class Jobs:
    """The jobs that this process works on."""

    def __init__(self, app: App, connector: PatientConnector) -> None:
        self._app = app
        self._connector = connector
        self._tasks: set[asyncio.Task[Any]] = set()
        self._hurry = asyncio.Event()
        self.is_closing = False
        """From when on jobs are cancelled because the process ends."""

    async def work(self, *, queues: Sequence[str], concurrency: int, drain_seconds: float) -> None:
        """Work off jobs until cancelled; then give those that run `drain_seconds`, and cancel the others.

        Ends at the latest a second after that, whether they have ended or not. Raises ProcrastinateException.
        """
        worker = Worker(
            self._app,
            queues=list(queues),
            concurrency=concurrency,
            fetch_job_polling_interval=1.0,
            abort_job_polling_interval=1.0,
            shutdown_graceful_timeout=drain_seconds + LATER_SECONDS,
            stalled_worker_timeout=STALLED_SECONDS,
            delete_jobs="always",
            install_signal_handlers=False,
        )
        running = asyncio.create_task(worker.run(), name="jobs")  # type: ignore[no-untyped-call]  # it is left untyped
        try:
            await asyncio.shield(running)
        except asyncio.CancelledError:
            worker.stop()  # type: ignore[no-untyped-call]  # as above
            await self._drain(running, drain_seconds)
            raise

    async def do(self, job: Callable[[], Awaitable[None]]) -> None:
        """Do a job; one that comes when all are cancelled is left to others, who will miss it within a second."""
        if self.is_closing:
            raise asyncio.CancelledError
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # a coroutine that runs has a task
        self._tasks.add(task)
        task.add_done_callback(_told)
        try:
            await job()
        finally:
            self._tasks.discard(task)

    def hurry(self) -> None:
        """Give the jobs that run no more time."""
        self._hurry.set()

    async def _drain(self, running: asyncio.Task[None], seconds: float) -> None:
        hurry = asyncio.create_task(self._hurry.wait())
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._tasks and not hurry.done():
                    await asyncio.wait({hurry, *self._tasks}, return_when=asyncio.FIRST_COMPLETED)
        hurry.cancel()
        self.is_closing = self._connector.is_leaving = True
        for task in self._tasks:
            task.cancel()
        _, left = await asyncio.wait({running, *self._tasks}, timeout=ABORT_SECONDS)
        if len(left) > 1:
            _log.warning("Executions have been cancelled and do not end", count=len(left - {running}))
        running.cancel()
