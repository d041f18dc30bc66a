"""Child runs: made by a node of their parent, at most one for each turn of it that counts."""

from typing import Any, LiteralString
from uuid import UUID

from psycopg.rows import DictRow

from app.compiler import WorkflowGraphCompiler
from app.compiler.failures import HardError
from app.compiler.waiting import Child, Place
from app.errors import ConflictError
from app.queue import Queue
from app.services import restarts, starts, transitions
from app.services.moves import Connection, Moved, one, run_sql
from app.services.transitions import Parent
from app.statuses import RunStatus

MAX_DEPTH = 10
"""How deeply runs may be nested. A workflow that calls itself comes to its end here."""


async def child_of(connection: Connection, run_id: UUID, place: Place) -> DictRow | None:
    """The child run of a place that counts, or None."""
    node_id, iteration, path = place
    return await one(
        connection,
        """select id, project_id, version, status, input, result, error, reason from runs where parent_current
           and parent_run_id = %s and parent_node_id = %s and parent_iteration = %s and parent_path = %s::int[]""",
        (run_id, node_id, iteration, list(path)),
    )


async def start_child(
    connection: Connection,
    queue: Queue,
    compiler: WorkflowGraphCompiler,
    parent: DictRow,
    place: Place,
    *,
    workflow: str,
    version: int | None,
    value: Any,
) -> Moved | None:
    """Make and queue the child run of a place; None when the parent is no longer its executor's own.

    Raises HardError: `unknown_workflow`, `workflow_inactive`, `too_deep`, `invalid_input`.
    """
    if parent["depth"] + 1 > MAX_DEPTH:
        raise HardError(f"Runs may be nested {MAX_DEPTH} deep; this workflow goes deeper, or calls itself.", "too_deep")
    target = await _target(connection, parent["project_id"], workflow, version)
    compiled = compiler.known(target["content_hash"])
    if compiled is None:
        compiled = compiler.compile(await _graph(connection, target), content_hash=target["content_hash"])
    problems = compiled.check_input(value)
    if problems:
        raise HardError(
            f"The input does not fit the workflow `{workflow}`: " + "; ".join(p.message for p in problems),
            "invalid_input",
        )
    if not await _is_owned(connection, parent):
        return None
    node_id, iteration, path = place
    moved = await transitions.create(
        connection,
        project_id=parent["project_id"],
        workflow_id=target["id"],
        version=target["version"],
        input_data=value,
        metadata={},
        parent=Parent(parent["id"], node_id, iteration, list(path), parent["depth"] + 1),
        queue=parent["queue"],
        priority=parent["priority"],
    )
    return await starts.start(connection, queue, parent["project_id"], moved.run_id)


async def retry_child(
    connection: Connection, queue: Queue, parent: DictRow, child: DictRow, *, again: bool
) -> Moved | None:
    """Go on with a child run that its parent had let go, or where `again` says so with one that failed; else None."""
    let_go = child["status"] == RunStatus.CANCELLED and (child["reason"] or {}).get("code") == transitions.PARENT_ENDED
    if not let_go and not (again and child["status"] in (RunStatus.FAILED, RunStatus.CANCELLED)):
        return None
    try:
        return await restarts.retry(connection, queue, child["project_id"], child["id"], parent_queue=parent["queue"])
    except ConflictError:
        # Somebody has retried it in this very moment.
        return None


async def replace_child(connection: Connection, queue: Queue, parent: DictRow, place: Place) -> list[Moved]:
    """Free a place from its child run, which was started with another input."""
    node_id, iteration, path = place
    if not await _is_owned(connection, parent):
        return []
    moves = await transitions.cancel_children(connection, queue, parent["id"], node_id, iteration, path)
    await run_sql(
        connection,
        """update runs set parent_current = false where parent_current
           and parent_run_id = %s and parent_node_id = %s and parent_iteration = %s and parent_path = %s::int[]""",
        (parent["id"], node_id, iteration, list(path)),
    )
    return moves


async def _is_owned(connection: Connection, parent: DictRow) -> bool:
    """Whether the parent is still its executor's own; its row is locked then."""
    owned = await one(
        connection,
        "select id from runs where id = %s and claim = %s and status = 'RUNNING' for update",
        (parent["id"], parent["claim"]),
    )
    return owned is not None


def as_child(row: DictRow) -> Child:
    """A child run's row as its parent sees it."""
    return Child(str(row["id"]), row["status"], row["result"], row["error"])


_BY_ID: LiteralString = "w.id::text = %(workflow)s"
_BY_NAME: LiteralString = "w.name = %(workflow)s"


async def _target(connection: Connection, project_id: UUID, workflow: str, version: int | None) -> DictRow:
    for match in (_BY_ID, _BY_NAME):
        row = await one(
            connection,
            f"""select w.id, w.active, v.version, v.content_hash from workflows w
                left join workflow_versions v on v.workflow_id = w.id and v.version = coalesce(%(version)s, w.version)
                where w.project_id = %(project)s and w.deleted_at is null and {match} order by w.id desc limit 1""",
            {"project": project_id, "workflow": workflow, "version": version},
        )
        if row is None:
            continue
        if row["version"] is None:
            raise HardError(f"The workflow `{workflow}` has no version {version}.", "unknown_workflow")
        if not row["active"]:
            raise HardError(f"The workflow `{workflow}` is not active.", "workflow_inactive")
        return row
    raise HardError(f"The project has no workflow with the id or name `{workflow}`.", "unknown_workflow")


async def _graph(connection: Connection, target: DictRow) -> Any:
    row = await one(
        connection,
        "select graph from workflow_versions where workflow_id = %s and version = %s",
        (target["id"], target["version"]),
    )
    assert row is not None  # noqa: S101  # versions are never deleted while their workflow is there
    return row["graph"]
