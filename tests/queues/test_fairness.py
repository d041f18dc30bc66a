"""One project with thousands of runs does not stand before all others."""

from uuid import UUID

import pytest

from app import jsontext
from app.config import Settings
from app.db import Database
from app.ids import new_id
from app.queue import Queue
from app.services import starts, transitions
from tests.support import ThreadServer, until
from tests.worker.bench import GRAPH

MANY = 2000


async def make(database: Database, queue: Queue, count: int, *, priority: int = 0) -> tuple[UUID, list[UUID]]:
    """A project with so many runs that have been executed; in one transaction, as it is many."""
    project, workflow = new_id(), new_id()
    async with database.pool.connection() as connection, connection.transaction():
        await connection.execute("insert into projects (id, name, created_at) values (%s, 'p', now())", (project,))
        await connection.execute(
            """insert into workflows (id, project_id, name, description, active, version, revision, created_at,
                                      updated_at) values (%s, %s, 'w', '', true, 1, 1, now(), now())""",
            (workflow, project),
        )
        await connection.execute(
            """insert into workflow_versions (workflow_id, version, project_id, graph, content_hash, created_at)
               values (%s, 1, %s, %s::json, 'h', now())""",
            (workflow, project, jsontext.dumps(GRAPH)),
        )
    runs = await more(database, queue, project, workflow, count, priority=priority)
    return project, runs


async def more(
    database: Database, queue: Queue, project: UUID, workflow: UUID, count: int, *, priority: int = 0
) -> list[UUID]:
    """So many more runs of the workflow."""
    made = []
    async with database.pool.connection() as connection, connection.transaction():
        for _ in range(count):
            moved = await transitions.create(
                connection,
                project_id=project,
                workflow_id=workflow,
                version=1,
                input_data=None,
                metadata={},
                priority=priority,
            )
            await starts.start(connection, queue, project, moved.run_id)
            made.append(moved.run_id)
    return made


async def one_row(database: Database, query: str, *values: object) -> dict:
    async with database.pool.connection() as connection:
        row = await (await connection.execute(query, values)).fetchone()
    assert row is not None
    return row


@pytest.fixture
async def queue(database: Database) -> Queue:
    queue = Queue(100)
    await queue.open(database.pool)
    return queue


@pytest.mark.spec("QUEUE-10")
async def test_the_single_run_of_one_project_does_not_wait_for_two_thousand_of_another(
    database: Database, queue: Queue, settings: Settings
) -> None:
    crowd, _ = await make(database, queue, MANY)
    waiting = await one_row(database, "select count(*) as n from procrastinate_jobs where status = 'todo'")
    _, (single,) = await make(database, queue, 1)
    assert waiting["n"] == 100

    server = ThreadServer(settings).start()
    try:

        async def started() -> dict | None:
            row = await one_row(database, "select started_at from runs where id = %s", single)
            return row if row["started_at"] else None

        at = (await until(started, seconds=30))["started_at"]
        before = await one_row(
            database, "select count(*) as n from runs where project_id = %s and started_at < %s", crowd, at
        )
        # All those that had a job, and few that have been given one since.
        assert before["n"] <= 160
        # The others follow, in batches: what is held does not run dry.
        enough = "select count(*) as n from runs where project_id = %s and status = 'COMPLETED'"
        await until(lambda: _at_least(database, enough, crowd, 400), seconds=60)
    finally:
        server.stop()


@pytest.mark.spec("QUEUE-11")
async def test_a_run_of_a_higher_priority_goes_before_those_of_its_project_that_are_held(
    database: Database, queue: Queue
) -> None:
    project, runs = await make(database, queue, 150)
    workflow = (await one_row(database, "select workflow_id from runs where id = %s", runs[0]))["workflow_id"]

    (urgent,) = await more(database, queue, project, workflow, 1, priority=7)

    job = await one_row(database, "select job_id, held from runs where id = %s", urgent)
    assert not job["held"]
    first = await one_row(
        database, "select id from procrastinate_jobs where status = 'todo' order by priority desc, id limit 1"
    )
    assert first["id"] == job["job_id"]
    held = await one_row(database, "select count(*) as n from runs where held and project_id = %s", project)
    assert held["n"] == 50
    why = await one_row(database, "select reason from runs where id = %s", runs[-1])
    assert why["reason"]["code"] == "fair_share"


async def _at_least(database: Database, query: str, project: UUID, count: int) -> bool:
    return bool((await one_row(database, query, project))["n"] >= count)
