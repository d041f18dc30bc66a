"""The tables. Rows only: what they mean and how they change is said in `app.services` and `app.worker`."""

from app.models.base import Base, now
from app.models.call import CallStatus, NodeCall, NodeCallNews
from app.models.event import RunEvent
from app.models.hook import Hook, HookCursor, HookDelivery, Trigger, TriggerCall
from app.models.project import ApiKey, IdempotencyKey, Project
from app.models.prune import Prune
from app.models.run import (
    NODE_ENDED,
    RUN_ENDED,
    RUN_LIVE,
    KeptResult,
    LargeValue,
    MapItem,
    NodeState,
    NodeStatus,
    Run,
    RunSignal,
    RunStatus,
)
from app.models.schedule import Firing, Schedule
from app.models.worker import Worker
from app.models.workflow import Workflow, WorkflowVersion

__all__ = [
    "NODE_ENDED",
    "RUN_ENDED",
    "RUN_LIVE",
    "ApiKey",
    "Base",
    "CallStatus",
    "Firing",
    "Hook",
    "HookCursor",
    "HookDelivery",
    "IdempotencyKey",
    "KeptResult",
    "LargeValue",
    "MapItem",
    "NodeCall",
    "NodeCallNews",
    "NodeState",
    "NodeStatus",
    "Project",
    "Prune",
    "Run",
    "RunEvent",
    "RunSignal",
    "RunStatus",
    "Schedule",
    "Trigger",
    "TriggerCall",
    "Worker",
    "Workflow",
    "WorkflowVersion",
    "now",
]
