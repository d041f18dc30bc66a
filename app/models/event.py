"""The log of a run."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, ForeignKeyConstraint
from sqlmodel import Field, SQLModel

from app.clock import now
from app.ids import new_id
from app.models.base import Json, TimeStamp


class RunEvent(SQLModel, table=True):
    """One event of a run's log; `seq` counts 1, 2, 3 … within the run, without gaps."""

    __tablename__ = "run_events"
    __table_args__ = (
        ForeignKeyConstraint(["project_id", "run_id"], ["runs.project_id", "runs.id"], ondelete="CASCADE"),
    )

    run_id: UUID = Field(primary_key=True)
    seq: int = Field(primary_key=True, sa_type=BigInteger)
    id: UUID = Field(default_factory=new_id)
    project_id: UUID
    type: str
    node_id: str | None = None
    at: datetime = Field(default_factory=now, sa_type=TimeStamp)
    data: Any = Field(default=None, sa_type=Json, nullable=True)
