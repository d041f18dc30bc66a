"""Calls as the worker sees them that has taken one up, and what becomes of them is told to their run.

A run that is executed, or about to be, hears of it by rows of news, as its events are its executor's to number. A run
that has parked is nobody's: then whoever has news writes the events, under the lock of the run's row. Everybody here
locks the run before its call.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import DictRow

from app import jsontext
from app.clock import now
from app.compiler.calls import WORKING_ELSEWHERE
from app.db import as_arrays
from app.queue import Queue
from app.services.calls import waiting_reason
from app.services.moves import Connection, Moved, NewEvent, json_or_null, one, run_sql, several, write_events
from app.services.signals import send
from app.statuses import RunStatus

MAX_LOSSES = 3
"""A call that has lost its worker this often fails with `worker_lost`: it is likely what kills them."""


@dataclass(frozen=True, slots=True)
class News:
    """What has become of a call: `begun`, `waiting`, `progress`, `log`, `token`, `ended`."""

    kind: str
    data: Mapping[str, Any] = field(default_factory=dict)
    at: datetime = field(default_factory=now)


@dataclass(frozen=True, slots=True)
class Taken:
    """A call that has been taken up, and its run."""

    call: DictRow
    run: DictRow
    moved: Moved | None


async def take_call(connection: Connection, call_id: UUID, job_id: int, worker_id: UUID) -> Taken | None:
    """QUEUED → RUNNING for the worker that holds the call's job; None when there is nothing to do any more."""
    run = await _run_of(connection, call_id)
    if run is None or run["status"] not in (RunStatus.QUEUED, RunStatus.RUNNING, RunStatus.WAITING):
        return None
    call = await one(
        connection,
        """update node_calls set status = 'RUNNING', claim = claim + 1, said = 0, worker_id = %s, started_at = %s
           where id = %s and job_id = %s and status = 'QUEUED' returning *""",
        (worker_id, now(), call_id, job_id),
    )
    if call is None:
        return None
    return Taken(call, run, await _tell(connection, run, call, [News("begun", {"worker_id": str(worker_id)})]))


async def report(connection: Connection, call: DictRow, number: int, said: Sequence[News]) -> tuple[Moved | None, bool]:
    """Tell what a node has said while it works, once for each `number`; False where the call is no longer one's own."""
    run = await _run_of(connection, call["id"])
    row = run and await one(
        connection,
        """update node_calls set said = greatest(said, %s) where id = %s and claim = %s and status = 'RUNNING'
           returning (select c.said from node_calls c where c.id = node_calls.id) as before""",
        (number, call["id"], call["claim"]),
    )
    if run is None or row is None:
        return None, False
    if row["before"] >= number:
        # An earlier try has committed although its answer was lost.
        return None, True
    return await _tell(connection, run, call, said), True


async def end_call(
    connection: Connection, queue: Queue, call: DictRow, *, output: Any = None, error: Mapping[str, Any] | None = None
) -> list[Moved]:
    """RUNNING → COMPLETED, or FAILED with an error, if the call is still one's own; wakes a run that has parked."""
    run = await _run_of(connection, call["id"])
    row = run and await one(
        connection,
        """update node_calls set status = %s, output = %s::json, error = %s::json, request = null, finished_at = %s
           where id = %s and claim = %s and status = 'RUNNING' returning id""",
        (
            "COMPLETED" if error is None else "FAILED",
            jsontext.dumps(output) if error is None else None,
            json_or_null(error),
            now(),
            call["id"],
            call["claim"],
        ),
    )
    if run is None or row is None:
        return []
    return await _tell_end(connection, queue, run, call)


async def release_call(connection: Connection, queue: Queue, call_id: UUID, claim: int, *, loss: bool) -> list[Moved]:
    """RUNNING → QUEUED with a new job, handed back or taken from a lost worker; FAILED after too many losses."""
    run = await _run_of(connection, call_id)
    call = run and await one(
        connection,
        """update node_calls set losses = losses + %s where id = %s and claim = %s and status in ('RUNNING', 'QUEUED')
           returning *""",
        (int(loss), call_id, claim),
    )
    if run is None or call is None:
        return []
    if loss and call["losses"] >= MAX_LOSSES:
        message = f"The node has lost its worker {MAX_LOSSES} times; it may be what ends them."
        error = {"type": "worker_lost", "message": message, "stack": "", "retryable": False}
        await run_sql(
            connection,
            """update node_calls set status = 'FAILED', error = %s::json, request = null, finished_at = %s
               where id = %s""",
            (jsontext.dumps(error), now(), call_id),
        )
        return await _tell_end(connection, queue, run, call)
    before = "The worker was lost" if loss else "The worker was stopped"
    why = await waiting_reason(connection, call["queue"], f"{before}; the node waits for another one that serves")
    job_id = await queue.defer_call(connection, call_id, queue=call["queue"], priority=run["priority"])
    await run_sql(
        connection,
        """update node_calls set status = 'QUEUED', claim = claim + 1, worker_id = null, job_id = %s, reason = %s::json,
                  queued_at = %s, started_at = null where id = %s""",
        (job_id, jsontext.dumps(why), now(), call_id),
    )
    if call["status"] == "QUEUED":
        return []
    moved = await _tell(connection, run, call, [News("waiting", {"reason": why})])
    return [] if moved is None else [moved]


