"""What is said to a run from outside while its nodes wait: answers, steps, the end of a child run."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from psycopg.rows import DictRow

from app import jsontext
from app.clock import now
from app.ids import new_id
from app.queue import Queue
from app.services.moves import Connection, Moved, one, reason, run_sql
from app.services.transitions import requeue
from app.statuses import RunStatus


@dataclass(frozen=True, slots=True)
class NewSignal:
    """A signal for one turn of one node; `path` names the item of a map, `by` who sends it."""

    node_id: str
    iteration: int
    kind: str
    path: list[int] = field(default_factory=list)
    data: Any = None
    by: str | None = None


async def send(connection: Connection, queue: Queue, run: DictRow, signals: Iterable[NewSignal]) -> Moved | None:
    """Write signals for a run and wake it if it is WAITING; the caller holds its row.

    A run that is RUNNING hears of them within a moment, a QUEUED one when it is taken up.
    """
    for signal in signals:
        await run_sql(
            connection,
            """insert into run_signals (id, run_id, node_id, iteration, path, kind, data, by, delivered, created_at)
               values (%s, %s, %s, %s, %s, %s, %s::json, %s, false, %s)""",
            (
                new_id(),
                run["id"],
                signal.node_id,
                signal.iteration,
                signal.path,
                signal.kind,
                jsontext.dumps(signal.data),
                signal.by,
                now(),
            ),
        )
    if run["status"] != RunStatus.WAITING:
        return None
    if run["job_id"] is not None:
        await queue.withdraw(connection, run["job_id"])
    why = reason("signalled", "The run was told what it waited for.")
    return await requeue(connection, run["id"], None, why, loss=False)


async def tell_parent(connection: Connection, queue: Queue, child_id: UUID) -> Moved | None:
    """Tell the parent of a child run that has ended; once, whoever comes first."""
    child = await one(
        connection,
        """select parent_run_id, parent_node_id, parent_iteration, parent_path from runs
           where id = %s and parent_current and not parent_told""",
        (child_id,),
    )
    if child is None:
        return None
    parent = await one(
        connection, "select id, status, job_id from runs where id = %s for update", (child["parent_run_id"],)
    )
    told = await one(
        connection,
        """update runs set parent_told = true where id = %s and not parent_told
           and status in ('COMPLETED', 'FAILED', 'CANCELLED') returning id""",
        (child_id,),
    )
    if parent is None or told is None:
        return None
    signal = NewSignal(child["parent_node_id"], child["parent_iteration"], "child", child["parent_path"])
    return await send(connection, queue, parent, [signal])
