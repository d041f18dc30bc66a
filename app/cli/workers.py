"""`graphwright workers`: the workers that have registered with the database."""

from datetime import datetime
from typing import Annotated

import psycopg
import typer

from app import log
from app.cli.configuration import settings_with
from app.cli.output import show_json, show_table
from app.cli.process import run_async
from app.clock import now
from app.config import Settings
from app.db import libpq_url
from app.errors import UnavailableError
from app.runtime import database_url
from app.schemas.worker import WorkerOut
from app.services.workers import MOST, WORKERS, worker_view

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def workers(*, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the workers of the database: their queues, since when, how busy, and how long each has been silent."""
    settings = settings_with()
    log.configure("warning", settings.log_format)
    rows = run_async(_rows(settings))
    if as_json:
        show_json([{**row, "alive": row["state"] == "alive"} for row in rows])
        return
    show_table(
        ("WORKER", "HOST", "PID", "QUEUES", "RUNNING", "STARTED", "SILENT FOR", "STATE"),
        [
            (
                row["id"],
                row["hostname"],
                row["pid"],
                ",".join(row["queues"]),
                f"{row['running']} of {row['concurrency']}",
                row["started_at"],
                f"{max(0.0, (now() - datetime.fromisoformat(row['heartbeat_at'])).total_seconds()):.1f} s",
                row["state"],
            )
            for row in rows
        ],
    )


async def _rows(settings: Settings) -> list[WorkerOut]:
    async with (
        database_url(settings) as url,
        await psycopg.AsyncConnection.connect(libpq_url(url), row_factory=psycopg.rows.dict_row) as connection,
    ):
        try:
            cursor = await connection.execute(WORKERS, {"after": None, "limit": MOST})
        except psycopg.errors.UndefinedTable as error:
            raise UnavailableError("The database has no tables yet. Run `graphwright migrate` first.") from error
        return [worker_view(row) for row in await cursor.fetchall()]
