"""Brings a database up to date: our tables, the queue's, the checkpoints'."""

import asyncio
import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import LiteralString

import psycopg
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from psycopg.rows import dict_row

from app.db import Database, libpq_url
from app.errors import UnavailableError

LOCK_KEY = 0x6772_6170_6877_7274
LOCK_POLL_SECONDS = 0.05
LOCK_SECONDS = 120.0
UPGRADES = "app.upgrades"
"""The module that carries out migrations, as a program."""

_CHECKPOINT_TABLES: tuple[LiteralString, ...] = ("checkpoints", "checkpoint_blobs", "checkpoint_writes")
CHECKPOINTS: tuple[LiteralString, ...] = (
    # Their primary keys begin with the thread, too. And all of their rows are deleted soon: space is to be found again.
    *(f"drop index concurrently if exists {table}_thread_id_idx" for table in _CHECKPOINT_TABLES),
    *(
        f"alter table {table} set (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_threshold = 500)"
        for table in _CHECKPOINT_TABLES
    ),
)
"""What becomes of LangGraph's own tables once it has made them."""

_REVISION = re.compile(r'^(down_)?revision\b.*= "(\w+)"$', re.MULTILINE)


def scripts() -> Path:
    """The folder of the migrations: `app/migrations` where we are installed, `alembic/` in a checkout."""
    here = Path(__file__).resolve().parent
    installed = here / "migrations"
    return installed if installed.is_dir() else here.parent / "alembic"


@cache
def newest_revision() -> str:
    """The revision that this program was written for: the one that no other stands on."""
    found = [
        match.groups()
        for path in (scripts() / "versions").glob("*.py")
        for match in _REVISION.finditer(path.read_text())
    ]
    heads = {name for down, name in found if not down} - {name for down, name in found if down}
    if len(heads) != 1:
        raise UnavailableError(f"There are no migrations in {scripts()}; install Graphwright again.")
    return heads.pop()


async def migrate(url: str) -> None:
    """Bring the database to the newest revision; does nothing where it already is. Any number may start at once.

    Raises UnavailableError when it cannot be migrated, or somebody else has been migrating it for two minutes.
    """
    if await _needs_nothing(url):
        return
    async with _only_migration(libpq_url(url)):
        if await _needs_nothing(url):
            return
        await asyncio.to_thread(_upgrade, url)
        async with await psycopg.AsyncConnection.connect(
            libpq_url(url), autocommit=True, prepare_threshold=0, row_factory=dict_row
        ) as connection:
            await AsyncPostgresSaver(connection).setup()
            for statement in CHECKPOINTS:
                await connection.execute(statement)


def _upgrade(url: str) -> None:
    """Have our tables brought to the newest revision. Raises UnavailableError with what the database said."""
    paths = [str(Path(__file__).resolve().parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    done = subprocess.run(  # noqa: S603 - a module of ours, run by this Python
        [sys.executable, "-m", UPGRADES],
        input=json.dumps([url, str(scripts())]),
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise UnavailableError(f"The database could not be migrated: {done.stderr.strip()[-2000:]}")


async def _needs_nothing(url: str) -> bool:
    async with await psycopg.AsyncConnection.connect(libpq_url(url), autocommit=True) as connection:
        return await _is_newest(connection)


async def at_head(database: Database) -> bool:
    """Whether the database is at the revision that this program was written for."""
    async with database.pool.connection() as connection:
        return await _is_newest(connection)


async def _is_newest(connection: psycopg.AsyncConnection[object]) -> bool:
    """Whether our tables and those of the checkpoints are as this program was written for."""
    cursor = connection.cursor(row_factory=dict_row)
    await cursor.execute(
        """select to_regclass('alembic_version') is not null
                  and to_regclass('checkpoint_migrations') is not null as present"""
    )
    row = await cursor.fetchone()
    if row is None or not row["present"]:
        return False
    await cursor.execute(
        "select (select array_agg(version_num) from alembic_version) as ours,"
        " (select max(v) from checkpoint_migrations) as checkpoints"
    )
    row = await cursor.fetchone()
    newest = {"ours": [newest_revision()], "checkpoints": len(AsyncPostgresSaver.MIGRATIONS) - 1}
    return row is not None and dict(row) == newest


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
