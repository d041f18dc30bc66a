"""Carries out migrations, as a process of its own: what that loads is of no use to a server, and never given back."""

import json
import sys
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from app.db import sqlalchemy_url


def alembic_config(scripts: Path) -> Config:
    """Alembic's configuration, made here so that no file has to be found."""
    config = Config()
    config.set_main_option("script_location", str(scripts).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def upgrade(url: str, scripts: Path) -> None:
    """Bring the database to the newest of these revisions; blocks. Raises psycopg.Error."""
    engine = create_engine(sqlalchemy_url(url), poolclass=NullPool)
    config = alembic_config(scripts)
    try:
        with engine.connect() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except DBAPIError as error:
        raise (error.orig or error) from None
    finally:
        engine.dispose()


def main() -> None:
    """Upgrade the database that standard input names, which other users of the machine cannot read."""
    url, scripts = json.load(sys.stdin)
    try:
        upgrade(url, Path(scripts))
    except psycopg.Error as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
