"""What all tables share: naming of constraints, column kinds."""

from typing import Any

from sqlalchemy import JSON, DateTime, MetaData
from sqlmodel import SQLModel

SQLModel.metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Base = SQLModel
TimeStamp: Any = DateTime(timezone=True)
# PostgreSQL's `json`, not `jsonb`: it keeps the text as written, so key order, NUL and lone surrogates survive.
Json: Any = JSON(none_as_null=True)
