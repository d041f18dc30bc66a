"""How an execution leaves its run: why it waits, why it failed, whether it goes on by itself."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from psycopg.rows import DictRow

from app.clock import now
from app.compiler import Outcome, RunContext
from app.compiler.document import Resume
from app.compiler.waiting import later, most_telling

_SAID = {
    "waiting_for_approval": "The run waits for an answer.",
    "breakpoint": "The run stands at a breakpoint.",
    "waiting_for_run": "The run waits for another one.",
    "waiting_for_worker": "The run waits for a worker that serves the queue of a node.",
    "waiting_for_time": "The run waits for a moment in time.",
    "working_elsewhere": "Nodes of the run work on other workers.",
}


def waiting_of_run(parks: Sequence[Outcome]) -> tuple[dict[str, Any], datetime | None]:
    """Why a run waits whose nodes have parked, and when it goes on at the latest."""
    code = most_telling([str((park.reason or {}).get("code")) for park in parks], lambda code: code)
    code = code if code in _SAID else "waiting"
    moments = [park.wake_at for park in parks if park.wake_at is not None]
    return {"code": code, "message": _SAID.get(code, "The run waits.")}, min(moments, default=None)


def failure_of_run(context: RunContext) -> tuple[str, dict[str, Any]]:
    """The code of a run's failure, and its error."""
    if context.failure is not None:
        node, error = context.failure
        message = f"`{node}` failed: {error.get('message')}"
        return "node_failed", {**error, "node_id": node, "message": message}
    error = {"type": "loop_limit_exceeded", "message": context.limit or "", "stack": None, "retryable": False}
    return "loop_limit_exceeded", error


def resumption(settings: Resume | None, run: DictRow, error: Mapping[str, Any]) -> datetime | None:
    """When a failed run goes on by itself; None where it does not, or has done so often enough."""
    if settings is None or not error.get("retryable") or run["resumes"] >= settings.max_attempts:
        return None
    return later(now(), settings.after)
