"""One server process on one data folder: made, found, started."""

import contextlib
import os
import shutil
import socket
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg

from app.embedded.account import Account
from app.embedded.binaries import major_version
from app.embedded.database import LOOPBACK, Endpoint, connect, endpoint, prepare_database, serves
from app.embedded.errors import EmbeddedPostgresError
from app.embedded.folders import Folders, private_folder, reachable_folder, socket_folder
from app.embedded.settings import INCLUDE, INITDB_OPTIONS, write_file, write_settings
from app.embedded.watch import POLL_SECONDS, postmaster_pid

START_SECONDS = 120
# the server's children end by themselves when it is killed, but one that computes notices late
ORPHANS = "still in use"


@dataclass(frozen=True, slots=True)
class Server:
    """A cluster and what it takes to run it. Its methods block; call them with the cluster's lock held."""

    folders: Folders
    account: Account
    programs: Path

    def initialise(self, lock: int) -> None:
        """Make the data folder unless it is there, in one step, so that it is never half made.

        `lock` is inherited by initdb: if we are killed meanwhile, nobody begins anew before it has ended.
        Raises EmbeddedPostgresError if the folder holds something else or data of another version.
        """
        data = self.folders.data
        if (data / "PG_VERSION").exists():
            _check_version(data)
            if data.stat().st_mode & 0o077:
                data.chmod(0o700)
            return
        if data.exists() and any(data.iterdir()):
            raise EmbeddedPostgresError(
                f"{data} holds files that are no database. Move them, or choose another folder."
            )
        prefix = f".{data.name}-init-"
        for half in [path for path in data.parent.iterdir() if path.name.startswith(prefix)]:
            shutil.rmtree(half)
        fresh = Path(tempfile.mkdtemp(prefix=prefix, dir=data.parent))
        if self.account.switch:
            os.chown(fresh, self.account.uid, self.account.gid)
        done = self.account.run(self.programs / "initdb", "-D", fresh, *INITDB_OPTIONS, keep=(lock,))
        if done.returncode != 0:
            shutil.rmtree(fresh, ignore_errors=True)
            raise EmbeddedPostgresError(f"The database could not be created in {data.parent}: {done.stderr.strip()}")
        conf = fresh / "postgresql.conf"
        write_file(conf, conf.read_text() + INCLUDE, self.account)
        fresh.rename(data)
        _sync(data.parent)

    def bring_up(self, password: str | None) -> Endpoint:
        """Find the server running or start it; it answers and has its database when this returns.

        With a password it listens on the loopback address, too. Raises EmbeddedPostgresError.
        """
        deadline = time.monotonic() + START_SECONDS
        trouble = ""
        while time.monotonic() < deadline:
            where = endpoint(self.folders.data)
            if where is not None:
                try:
                    if self._answers(where, password):
                        return where
                except psycopg.OperationalError as error:
                    trouble = str(error).strip()
            if postmaster_pid(self.folders.data) is None:
                trouble = self._launch(with_tcp=password is not None) or trouble
            time.sleep(POLL_SECONDS)
        raise EmbeddedPostgresError(
            f"PostgreSQL on {self.folders.data} did not answer within {START_SECONDS} s: {trouble}. "
            f"It may still be recovering: see {self.folders.logs}, and start again."
        )

    def _answers(self, where: Endpoint, password: str | None) -> bool:
        with contextlib.closing(connect(where)) as connection:
            if not serves(connection, self.folders.data):
                return False
            if password is not None and not where.tcp:
                raise EmbeddedPostgresError(
                    f"PostgreSQL on {self.folders.data} runs without TCP for another process. Stop that one first."
                )
            prepare_database(connection, password)
        return True

    def _launch(self, *, with_tcp: bool) -> str:
        """Start the server; why it has to be tried again, or nothing. Raises EmbeddedPostgresError."""
        data, logs = self.folders.data, self.folders.logs
        reachable_folder(logs.parent, self.account)
        private_folder(logs, self.account)
        where = socket_folder(data, self.account)
        for stale in where.glob(".s.PGSQL.*"):
            stale.unlink()
        _disown(data / "postmaster.pid", self.account)
        write_settings(self.folders, self.account, where, _free_port() if with_tcp else None)
        output = logs / "start.log"
        output.unlink(missing_ok=True)
        command = [self.programs / "pg_ctl", "start", "-D", data, "-l", output, "-w", "-t", START_SECONDS]
        done = self.account.run(*map(str, command))
        said = output.read_text(errors="replace").strip() if output.exists() else done.stderr.strip()
        if done.returncode == 0 or ORPHANS in said:
            return said
        raise EmbeddedPostgresError(
            f"PostgreSQL did not start on {data}: {said[-2000:]}\nSee also the files in {logs}."
        )


def _check_version(data: Path) -> None:
    found, ours = (data / "PG_VERSION").read_text().strip(), major_version()
    if found != ours:
        raise EmbeddedPostgresError(
            f"The data in {data} is of PostgreSQL {found}, and this Graphwright brings PostgreSQL {ours}. Dump it with "
            f"pg_dumpall of version {found} and restore it here, or move the folder away to start empty."
        )


def _disown(pid_file: Path, account: Account) -> None:
    """Make the pid file of a dead server harmless, whoever has its pid now.

    PostgreSQL passes over the pid of its grandparent, which is us, and still checks that no child of the dead server
    uses its shared memory. Without the file it could not.
    """
    try:
        lines = pid_file.read_text().splitlines()
    except FileNotFoundError:
        return
    if lines and lines[0].strip().isdigit():
        write_file(pid_file, "\n".join([str(os.getpid()), *lines[1:], ""]), account)
    else:
        pid_file.unlink()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
