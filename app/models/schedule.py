"""Schedules, and when each has fired."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index
from sqlmodel import Field, SQLModel

from app.clock import now
from app.ids import new_id
from app.models.base import Json, TimeStamp


class Schedule(SQLModel, table=True):
    """When a workflow is run by itself. `next_at` is the next due time, null while none is to come.

    `missed`, `skipped` and `failed` count the due times without a run; `problem` tells why the newest of them had none.
    """

    __tablename__ = "schedules"
    __table_args__ = (
        ForeignKeyConstraint(
            ["project_id", "workflow_id"], ["workflows.project_id", "workflows.id"], ondelete="CASCADE"
        ),
        Index("ix_schedules_of_workflow", "project_id", "workflow_id", "id"),
        Index("ix_schedules_due", "next_at", postgresql_where="active and next_at is not null"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    project_id: UUID
    workflow_id: UUID
    name: str
    cron: str
    timezone: str
    version: int | None = None
    input: Any = Field(default=None, sa_type=Json, nullable=True)
    meta: Any = Field(default=None, sa_type=Json, nullable=True)
    priority: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    catch_up: str
    overlap: str
    active: bool
    starts_at: datetime | None = Field(default=None, sa_type=TimeStamp)
    ends_at: datetime | None = Field(default=None, sa_type=TimeStamp)
    next_at: datetime | None = Field(default=None, sa_type=TimeStamp)
    last_at: datetime | None = Field(default=None, sa_type=TimeStamp)
    last_run_id: UUID | None = None
    missed: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    skipped: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    failed: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    problem: Any = Field(default=None, sa_type=Json, nullable=True)
    created_at: datetime = Field(default_factory=now, sa_type=TimeStamp)
    updated_at: datetime = Field(default_factory=now, sa_type=TimeStamp)


class Firing(SQLModel, table=True):
    """What became of one due time of a schedule; the key lets there be one of each, whoever fires.

    `live` is on while the run may not have ended; what waits for it is `queued` and has no run yet.
    """

    __tablename__ = "schedule_firings"
    __table_args__ = (
        Index("ix_schedule_firings_live", "schedule_id", "scheduled_for", postgresql_where="live"),
        Index("ix_schedule_firings_queued", "schedule_id", "scheduled_for", postgresql_where="status = 'queued'"),
        Index("ix_schedule_firings_age", "created_at"),
    )

    schedule_id: UUID = Field(primary_key=True, sa_column_args=[ForeignKey("schedules.id", ondelete="CASCADE")])
    scheduled_for: datetime = Field(primary_key=True, sa_type=TimeStamp)
    status: str
    run_id: UUID | None = None
    reason: Any = Field(default=None, sa_type=Json, nullable=True)
    live: bool = Field(default=False, sa_column_kwargs={"server_default": "false"})
    created_at: datetime = Field(default_factory=now, sa_type=TimeStamp)
