"""The callee: does the work of nodes whose runs are executed by other workers."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from typing import Any, TypeVar
from uuid import UUID

from pydantic import JsonValue

from app import jsontext, log
from app.compiler import Registry, Resources, RunInfo
from app.compiler.attempts import is_being_cancelled
from app.compiler.elsewhere import Task, perform
from app.compiler.failures import failure_of
from app.db import Pool
from app.events.wakeups import Wakeups
from app.queue import Queue
from app.services.called import News, Taken, end_call, release_call, report, take_call
from app.services.moves import Moved
from app.worker.artifacts import ArtifactStore
from app.worker.patience import outlasting

SAY_SECONDS = 0.15
"""What a node says is told together so often at most."""
MOST_UNSAID = 1000

T = TypeVar("T")

_log = log.get(__name__)


class Callee:
    """Shared by all calls of a worker's jobs."""

    def __init__(
        self,
        *,
        pool: Pool,
        queue: Queue,
        wakeups: Wakeups,
        registry: Registry,
        resources: Resources,
        artifacts: ArtifactStore,
        worker_id: UUID,
        secrets: Mapping[str, str],
    ) -> None:
        self._pool = pool
        self._queue = queue
        self._wakeups = wakeups
        self._registry = registry
        self._resources = resources
        self._artifacts = artifacts
        self._worker_id = worker_id
        self._secrets = secrets

    async def execute(self, call_id: UUID, job_id: int, shutting_down: Callable[[], bool]) -> None:
        """Take up the call if it is still there to be taken, and bring it to its end."""
        taken = await _to_the_end(self._take(call_id, job_id))
        if taken is None:
            return
        self._wake(taken.moved)
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # a coroutine that runs has a task
        speech = _Speech(self._pool, self._wakeups, taken, task)
        try:
            result = await self._work(taken, speech)
        except asyncio.CancelledError:
            if shutting_down():
                await _to_the_end(self._hand_back(taken, speech))
                raise
            speech.stop()
            # Cancelled by its run, whose row says so already.
            return
        await _to_the_end(self._finish(taken, speech, result))

    async def _take(self, call_id: UUID, job_id: int) -> Taken | None:
        async with self._pool.connection() as connection, connection.transaction():
            return await take_call(connection, call_id, job_id, self._worker_id)

    async def _work(self, taken: Taken, speech: "_Speech") -> dict[str, Any]:
        """The output or the error, as the call's row keeps it."""
        if is_being_cancelled():
            # It was while the call was taken up.
            raise asyncio.CancelledError
        call, run = taken.call, taken.run
        info = RunInfo(str(run["id"]), str(run["project_id"]), str(run["workflow_id"]), run["attempt"], run["input"])
        place = (call["node_id"], call["iteration"], tuple(call["path"]))
        task = Task(info, place, call["attempt"], call["request"], self._artifacts.of_call(call, run))
        try:
            return {"output": await perform(task, self._registry, self._resources, self._secrets, speech.say)}
        except (Exception, SystemExit, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and is_being_cancelled():
                raise
            return {"error": asdict(failure_of(error))}

    async def _finish(self, taken: Taken, speech: "_Speech", result: dict[str, Any]) -> None:
        await speech.finish()

        async def write() -> list[Moved]:
            async with self._pool.connection() as connection, connection.transaction():
                return await end_call(connection, self._queue, taken.call, **result)

        for moved in await outlasting(write, "The end of a node"):
            self._wake(moved)

    async def _hand_back(self, taken: Taken, speech: "_Speech") -> None:
        await speech.finish()

        async def write() -> list[Moved]:
            async with self._pool.connection() as connection, connection.transaction():
                call = taken.call
                return await release_call(connection, self._queue, call["id"], call["claim"], loss=False)

        for moved in await outlasting(write, "A node that is handed back"):
            self._wake(moved)

    def _wake(self, moved: Moved | None) -> None:
        if moved is not None:
            self._wakeups.wake(moved.project_id, moved.run_id, moved.last_seq)


async def _to_the_end(work: Awaitable[T]) -> T:
    """What the work gives, done even if the task is cancelled meanwhile."""
    task = asyncio.ensure_future(work)
    while not task.done():
        with suppress(asyncio.CancelledError):
            await asyncio.shield(task)
    return task.result()


class _Speech:
    """What one call's node says while it works, told in its order, some of it together."""

    def __init__(self, pool: Pool, wakeups: Wakeups, taken: Taken, work: asyncio.Task[Any]) -> None:
        """`work` is cancelled once the call turns out to be no longer its own."""
        self._pool = pool
        self._wakeups = wakeups
        self._call = taken.call
        self._work = work
        self._unsaid: list[News] = []
        self._number = 0
        self._task: asyncio.Task[None] | None = None

    async def say(self, kind: str, data: dict[str, JsonValue]) -> None:
        """Take in a report; waits only where far too much is said. Raises TypeError for what is no JSON."""
        jsontext.dumps(data)
        self._add(News(kind, data))
        if self._task is not None and self._task.done():
            self._task.result()
            self._task = None
        if self._task is None:
            self._task = asyncio.create_task(self._tell_soon())
        if len(self._unsaid) > MOST_UNSAID:
            await asyncio.shield(self._task)

    async def finish(self) -> None:
        """Tell what is left."""
        if self._task is not None:
            await self._task
            await self._tell()

    def stop(self) -> None:
        """Say no more."""
        if self._task is not None:
            self._task.cancel()

    def _add(self, news: News) -> None:
        last = self._unsaid[-1] if self._unsaid else None
        if news.kind == "progress":
            self._unsaid = [one for one in self._unsaid if one.kind != "progress"]
        elif news.kind == "token" and last is not None and last.kind == "token" and news.data.keys() == {"text"}:
            news = News("token", {"text": f"{last.data['text']}{news.data['text']}"}, last.at)
            self._unsaid.pop()
        self._unsaid.append(news)

    async def _tell_soon(self) -> None:
        # What is said while the part before is told is told by this task, too: maybe nothing is said after it for long.
        while self._unsaid:
            await asyncio.sleep(SAY_SECONDS)
            await self._tell()

    async def _tell(self) -> None:
        said, self._unsaid = self._unsaid, []
        if not said:
            return
        self._number += 1
        number = self._number

        async def write() -> tuple[Moved | None, bool]:
            async with self._pool.connection() as connection, connection.transaction():
                return await report(connection, self._call, number, said)

        moved, is_ours = await outlasting(write, "What a node says")
        if not is_ours:
            _log.info("A node works that nobody waits for any more", call_id=str(self._call["id"]))
            self._work.cancel()
        if moved is not None:
            self._wakeups.wake(moved.project_id, moved.run_id, moved.last_seq)
