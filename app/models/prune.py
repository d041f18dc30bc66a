"""The newest pass of the pruner."""

from datetime import datetime
from typing import Any

from sqlmodel import Field, SQLModel

from app.clock import now
from app.models.base import Json, TimeStamp


class Prune(SQLModel, table=True):
    """When what is no longer kept was last deleted, and how much that was; the only row has the id 1.

    `deleted` counts rows by table; `finished_at` is null while the pass is under way, or after it broke off.
    """

    __tablename__ = "prunes"

    id: int = Field(default=1, primary_key=True)
    started_at: datetime = Field(default_factory=now, sa_type=TimeStamp)
    finished_at: datetime | None = Field(default=None, sa_type=TimeStamp)
    deleted: Any = Field(default=None, sa_type=Json, nullable=True)
