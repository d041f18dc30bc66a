"""How long this process has been out of touch with the database, and with it with everybody else."""

import time


class Lease:
    """Renewed by each heartbeat that reaches the database; `seconds` is the silence that others bear.

    `epoch` counts the times that it was renewed too late: whatever the process held before may have gone to others.
    """

    def __init__(self, seconds: float) -> None:
        self.epoch = 0
        self._seconds = seconds
        self._renewed = time.monotonic()

    def renew(self) -> None:
        """Note that the database has heard of this process just now; from the heartbeat's thread."""
        if self.is_late:
            self.epoch += 1
        self._renewed = time.monotonic()

    @property
    def is_late(self) -> bool:
        """Whether the runs of this process may have gone to others meanwhile."""
        return time.monotonic() - self._renewed > self._seconds
