"""The embedded PostgreSQL as a process of Graphwright sees it."""

import asyncio
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar

import psycopg

from app.embedded.account import DEDICATED, account_for
from app.embedded.binaries import programs
from app.embedded.database import Endpoint
from app.embedded.errors import EmbeddedPostgresError
from app.embedded.folders import place
from app.embedded.lease import Lease
from app.embedded.server import START_SECONDS, Server
from app.embedded.watch import drop_void_leases, locked, spawn_watchdog, stop_server

STORE = Path("/var/lib/graphwright")
LOCK_SECONDS = START_SECONDS + 30

T = TypeVar("T")


class EmbeddedPostgres:
    """A PostgreSQL server on a data folder, shared by all processes that ask for it and stopped with the last of them.

    `listen_tcp` opens the loopback address to the password in `tcp_url`. As root the server runs as the user
    `account`, and what that user cannot reach is kept in `store`. A server whose owners were all killed stops `grace`
    seconds later.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        listen_tcp: bool = False,
        account: str = DEDICATED,
        store: Path = STORE,
        grace: float = 10.0,
    ) -> None:
        self._data_dir = data_dir.expanduser().absolute()
        self._listen_tcp = listen_tcp
        self._account = account
        self._store = store
        self._grace = grace
        self._turn = asyncio.Lock()
        self._server: Server | None = None
        self._lease: Lease | None = None
        self.tcp_url: str | None = None

    async def start(self) -> str:
        """Make the database if need be, start the server or join the one that runs; the libpq URL through its socket.

        Starting again checks that the server answers, and starts it if it died. Raises EmbeddedPostgresError.
        """
        async with self._turn:
            had_lease = self._lease is not None
            try:
                return await _in_thread(self._start)
            except asyncio.CancelledError:
                if not had_lease:
                    await _in_thread(self._stop)
                raise

    async def stop(self) -> None:
        """Give the server back; whoever is the last stops it. Raises EmbeddedPostgresError if it does not stop."""
        async with self._turn:
            await _in_thread(self._stop)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _start(self) -> str:
        try:
            server = self._locate()
            control = server.folders.control
            with locked(control / "lock", LOCK_SECONDS) as lock:
                lease = self._lease or Lease(control / "leases")
                try:
                    where = self._bring_up(server, lock)
                except BaseException:
                    self._lease = None
                    lease.release()
                    if not drop_void_leases(control / "leases"):
                        stop_server(server.folders.data)
                    raise
                self._server, self._lease = server, lease
            return where.url
        except TimeoutError:
            raise EmbeddedPostgresError(
                f"Another process has been starting or stopping PostgreSQL on {self._data_dir} for {LOCK_SECONDS} s. "
                "End it, and start again."
            ) from None
        except (OSError, psycopg.Error) as error:
            raise EmbeddedPostgresError(
                f"PostgreSQL could not be started on {self._data_dir}: {error}. "
                "Put this right, or set DATABASE_URL to use another server."
            ) from error

    def _locate(self) -> Server:
        account = account_for(self._data_dir.resolve(), self._account)
        folders = place(self._data_dir, account, self._store)
        (folders.control / "leases").mkdir(mode=0o700, parents=True, exist_ok=True)
        folders.control.chmod(0o700)
        return Server(folders, account, programs(account, self._store))

    def _bring_up(self, server: Server, lock: int) -> Endpoint:
        spawn_watchdog(server.folders.control, server.folders.data, self._grace)
        server.initialise(lock)
        password = _password(server.folders.control / "password") if self._listen_tcp else None
        where = server.bring_up(password)
        self.tcp_url = where.tcp_url(password) if password is not None else None
        return where

    def _stop(self) -> None:
        server, lease = self._server, self._lease
        if server is None or lease is None:
            return
        self._lease = None
        data, control = server.folders.data, server.folders.control
        trouble = "not in time"
        try:
            with locked(control / "lock", LOCK_SECONDS):
                lease.release()
                if drop_void_leases(control / "leases") or stop_server(data):
                    return
        except OSError as error:
            lease.release()
            trouble = str(error) or trouble
        raise EmbeddedPostgresError(
            f"PostgreSQL on {data} was not stopped: {trouble}. See {server.folders.logs} for what holds it up; "
            "its watchdog stops it as soon as it can."
        )


def _password(path: Path) -> str:
    """The password for TCP, made once; only its own file and the server's verifier know it."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text()
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(24))
    return path.read_text()


async def _in_thread(work: Callable[[], T]) -> T:
    """Run blocking work; a cancelled caller waits for its end, as a thread cannot be stopped half way."""
    task = asyncio.create_task(asyncio.to_thread(work))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        if not task.cancelled():
            task.exception()
        raise
