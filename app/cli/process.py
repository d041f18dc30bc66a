"""How commands that work on the database run: an event loop, signals that end them in order, errors as sentences."""

import asyncio
import gc
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from procrastinate.exceptions import ProcrastinateException

from app.cli.output import clean
from app.errors import UnavailableError

if sys.platform == "win32":
    loop_factory: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
else:
    from uvloop import new_event_loop as loop_factory

T = TypeVar("T")

SIGNALS = (signal.SIGINT, signal.SIGTERM)
LEAVE_SECONDS = 1.8
"""What a process takes to end, at most, past the time that running runs get."""


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """The outcome of the coroutine. Raises UnavailableError when the database cannot be used."""
    try:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            return runner.run(work)
    except (psycopg.Error, ProcrastinateException) as error:
        cause = error.__cause__ or error
        raise UnavailableError(f"The database cannot be used: {clean(cause)}. Check DATABASE_URL.") from error


def leave_within(seconds: float) -> None:
    """End the process after so many seconds, whatever it still waits for: a thread of a tool, code that does not end.

    What could be handed back has been by then; the rest is taken by others as from a process that died.
    """
    last = threading.Timer(seconds, _leave)
    last.daemon = True
    last.start()


def _leave() -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def keep_what_is_loaded() -> None:
    """Leave all that a server has loaded out of later garbage collections, which are fewer from now on.

    A full one takes over 100 ms with it.
    """
    gc.collect()
    gc.freeze()
    # Runs leave few cycles behind; looking for them after each 700 objects is a twentieth of a run's time.
    gc.set_threshold(20_000, 20, 20)


@contextmanager
def on_signal(first: Callable[[], None], second: Callable[[], None] | None = None) -> Iterator[None]:
    """Call `first` on the first SIGINT or SIGTERM, and `second` on later ones; without it they cancel the task."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    heard = False

    def hear() -> None:
        nonlocal heard
        if heard and second is not None:
            second()
        elif heard and task is not None:
            task.cancel()
        else:
            heard = True
            first()

    for one in SIGNALS:
        loop.add_signal_handler(one, hear)
    try:
        yield
    finally:
        for one in SIGNALS:
            loop.remove_signal_handler(one)
