"""`graphwright migrate`: the database at the newest revision."""

import typer

from app import log
from app.cli.configuration import settings_with
from app.cli.process import run_async
from app.config import Settings
from app.migrate import migrate as bring_up_to_date
from app.migrate import newest_revision
from app.runtime import database_url

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def migrate() -> None:
    """Bring the database up to date; does nothing where it is. Servers and workers do so when they start."""
    settings = settings_with()
    log.configure("warning", settings.log_format)
    run_async(_migrate(settings))
    print(f"The database is at revision {newest_revision()}.")


async def _migrate(settings: Settings) -> None:
    async with database_url(settings) as url:
        await bring_up_to_date(url)
