"""The items of maps, as the API speaks of them."""

from typing import Any

from typing_extensions import TypedDict

from app.schemas.common import ReasonOut, Time
from app.schemas.run import FailureOut
from app.statuses import NodeStatus


class ItemOut(TypedDict):
    """Where one item of a map stands; `path` is its index, behind the indices of the maps around it."""

    node_id: str
    iteration: int
    path: list[int]
    status: NodeStatus
    attempt: int
    output: Any
    error: FailureOut | None
    reason: ReasonOut | None
    started_at: Time | None
    finished_at: Time | None
    duration_ms: float | None
    wake_at: Time | None
