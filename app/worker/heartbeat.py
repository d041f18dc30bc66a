"""The heartbeat: from a thread and a connection of its own, so that a busy event loop is not taken for dead.

While the process lives the connection holds an advisory lock named by the worker's id. The operating system closes the
connection of a killed process, so its lock is gone at once, long before silence would tell.
"""

import os
import socket
import threading
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

import psycopg

from app import log
from app.worker.lease import Lease

LEAVE_SECONDS = 0.5
RETRY_SECONDS = 0.1
"""Short: whoever has lost the lock with its connection is taken for dead half a beat after the next one is due."""

_log = log.get(__name__)


def lock_key(worker_id: UUID) -> int:
    """The advisory lock's key: the random low 63 bits of the id."""
    return worker_id.int & (2**63 - 1)


class Heartbeat:
    """Keeps the row of one worker fresh until it is stopped."""

    def __init__(
        self,
        url: str,
        worker_id: UUID,
        lease: Lease,
        *,
        queues: Sequence[str],
        concurrency: int,
        seconds: float,
        lost_seconds: float,
        running: Callable[[], int],
    ) -> None:
        """`running` tells how many executions there are; it is called from the heartbeat's thread."""
        self._url = url
        self._worker_id = worker_id
        self._lease = lease
        self._queues = list(queues)
        self._concurrency = concurrency
        self._seconds = seconds
        self._lost_seconds = lost_seconds
        self._running = running
        self._stop = threading.Event()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Register the worker and begin; waits until the row is there, at most ten seconds."""
        self._thread.start()
        self._ready.wait(10)

    def stop(self) -> None:
        """Remove the worker's row and end the thread."""
        self._stop.set()
        self._thread.join(LEAVE_SECONDS)

    def _beat(self) -> None:
        while not self._stop.is_set():
            try:
                self._beat_on_one_connection()
            except (psycopg.Error, OSError) as error:
                _log.warning("The heartbeat has lost the database and tries again: %s", error)
                self._stop.wait(RETRY_SECONDS)

    def _beat_on_one_connection(self) -> None:
        with psycopg.connect(
            self._url, autocommit=True, connect_timeout=5, application_name="graphwright-heartbeat"
        ) as connection:
            connection.execute("select pg_advisory_lock(%s)", (lock_key(self._worker_id),))
            self._register(connection)
            self._ready.set()
            while not self._stop.wait(self._seconds):
                self._register(connection)
            connection.execute("delete from workers where id = %s", (self._worker_id,))

    def _register(self, connection: psycopg.Connection[Any]) -> None:
        """Say that the worker lives; anew where it was taken for dead meanwhile, else its runs would be taken away."""
        connection.execute(
            """insert into workers (id, hostname, pid, queues, concurrency, started_at, heartbeat_at, running,
                                    lost_seconds)
               values (%s, %s, %s, %s, %s, clock_timestamp(), clock_timestamp(), %s, %s)
               on conflict (id) do update set heartbeat_at = excluded.heartbeat_at, running = excluded.running""",
            (
                self._worker_id,
                socket.gethostname(),
                os.getpid(),
                self._queues,
                self._concurrency,
                self._running(),
                self._lost_seconds,
            ),
        )
        self._lease.renew()
