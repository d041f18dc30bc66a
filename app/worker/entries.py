"""What an execution brings to the journal: its own place there, and the states of its nodes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from app.statuses import RunStatus


@dataclass(slots=True, eq=False)
class RunLog:
    """One execution's place in the journal; `lost` is called when the run turns out to be no longer its own.

    `status` is where the execution has left the run, None while it works; `epoch` that of the worker's lease in which
    the run was known to be its own. `values` are the digests of the large values that it has stored.
    """

    run_id: UUID
    project_id: UUID
    claim: int
    last_seq: int
    lost: Callable[[], None]
    is_lost: bool = False
    status: RunStatus | None = None
    epoch: int = 0
    values: set[bytes] = field(default_factory=set)
    name: str = field(init=False)

    def __post_init__(self) -> None:
        self.name = str(self.run_id)


@dataclass(slots=True)
class NodeRow:
    """The newest state of one turn of one node; JSON values as text."""

    node_id: str
    iteration: int
    path: list[int]
    status: str
    attempt: int
    handled: bool = True
    progress: str | None = None
    input: str | None = None
    input_parts: str | None = None
    output: str | None = None
    error: str | None = None
    reason: str | None = None
    edges: str | None = None
    writes: str | None = None
    wake_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
