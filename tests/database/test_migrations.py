import asyncio

import psycopg
import pytest
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from app.db import Database, sqlalchemy_url
from app.migrate import at_head, migrate, newest_revision, scripts
from app.upgrades import alembic_config


async def names(url: str) -> set[str]:
    async with await psycopg.AsyncConnection.connect(url) as connection:
        found = await connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return {row[0] for row in await found.fetchall()}


def alembic(url: str, *steps: str) -> None:
    """Run alembic's commands `check`, `down` and `up` over the database."""
    engine = create_engine(sqlalchemy_url(url))
    config: Config = alembic_config(scripts())
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        for step in steps:
            match step:
                case "check":
                    command.check(config)
                case "down":
                    command.downgrade(config, "base")
                case "up":
                    command.upgrade(config, "head")
    engine.dispose()


async def test_the_tables_and_the_migrations_say_the_same(database_url: str) -> None:
    await asyncio.to_thread(alembic, database_url, "check")


async def test_the_migrations_go_down_and_up_again(database_url: str) -> None:
    before = await names(database_url)
    await asyncio.to_thread(alembic, database_url, "down", "up", "check")
    assert await names(database_url) == before


@pytest.mark.spec("API-90")
async def test_an_empty_database_is_migrated_once_however_many_start_at_the_same_time(empty_database_url: str) -> None:
    await asyncio.gather(*(migrate(empty_database_url) for _ in range(4)))
    found = await names(empty_database_url)
    assert {"projects", "runs", "run_events", "node_states", "procrastinate_jobs", "checkpoints"} <= found
    await migrate(empty_database_url)


async def test_readiness_knows_whether_the_database_is_at_the_newest_revision(empty_database_url: str) -> None:
    database = Database(empty_database_url)
    await database.open()
    try:
        assert not await at_head(database)
        await migrate(empty_database_url)
        assert await at_head(database)
    finally:
        await database.close()


def test_the_newest_revision_is_the_one_that_alembic_ends_with() -> None:
    assert newest_revision() == ScriptDirectory.from_config(alembic_config(scripts())).get_current_head()
