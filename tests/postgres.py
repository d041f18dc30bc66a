"""A PostgreSQL server for the tests: the embedded binaries, without flushes to disk, gone when the tests are."""

import os
import shutil
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.sql import SQL, Identifier

from app.db import libpq_url
from app.embedded.account import Account, new_account
from app.embedded.binaries import programs
from app.migrate import migrate

VARIABLE = "GRAPHWRIGHT_TEST_POSTGRES"
TEMPLATE = "graphwright_template"
ENCODING = ("--encoding=UTF8", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")
FAST = (
    "-c fsync=off -c synchronous_commit=on -c full_page_writes=off -c max_connections=400 -c track_commit_timestamp=on"
)


@dataclass(frozen=True)
class TestServer:
    """A running server and the folder it lives in."""

    __test__ = False

    folder: Path
    account: Account
    url: str

    @classmethod
    def start(cls) -> "TestServer":
        account = new_account("nobody")
        folder = Path(tempfile.mkdtemp(prefix="graphwright-tests-"))
        folder.chmod(0o755)
        data = folder / "data"
        data.mkdir()
        os.chown(data, account.uid, account.gid)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        server = cls(folder, account, f"postgresql://graphwright@127.0.0.1:{port}/")
        server._run("initdb", "-D", data, "-A", "trust", "-U", "graphwright", "--no-sync", *ENCODING)
        server.launch()
        return server

    def launch(self) -> None:
        """Start it, the first time or again, on its port."""
        data, port = self.folder / "data", self.url.rpartition(":")[2].rstrip("/")
        self._run("pg_ctl", "start", "-w", "-D", data, "-l", data / "log", "-o", f"-p {port} -k {data} {FAST}")

    def halt(self, mode: str) -> None:
        """Stop it `fast` or `immediate`; its data stay."""
        self._run("pg_ctl", "stop", "-w", "-D", self.folder / "data", "-m", mode)

    def stop(self) -> None:
        self.halt("immediate")
        shutil.rmtree(self.folder)

    def _run(self, program: str, *arguments: str | Path) -> None:
        done = self.account.run(programs(self.account, self.folder) / program, *arguments)
        assert done.returncode == 0, f"{program}: {done.stdout} {done.stderr}"


async def make_template(server_url: str) -> None:
    """Make the migrated database that every test's own is a clone of; the first process to come does it."""
    async with await psycopg.AsyncConnection.connect(server_url + "postgres", autocommit=True) as connection:
        await connection.execute("SELECT pg_advisory_lock(1)")
        found = await connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (TEMPLATE,))
        if await found.fetchone() is None:
            await connection.execute("DROP DATABASE IF EXISTS migrating")
            await connection.execute("CREATE DATABASE migrating")
            await migrate(libpq_url(server_url) + "migrating")
            await connection.execute(SQL("ALTER DATABASE migrating RENAME TO {}").format(Identifier(TEMPLATE)))


async def clone(server_url: str, name: str, *, template: str = TEMPLATE) -> str:
    """A fresh copy of the migrated database; its URL."""
    async with await psycopg.AsyncConnection.connect(server_url + "postgres", autocommit=True) as connection:
        await connection.execute(
            SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(Identifier(name), Identifier(template))
        )
    return server_url + name


async def drop(server_url: str, name: str) -> None:
    """Remove a database, whoever is still connected."""
    async with await psycopg.AsyncConnection.connect(server_url + "postgres", autocommit=True) as connection:
        await connection.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name)))
