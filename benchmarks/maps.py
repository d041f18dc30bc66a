"""Maps: what an item costs, beside calling the same function for each item and writing one checkpoint row for it."""

import asyncio
import gc
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, LiteralString
from uuid import UUID

from langgraph.checkpoint.base import empty_checkpoint

from app import jsontext
from app.compiler import Resources, WorkflowGraphCompiler, tool
from app.compiler.discovery import load_registry
from app.config import Settings
from app.db import as_arrays
from app.ids import new_id
from app.runtime import Runtime, open_runtime
from app.services import starts, transitions
from app.worker.artifacts import ArtifactStore
from app.worker.custody import Custody
from app.worker.executor import Executor
from app.worker.inbox import Inbox
from app.worker.journal import Journal
from app.worker.lease import Lease
from app.worker.releaser import Releaser
from benchmarks.client import BadAnswerError
from benchmarks.figures import Figure, Report, spread

PART = "maps"
ITEMS = 10_000
FLUSH_SECONDS = 0.008
MOST_TIMES = 2.0
GRAPH: dict[str, Any] = {
    "nodes": [
        {
            "id": "m",
            "type": "map",
            "config": {
                "items": "{{ input }}",
                "node": {"type": "tool", "config": {"tool": "bench.nothing", "args": {"item": "{{ item }}"}}},
            },
        }
    ]
}


@tool(name="bench.nothing")
async def nothing(item: Any) -> Any:
    """Do nothing."""
    return item


class Bench:
    """An executor on a database of its own, and beside it the plain way over the same connections."""

    def __init__(self, runtime: Runtime, executor: Executor) -> None:
        self._runtime = runtime
        self._pool = runtime.database.pool
        self._executor = executor
        self._project, self._workflow = new_id(), new_id()

    async def store(self) -> None:
        """Make the project and the workflow that runs belong to."""
        async with self._pool.connection() as connection, connection.transaction():
            await connection.execute("insert into projects values (%s, 'maps', now())", (self._project,))
            await connection.execute(
                """insert into workflows (id, project_id, name, description, active, version, revision, created_at,
                                          updated_at) values (%s, %s, 'maps', '', true, 1, 1, now(), now())""",
                (self._workflow, self._project),
            )
            await connection.execute(
                """insert into workflow_versions (workflow_id, project_id, version, graph, content_hash, node_count,
                                                  created_at) values (%s, %s, 1, %s::json, 'maps', 1, now())""",
                (self._workflow, self._project, jsontext.dumps(GRAPH)),
            )

    async def map(self, items: list[Any]) -> float:
        """Seconds from taking up a run to its end. Raises BadAnswerError unless it gives the items."""
        async with self._pool.connection() as connection, connection.transaction():
            moved = await transitions.create(
                connection,
                project_id=self._project,
                workflow_id=self._workflow,
                version=1,
                input_data=items,
                metadata={},
            )
            await starts.start(connection, self._runtime.queue, self._project, moved.run_id)
        row = await self._one("select job_id from runs where id = %s", moved.run_id)
        began = time.perf_counter()
        await self._executor.execute(moved.run_id, row["job_id"], lambda: False)
        seconds = time.perf_counter() - began
        counted = await self._one(
            """select (select count(*) from map_items where run_id = r.id) as kept,
                      json_array_length(result->'m') as given from runs r where id = %s""",
            moved.run_id,
        )
        if counted != {"kept": len(items), "given": len(items)}:
            raise BadAnswerError(f"{len(items)} items came to {counted}.")
        return seconds

    async def plain(self, items: list[Any], *, lean: bool) -> float:
        """Seconds for a task and a row for each item, all rows of 3 ms in one transaction.

        The row is a whole checkpoint of LangGraph, or for `lean` nothing but the result as a pending write of a task.
        """
        rows: list[tuple[Any, ...]] = []
        thread, left = new_id().hex, len(items)

        async def call(index: int, item: Any) -> Any:
            nonlocal left
            result = await nothing(item)
            if lean:
                rows.append((thread, "", thread, str(index), "", 0, "results", "json", jsontext.dumps(result).encode()))
            else:
                checkpoint = {**empty_checkpoint(), "channel_values": {"results": result}}
                metadata = {"source": "loop", "step": index, "parents": {}}
                rows.append((thread, "", checkpoint["id"], None, jsontext.dumps(checkpoint), jsontext.dumps(metadata)))
            left -= 1
            return result

        async def flush() -> None:
            while left or rows:
                await asyncio.sleep(FLUSH_SECONDS)
                batch = rows.copy()
                rows.clear()
                if batch:
                    async with self._pool.connection() as connection, connection.transaction():
                        await connection.execute(_INSERT_LEAN if lean else _INSERT, as_arrays(batch))

        began = time.perf_counter()
        flushing = asyncio.create_task(flush())
        given = await asyncio.gather(*(call(index, item) for index, item in enumerate(items)))
        await flushing
        seconds = time.perf_counter() - began
        if given != items:
            raise BadAnswerError("The plain way lost items.")
        return seconds

    async def _one(self, query: LiteralString, run_id: UUID) -> dict[str, Any]:
        async with self._pool.connection() as connection:
            row: Any = await (await connection.execute(query, (run_id,))).fetchone()
        return dict(row)


