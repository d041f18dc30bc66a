"""Workers and queues, as the API speaks of them."""

from typing import Literal

from typing_extensions import TypedDict

from app.schemas.common import Id, Time


class WorkerOut(TypedDict):
    """A worker process. `running` counts its executions at its last heartbeat.

    It is `silent` when it has said nothing for `lost_seconds`: its runs go on elsewhere then.
    """

    id: Id
    hostname: str
    pid: int
    queues: list[str]
    concurrency: int
    running: int
    lost_seconds: float
    started_at: Time
    heartbeat_at: Time
    state: Literal["alive", "silent"]


class QueueOut(TypedDict):
    """A queue: jobs that wait, jobs that wait for their time, jobs that are worked on, and workers that serve it."""

    name: str
    depth: int
    scheduled: int
    running: int
    workers: int