async def explain_again(connection: Connection, call_id: UUID) -> Moved | None:
    """Say anew why a call waits: a worker that serves its queue has come, or the last one has gone."""
    run = await _run_of(connection, call_id)
    call = run and await one(connection, "select * from node_calls where id = %s and status = 'QUEUED'", (call_id,))
    if run is None or call is None:
        return None
    why = await waiting_reason(connection, call["queue"])
    await run_sql(connection, "update node_calls set reason = %s::json where id = %s", (jsontext.dumps(why), call_id))
    return await _tell(connection, run, call, [News("waiting", {"reason": why})])


async def _run_of(connection: Connection, call_id: UUID) -> DictRow | None:
    """The row of a call's run, locked."""
    return await one(
        connection,
        """select id, project_id, workflow_id, status, attempt, input, last_seq, job_id, priority, queue, held
           from runs where id = (select run_id from node_calls where id = %s) for update""",
        (call_id,),
    )


async def _tell_end(connection: Connection, queue: Queue, run: DictRow, call: DictRow) -> list[Moved]:
    told = await _tell(connection, run, call, [] if run["status"] == RunStatus.WAITING else [News("ended")])
    woken = await send(connection, queue, run, [])
    return [moved for moved in (told, woken) if moved is not None]


async def _tell(connection: Connection, run: DictRow, call: DictRow, said: Iterable[News]) -> Moved | None:
    """Tell the run: its executor by news, or whoever reads its events. The caller holds the run's row."""
    if run["status"] != RunStatus.WAITING:
        rows = [(run["id"], call["id"], news.kind, jsontext.dumps(dict(news.data)), news.at) for news in said]
        if rows:
            await run_sql(
                connection,
                """insert into node_call_news (run_id, call_id, kind, data, at)
                   select * from unnest(%s::uuid[], %s::uuid[], %s::text[], %s::json[], %s::timestamptz[])""",
                as_arrays(rows),
            )
        return None
    pending = await several(
        connection,
        """with gone as (delete from node_call_news where call_id = %s returning id, kind, data, at)
           select * from gone order by id""",
        (call["id"],),
    )
    news = [*(News(row["kind"], row["data"], row["at"]) for row in pending), *said]
    events = _events(call, news)
    await _set_state(connection, run, call, news)
    if not events:
        return None
    moved = Moved(run["project_id"], run["id"], run["last_seq"] + len(events))
    await run_sql(connection, "update runs set last_seq = %s where id = %s", (moved.last_seq, run["id"]))
    await write_events(connection, moved, events)
    return moved


def _events(call: DictRow, said: Iterable[News]) -> list[NewEvent]:
    """Items of maps have no events of their own, but for what they say."""
    turn: dict[str, Any] = {"iteration": call["iteration"], "attempt": call["attempt"], "path": call["laps"]}
    if call["path"]:
        turn["item"] = call["path"]
    return [
        NewEvent(f"workflow.node.{_TYPES[news.kind]}", {**turn, **news.data}, call["node_id"], news.at)
        for news in said
        if news.kind in ("log", "token") or (news.kind in _TYPES and not call["path"])
    ]


_TYPES = {"begun": "started", "waiting": "waiting", "progress": "progress", "log": "log", "token": "token"}
_STATUSES = {"begun": "RUNNING", "waiting": "WAITING"}


async def _set_state(connection: Connection, run: DictRow, call: DictRow, said: Iterable[News]) -> None:
    """Let the node's row, or the item's, stand where the news leave it, and a map be RUNNING while an item is."""
    news = list(said)
    moves = [one_of for one_of in news if one_of.kind in _STATUSES]
    progress = [one_of for one_of in news if one_of.kind == "progress"]
    turn = {"run": run["id"], "node": call["node_id"], "iteration": call["iteration"], "path": call["path"]}
    if moves:
        last = moves[-1]
        turn |= {"status": _STATUSES[last.kind], "why": json_or_null(last.data.get("reason")), "at": last.at}
        if call["path"]:
            await run_sql(connection, _SET_ITEM, turn)
        if not call["path"] or last.kind == "begun":
            await run_sql(connection, _SET_NODE, turn)
        if last.kind == "begun":
            why = {"code": WORKING_ELSEWHERE, "message": "Nodes of the run work on other workers."}
            await run_sql(
                connection,
                """update runs set reason = %s::json
                   where id = %s and reason ->> 'code' in ('waiting_for_worker', 'working_elsewhere')""",
                (jsontext.dumps(why), run["id"]),
            )
    if progress and not call["path"]:
        turn["progress"] = jsontext.dumps(dict(progress[-1].data))
        await run_sql(
            connection,
            """update node_states set progress = %(progress)s::json where run_id = %(run)s and node_id = %(node)s
               and iteration = %(iteration)s""",
            turn,
        )


_SET_ITEM = """
update map_items set status = %(status)s::text, reason = %(why)s::json, wake_at = null
where run_id = %(run)s and node_id = %(node)s and iteration = %(iteration)s and path = %(path)s::int[]
and status in ('WAITING', 'RUNNING')"""
_SET_NODE = """
update node_states set status = %(status)s::text, reason = %(why)s::json, wake_at = null,
       started_at = case when %(status)s::text = 'RUNNING' then coalesce(started_at, %(at)s) else started_at end
where run_id = %(run)s and node_id = %(node)s and iteration = %(iteration)s and status in ('WAITING', 'RUNNING')
and (reason is null or reason ->> 'code' = 'waiting_for_worker')"""
