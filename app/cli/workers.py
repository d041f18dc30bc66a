"""`graphwright workers`: the workers that have registered with the database."""

from typing import Annotated, Any

import psycopg
import typer
from psycopg.rows import dict_row

from app import log
from app.cli.configuration import settings_with
from app.cli.output import show_json, show_table
from app.cli.process import run_async
from app.config import Settings
from app.db import libpq_url
from app.errors import UnavailableError
from app.runtime import database_url

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)

QUERY = """
    select id::text, hostname, pid, queues, concurrency, heartbeat_at > now() - make_interval(secs => %s) as alive,
           to_char(started_at at time zone 'utc', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as started_at,
           extract(epoch from now() - heartbeat_at)::float8 as silent_seconds
    from workers order by id"""


@app.command()
def workers(*, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the workers of the database, and how long each has been silent."""
    settings = settings_with()
    log.configure("warning", settings.log_format)
    rows = run_async(_rows(settings))
    if as_json:
        show_json(rows)
        return
    show_table(
        ("WORKER", "HOST", "PID", "QUEUES", "CONCURRENCY", "STARTED", "SILENT FOR", "STATE"),
        [
            (
                row["id"],
                row["hostname"],
                row["pid"],
                ",".join(row["queues"]),
                row["concurrency"],
                row["started_at"],
                f"{row['silent_seconds']:.1f} s",
                "alive" if row["alive"] else "silent",
            )
            for row in rows
        ],
    )


async def _rows(settings: Settings) -> list[dict[str, Any]]:
    async with (
        database_url(settings) as url,
        await psycopg.AsyncConnection.connect(libpq_url(url), row_factory=dict_row) as connection,
    ):
        try:
            cursor = await connection.execute(QUERY, (settings.worker_lost_seconds,))
        except psycopg.errors.UndefinedTable as error:
            raise UnavailableError("The database has no tables yet. Run `graphwright migrate` first.") from error
        return await cursor.fetchall()
