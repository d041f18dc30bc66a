"""Approvals that wait, as the API speaks of them."""

from typing_extensions import TypedDict

from app.schemas.common import Id, ReasonOut, Time
from app.statuses import RunStatus


class ApprovalOut(TypedDict):
    """A node, or an `item` of a map by its path, that waits for an answer, with the run that it is of.

    `reason` has the `prompt` and the `schema` of the answer, `wake_at` is when nobody waits for it any more.
    """

    run_id: Id
    run_status: RunStatus
    workflow_id: Id
    workflow_name: str
    version: int
    node_id: str
    node_name: str | None
    iteration: int
    item: list[int] | None
    reason: ReasonOut
    waiting_since: Time | None
    wake_at: Time | None
