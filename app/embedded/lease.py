"""A lease on the server: as long as somebody holds one, it runs."""

import fcntl
import os
import secrets
import weakref
from pathlib import Path


class Lease:
    """A lock on a file of one's own, void by itself when its holder dies."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / f"{os.getpid()}-{secrets.token_hex(4)}"
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        _held.add(self)

    def release(self) -> None:
        """Give the lease back; nothing in a process that only inherited it."""
        if self not in _held:
            return
        _held.discard(self)
        self._path.unlink(missing_ok=True)
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        os.close(self._descriptor)

    def leave_to_parent(self) -> None:
        """In a forked child: a copy of the descriptor would keep the lease alive when the parent is killed."""
        os.close(self._descriptor)


_held: weakref.WeakSet[Lease] = weakref.WeakSet()


def _after_fork() -> None:
    for lease in list(_held):
        lease.leave_to_parent()
    _held.clear()


os.register_at_fork(after_in_child=_after_fork)
