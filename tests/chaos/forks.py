"""Processes of Graphwright that need not load it: forked from one that has, as loading takes nearly all of a start."""

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from app.cli import main
from tests.support import ROOT

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["pytest", "app.cli.serve", "app.cli.worker", "tests.chaos.forks"])


class Forked:
    """`graphwright` with arguments as a process of its own, with as much of `subprocess.Popen` as is used here."""

    def __init__(self, arguments: Sequence[str], environment: Mapping[str, str], log: Path | None) -> None:
        self._process = _CONTEXT.Process(target=_become, args=(list(arguments), dict(environment), log))
        self._process.start()
        self.pid = self._process.pid or 0

    def poll(self) -> int | None:
        """The exit code, if it has ended."""
        return self._process.exitcode

    def wait(self, timeout: float) -> int:
        """The exit code, once it has ended. Raises subprocess.TimeoutExpired."""
        self._process.join(timeout)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired("graphwright", timeout)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def _become(arguments: list[str], environment: dict[str, str], log: Path | None) -> None:
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(ROOT)
    if log is not None:
        descriptor = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        for stream in (1, 2):
            os.dup2(descriptor, stream)
    sys.argv = ["graphwright", *arguments]
    main()
