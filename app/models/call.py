"""Calls: the work of nodes that other workers do."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Column, ForeignKeyConstraint, Identity, Index, Integer, UniqueConstraint
from sqlmodel import Field, SQLModel

from app.clock import now
from app.ids import new_id
from app.models.base import Json, TimeStamp
from app.statuses import CallStatus


class NodeCall(SQLModel, table=True):
    """One attempt of one turn of a node, or of one item of a map, that a worker which serves `queue` makes.

    A place has one call at most; its row goes when the next attempt replaces it, when its outcome is on disk, or with
    the run's end. `laps` is the path of the turn's events, `digest` the print of `request`, which is null once the call
    has ended. `claim` fences what the worker writes, `said` counts its reports.
    """

    __tablename__ = "node_calls"
    __table_args__ = (
        ForeignKeyConstraint(["run_id"], ["runs.id"], ondelete="CASCADE"),
        UniqueConstraint("run_id", "node_id", "iteration", "path"),
        Index("ix_node_calls_live", "status", postgresql_where="status in ('QUEUED', 'RUNNING')"),
    )

    id: UUID = Field(default_factory=new_id, primary_key=True)
    run_id: UUID
    node_id: str
    iteration: int
    path: list[int] = Field(default_factory=list, sa_type=ARRAY(Integer))
    laps: list[int] = Field(default_factory=list, sa_type=ARRAY(Integer))
    attempt: int
    queue: str
    status: str = CallStatus.QUEUED
    request: Any = Field(default=None, sa_type=Json, nullable=True)
    digest: bytes
    reason: Any = Field(default=None, sa_type=Json, nullable=True)
    output: Any = Field(default=None, sa_type=Json, nullable=True)
    error: Any = Field(default=None, sa_type=Json, nullable=True)
    claim: int = 0
    said: int = 0
    losses: int = 0
    job_id: int | None = Field(default=None, sa_type=BigInteger)
    worker_id: UUID | None = None
    created_at: datetime = Field(default_factory=now, sa_type=TimeStamp)
    queued_at: datetime = Field(default_factory=now, sa_type=TimeStamp)
    started_at: datetime | None = Field(default=None, sa_type=TimeStamp)
    finished_at: datetime | None = Field(default=None, sa_type=TimeStamp)


class NodeCallNews(SQLModel, table=True):
    """What became of a call while its run was executed or queued; the run's executor deletes what it has taken in.

    Rows of one run are written under the lock of the run's row, so their ids are in order.
    """

    __tablename__ = "node_call_news"
    __table_args__ = (
        ForeignKeyConstraint(["call_id"], ["node_calls.id"], ondelete="CASCADE"),
        Index("ix_node_call_news_of_run", "run_id"),
        Index("ix_node_call_news_of_call", "call_id"),
    )

    id: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(always=True), primary_key=True))
    run_id: UUID
    call_id: UUID
    kind: str
    data: Any = Field(default=None, sa_type=Json, nullable=True)
    at: datetime = Field(default_factory=now, sa_type=TimeStamp)
