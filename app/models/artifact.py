"""Files that nodes have saved."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, BigInteger, Index, Integer
from sqlmodel import Field, SQLModel

from app.clock import now
from app.models.base import TimeStamp


class Artifact(SQLModel, table=True):
    """A file that a run has: one of its nodes saved it, or it came with what the run was forked from.

    `id` stands for the bytes, which never change, and runs that are forked from one another have it in common. `path`
    is the item of a map. What is not `listed` is only there for values that refer to it.
    """

    __tablename__ = "artifacts"
    __table_args__ = (
        Index(
            "ix_artifacts_of_place",
            "run_id",
            "node_id",
            "iteration",
            "path",
            "name",
            unique=True,
            postgresql_where="listed",
        ),
        Index("ix_artifacts_id", "id"),
    )

    run_id: UUID = Field(primary_key=True)
    id: UUID = Field(primary_key=True)
    node_id: str
    iteration: int
    path: list[int] = Field(default_factory=list, sa_type=ARRAY(Integer))
    attempt: int
    name: str
    media_type: str
    size: int = Field(sa_type=BigInteger)
    sha256: bytes
    listed: bool = True
    created_at: datetime = Field(default_factory=now, sa_type=TimeStamp)


class ArtifactBlock(SQLModel, table=True):
    """One part of the bytes of an artifact; all but the last are of the same size. There as long as a run has it."""

    __tablename__ = "artifact_blocks"

    artifact_id: UUID = Field(primary_key=True)
    number: int = Field(primary_key=True)
    data: bytes
