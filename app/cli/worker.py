"""`graphwright worker`: executes runs, without an API."""

import asyncio
from typing import Annotated

import typer

from app import log
from app.cli.configuration import settings_with
from app.cli.process import LEAVE_SECONDS, keep_what_is_loaded, leave_within, on_signal, run_async
from app.config import Settings
from app.runtime import open_runtime
from app.services.access import is_loopback
from app.worker import Worker

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def worker(
    *,
    queues: Annotated[str | None, typer.Option(help="Queues to serve, by commas. [default: default]")] = None,
    concurrency: Annotated[int | None, typer.Option(help="Runs executed at once. [default: 50]")] = None,
) -> None:
    """Execute runs until Ctrl-C or SIGTERM; then running ones get GRAPHWRIGHT_DRAIN_SECONDS to end.

    Those that do not end are handed back to the queue. Told twice, they get no time.
    """
    settings = settings_with(queues=queues, concurrency=concurrency)
    log.configure(settings.log_level, settings.log_format)
    run_async(_work(settings))


async def _work(settings: Settings) -> None:
    stopped = asyncio.Event()
    started: list[Worker] = []

    def stop() -> None:
        leave_within(settings.drain_seconds + LEAVE_SECONDS)
        stopped.set()

    def hurry() -> None:
        leave_within(LEAVE_SECONDS)
        for worker in started:
            worker.hurry()

    with on_signal(stop, hurry):
        async with open_runtime(settings) as runtime:
            worker = Worker(
                settings,
                database=runtime.database,
                queue=runtime.queue,
                wakeups=runtime.wakeups,
                compiler=runtime.compiler,
                open_on_loopback=settings.admin_key is None and is_loopback(settings.host),
            )
            await worker.start()
            started.append(worker)
            keep_what_is_loaded()
            print(f"Worker {worker.id} serves {', '.join(settings.queues)}.", flush=True)
            try:
                await stopped.wait()
            finally:
                await worker.stop()
