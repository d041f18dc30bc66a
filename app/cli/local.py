"""A run without a server: the real services and a worker in this process, on the same database as a server's."""

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any
from uuid import UUID

from app import jsontext
from app.config import Settings
from app.errors import ConflictError
from app.events import Hub
from app.ids import new_id
from app.queue import OWN_QUEUE
from app.runtime import Runtime, open_runtime
from app.schemas.run import ResultOut, ResumeIn
from app.schemas.workflow import WorkflowChange
from app.services import projects, resume, run_views, runs, workflows
from app.services.graphs import CheckedGraph, Graphs
from app.services.work import Work, unit_of_work
from app.worker import Worker

PROJECT = "local"
PROJECT_LOCK = 0x6772_6170_6C6F_636C


class Local:
    """One run, from its graph to its result."""

    def __init__(self, runtime: Runtime, queue: str, hub: Hub) -> None:
        self._runtime = runtime
        self._queue = runtime.queue
        self._queue_name = queue
        self._hub = hub
        self._graphs = Graphs(runtime.compiler)
        self._project_id = UUID(int=0)
        self._run_id = UUID(int=0)

    async def prepare(self, name: str, document: Any, value: Any) -> list[str]:
        """Make the run of the document; the ids of its nodes. Raises GraphwrightError when it is refused."""
        checked = await self._graphs.check(document)
        async with self._work() as work:
            self._project_id = await _project(work)
            workflow_id = await _workflow(work, self._project_id, name, checked)
            self._run_id = await runs.create(
                work,
                self._graphs,
                self._project_id,
                workflow_id,
                version=None,
                input_data=value,
                metadata={},
                queue=self._queue_name,
            )
        return [node["id"] for node in checked.graph["nodes"]]

    async def start(self) -> None:
        """Execute the run."""
        async with self._work() as work:
            await runs.execute(work, self._queue, self._project_id, self._run_id)

    async def cancel(self) -> None:
        """Cancel the run, if it has not ended."""
        try:
            async with self._work() as work:
                await runs.cancel(work, self._queue, self._project_id, self._run_id)
        except ConflictError:
            return

    async def answer(self, event: Mapping[str, Any], value: Any) -> None:
        """Answer the approval that an event tells of. Raises UnprocessableError when the answer does not fit."""
        data = event["data"]
        item = data["reason"].get("item")
        said = ResumeIn(node_id=event["node_id"], iteration=data["iteration"], item=item, answer=value)
        async with self._work() as work:
            await resume.resume(work, self._queue, self._project_id, self._run_id, said, by="the command line")

    async def events(self) -> AsyncIterator[dict[str, Any]]:
        """The run's events as they come, until it has ended."""
        async with aclosing(self._hub.run_events(self._run_id, 0)) as batches:
            async for batch in batches:
                for event in batch:
                    yield jsontext.loads(event.text)

    async def result(self) -> ResultOut:
        """What the run came to."""
        async with self._work() as work:
            return await run_views.result(work, self._project_id, self._run_id)

    def _work(self) -> Any:
        return unit_of_work(self._runtime.database, self._runtime.wakeups)


@asynccontextmanager
async def open_local(settings: Settings) -> AsyncIterator[Local]:
    """Everything that one run needs, with a worker that takes up nothing else.

    A server on the same database may not have the tools that were named here, so the run goes to a queue of its own.
    """
    # Short, as it becomes a part of the name of a channel.
    queue = f"{OWN_QUEUE}{new_id().hex[-16:]}"
    async with open_runtime(settings) as runtime:
        hub = Hub(runtime.database.url, runtime.database.pool)
        await hub.start()
        worker = Worker(
            settings.model_copy(update={"queues": (queue,)}),
            database=runtime.database,
            queue=runtime.queue,
            wakeups=runtime.wakeups,
            compiler=runtime.compiler,
            open_on_loopback=True,
            chores=False,
        )
        await worker.start()
        try:
            yield Local(runtime, queue, hub)
        finally:
            await worker.stop()
            await hub.stop()


async def _project(work: Work) -> UUID:
    """The project of local runs, made by the first one."""
    await work.first("SELECT pg_advisory_xact_lock(%s)", (PROJECT_LOCK,))
    row = await work.first("SELECT id FROM projects WHERE name = %s ORDER BY id LIMIT 1", (PROJECT,))
    return UUID((await projects.create_project(work, PROJECT))["id"]) if row is None else row["id"]


async def _workflow(work: Work, project_id: UUID, name: str, checked: CheckedGraph) -> UUID:
    """The workflow of that name with this graph: a new version if the graph is another than the last time."""
    row = await work.first(
        "SELECT id FROM workflows WHERE project_id = %s AND name = %s AND deleted_at IS NULL ORDER BY id LIMIT 1",
        (project_id, name),
    )
    if row is None:
        made = await workflows.create(work, project_id, name=name, description="", checked=checked)
        return UUID(made.workflow["id"])
    await workflows.change(work, project_id, row["id"], WorkflowChange(active=True), checked=checked)
    workflow_id: UUID = row["id"]
    return workflow_id
