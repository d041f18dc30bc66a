"""What the launcher shares with its watchdog: locks, leases, and how to tell and stop a server.

The watchdog runs this file as a script, with the standard library only, so that it is small and starts at once.
"""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

POLL_SECONDS = 0.01
GRACE_POLL_SECONDS = 0.5
STOP_SECONDS = 60


def try_lock(descriptor: int, kind: int) -> bool:
    """Take a lock on an open file if nobody holds one against it."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def locked(path: Path, seconds: float) -> Iterator[int]:
    """Hold the file's lock, which dies with its holder; yields the descriptor. Raises TimeoutError."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        deadline = time.monotonic() + seconds
        while not try_lock(descriptor, fcntl.LOCK_EX):
            if time.monotonic() > deadline:
                raise TimeoutError
            time.sleep(POLL_SECONDS)
        try:
            yield descriptor
        finally:
            fcntl.flock(descriptor, fcntl.LOCK_UN)  # closing is not enough if somebody forked meanwhile
    finally:
        os.close(descriptor)


def lease_is_held(path: Path) -> bool:
    """Whether the process that wrote the lease still lives; a shared lock asks without standing in anybody's way."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    try:
        return not try_lock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def drop_void_leases(folder: Path) -> bool:
    """Remove the leases of the dead; whether any of the living is left. Call it with the cluster's lock held."""
    held = False
    for path in folder.iterdir():
        if lease_is_held(path):
            held = True
        else:
            path.unlink(missing_ok=True)
    return held


def postmaster_pid(data: Path) -> int | None:
    """The pid of the process that runs on this data folder now.

    A pid file alone proves nothing, as pids are used again: the process must have been started on this folder, too.
    """
    try:
        pid = int((data / "postmaster.pid").read_text().splitlines()[0])
    except (FileNotFoundError, ValueError, IndexError):
        return None
    return pid if _serves(pid, data) else None


def _serves(pid: int, data: Path) -> bool:
    program, *arguments = _command_line(pid) or [""]
    return Path(program).name == "postgres" and str(data) in arguments


def _command_line(pid: int) -> list[str]:
    """Program and arguments of a process; empty for zombies and for no process at all."""
    if not Path("/proc/self/cmdline").exists():
        command = ["/bin/ps", "-o", "command=", "-p", str(pid)]
        line = subprocess.run(command, capture_output=True, text=True, check=False).stdout  # noqa: S603
        return line.strip().split(" -D ")
    try:
        return os.fsdecode(Path(f"/proc/{pid}/cmdline").read_bytes()).split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return []


def stop_server(data: Path) -> bool:
    """Let the server that runs on this folder, if any, end its sessions and stop; whether it did so in time."""
    pid = postmaster_pid(data)
    if pid is not None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGINT)  # what `pg_ctl stop -m fast` sends, to a pid that was checked
    deadline = time.monotonic() + STOP_SECONDS
    while pid is not None and _serves(pid, data):  # its pid file goes a little before it
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def watch(control: Path, data: Path, grace: float, life: int) -> None:
    """Wait until nobody holds a lease any more, and stop the server.

    `grace` in seconds is the time for a supervisor to start a killed owner again. `life` is the descriptor whose lock
    says that a watchdog lives; it is let go under the cluster's lock, so that no launcher counts on one that leaves.
    """
    while True:
        for path in (control / "leases").iterdir():
            _wait_until_void(path)
        if _is_over(control, data, grace, life):
            return


def _is_over(control: Path, data: Path, grace: float, life: int) -> bool:
    """Whether the server is down and the watchdog let go; not if somebody takes a lease within the grace."""
    leases = control / "leases"
    deadline = time.monotonic() + grace
    while True:
        with locked(control / "lock", float("inf")):
            if any(lease_is_held(path) for path in leases.iterdir()):
                return False
            # a lease without a holder is of one that was killed, perhaps with a server that is not up yet
            done = postmaster_pid(data) is None and not any(leases.iterdir())
            if done or (time.monotonic() > deadline and stop_server(data)):
                drop_void_leases(leases)
                os.close(life)
                return True
        time.sleep(min(grace, GRACE_POLL_SECONDS))


def _wait_until_void(lease: Path) -> None:
    try:
        descriptor = os.open(lease, os.O_RDONLY)
    except FileNotFoundError:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def spawn_watchdog(control: Path, data: Path, grace: float) -> None:
    """Start the watchdog of a cluster unless it has one; the lock that it inherits says that it lives."""
    descriptor = os.open(control / "watchdog", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        if not try_lock(descriptor, fcntl.LOCK_EX):
            return
        subprocess.run(  # noqa: S603 - this file, run by this Python
            [sys.executable, "-I", "-S", __file__, json.dumps([str(control), str(data), grace, descriptor])],
            cwd="/",
            pass_fds=[descriptor],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )
    finally:
        os.close(descriptor)


def main() -> None:
    """Leave the terminal and the parent, then watch."""
    control, data, grace, life = json.loads(sys.argv[1])
    if os.fork():
        os._exit(0)
    os.setsid()
    watch(Path(control), Path(data), grace, life)


if __name__ == "__main__":
    main()
