"""A worker process: the queue's worker under a supervisor, the journal, the heartbeat, the sweeper and the pruner."""

import asyncio
import os
from typing import Protocol

import psycopg
from procrastinate.exceptions import ProcrastinateException

from app import log
from app.compiler import Resources, WorkflowGraphCompiler
from app.compiler.detours import Detours
from app.compiler.guard import HttpGuard
from app.config import Settings
from app.db import Database
from app.events.wakeups import Wakeups
from app.ids import new_id
from app.queue import Queue
from app.services.firings import Firer
from app.services.graphs import Graphs
from app.worker.artifacts import ArtifactStore
from app.worker.callee import Callee
from app.worker.courier import Courier
from app.worker.custody import Custody
from app.worker.executor import Executor
from app.worker.forsaken import Forsaken
from app.worker.heartbeat import Heartbeat
from app.worker.inbox import Inbox
from app.worker.journal import Journal
from app.worker.lease import Lease
from app.worker.pruner import Pruner
from app.worker.releaser import Releaser
from app.worker.scheduler import Scheduler
from app.worker.sweeper import Sweeper

SECRET_PREFIX = "GRAPHWRIGHT_SECRET_"  # noqa: S105  # a name, not a secret
LONGEST_PAUSE_SECONDS = 2.0
ABANDON_SECONDS = 0.5
"""For handing back runs whose code does not end although it was cancelled."""

_log = log.get(__name__)


def http_guard(settings: Settings, *, open_on_loopback: bool = False) -> HttpGuard:
    """What the settings let http nodes reach. Raises AllowError, DetourError for a setting that cannot be read."""
    return HttpGuard(settings.http_allow, allow_loopback=open_on_loopback, detours=Detours(settings.http_resolve))


class _Loop(Protocol):
    """Something that a worker does beside its runs, until it is cancelled."""

    async def run(self) -> None: ...


class Worker:
    """Executes runs in this process; `open_on_loopback` lets http nodes reach loopback addresses.

    With `chores` it also does what is asked of no worker in particular: it fires schedules and delivers hooks.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        database: Database,
        queue: Queue,
        wakeups: Wakeups,
        compiler: WorkflowGraphCompiler,
        open_on_loopback: bool = False,
        chores: bool = True,
    ) -> None:
        self.id, secrets = new_id(), _secrets()
        self._settings = settings
        self._queue = queue
        self._resources = Resources(
            registry=compiler.registry,
            http_guard=http_guard(settings, open_on_loopback=open_on_loopback),
            park_seconds=settings.park_seconds,
            model_prices=settings.model_prices,
        )
        self._journal = Journal(database, queue, wakeups, flush_seconds=settings.flush_seconds)
        self._inbox = Inbox(database.pool, concurrency=settings.concurrency)
        self._releaser = Releaser(database.pool, queue)
        self._custody = Custody(database.pool, queue, wakeups, self._journal, self.id)
        lease = Lease(settings.own_lost_seconds)
        artifacts = ArtifactStore(database.pool, settings.max_artifact_bytes)
        self._executor = Executor(
            database=database,
            queue=queue,
            wakeups=wakeups,
            journal=self._journal,
            compiler=compiler,
            resources=self._resources,
            inbox=self._inbox,
            releaser=self._releaser,
            custody=self._custody,
            lease=lease,
            artifacts=artifacts,
            worker_id=self.id,
            queues=settings.queues,
            secrets=secrets,
        )
        self._callee = Callee(
            pool=database.pool,
            queue=queue,
            wakeups=wakeups,
            registry=compiler.registry,
            resources=self._resources,
            artifacts=artifacts,
            worker_id=self.id,
            secrets=secrets,
        )
        self._heartbeat = self._heart(database, lease)
        sweeper = Sweeper(database, queue, wakeups, heartbeat_seconds=settings.heartbeat_seconds)
        self._loops: list[_Loop] = [sweeper, self._inbox, Pruner(database, settings), self._releaser, self._custody]
        if chores:
            self._loops += self._chores(database, wakeups, compiler)
        self._tasks: list[asyncio.Task[None]] = []
        self._work: asyncio.Task[None] | None = None

    def _chores(self, database: Database, wakeups: Wakeups, compiler: WorkflowGraphCompiler) -> list[_Loop]:
        courier = Courier(database, self._resources.http_guard, retry_seconds=self._settings.hook_retry_seconds)
        forsaken = Forsaken(database.pool, self._queue, wakeups)
        return [Scheduler(database, wakeups, Firer(Graphs(compiler), self._queue)), courier, forsaken]

    def _heart(self, database: Database, lease: Lease) -> Heartbeat:
        return Heartbeat(
            database.url,
            self.id,
            lease,
            queues=self._settings.queues,
            concurrency=self._settings.concurrency,
            seconds=self._settings.heartbeat_seconds,
            lost_seconds=self._settings.own_lost_seconds,
            running=lambda: self._custody.count,
        )

    async def start(self) -> None:
        """Begin to take up runs."""
        await asyncio.to_thread(self._heartbeat.start)
        self._journal.start()
        self._work = asyncio.create_task(self._supervise(), name="worker")
        self._tasks = [asyncio.create_task(_forever(loop), name=type(loop).__name__.lower()) for loop in self._loops]

    def drain(self) -> None:
        """Take up nothing more, and begin to count the time that running runs get to end."""
        # Once only: a second one would cut the time short.
        if self._work is not None and not self._work.cancelling():
            self._work.cancel()

    def hurry(self) -> None:
        """Give running runs no more time."""
        self._queue.hurry()
        self.drain()

    async def stop(self) -> None:
        """Let running runs end within the grace, hand back the others, and leave.

        Takes the grace and two seconds at most, also where code does not end or the database is away.
        """
        self.drain()
        if self._work is not None:
            await asyncio.wait({self._work})
        try:
            async with asyncio.timeout(ABANDON_SECONDS):
                await self._custody.abandon()
        except (TimeoutError, psycopg.Error, OSError):
            _log.warning("The database is away: others find out by themselves that the runs of this worker are theirs")
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._journal.stop()
        await self._resources.aclose()
        await asyncio.to_thread(self._heartbeat.stop)

    async def _supervise(self) -> None:
        """Start the queue's worker again whenever it gives up: it does when the database stays away."""
        pause = 0.0
        while True:
            try:
                await self._queue.work(
                    self._executor.execute,
                    self._callee.execute,
                    queues=self._settings.queues,
                    concurrency=self._settings.concurrency,
                    drain_seconds=self._settings.drain_seconds,
                )
                pause = 0.0
            except (ProcrastinateException, psycopg.Error, OSError) as error:
                _log.warning("The worker has lost its queue and starts again: %s", error)
            except Exception:  # noqa: BLE001  # else this process would live on and do nothing
                _log.exception("The worker has failed and starts again")
            pause = min(pause * 2 or 0.1, LONGEST_PAUSE_SECONDS)
            await asyncio.sleep(pause)


async def _forever(loop: _Loop) -> None:
    while True:
        try:
            await loop.run()
        except Exception:  # noqa: BLE001  # without this loop runs would stand still, and nobody would know
            _log.exception("A loop of the worker has failed and begins again", loop=type(loop).__name__.lower())
        await asyncio.sleep(LONGEST_PAUSE_SECONDS)


def _secrets() -> dict[str, str]:
    """What `secrets.name` gives in a config: the environment's GRAPHWRIGHT_SECRET_NAME, in lower case."""
    return {
        name.removeprefix(SECRET_PREFIX).lower(): value
        for name, value in os.environ.items()
        if name.startswith(SECRET_PREFIX)
    }
