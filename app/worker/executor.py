"""The executor: takes up a run, runs its graph once, and brings it to its next status."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from langchain_core.runnables import RunnableConfig
from psycopg.rows import DictRow

from app import jsontext, log
from app.clock import now
from app.compiler import CompiledWorkflow, Resources, RunContext, RunInfo, WorkflowGraphCompiler
from app.compiler.emit import ROOT, RunStoppedError
from app.compiler.failures import HardError
from app.compiler.ports import TAG
from app.compiler.stored import input_in_state
from app.compiler.turns import Debug
from app.compiler.waiting import Waits, later
from app.db import Database
from app.events.wakeups import Wakeups
from app.queue import OWN_QUEUE, Queue
from app.services.claims import beginning
from app.services.moves import EVENT_BYTES, Moved, reason
from app.services.signals import tell_parent
from app.services.transitions import Advance
from app.statuses import RUN_ENDED, RunStatus
from app.worker.artifacts import ArtifactStore
from app.worker.calls import Calls
from app.worker.children import Children
from app.worker.custody import Custody
from app.worker.endings import failure_of_run, resumption, waiting_of_run
from app.worker.entries import NodeRow, RunLog
from app.worker.inbox import Inbox
from app.worker.items import Items
from app.worker.journal import Journal
from app.worker.lease import Lease
from app.worker.memory import forget_kept, recall
from app.worker.patience import outlasting
from app.worker.recorder import Recorder
from app.worker.releaser import Releaser
from app.worker.saver import JournalSaver
from app.worker.takeup import take_up

RECURSION_LIMIT = 2**31 - 1
"""Loops count their own laps, so LangGraph's limit on supersteps must never be the one that ends a run."""
LARGE_GRAPH = 100_000
"""Characters of a graph from which on it is compiled in a thread, so that other runs go on meanwhile."""

_log = log.get(__name__)


@dataclass(slots=True)
class Execution:
    """One execution of one run, from its claim to its next status."""

    row: DictRow
    run: RunLog
    compiled: CompiledWorkflow
    context: RunContext
    recorder: Recorder
    items: Items