_INSERT: LiteralString = """
insert into checkpoints (thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, checkpoint, metadata)
select * from unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::jsonb[], %s::jsonb[])"""

_INSERT_LEAN: LiteralString = """
insert into checkpoint_writes (thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, blob)
select * from unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::int[], %s::text[], %s::text[],
                     %s::bytea[])"""


async def measure(report: Report, *, quick: bool) -> None:
    """An item of a map beside the plain way, in turn; then the memory that maps of growing lists take."""
    report.note(f"{PART}: {ITEMS:,} items, in turn")
    async with opened() as bench:
        ours: list[float] = []
        theirs: list[float] = []
        least: list[float] = []
        items = list(range(ITEMS))
        # As a server does once it has started, so that no side pays for looking through what was imported.
        gc.collect()
        gc.freeze()
        for repeat in range(-1, 3 if quick else 9):
            for seconds, into in (
                (await bench.plain(items, lean=False), theirs),
                (await bench.plain(items, lean=True), least),
                (await bench.map(items), ours),
            ):
                if repeat >= 0:
                    into.append(seconds / ITEMS * 1e6)
        name = f"an item of {ITEMS:,} that do nothing"
        mine, beside, lean = (statistics.median(times) for times in (ours, theirs, least))
        report.add(
            Figure(PART, name, mine, "µs", beside, MOST_TIMES, beside="gather, checkpoints", spread=spread(ours))
        )
        report.add(Figure(PART, f"{name}, beside bare results", mine, "µs", lean, beside="gather, bare rows"))
        for count in (1_000, 10_000, 100_000):
            report.note(f"{PART}: memory of {count:,} items")
            report.add(Figure(PART, f"memory at its peak, {count:,} items", await _peak(bench, count), "MB"))


async def _peak(bench: Bench, count: int) -> float:
    """Megabytes that Python held at most beyond what it held before."""
    items = list(range(count))
    gc.collect()
    tracemalloc.start()
    try:
        await bench.map(items)
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


@asynccontextmanager
async def opened() -> AsyncIterator[Bench]:
    """An executor without a server around it, on an embedded database of its own."""
    with tempfile.TemporaryDirectory(prefix="graphwright-bench-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        settings = Settings(home=Path(folder), database_url=None)
        async with open_runtime(settings) as runtime:
            registry = load_registry()
            resources = Resources(registry=registry)
            journal = Journal(runtime.database, runtime.queue, runtime.wakeups, flush_seconds=settings.flush_seconds)
            pool, worker_id = runtime.database.pool, new_id()
            executor = Executor(
                database=runtime.database,
                queue=runtime.queue,
                wakeups=runtime.wakeups,
                journal=journal,
                compiler=WorkflowGraphCompiler(registry),
                resources=resources,
                inbox=Inbox(pool, concurrency=settings.concurrency),
                releaser=Releaser(pool, runtime.queue),
                custody=Custody(pool, runtime.queue, runtime.wakeups, journal, worker_id),
                lease=Lease(settings.own_lost_seconds),
                artifacts=ArtifactStore(pool, settings.max_artifact_bytes),
                worker_id=worker_id,
                queues=settings.queues,
                secrets={},
            )
            journal.start()
            try:
                bench = Bench(runtime, executor)
                await bench.store()
                yield bench
            finally:
                await journal.stop()
                await resources.aclose()
