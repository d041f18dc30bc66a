"""Planning how a run goes on, or what another one starts from: reads what there is and decides; changes nothing."""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from psycopg.rows import DictRow

from app import jsontext
from app.compiler import CompiledWorkflow
from app.errors import ConflictError, NotFoundError, Problem, UnprocessableError
from app.schemas.run import RestartOut
from app.services.graphs import Graphs, graph_of, stored_version
from app.services.reuse import REASONS, Restart, changes, moved_edges, plan_restart, summary
from app.services.work import Work
from app.statuses import RunStatus


@dataclass(slots=True)
class Plan:
    """How a run goes on with `version`; `compiled` is its program.

    `edges` holds what has become of the outgoing edges of turns that stay, by the new graph: (node, iteration, JSON),
    where null means that they have to be decided again.
    """

    version: int
    compiled: CompiledWorkflow
    restart: Restart
    edges: list[tuple[str, int, str | None]] = field(default_factory=list)


async def plan_retry(
    work: Work, graphs: Graphs, project_id: UUID, run_id: UUID, *, from_node: str | None, version: int | None
) -> Plan:
    """What a retry would do.

    Raises NotFoundError, ConflictError (`cannot_retry`), UnprocessableError (`unknown_node`).
    """
    run = await run_of(work, project_id, run_id)
    if run["status"] not in (RunStatus.FAILED, RunStatus.CANCELLED):
        raise ConflictError(
            f"The run is {run['status']}; only a FAILED or CANCELLED run can be retried.", code="cannot_retry"
        )
    wanted = run["version"] if version is None else version
    target = await stored_version(work, project_id, run["workflow_id"], wanted, deleted=True)
    compiled = await graphs.compiled(work, run["workflow_id"], wanted, target["content_hash"])
    must_be_nodes(compiled, {} if from_node is None else {"/from_node": from_node})
    return await plan_on(work, run, wanted, compiled, from_node=from_node)


async def plan_on(
    work: Work,
    run: DictRow,
    version: int,
    compiled: CompiledWorkflow,
    *,
    from_node: str | None = None,
    given: Collection[str] = (),
) -> Plan:
    """What stays of a run's results when it, or a fork of it, goes on with a version."""
    rows = await work.all(
        """SELECT node_id, iteration, status, handled, error IS NOT NULL AS has_error, input IS NOT NULL AS has_input,
                  edges FROM node_states WHERE run_id = %s""",
        (run["id"],),
    )
    kept = await work.all("SELECT node_id, iteration FROM kept_results WHERE run_id = %s", (run["id"],))
    changed, moved = await _compared(work, run, version)
    turns = [(row["node_id"], row["iteration"]) for row in kept]
    restart = plan_restart(rows, turns, compiled, changed=changed, from_node=from_node, given=given)
    return Plan(version, compiled, restart, [] if moved is None else _edges(rows, restart, moved))


async def run_of(work: Work, project_id: UUID, run_id: UUID, *, hold: bool = False) -> DictRow:
    """The run's row, without its values; locked with `hold`. Raises NotFoundError."""
    row = await work.first(
        f"""SELECT id, workflow_id, version, status FROM runs WHERE project_id = %s AND id = %s
            {"FOR UPDATE" if hold else ""}""",
        (project_id, run_id),
    )
    if row is None:
        raise NotFoundError("There is no such run in this project.")
    return row


def must_be_nodes(compiled: CompiledWorkflow, named: dict[str, str]) -> None:
    """Raises UnprocessableError (`unknown_node`) for what is no node of the graph; `named` gives ids by pointer."""
    known = set(compiled.node_ids)
    problems = [
        Problem("unknown_node", pointer, f"The graph has no node `{name}`; send the id of one that it has.")
        for pointer, name in named.items()
        if name not in known
    ]
    if problems:
        raise UnprocessableError(problems[0].message, code="unknown_node", problems=problems)


def as_answer(plan: Plan) -> RestartOut:
    """The plan as people see it."""
    steps: list[Any] = [
        {
            "node_id": step.node_id,
            **({} if step.iteration is None else {"iteration": step.iteration}),
            "action": step.action,
            "reason": {"code": step.code, "message": REASONS[step.code]},
        }
        for step in plan.restart.steps
    ]
    lists = summary(plan.restart, plan.compiled)
    return {"reused": lists["reused"], "runs": lists["runs"], "undecided": lists["undecided"], "nodes": steps}


async def _compared(work: Work, run: DictRow, version: int) -> tuple[dict[str, str], dict[str, dict[str, str]] | None]:
    """What has changed since the run's own version, and where edges are now; None where it is the same version."""
    if version == run["version"]:
        return {}, None
    before = await graph_of(work, run["workflow_id"], run["version"])
    after = await graph_of(work, run["workflow_id"], version)
    # Aside from the event loop's thread, as large graphs take a while.
    return await asyncio.to_thread(lambda: (changes(before, after), moved_edges(before, after)))


def _edges(
    rows: list[DictRow], restart: Restart, moved: dict[str, dict[str, str]]
) -> list[tuple[str, int, str | None]]:
    staying = set(restart.staying)
    found: list[tuple[str, int, str | None]] = []
    for row in rows:
        turn = row["node_id"], row["iteration"]
        if turn not in staying:
            continue
        new = moved.get(row["node_id"])
        if new is None or row["edges"] is None:
            found.append((*turn, None))
        elif any(old != index for old, index in new.items()):
            found.append((*turn, jsontext.dumps({new[old]: state for old, state in row["edges"].items()})))
    return found
