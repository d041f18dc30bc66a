"""Runs and the states of their nodes, as the API speaks of them."""

from typing import Any, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from app.schemas.common import Id, Index, JsonObject, Priority, ReasonOut, Request, Time, Version
from app.statuses import NodeStatus, RunStatus


class RunIn(Request):
    """A run to be made. It stays with its version for good."""

    workflow_id: str = Field(examples=["0199f3a0-7c1e-7a52-9d3c-4f2b8a6d1e90"])
    version: Version | None = Field(default=None, description="Default: the newest.")
    input_data: Any = Field(default=None, examples=[{"n": 21}])
    metadata: JsonObject = Field(default_factory=dict, description="Anything of your own; it is kept with the run.")
    priority: Priority = Field(
        default=0,
        description="Runs of a higher one are taken up first. Child runs and forks have it, too.",
    )


class ExecuteIn(Request):
    """How to start; without anything, the run goes through to its end."""

    mode: Literal["run", "step"] = Field(default="run", description="`step` stops before every node.")
    breakpoints: list[str] = Field(default_factory=list, max_length=1000, description="Ids of nodes to stop before.")


class ResumeIn(Request):
    """An answer to an approval, or a step from a breakpoint."""

    node_id: str | None = Field(default=None, description="Which node is meant; not needed where only one waits.")
    iteration: Index | None = Field(default=None, description="Which of its turns; default: any.")
    item: list[Index] | None = Field(default=None, max_length=20, description="Which item of a map, by its index.")
    answer: Any = Field(default=None, description="The answer to an approval; has to fit its schema.")
    outputs: dict[str, Any] = Field(
        default_factory=dict,
        description="At a breakpoint: outputs to go on with, by node id. A node that waits there is not run then.",
    )
    input: dict[str, Any] | None = Field(
        default=None, description="At a breakpoint: fields of the node's input (its config) to go on with instead."
    )
    mode: Literal["run", "step"] | None = Field(
        default=None, description="At a breakpoint: `run` goes on without further stops, `step` stops at every node."
    )


class RetryIn(Request):
    """How to go on; without anything, from what has completed, on the same version."""

    from_node: str | None = Field(default=None, description="This node and all behind it run again, too.")
    version: Version | None = Field(default=None, description="Go on with this version.")


class ForkIn(Request):
    """What the new run starts from; without anything, from all that has completed."""

    from_node: str | None = Field(default=None, description="This node and all behind it run again.")
    version: Version | None = Field(
        default=None, description="Go on with this version. Default: that of the other run."
    )
    input_data: Any = Field(
        default=None,
        description="Another input. What is taken from the other run stays as it is. Default: the other run's input.",
    )
    outputs: dict[str, Any] = Field(
        default_factory=dict,
        max_length=1000,
        description="Outputs by node id: these nodes do not run when their turn comes, in no lap of a loop, but give "
        "this. What stands behind them is reused only if its input is the same.",
        examples=[{"fetch": {"status": 200, "json": {"n": 1}}}],
    )


class StepOut(TypedDict):
    """What will become of one turn of a node; without `iteration`, of a node that has not begun."""

    node_id: str
    iteration: NotRequired[int]
    action: Literal["reuse", "run", "reuse_if_input_is_unchanged"]
    reason: ReasonOut


class RestartOut(TypedDict):
    """What a retry or a fork would do. `undecided` are nodes whose input, or turns, only the run itself will show."""

    reused: list[str]
    runs: list[str]
    undecided: list[str]
    nodes: list[StepOut]


class ProgressOut(TypedDict):
    """How many of the nodes are where; `percentage` is the share of those that have ended."""

    total: int
    completed: int
    running: int
    failed: int
    skipped: int
    percentage: float


class FailureOut(TypedDict):
    """What went wrong; of a run, with the node that it failed at."""

    type: str
    message: str
    stack: NotRequired[str | None]
    retryable: NotRequired[bool]
    node_id: NotRequired[str | None]


class TriggeredBy(TypedDict):
    """What has started a run: a schedule, with the time that it was due, or the webhook of a trigger."""

    type: Literal["schedule", "webhook"]
    schedule_id: NotRequired[str]
    scheduled_for: NotRequired[str]
    manual: NotRequired[bool]
    trigger_id: NotRequired[str]
    webhook_id: NotRequired[str | None]


class RunSummary(TypedDict):
    """A run in a list: without its input and its result.

    A child run names the turn of the node of its parent that has started it; `depth` counts the runs above it.
    `trigger` tells of the schedule or the webhook that has started the run, null for all others.
    """

    id: Id
    project_id: Id
    workflow_id: Id
    workflow_name: str
    version: int
    status: RunStatus
    attempt: int
    progress: ProgressOut
    error: FailureOut | None
    reason: ReasonOut | None
    metadata: JsonObject
    created_at: Time
    queued_at: Time | None
    started_at: Time | None
    finished_at: Time | None
    duration_ms: float | None
    last_seq: int
    wake_at: Time | None
    parent_run_id: Id | None
    parent_node_id: str | None
    parent_iteration: int | None
    depth: int
    forked_from: Id | None
    priority: int
    queue: str
    trigger: TriggeredBy | None


class RunOut(RunSummary):
    """A run, whole; `state` is the shared state at its end, null before and where the graph has none."""

    input: Any
    result: Any
    state: Any


class NodeProgress(TypedDict):
    """How far a node says that it has come; of a map, with the items that have failed, which are done, too."""

    done: float
    total: NotRequired[float | None]
    message: NotRequired[str | None]
    failed: NotRequired[int]


EdgeFate = Literal["taken", "dead", "broken"]


class NodeStateOut(TypedDict):
    """One turn of one node; `edges` tells of each outgoing edge, by index, if it was taken, dead or broken."""

    node_id: str
    iteration: int
    path: list[int]
    type: str
    name: str | None
    status: NodeStatus
    attempt: int
    progress: NodeProgress | None
    input: Any
    output: Any
    error: FailureOut | None
    reason: ReasonOut | None
    edges: dict[str, EdgeFate]
    started_at: Time | None
    finished_at: Time | None
    duration_ms: float | None
    wake_at: Time | None


class ResultOut(TypedDict):
    run_id: Id
    status: RunStatus
    result: Any
    error: FailureOut | None


class EventOut(TypedDict):
    """One thing that happened in a run; `seq` numbers the events of a run without a gap, from 1."""

    id: Id
    seq: int
    type: str
    at: Time
    project_id: Id
    run_id: Id
    node_id: str | None
    data: JsonObject
