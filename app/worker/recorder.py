"""The recorder: LangGraph's event stream becomes node states and events of the run. The only translator."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from app import jsontext
from app.clock import now
from app.compiler.document import Node
from app.compiler.ports import TAG
from app.compiler.stored import LARGE_BYTES, split
from app.compiler.turns import Before, Outcome
from app.compiler.visits import Visit
from app.services.moves import EVENT_BYTES
from app.worker.entries import NodeRow, RunLog
from app.worker.journal import Journal, as_text

TYPES = {
    "COMPLETED": "workflow.node.completed",
    "FAILED": "workflow.node.failed",
    "SKIPPED": "workflow.node.skipped",
}


class Recorder:
    """Takes the events of one execution in their order."""

    def __init__(
        self, journal: Journal, run: RunLog, waiting: Iterable[NodeRow] = (), nodes: Iterable[Node] = ()
    ) -> None:
        """`waiting` are the states of the nodes that have waited since an earlier execution, `nodes` the document's."""
        self._journal = journal
        self._run = run
        self._nodes = nodes
        self.open: dict[tuple[str, int], NodeRow] = {(row.node_id, row.iteration): row for row in waiting}

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
            said = event["data"]
            self._said(event["name"].removeprefix(f"{TAG}."), said["visit"], said["data"])
            if said["number"] is not None:
                self._journal.heard(self._run, said["number"])

    def _started(self, visit: Visit) -> None:
        if visit.held or visit.elsewhere or visit.reused is not None or visit.key in self.open:
            return
        self._begin(visit)

    def _begin(self, visit: Visit) -> None:
        row = NodeRow(visit.node_id, visit.iteration, visit.turn.path, "RUNNING", visit.attempt, started_at=now())
        self.open[visit.key] = row
        self._journal.state(self._run, row)
        self._say("started", visit, {})

    def _ended(self, visit: Visit, outcome: Outcome) -> None:
        if outcome.status == "WAITING":
            # Said when the wait began; the row stays open for what ends the run meanwhile.
            return
        row = self.open.pop(visit.key, None)
        before = None if visit.reused is None else visit.reused.before or Before()
        finished = (before and before.finished_at) or now()
        started = before.started_at if before else row.started_at if row else None
        progress = as_text(before.progress) if before else row.progress if row else None
        output, error, reason = as_text(outcome.output), as_text(outcome.error), as_text(outcome.reason)
        given, parts_given = self._given(visit.node_id, outcome.input)
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
                progress=progress,
                input=given,
                input_parts=parts_given,
                output=output,
                error=error,
                reason=reason,
                edges=edges,
                writes=jsontext.dumps(outcome.writes) if outcome.writes else None,
                started_at=started,
                finished_at=finished,
            ),
        )
        parts = [f'"iteration":{visit.iteration},"attempt":{visit.attempt},"path":{visit.turn.path}']
        if outcome.status == "COMPLETED":
            parts.append(_cut("output", output))
        parts += [f'"{name}":{text}' for name, text in (("error", error), ("reason", reason)) if text is not None]
        parts.append(f'"edges":{edges}')
        if started is not None:
            parts.append(f'"duration_ms":{(finished - started).total_seconds() * 1000:.3f}')
        if visit.reused is not None:
            parts.append('"reused":true')
        self._journal.event(self._run, TYPES[outcome.status], visit.node_id, "{" + ",".join(parts) + "}")

    def _said(self, kind: str, visit: Visit, data: Mapping[str, Any]) -> None:
        if kind == "waiting":
            self._waits(visit, data)
            return
        row = self.open.get(visit.key)
        if kind == "released":
            if not visit.elsewhere and (row is None or _stands_at_breakpoint(row)):
                self._begin(visit)
            return
        if row is None and kind == "begun":
            row = NodeRow(visit.node_id, visit.iteration, visit.turn.path, "WAITING", visit.attempt)
        if row is None or (kind == "attempt" and visit.elsewhere):
            # An attempt elsewhere begins when it is taken up.
            return
        changed = self._changed(row, kind, visit, data)
        if changed is not None:
            self.open[visit.key] = changed
            self._journal.state(self._run, changed)

    def _changed(self, row: NodeRow, kind: str, visit: Visit, data: Mapping[str, Any]) -> NodeRow | None:
        """Say what has happened; the node's new state where it has one."""
        if kind in ("begun", "attempt"):
            self._say("started", visit, data)
            going = replace(row, status="RUNNING", attempt=visit.attempt, reason=None, error=None, wake_at=None)
            return replace(going, started_at=row.started_at or now())
        if kind == "going":
            return replace(row, status="RUNNING", reason=None, wake_at=None)
        if kind == "retrying":
            until = datetime.now(UTC) + timedelta(seconds=data["delay"])
            error = {key: value for key, value in data["error"].items() if key != "retry_after"}
            self._say("retrying", visit, {"error": error, "delay_seconds": data["delay"], "retry_at": until})
            return replace(row, status="RETRYING", error=as_text(error), wake_at=until)
        if kind == "progress":
            told = as_text(data)
            if told == row.progress:
                return None
            self._say(kind, visit, data)
            return replace(row, progress=told)
        self._say(kind, visit, data)
        return None

    def _waits(self, visit: Visit, data: Mapping[str, Any]) -> None:
        """The node begins to wait; said once, however often it is visited until the wait is over."""
        why, wake_at, before = as_text(data["reason"]), data.get("wake_at"), self.open.get(visit.key)
        if before is not None and before.status == "WAITING" and before.reason == why:
            return
        row = before or NodeRow(visit.node_id, visit.iteration, visit.turn.path, "WAITING", visit.attempt)
        given, parts = self._given(visit.node_id, data.get("input"))
        row = replace(row, status="WAITING", attempt=visit.attempt, reason=why, wake_at=wake_at)
        row.input, row.input_parts = given, parts
        self.open[visit.key] = row
        self._journal.state(self._run, row)
        self._say("waiting", visit, {"reason": data["reason"], "wake_at": wake_at})

    def _given(self, node_id: str, value: Any) -> tuple[str | None, str | None]:
        """What the node was given as JSON text; large pieces of it are stored apart, and listed in the second text."""
        text = as_text(value)
        if text is None or len(text) <= LARGE_BYTES:
            return text, None
        config = next((node.config for node in self._nodes if node.id == node_id), None)
        rest, parts = split(value, config)
        if not parts:
            return text, None
        said = [(way, self._journal.value(self._run, jsontext.dumps(part))) for way, part in parts]
        return jsontext.dumps(rest), jsontext.dumps(said)

    def _say(self, kind: str, visit: Visit, data: Mapping[str, Any]) -> None:
        said = {"iteration": visit.iteration, "attempt": visit.attempt, "path": visit.turn.path, **data}
        if kind == "token" and isinstance(said["text"], str):
            text = jsontext.dumps(said.pop("text"))
            self._journal.token(self._run, visit.node_id, jsontext.dumps(said), text)
        else:
            self._journal.event(self._run, f"workflow.node.{kind}", visit.node_id, jsontext.dumps(said))


def _stands_at_breakpoint(row: NodeRow) -> bool:
    return row.reason is not None and jsontext.loads(row.reason)["code"] == "breakpoint"


def _cut(name: str, text: str | None) -> str:
    if text is not None and len(text) > EVENT_BYTES:
        return f'"{name}":null,"truncated":true'
    return f'"{name}":{text or "null"}'
