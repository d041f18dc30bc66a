"""Carries out migrations. Loaded only where there are some: alembic is of no use to a server that runs."""

from pathlib import Path

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
