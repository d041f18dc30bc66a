"""The log of a run."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger
from sqlmodel import Field, SQLModel

from app.clock import now
from app.ids import new_id
from app.models.base import Json, TimeStamp


class RunEvent(SQLModel, table=True):
    """One event of a run's log; `seq` counts 1, 2, 3 … within the run, without gaps.

    No foreign key: what is written in masses is not looked up row by row (decision 0018).
    """

    __tablename__ = "run_events"

    run_id: UUID = Field(primary_key=True)
    seq: int = Field(primary_key=True, sa_type=BigInteger)
    id: UUID = Field(default_factory=new_id)
    project_id: UUID
    type: str
    node_id: str | None = None
    at: datetime = Field(default_factory=now, sa_type=TimeStamp)
    data: Any = Field(default=None, sa_type=Json, nullable=True)
