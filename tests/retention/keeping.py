"""Steps that tests of retention take again and again."""

from collections.abc import Iterable
from uuid import UUID

from psycopg import AsyncConnection

from app.config import Settings
from app.db import Database
from app.services.pruning import Deleted, only_pruner, prune
from app.services.retention import by_policy
from tests.support import Project, ended

OF_A_RUN = (
    "run_events",
    "node_states",
    "map_items",
    "run_signals",
    "kept_results",
    "large_values",
    "node_calls",
    "artifacts",
)
OF_A_THREAD = ("checkpoints", "checkpoint_blobs", "checkpoint_writes")


async def age(database: Database, days: float, runs: Iterable[str] | None = None) -> None:
    """Let runs (None: all that have ended) have ended so much earlier."""
    async with database.pool.connection() as connection:
        await connection.execute(
            """update runs set finished_at = finished_at - make_interval(secs => %s)
               where finished_at is not null and (%s::uuid[] is null or id = any(%s::uuid[]))""",
            (days * 86_400, *(2 * (None if runs is None else [UUID(run) for run in runs],))),
        )


async def rows_of(database: Database, run: str) -> dict[str, int]:
    """How many rows each table has of a run; tables without any are left out."""
    async with database.pool.connection() as connection:
        found = {table: await _count(connection, table, "run_id", UUID(run)) for table in OF_A_RUN}
        found |= {table: await _count(connection, table, "thread_id", run) for table in OF_A_THREAD}
        found["runs"] = await _count(connection, "runs", "id", UUID(run))
    return {table: count for table, count in found.items() if count}


async def _count(connection: AsyncConnection, table: str, column: str, value: object) -> int:
    cursor = await connection.execute(f"select count(*) as n from {table} where {column} = %s", (value,))
    return (await cursor.fetchone())["n"]


async def prune_now(database: Database, settings: Settings, **changes: object) -> Deleted:
    """One pass by the settings, changed so."""
    deleted = Deleted()
    async with only_pruner(database.url) as connection:
        assert connection is not None, "somebody else prunes"
        async for batch in prune(connection, await by_policy(connection, settings.model_copy(update=changes))):
            deleted += batch
    return deleted


async def finished(project: Project, document: object, value: object = None) -> str:
    """The id of a run of the document that has ended."""
    workflow = await project.workflow(document)
    run = await project.run(workflow["id"], value, execute=True)
    await ended(project.client, f"{project.runs}/{run['id']}")
    return run["id"]
