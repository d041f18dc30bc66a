"""Runs and the states of their nodes."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, ForeignKeyConstraint, Index, Integer, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from app.clock import now
from app.ids import new_id
from app.models.base import Json, TimeStamp
from app.statuses import RunStatus


class Run(SQLModel, table=True):
    """One run of one version of a workflow.

    `claim` counts the times a worker took the run up and fences its writes: an executor writes only while the row still
    carries its claim. `attempt` is what people count: 1, and one more for each retry or take-over after a loss.
    `last_seq` is the seq of the run's newest event.

    A child run names the turn of its parent's node by `parent_…` (`parent_path` the item of a map);
    `parent_current` is off once the parent begins that turn anew, `parent_told` on once the parent knows of its end.
    `trigger` tells what has started it, if it was no person: a schedule or a webhook.
    Events up to `pruned_seq` have been deleted as too old.
    `debug` holds the breakpoints that it was started with; `resumes` counts how often it went on by itself.
    All its jobs go to `queue`, with `priority`. A run that is `held` is QUEUED without a job, until there is room.
    """

    __tablename__ = "runs"
    __table_args__ = (
        ForeignKeyConstraint(
            ["project_id", "workflow_id", "version"],
            ["workflow_versions.project_id", "workflow_versions.workflow_id", "workflow_versions.version"],
            ondelete="CASCADE",
        ),
        UniqueConstraint("project_id", "id"),
        Index("ix_runs_of_workflow", "project_id", "workflow_id", "id"),
        Index("ix_runs_by_status", "project_id", "status", "id"),
        Index("ix_runs_finished", "project_id", "finished_at"),
        Index("ix_runs_live", "status", "worker_id", postgresql_where="status in ('QUEUED', 'RUNNING', 'WAITING')"),
        Index(
            "ix_runs_child",
            "parent_run_id",
            "parent_node_id",
            "parent_iteration",
            "parent_path",
            unique=True,
            postgresql_where="parent_current",
        ),
        Index("ix_runs_of_parent", "parent_run_id", postgresql_where="parent_run_id is not null"),
        Index("ix_runs_untold", "finished_at", postgresql_where="parent_current and not parent_told"),
        Index("ix_runs_queued", "project_id", "queue", "priority", postgresql_where="status = 'QUEUED' and not held"),
        Index(
            "ix_runs_held",
            "project_id",
            "queue",
            "workflow_id",
            text("priority DESC"),
            "id",
            postgresql_where="held",
        ),
        Index("ix_runs_elsewhere", "queue", postgresql_where="queue <> 'default' and finished_at is null"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    project_id: UUID
    workflow_id: UUID
    version: int
    status: str = RunStatus.PENDING
    attempt: int = 0
    claim: int = 0
    losses: int = 0
    last_seq: int = Field(default=0, sa_type=BigInteger)
    pruned_seq: int = Field(default=0, sa_type=BigInteger, sa_column_kwargs={"server_default": "0"})
    input: Any = Field(default=None, sa_type=Json, nullable=True)
    result: Any = Field(default=None, sa_type=Json, nullable=True)
    state: Any = Field(default=None, sa_type=Json, nullable=True)
    error: Any = Field(default=None, sa_type=Json, nullable=True)
    reason: Any = Field(default=None, sa_type=Json, nullable=True)
    meta: Any = Field(default=None, sa_type=Json, nullable=True)
    debug: Any = Field(default=None, sa_type=Json, nullable=True)
    resumes: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    trigger: Any = Field(default=None, sa_type=Json, nullable=True)
    forked_from: UUID | None = None
    parent_run_id: UUID | None = None
    parent_node_id: str | None = None
    parent_iteration: int | None = None
    parent_path: list[int] | None = Field(default=None, sa_type=ARRAY(Integer))
    parent_current: bool = Field(default=False, sa_column_kwargs={"server_default": "false"})
    parent_told: bool = Field(default=False, sa_column_kwargs={"server_default": "false"})
    depth: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    priority: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    queue: str = Field(default="default", sa_column_kwargs={"server_default": "default"})
    held: bool = Field(default=False, sa_column_kwargs={"server_default": "false"})
    job_id: int | None = Field(default=None, sa_type=BigInteger)
    worker_id: UUID | None = None
    wake_at: datetime | None = Field(default=None, sa_type=TimeStamp)
    created_at: datetime = Field(default_factory=now, sa_type=TimeStamp)
    queued_at: datetime | None = Field(default=None, sa_type=TimeStamp)
    started_at: datetime | None = Field(default=None, sa_type=TimeStamp)
    finished_at: datetime | None = Field(default=None, sa_type=TimeStamp)


class NodeState(SQLModel, table=True):
    """Where one turn of one node stands.

    `iteration` counts the node's turns in this run (0 outside loops); `path` names the lap of each loop around it.
    `edges` maps the index of each outgoing edge in the document to `taken`, `dead` or `broken`. `input_parts` lists the
    large pieces of `input`, which are null there: [way to it, digest of a LargeValue in hex]. As the log, states, items
    and large values have no foreign keys.
    """

    __tablename__ = "node_states"

    run_id: UUID = Field(primary_key=True)
    node_id: str = Field(primary_key=True)
    iteration: int = Field(primary_key=True)
    project_id: UUID
    path: list[int] = Field(default_factory=list, sa_type=ARRAY(Integer))
    status: str
    attempt: int = 1
    handled: bool = True
    progress: Any = Field(default=None, sa_type=Json, nullable=True)
    input: Any = Field(default=None, sa_type=Json, nullable=True)
    input_parts: Any = Field(default=None, sa_type=Json, nullable=True)
    output: Any = Field(default=None, sa_type=Json, nullable=True)
    error: Any = Field(default=None, sa_type=Json, nullable=True)
    reason: Any = Field(default=None, sa_type=Json, nullable=True)
    edges: Any = Field(default=None, sa_type=Json, nullable=True)
    writes: Any = Field(default=None, sa_type=Json, nullable=True)
    wake_at: datetime | None = Field(default=None, sa_type=TimeStamp)
    started_at: datetime | None = Field(default=None, sa_type=TimeStamp)
    finished_at: datetime | None = Field(default=None, sa_type=TimeStamp)


class MapItem(SQLModel, table=True):
    """Where one item of a map stands; `path` is its index, behind the indices of the maps around it.

    `digest` is the print of the item itself: what came of one item is never taken for another.
    """

    __tablename__ = "map_items"

    run_id: UUID = Field(primary_key=True)
    node_id: str = Field(primary_key=True)
    iteration: int = Field(primary_key=True)
    path: list[int] = Field(primary_key=True, sa_type=ARRAY(Integer))
    digest: bytes
    status: str
    attempt: int = 1
    output: Any = Field(default=None, sa_type=Json, nullable=True)
    error: Any = Field(default=None, sa_type=Json, nullable=True)
    reason: Any = Field(default=None, sa_type=Json, nullable=True)
    wake_at: datetime | None = Field(default=None, sa_type=TimeStamp)
    started_at: datetime | None = Field(default=None, sa_type=TimeStamp)
    finished_at: datetime | None = Field(default=None, sa_type=TimeStamp)


class RunSignal(SQLModel, table=True):
    """Something from outside that a turn of a node waits for: an answer, a step, the end of a child run.

    `delivered` is on once an execution of the run has been told; a later execution reads all of them again.
    """

    __tablename__ = "run_signals"
    __table_args__ = (
        ForeignKeyConstraint(["run_id"], ["runs.id"], ondelete="CASCADE"),
        Index("ix_run_signals_of_run", "run_id"),
        Index("ix_run_signals_undelivered", "run_id", postgresql_where="not delivered"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    run_id: UUID
    node_id: str
    iteration: int
    path: list[int] = Field(default_factory=list, sa_type=ARRAY(Integer))
    kind: str
    data: Any = Field(default=None, sa_type=Json, nullable=True)
    by: str | None = None
    delivered: bool = False
    created_at: datetime = Field(default_factory=now, sa_type=TimeStamp)


class KeptResult(SQLModel, table=True):
    """What a node gave on an older version of the graph; taken again if its input turns out to be the same."""

    __tablename__ = "kept_results"
    __table_args__ = (ForeignKeyConstraint(["run_id"], ["runs.id"], ondelete="CASCADE"),)

    run_id: UUID = Field(primary_key=True)
    node_id: str = Field(primary_key=True)
    iteration: int = Field(primary_key=True)
    attempt: int = 1
    input: Any = Field(default=None, sa_type=Json, nullable=True)
    input_parts: Any = Field(default=None, sa_type=Json, nullable=True)
    output: Any = Field(default=None, sa_type=Json, nullable=True)
    started_at: datetime | None = Field(default=None, sa_type=TimeStamp)
    finished_at: datetime | None = Field(default=None, sa_type=TimeStamp)


class LargeValue(SQLModel, table=True):
    """A large piece of what nodes of a run were given, once for all of them; `digest` is the SHA-256 of its JSON."""

    __tablename__ = "large_values"

    run_id: UUID = Field(primary_key=True)
    digest: bytes = Field(primary_key=True)
    value: Any = Field(default=None, sa_type=Json, nullable=False)
