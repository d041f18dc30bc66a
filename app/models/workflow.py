"""Workflows and their versions."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, ForeignKeyConstraint, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from app.clock import now
from app.ids import new_id
from app.models.base import Json, TimeStamp


class Workflow(SQLModel, table=True):
    """A named workflow. `revision` counts its changes and is its ETag; a deleted one keeps its runs.

    At most `max_running` of its runs are RUNNING at once.
    """

    __tablename__ = "workflows"
    __table_args__ = (
        UniqueConstraint("project_id", "id"),
        Index("ix_workflows_listing", "project_id", "id", postgresql_where="deleted_at is null"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    project_id: UUID = Field(sa_column_args=[ForeignKey("projects.id", ondelete="CASCADE")])
    name: str
    description: str = ""
    active: bool = True
    version: int = 1
    revision: int = 1
    template: str | None = None
    created_at: datetime = Field(default_factory=now, sa_type=TimeStamp)
    updated_at: datetime = Field(default_factory=now, sa_type=TimeStamp)
    deleted_at: datetime | None = Field(default=None, sa_type=TimeStamp)
    max_running: int | None = None


class WorkflowVersion(SQLModel, table=True):
    """One version of a workflow's graph, in its normal form; never changed once written."""

    __tablename__ = "workflow_versions"
    __table_args__ = (
        ForeignKeyConstraint(
            ["project_id", "workflow_id"], ["workflows.project_id", "workflows.id"], ondelete="CASCADE"
        ),
        UniqueConstraint("project_id", "workflow_id", "version"),
    )

    workflow_id: UUID = Field(primary_key=True)
    version: int = Field(primary_key=True)
    project_id: UUID
    graph: Any = Field(sa_type=Json)
    content_hash: str
    node_count: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    created_at: datetime = Field(default_factory=now, sa_type=TimeStamp)
