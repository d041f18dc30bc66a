"""A journal under test, on a database with one workflow."""

import asyncio
from typing import Any
from uuid import UUID

from app import jsontext
from app.db import Database
from app.events.wakeups import Wakeups
from app.ids import new_id
from app.queue import DEFAULT, Queue
from app.services import starts, transitions
from app.services.claims import claim
from app.services.transitions import Parent
from app.worker.entries import RunLog
from app.worker.journal import Journal

GRAPH = {"nodes": [{"id": "a", "type": "transform", "config": {"value": 1}}], "edges": []}


class Bench:
    """A journal on a database with one workflow."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.queue = Queue()
        self.wakeups = Wakeups(database.url)
        self.journal = Journal(database, self.queue, self.wakeups, flush_seconds=0.001)
        self.project, self.workflow = new_id(), new_id()

    async def open(self) -> None:
        """Write project and workflow, and start the journal."""
        await self.queue.open(self.database.pool)
        async with self.database.pool.connection() as connection:
            await connection.execute(
                "insert into projects (id, name, created_at) values (%s, 'p', now())", (self.project,)
            )
            await connection.execute(
                """insert into workflows (id, project_id, name, description, active, version, revision,
                                          created_at, updated_at)
                   values (%s, %s, 'w', '', true, 1, 1, now(), now())""",
                (self.workflow, self.project),
            )
            await connection.execute(
                """insert into workflow_versions (workflow_id, version, project_id, graph, content_hash, created_at)
                   values (%s, 1, %s, %s::json, 'h', now())""",
                (self.workflow, self.project, jsontext.dumps(GRAPH)),
            )
        self.journal.start()

    async def close(self) -> None:
        """Stop the journal."""
        await self.journal.stop()
        await self.queue.close()

    async def queued(self, parent: Parent | None = None, *, queue: str = DEFAULT) -> UUID:
        """A run that waits in the queue."""
        async with self.database.pool.connection() as connection, connection.transaction():
            moved = await transitions.create(
                connection,
                project_id=self.project,
                workflow_id=self.workflow,
                version=1,
                input_data=None,
                metadata={},
                parent=parent,
                queue=queue,
            )
            await starts.start(connection, self.queue, self.project, moved.run_id)
        return moved.run_id

    async def job_of(self, run_id: UUID) -> Any:
        """The id of the run's job, None for a run that is held."""
        (row,) = await self.rows("select job_id from runs where id = %s", run_id)
        return row["job_id"]

    async def claimed(self) -> RunLog:
        """A run that this process has just taken up."""
        run_id = await self.queued()
        job_id = await self.job_of(run_id)
        async with self.database.pool.connection() as connection:
            row = await claim(connection, self.queue, run_id, job_id, new_id())
        assert row is not None
        self.lost = asyncio.Event()
        return RunLog(run_id, self.project, row["claim"], row["last_seq"], self.lost.set)

    async def rows(self, query: str, run_id: UUID) -> list[dict]:
        async with self.database.pool.connection() as connection:
            return await (await connection.execute(query, (run_id,))).fetchall()
