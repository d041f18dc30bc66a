"""How alembic reaches the database: over the connection it is lent, or over the settings' own URL."""

from typing import Literal

from alembic import context
from sqlalchemy import Connection, create_engine, pool
from sqlalchemy.schema import SchemaItem

from app.config import Settings
from app.db import sqlalchemy_url
from app.models import Base

FOREIGN_PREFIXES = ("procrastinate_", "checkpoint")

Kind = Literal["schema", "table", "column", "index", "unique_constraint", "foreign_key_constraint", "check_constraint"]


def include_object(item: SchemaItem, name: str | None, kind: Kind, reflected: bool, other: SchemaItem | None) -> bool:
    """Leave the tables of the queue and of the checkpoints to the libraries that own them."""
    del item, reflected, other
    return not (kind == "table" and (name or "").startswith(FOREIGN_PREFIXES))


def run(connection: Connection) -> None:
    """Run the migrations over this connection, all in one transaction."""
    context.configure(
        connection=connection,
        target_metadata=Base.metadata,
        include_object=include_object,
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


lent = context.config.attributes.get("connection")
if lent is not None:
    run(lent)
else:
    url = Settings().database_url
    if url is None:
        raise SystemExit("Set DATABASE_URL to the database that alembic shall work on.")
    engine = create_engine(sqlalchemy_url(url.get_secret_value()), poolclass=pool.NullPool)
    with engine.connect() as own:
        run(own)
