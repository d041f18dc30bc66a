"""Projects, their API keys, and the answers kept for idempotency keys."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey
from sqlmodel import Field, SQLModel

from app.clock import now
from app.ids import new_id
from app.models.base import Json, TimeStamp


class Project(SQLModel, table=True):
    """What workflows, runs and keys belong to; at most `max_running` of its runs are RUNNING at once.

    `keep_…` override the server's settings: None leaves it to them, infinity keeps for ever. The events of all runs
    that finished before `events_pruned_until` have been looked at by the pruner.
    """

    __tablename__ = "projects"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    name: str
    created_at: datetime = Field(default_factory=now, sa_type=TimeStamp)
    max_running: int | None = None
    keep_runs_days: float | None = None
    keep_events_days: float | None = None
    events_pruned_until: datetime | None = Field(default=None, sa_type=TimeStamp)


class ApiKey(SQLModel, table=True):
    """A key of a project. Only the SHA-256 of its secret is kept: the secret has 256 random bits of its own."""

    __tablename__ = "api_keys"

    id: UUID = Field(default_factory=new_id, primary_key=True)
    project_id: UUID = Field(sa_column_args=[ForeignKey("projects.id", ondelete="CASCADE")], index=True)
    name: str
    role: str
    prefix: str
    secret_hash: str = Field(unique=True)
    created_at: datetime = Field(default_factory=now, sa_type=TimeStamp)


class IdempotencyKey(SQLModel, table=True):
    """The first answer to a request, given again when the request comes again under the same key."""

    __tablename__ = "idempotency_keys"

    scope: str = Field(primary_key=True)
    key: str = Field(primary_key=True)
    request_hash: str
    status: int | None = None
    answer: Any = Field(default=None, sa_type=Json, nullable=True)
    headers: Any = Field(default=None, sa_type=Json, nullable=True)
    created_at: datetime = Field(default_factory=now, sa_type=TimeStamp, index=True)
