"""Webhooks in both directions: triggers start runs, hooks tell others of events."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, ForeignKey, ForeignKeyConstraint, Index, Text, UniqueConstraint
from sqlmodel import Field, SQLModel

from app.clock import now
from app.ids import new_id
from app.models.base import Json, TimeStamp


class Trigger(SQLModel, table=True):
    """A public address that starts runs of a workflow for whoever knows its secret.

    Checking a signature takes the secret itself, so it is stored as it is. `old_secret` counts until `old_until`.
    """

    __tablename__ = "triggers"
    __table_args__ = (
        ForeignKeyConstraint(
            ["project_id", "workflow_id"], ["workflows.project_id", "workflows.id"], ondelete="CASCADE"
        ),
        Index("ix_triggers_of_workflow", "project_id", "workflow_id", "id"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    project_id: UUID
    workflow_id: UUID
    name: str
    signature: str
    secret: str
    old_secret: str | None = None
    old_until: datetime | None = Field(default=None, sa_type=TimeStamp)
    version: int | None = None
    envelope: bool
    meta: Any = Field(default=None, sa_type=Json, nullable=True)
    priority: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    active: bool
    created_at: datetime = Field(default_factory=now, sa_type=TimeStamp)
    updated_at: datetime = Field(default_factory=now, sa_type=TimeStamp)


class TriggerCall(SQLModel, table=True):
    """The run that a call of a trigger has started, so that the same call again starts no other."""

    __tablename__ = "trigger_calls"
    __table_args__ = (Index("ix_trigger_calls_age", "created_at"),)

    trigger_id: UUID = Field(primary_key=True, sa_column_args=[ForeignKey("triggers.id", ondelete="CASCADE")])
    webhook_id: str = Field(primary_key=True)
    run_id: UUID | None = None
    created_at: datetime = Field(default_factory=now, sa_type=TimeStamp)


class Hook(SQLModel, table=True):
    """An address that is told of a project's events, those after `since`.

    `scanned_at`: the courier has seen all that was committed before. `failing_since` is when deliveries began to fail
    without a success since; `problem` tells why a hook was deactivated.
    """

    __tablename__ = "hooks"
    __table_args__ = (
        ForeignKeyConstraint(
            ["project_id", "workflow_id"], ["workflows.project_id", "workflows.id"], ondelete="CASCADE"
        ),
        Index("ix_hooks_of_project", "project_id", "id"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    project_id: UUID = Field(sa_column_args=[ForeignKey("projects.id", ondelete="CASCADE")])
    workflow_id: UUID | None = None
    name: str
    url: str
    events: list[str] = Field(sa_type=ARRAY(Text))
    secret: str
    old_secret: str | None = None
    old_until: datetime | None = Field(default=None, sa_type=TimeStamp)
    active: bool
    since: datetime = Field(sa_type=TimeStamp)
    scanned_at: datetime = Field(sa_type=TimeStamp)
    failing_since: datetime | None = Field(default=None, sa_type=TimeStamp)
    problem: Any = Field(default=None, sa_type=Json, nullable=True)
    created_at: datetime = Field(default_factory=now, sa_type=TimeStamp)
    updated_at: datetime = Field(default_factory=now, sa_type=TimeStamp)


class HookCursor(SQLModel, table=True):
    """Up to which seq the log of a run has been turned into deliveries of a hook.

    No foreign key to the run: it would lock the run's row against its executor.
    """

    __tablename__ = "hook_cursors"

    hook_id: UUID = Field(primary_key=True, sa_column_args=[ForeignKey("hooks.id", ondelete="CASCADE")])
    run_id: UUID = Field(primary_key=True)
    seq: int = Field(sa_type=BigInteger)


class HookDelivery(SQLModel, table=True):
    """One event on its way to one hook, with the body as it is sent; pings have no run.

    Whoever sends it holds it until `leased_until`; `lease` tells its answer from that of one who came too late.
    """

    __tablename__ = "hook_deliveries"
    __table_args__ = (
        UniqueConstraint("hook_id", "run_id", "seq"),
        Index("ix_hook_deliveries_of_hook", "hook_id", "id"),
        Index("ix_hook_deliveries_due", "hook_id", "due_at", postgresql_where="status = 'pending'"),
        Index(
            "ix_hook_deliveries_first",
            "hook_id",
            "run_id",
            "seq",
            postgresql_where="status = 'pending' and failures = 0",
        ),
        Index("ix_hook_deliveries_ended", "ended_at", postgresql_where="ended_at is not null"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    hook_id: UUID = Field(sa_column_args=[ForeignKey("hooks.id", ondelete="CASCADE")])
    run_id: UUID | None = None
    seq: int | None = Field(default=None, sa_type=BigInteger)
    type: str
    body: str
    status: str
    attempts: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    failures: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    due_at: datetime = Field(sa_type=TimeStamp)
    give_up_at: datetime = Field(sa_type=TimeStamp)
    leased_until: datetime | None = Field(default=None, sa_type=TimeStamp)
    lease: UUID | None = None
    answer: Any = Field(default=None, sa_type=Json, nullable=True)
    created_at: datetime = Field(default_factory=now, sa_type=TimeStamp)
    ended_at: datetime | None = Field(default=None, sa_type=TimeStamp)
