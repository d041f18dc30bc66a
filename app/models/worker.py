"""Worker processes, alive or lost."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, Text
from sqlmodel import Field, SQLModel

from app.clock import now
from app.ids import new_id
from app.models.base import TimeStamp


class Worker(SQLModel, table=True):
    """One worker process of one boot. While it lives it holds an advisory lock named by its id.

    `running` counts its executions at the last heartbeat; silent for `lost_seconds` it is lost, whatever it holds.
    """

    __tablename__ = "workers"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    hostname: str
    pid: int
    queues: list[str] = Field(default_factory=list, sa_type=ARRAY(Text))
    concurrency: int
    started_at: datetime = Field(default_factory=now, sa_type=TimeStamp)
    heartbeat_at: datetime = Field(default_factory=now, sa_type=TimeStamp)
    running: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    lost_seconds: float = Field(default=20.0, sa_column_kwargs={"server_default": "20"})