class Executor:
    """Executes runs, many at once; shared by all of a worker's jobs."""

    def __init__(
        self,
        *,
        database: Database,
        queue: Queue,
        wakeups: Wakeups,
        journal: Journal,
        compiler: WorkflowGraphCompiler,
        resources: Resources,
        inbox: Inbox,
        releaser: Releaser,
        custody: Custody,
        lease: Lease,
        artifacts: ArtifactStore,
        worker_id: UUID,
        queues: Sequence[str],
        secrets: Mapping[str, str],
    ) -> None:
        self._pool = database.pool
        self._queue = queue
        self._wakeups = wakeups
        self._journal = journal
        self._compiler = compiler
        self._resources = resources
        self._inbox = inbox
        self._releaser = releaser
        self._custody = custody
        self._lease = lease
        self._artifacts = artifacts
        self._worker_id = worker_id
        self._queues = frozenset(queues)
        self._secrets = secrets
        self._graphs: dict[tuple[UUID, int], CompiledWorkflow] = {}

    async def execute(self, run_id: UUID, job_id: int, shutting_down: Callable[[], bool]) -> None:
        """Take up the run if it is still there to be taken, and bring it as far as it goes."""
        with self._custody.begun(run_id):
            taken = await self._take_up(run_id, job_id)
            if taken is not None:
                await self._execute(*taken, shutting_down)

    async def _take_up(self, run_id: UUID, job_id: int) -> tuple[DictRow, int] | None:
        """The run's row, if there is anything to do, and the epoch of the lease in which it was taken up."""
        epoch = self._lease.epoch
        row = await take_up(self._pool, self._queue, run_id, job_id, self._worker_id)
        return None if row is None else (row, epoch)

    async def _execute(self, row: DictRow, epoch: int, shutting_down: Callable[[], bool]) -> None:
        run_id: UUID = row["id"]
        self._wakeups.wake(row["project_id"], run_id, row["last_seq"], beginning(row))
        if row["behind"]:
            self._releaser.note(row["project_id"])
        if row["status"] != RunStatus.RUNNING:
            # There is no room for it: it comes again.
            return
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # a coroutine that runs has a task
        run = RunLog(run_id, row["project_id"], row["claim"], row["last_seq"], _canceller(task), epoch=epoch)
        try:
            with self._custody.holding(run):
                await self._run(row, run)
                await self._leave(row, run)
        except asyncio.CancelledError:
            if not run.is_lost and shutting_down():
                with self._custody.holding(run):
                    await asyncio.shield(self._custody.hand_back(run))
                raise
            if not run.is_lost:
                # Cancelled by its user: the row says so already. A cancel that lost the race finds the run ended.
                run.is_lost = True
        finally:
            if row["limited"]:
                self._releaser.note(row["project_id"])

    async def _run(self, row: DictRow, run: RunLog) -> None:
        try:
            execution = await outlasting(partial(self._prepare, row, run), "A run that is prepared")
        except Exception as error:  # noqa: BLE001  # whatever it is, the run has to end visibly
            _log.exception("A run could not be prepared", run_id=str(run.run_id))
            await self._fail(run, _error("internal_error", f"The run could not be prepared: {error}"), "internal_error")
            return
        try:
            async with asyncio.timeout(_time_left(execution)):
                await self._stream(execution)
        except RunStoppedError:
            why = "Another node failed, and the graph says `stop`."
            await self._cancel_rest(execution, "stopped_after_failure", why)
            execution.context.parks.clear()
        except TimeoutError:
            seconds = execution.compiled.document.settings.timeout
            message = f"The run took longer than its {seconds:g} seconds."
            await self._cancel_rest(execution, "timeout", message)
            await self._fail(run, _error("timeout", message), "timeout")
            return
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001  # whatever it is, the run has to end visibly
            _log.exception("A run broke its executor", run_id=str(run.run_id))
            await self._cancel_rest(execution, "internal_error", "The run ended by an internal error.")
            await self._fail(run, _error("internal_error", f"{type(error).__name__}: {error}"), "internal_error")
            return
        await self._finish(execution)

    async def _prepare(self, row: DictRow, run: RunLog) -> Execution:
        compiled = await self._compiled(row["workflow_id"], row["version"])
        info = RunInfo(str(run.run_id), str(row["project_id"]), str(row["workflow_id"]), row["attempt"], row["input"])
        children = Children(self._pool, self._queue, self._wakeups, self._compiler, row)
        calls = self._calls(row, run)
        context = RunContext(
            info,
            self._resources,
            secrets=self._secrets,
            # A child run that has to wait for its parent's place is not to be waited for.
            waits=Waits(patience=None if row["limited"] else self._inbox.patience),
            children=children,
            calls=calls,
            artifacts=self._artifacts.of_execution(run),
            debug=_debug(row["debug"]),
            assure=partial(self._assure, run),
        )
        if calls is not None:
            calls.waits = context.waits
        fresh = row["claim"] == 1 and row["forked_from"] is None
        waiting = [] if fresh else await recall(self._pool, run, context, compiled)
        items = Items(self._journal, run, context.items.values())
        context.item_log = items
        compiled.begin(context)
        return Execution(
            row, run, compiled, context, Recorder(self._journal, run, waiting, compiled.document.nodes), items
        )

    def _calls(self, row: DictRow, run: RunLog) -> Calls | None:
        """Where nodes are sent that this worker does not serve; a run of one process alone stays there."""
        if row["queue"].startswith(OWN_QUEUE):
            return None
        return Calls(self._pool, self._queue, self._journal, row=row, run=run, queues=self._queues)

    async def _assure(self, run: RunLog) -> None:
        """Return at once while the worker is in touch; after a silence only if the run has not gone to another one."""
        epoch = self._lease.epoch
        if not self._lease.is_late and run.epoch == epoch:
            return
        if not await self._journal.written(run):
            # The journal has this execution cancelled.
            await asyncio.get_running_loop().create_future()
        run.epoch = epoch

    async def _compiled(self, workflow_id: UUID, version: int) -> CompiledWorkflow:
        key = (workflow_id, version)
        known = self._graphs.get(key)
        if known is not None:
            return known
        async with self._pool.connection() as connection:
            cursor = await connection.execute(
                """select graph::text as graph, content_hash from workflow_versions
                   where workflow_id = %s and version = %s""",
                key,
            )
            row = await cursor.fetchone()
        assert row is not None  # noqa: S101  # runs reference their version
        graph, content = jsontext.loads(row["graph"]), row["content_hash"]
        if len(row["graph"]) > LARGE_GRAPH:
            compiled = await asyncio.to_thread(self._compiler.compile, graph, content_hash=content)
        else:
            compiled = self._compiler.compile(graph, content_hash=content)
        if len(self._graphs) >= 1000:  # noqa: PLR2004  # versions are immutable: this is a cache, not a registry
            self._graphs.clear()
        self._graphs[key] = compiled
        return compiled

    async def _stream(self, execution: Execution) -> None:
        run, recorder = execution.run, execution.recorder
        saver = JournalSaver(self._pool, self._journal, run, fresh=run.claim == 1)
        graph = execution.compiled.graph.copy(update={"checkpointer": saver})
        config: RunnableConfig = {
            "configurable": {"thread_id": str(run.run_id)},
            "recursion_limit": RECURSION_LIMIT,
        }
        events = graph.astream_events(
            {"input": input_in_state(run.name, execution.context.run.input), "outputs": {}},
            config,
            version="v2",
            context=execution.context,
            include_names=[ROOT],
            include_tags=[TAG],
            stream_mode="custom",
            durability="async",
        )
        with self._inbox.open(run, execution.context):
            async for event in events:
                recorder.take(event)
                await self._journal.room()

    async def _finish(self, execution: Execution) -> None:
        context, run = execution.context, execution.run
        if context.parks:
            why, wake_at = waiting_of_run(context.parks)
            deadline = _deadline(execution)
            wake_at = min((moment for moment in (wake_at, deadline) if moment is not None), default=None)
            self._say(run, "waiting", {"status": "WAITING", "wake_at": wake_at, "reason": why})
            await self._journal.move(
                run, Advance(run.run_id, run.claim, run.last_seq, RunStatus.WAITING, reason=why, wake_at=wake_at)
            )
            return
        if context.limit is not None or context.failure is not None:
            code, error = failure_of_run(context)
            await self._fail_or_resume(execution, error, code)
            return
        try:
            result, state = execution.compiled.result(context), execution.compiled.final_state(context)
        except HardError as error:
            await self._fail(execution.run, _error(error.type or "state_error", error.message), "state_error")
            return
        data = {"status": "COMPLETED", "result": result}
        if len(jsontext.dumps(result)) > EVENT_BYTES:
            data = {"status": "COMPLETED", "result": None, "truncated": True}
        self._say(run, "completed", data)
        move = Advance(run.run_id, run.claim, run.last_seq, RunStatus.COMPLETED, result=result, state=state)
        await self._journal.move(run, move)
        if context.kept and not run.is_lost:
            await outlasting(lambda: forget_kept(self._pool, run.run_id), "A run that has ended")

    async def _fail_or_resume(self, execution: Execution, error: dict[str, Any], code: str) -> None:
        """End the run FAILED, or put it into RETRYING where the graph says that it goes on by itself."""
        run, again_at = execution.run, resumption(execution.compiled.document.settings.resume, execution.row, error)
        if again_at is None:
            await self._fail(run, error, code, _state_so_far(execution))
            return
        why = reason(code, str(error["message"])[:2000])
        self._say(run, "retrying", {"status": "RETRYING", "error": error, "reason": why, "wake_at": again_at})
        move = Advance(
            run.run_id, run.claim, run.last_seq, RunStatus.RETRYING, error=error, reason=why, wake_at=again_at
        )
        await self._journal.move(run, move)

    async def _fail(self, run: RunLog, error: dict[str, Any], code: str, state: Any = None) -> None:
        why = reason(code, str(error["message"])[:2000])
        self._say(run, "failed", {"status": "FAILED", "error": error, "reason": why})
        move = Advance(run.run_id, run.claim, run.last_seq, RunStatus.FAILED, state=state, error=error, reason=why)
        await self._journal.move(run, move)

    async def _leave(self, row: DictRow, run: RunLog) -> None:
        """What follows the end of a run: its child runs that nobody needs, and the parent that waits for it.

        A process that dies before it comes to this leaves it to the sweeper.
        """
        if run.is_lost or run.status not in RUN_ENDED:
            return
        if run.status is RunStatus.FAILED:
            await Children(self._pool, self._queue, self._wakeups, self._compiler, row).abandon_all()
        if row["parent_run_id"] is not None:
            async with self._pool.connection() as connection, connection.transaction():
                moved = await tell_parent(connection, self._queue, run.run_id)
            self._inbox.look()
            if moved is not None:
                self._wake(moved)

    async def _cancel_rest(self, execution: Execution, code: str, message: str) -> None:
        """Mark every node CANCELLED that was running or had not started."""
        run, recorder = execution.run, execution.recorder
        execution.items.close_all(reason(code, message))
        why = jsontext.dumps(reason(code, message))
        rest = list(recorder.open.values())
        begun = {row.node_id for row in rest} | {
            execution.compiled.node_ids[index] for index in execution.context.counts
        }
        # What earlier executions have brought to its end may not have had its turn yet in this one.
        begun |= {node_id for node_id, _ in execution.context.known}
        rest += [NodeRow(node, 0, [], "PENDING", 1) for node in execution.compiled.node_ids if node not in begun]
        for row in rest:
            row.status, row.handled, row.reason, row.finished_at, row.wake_at = "CANCELLED", False, why, now(), None
            self._journal.state(run, row)
            data = f'{{"iteration":{row.iteration},"attempt":{row.attempt},"path":{row.path},"reason":{why}}}'
            self._journal.event(run, "workflow.node.cancelled", row.node_id, data)
        if execution.context.calls is not None:
            await execution.context.calls.abandon_all()

    def _say(self, run: RunLog, kind: str, data: Mapping[str, Any]) -> None:
        self._journal.event(run, f"workflow.run.{kind}", None, jsontext.dumps(data))

    def _wake(self, moved: Moved) -> None:
        self._wakeups.wake(moved.project_id, moved.run_id, moved.last_seq)


def _canceller(task: asyncio.Task[Any]) -> Callable[[], None]:
    def cancel() -> None:
        task.cancel()

    return cancel


def _error(kind: str, message: str) -> dict[str, Any]:
    return {"type": kind, "message": message, "stack": None, "retryable": False}


def _time_left(execution: Execution) -> float | None:
    deadline = _deadline(execution)
    return None if deadline is None else max(0.0, (deadline - now()).total_seconds())


def _deadline(execution: Execution) -> datetime | None:
    limit = execution.compiled.document.settings.timeout
    if limit is None:
        return None
    started: datetime = execution.row["started_at"]
    return later(started, limit)


def _state_so_far(execution: Execution) -> dict[str, Any] | None:
    """The shared state as a failed run has left it; None where its writes do not fit together."""
    try:
        return execution.compiled.final_state(execution.context)
    except HardError:
        return None


def _debug(said: Mapping[str, Any] | None) -> Debug | None:
    if not said:
        return None
    return Debug(said.get("mode") == "step", frozenset(said.get("breakpoints") or ()))
