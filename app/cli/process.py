"""How commands that work on the database run: an event loop, signals that end them in order, errors as sentences."""

import asyncio
import gc
import signal
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from procrastinate.exceptions import ProcrastinateException
from sqlalchemy.exc import DBAPIError

from app.cli.output import clean
from app.errors import UnavailableError

if sys.platform == "win32":
    loop_factory: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
else:
    from uvloop import new_event_loop as loop_factory

T = TypeVar("T")

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """The outcome of the coroutine. Raises UnavailableError when the database cannot be used."""
    try:
        with asyncio.Runner(loop_factory=loop_factory) as runner:
            return runner.run(work)
    except (psycopg.Error, DBAPIError, ProcrastinateException) as error:
        cause = error.orig if isinstance(error, DBAPIError) else error.__cause__ or error
        raise UnavailableError(f"The database cannot be used: {clean(cause)}. Check DATABASE_URL.") from error


def keep_what_is_loaded() -> None:
    """Leave all that a server has loaded out of later garbage collections: a full one takes over 100 ms with it."""
    gc.collect()
    gc.freeze()


@contextmanager
def on_signal(first: Callable[[], None]) -> Iterator[None]:
    """Call `first` on the first SIGINT or SIGTERM; the second one cancels the running task."""
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    heard = False

    def hear() -> None:
        nonlocal heard
        if heard and task is not None:
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
