"""`graphwright prune`: deletes what is no longer kept, or says what that would be."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

import psycopg
import typer

from app import log
from app.cli.configuration import settings_with
from app.cli.options import AsJson
from app.cli.output import say, show_json, show_table
from app.cli.process import run_async
from app.config import Settings
from app.db import libpq_url
from app.errors import NotFoundError, UnavailableError, UnprocessableError
from app.runtime import database_url
from app.services.foretelling import foretell
from app.services.moves import Connection, several
from app.services.pruning import Deleted, only_pruner
from app.services.retention import Wanted, by_policy, older_than, only_events, only_threads
from app.services.storage import TableSize, database_bytes, sizes, worth
from app.worker.pruner import recorded_pass

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
REST = 0.5
TELL_SECONDS = 2.0
LOCK_SECONDS = 60.0

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@dataclass(frozen=True, slots=True)
class Order:
    """What somebody wants deleted."""

    project: str | None
    age: timedelta | None
    events: bool
    checkpoints: bool


@app.command()
def prune(  # one for each option
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be deleted.")] = False,
    older: Annotated[
        str | None,
        typer.Option("--older-than", metavar="AGE", help="Runs that ended longer ago, such as 30d, 12h: all of them."),
    ] = None,
    project: Annotated[str | None, typer.Option(help="Only of this project: its id or name.")] = None,
    events: Annotated[bool, typer.Option("--events-only", help="Events go, runs stay.")] = False,
    checkpoints: Annotated[bool, typer.Option("--checkpoints-only", help="Checkpoints go, all else stays.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete what is no longer kept: by the settings, or what is older than you say. Servers do so by themselves."""
    if events and checkpoints:
        raise UnprocessableError("Give --events-only or --checkpoints-only, not both.")
    settings = settings_with()
    log.configure("warning", settings.log_format)
    order = Order(project, None if older is None else age_of(older), events, checkpoints)
    _show(run_async(_prune(settings, order, dry_run=dry_run)), as_json=as_json)


def age_of(text: str) -> timedelta:
    """The time that `30d`, `12h`, `45m`, `10s` or `2w` means. Raises UnprocessableError."""
    match = re.fullmatch(r"(\d{1,6}(?:\.\d+)?)\s*([smhdw])", text.strip())
    if match is None:
        raise UnprocessableError(f"--older-than takes an age such as 30d, 12h or 45m; this is {text!r}.")
    return timedelta(seconds=float(match[1]) * UNITS[match[2]])


async def _prune(settings: Settings, order: Order, *, dry_run: bool) -> dict[str, Any]:
    async with database_url(settings) as url:
        try:
            if dry_run:
                async with await psycopg.AsyncConnection.connect(libpq_url(url), autocommit=True) as connection:
                    gone = await foretell(connection, await _wanted(connection, settings, order))
                    return _report(gone, await sizes(connection), await database_bytes(connection), dry_run=True)
            async with _alone(url) as connection:
                tables = await sizes(connection)
                deleted = await recorded_pass(
                    connection, await _wanted(connection, settings, order), rest=REST, tell=_teller()
                )
                return _report(deleted, tables, await database_bytes(connection), dry_run=False)
        except psycopg.errors.UndefinedTable as error:
            raise UnavailableError("The database has no tables yet. Run `graphwright migrate` first.") from error


@asynccontextmanager
async def _alone(url: str) -> AsyncIterator[Connection]:
    """A connection that holds the pruner's lock. Raises UnavailableError when another process keeps it for a minute."""
    give_up_at = time.monotonic() + LOCK_SECONDS
    while True:
        async with only_pruner(url) as connection:
            if connection is not None:
                yield connection
                return
        if time.monotonic() > give_up_at:
            raise UnavailableError("Another process has been pruning for a minute. Try again when it is done.")
        await asyncio.sleep(1.0)


async def _wanted(connection: Connection, settings: Settings, order: Order) -> Wanted:
    project = None if order.project is None else await _project(connection, order.project)
    if order.age is None:
        wanted = await by_policy(connection, settings, project)
    else:
        wanted = await older_than(connection, order.age, project)
    return only_events(wanted) if order.events else only_threads(wanted) if order.checkpoints else wanted


async def _project(connection: Connection, name: str) -> UUID:
    rows = await several(connection, "select id from projects where id::text = %s or name = %s", (name.lower(), name))
    if len(rows) != 1:
        state = "is no project" if not rows else "are several projects"
        raise NotFoundError(f"There {state} with the id or name {name}.")
    found: UUID = rows[0]["id"]
    return found


def _teller() -> Callable[[Deleted], None]:
    """Says every few seconds how far a pass has come."""
    said = time.monotonic()

    def tell(deleted: Deleted) -> None:
        nonlocal said
        if time.monotonic() - said > TELL_SECONDS:
            said = time.monotonic()
            say("deleted so far: " + ", ".join(f"{count:,} {name}" for name, count in deleted.most_common(4)))

    return tell


def _report(deleted: Deleted, tables: list[TableSize], whole: int, *, dry_run: bool) -> dict[str, Any]:
    rows = [
        {"table": name, "rows": count, "bytes": worth(tables, name, count)} for name, count in deleted.most_common()
    ]
    return {
        "dry_run": dry_run,
        "deleted": rows,
        "bytes": sum(row["bytes"] for row in rows),
        "database_bytes": whole,
    }


def _show(report: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        show_json(report)
        return
    rows = [(row["table"], f"{row['rows']:,}", megabytes(row["bytes"])) for row in report["deleted"]]
    show_table(("TABLE", "WOULD GO" if report["dry_run"] else "DELETED", "ABOUT"), rows)
    verb = "would be free" if report["dry_run"] else "are free"
    say(
        f"About {megabytes(report['bytes'])} {verb} for new rows; the database takes "
        f"{megabytes(report['database_bytes'])} on disk."
    )


def megabytes(count: int) -> str:
    return f"{count / 1e6:,.1f} MB"
