"""Brings a database up to date: our tables, the queue's, the checkpoints'."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from psycopg.rows import dict_row
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from app.db import Database, libpq_url, sqlalchemy_url
from app.errors import UnavailableError

LOCK_KEY = 0x6772_6170_6877_7274
LOCK_POLL_SECONDS = 0.05
LOCK_SECONDS = 120.0


def scripts() -> Path:
    """The folder of the migrations: `app/migrations` where we are installed, `alembic/` in a checkout."""
    here = Path(__file__).resolve().parent
    installed = here / "migrations"
    return installed if installed.is_dir() else here.parent / "alembic"


def alembic_config() -> Config:
    """Alembic's configuration, made here so that no file has to be found."""
    config = Config()
    config.set_main_option("script_location", str(scripts()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def newest_revision() -> str:
    """The revision that this program was written for."""
    head = ScriptDirectory.from_config(alembic_config()).get_current_head()
    if head is None:
        raise UnavailableError(f"There are no migrations in {scripts()}; install Graphwright again.")
    return head


async def migrate(url: str) -> None:
    """Bring the database to the newest revision; does nothing where it already is. Any number may start at once.

    Raises UnavailableError when somebody else holds the lock of the migrations for two minutes.
    """
    async with _only_migration(libpq_url(url)):
        await asyncio.to_thread(_upgrade, url)
        async with await psycopg.AsyncConnection.connect(
            libpq_url(url), autocommit=True, prepare_threshold=0, row_factory=dict_row
        ) as connection:
            await AsyncPostgresSaver(connection).setup()


async def at_head(database: Database) -> bool:
    """Whether the database is at the revision that this program was written for."""
    async with database.pool.connection() as connection:
        cursor = await connection.execute("SELECT to_regclass('alembic_version') IS NOT NULL AS present")
        row = await cursor.fetchone()
        if row is None or not row["present"]:
            return False
        found = await (await connection.execute("SELECT version_num FROM alembic_version")).fetchall()
    return [entry["version_num"] for entry in found] == [newest_revision()]


def _upgrade(url: str) -> None:
    engine = create_engine(sqlalchemy_url(url), poolclass=NullPool)
    config = alembic_config()
    try:
        with engine.connect() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    finally:
        engine.dispose()


@asynccontextmanager
async def _only_migration(url: str) -> AsyncIterator[None]:
    """Hold the advisory lock of the migrations.

    It is polled for, because a session that waits inside `pg_advisory_lock` holds a snapshot, and the checkpoint
    tables' CREATE INDEX CONCURRENTLY waits for every snapshot: the two would wait for each other for ever.
    """
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        try:
            async with asyncio.timeout(LOCK_SECONDS):
                while not await _try_lock(connection):  # noqa: ASYNC110 - the other one is another process
                    await asyncio.sleep(LOCK_POLL_SECONDS)
        except TimeoutError as error:
            raise UnavailableError("Another process has been migrating the database for two minutes.") from error
        yield


async def _try_lock(connection: psycopg.AsyncConnection) -> bool:
    row = await (await connection.execute("SELECT pg_try_advisory_lock(%s)", (LOCK_KEY,))).fetchone()
    return bool(row and row[0])
