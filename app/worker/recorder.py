"""The recorder: LangGraph's event stream becomes node states and events of the run. The only translator."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from app import jsontext
from app.compiler.turns import Outcome
from app.compiler.work import TAG, Visit
from app.models import now
from app.worker.journal import Journal, NodeRow, RunLog, as_text

EVENT_BYTES = 64_000
"""An output larger than this is cut in the event and whole at the node."""

TYPES = {
    "COMPLETED": "workflow.node.completed",
    "FAILED": "workflow.node.failed",
    "SKIPPED": "workflow.node.skipped",
    "WAITING": "workflow.node.waiting",
}


class Recorder:
    """Takes the events of one execution in their order."""

    def __init__(self, journal: Journal, run: RunLog) -> None:
        self._journal = journal
        self._run = run
        self.open: dict[tuple[str, int], NodeRow] = {}

    def take(self, event: Mapping[str, Any]) -> None:
        """Record one event of `astream_events`; what is not about a node's own work is passed over."""
        kind = event["event"]
        if kind == "on_chain_start" and TAG in event["tags"]:
            visit = event["data"].get("input")
            if isinstance(visit, Visit) and visit.skip is None:
                self._started(visit)
        elif kind == "on_chain_end" and TAG in event["tags"]:
            visit, outcome = event["data"].get("input"), event["data"].get("output")
            if isinstance(visit, Visit) and isinstance(outcome, Outcome):
                self._ended(visit, outcome)
        elif kind == "on_custom_event" and event["name"].startswith(TAG):
            self._said(event["name"].removeprefix(f"{TAG}."), event["data"]["visit"], event["data"]["data"])

    def _started(self, visit: Visit) -> None:
        row = NodeRow(visit.node_id, visit.iteration, visit.turn.path, "RUNNING", visit.attempt, started_at=now())
        self.open[visit.key] = row
        self._journal.state(self._run, row)
        self._say("started", visit, {})

    def _ended(self, visit: Visit, outcome: Outcome) -> None:
        row = self.open.pop(visit.key, None)
        finished = now()
        started = row.started_at if row else None
        output, error, reason = as_text(outcome.output), as_text(outcome.error), as_text(outcome.reason)
        edges = jsontext.dumps({str(edge): state for edge, state in (outcome.edges or {}).items()})
        self._journal.state(
            self._run,
            NodeRow(
                visit.node_id,
                visit.iteration,
                visit.turn.path,
                outcome.status,
                visit.attempt,
                handled=outcome.handled,
                progress=row.progress if row else None,
                input=as_text(outcome.input),
                output=output,
                error=error,
                reason=reason,
                edges=edges,
                writes=jsontext.dumps(outcome.writes) if outcome.writes else None,
                wake_at=outcome.wake_at,
                started_at=started,
                finished_at=None if outcome.status == "WAITING" else finished,
            ),
        )
        parts = [f'"iteration":{visit.iteration},"attempt":{visit.attempt},"path":{visit.turn.path}']
        if outcome.status == "COMPLETED":
            parts.append(_cut("output", output))
        parts += [f'"{name}":{text}' for name, text in (("error", error), ("reason", reason)) if text is not None]
        parts.append(f'"edges":{edges}')
        if started is not None:
            parts.append(f'"duration_ms":{(finished - started).total_seconds() * 1000:.3f}')
        if outcome.wake_at is not None:
            parts.append(f'"wake_at":"{outcome.wake_at.isoformat()}"')
        self._journal.event(self._run, TYPES[outcome.status], visit.node_id, "{" + ",".join(parts) + "}")

    def _said(self, kind: str, visit: Visit, data: Mapping[str, Any]) -> None:
        row = self.open.get(visit.key)
        if row is None:
            return
        if kind == "attempt":
            row = replace(row, status="RUNNING", attempt=visit.attempt, error=None, wake_at=None)
            self._say("started", visit, {})
        elif kind == "retrying":
            until = datetime.now(UTC) + timedelta(seconds=data["delay"])
            error = {key: value for key, value in data["error"].items() if key != "retry_after"}
            row = replace(row, status="RETRYING", error=as_text(error), wake_at=until)
            self._say("retrying", visit, {"error": error, "delay_seconds": data["delay"], "retry_at": until})
        elif kind == "progress":
            row = replace(row, progress=as_text(data))
            self._say("progress", visit, data)
        else:
            self._say(kind, visit, data)
        self.open[visit.key] = row
        self._journal.state(self._run, row)

    def _say(self, kind: str, visit: Visit, data: Mapping[str, Any]) -> None:
        said = {"iteration": visit.iteration, "attempt": visit.attempt, "path": visit.turn.path, **data}
        self._journal.event(self._run, f"workflow.node.{kind}", visit.node_id, jsontext.dumps(said))


def _cut(name: str, text: str | None) -> str:
    if text is not None and len(text) > EVENT_BYTES:
        return f'"{name}":null,"truncated":true'
    return f'"{name}":{text or "null"}'
