"""The tables. Rows only: what they mean and how they change is said in `app.services` and `app.worker`."""

from app.models.artifact import Artifact, ArtifactBlock
from app.models.base import Base
from app.models.call import NodeCall, NodeCallNews
from app.models.event import RunEvent
from app.models.hook import Hook, HookCursor, HookDelivery, Trigger, TriggerCall
from app.models.project import ApiKey, IdempotencyKey, Project
from app.models.prune import Prune
from app.models.run import (
    KeptResult,
    LargeValue,
    MapItem,
    NodeState,
    Run,
    RunSignal,
)
from app.models.schedule import Firing, Schedule
from app.models.worker import Worker
from app.models.workflow import Workflow, WorkflowVersion

__all__ = [
    "ApiKey",
    "Artifact",
    "ArtifactBlock",
    "Base",
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
    "Project",
    "Prune",
    "Run",
    "RunEvent",
    "RunSignal",
    "Schedule",
    "Trigger",
    "TriggerCall",
    "Worker",
    "Workflow",
    "WorkflowVersion",
]
