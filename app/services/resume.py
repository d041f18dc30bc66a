"""Going on with runs that wait: answers to approvals, steps from breakpoints, and what is not to be waited for."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from psycopg.rows import DictRow

from app import jsontext
from app.compiler.jsonschemas import misfits
from app.errors import ConflictError, Problem, UnprocessableError, pointer_to
from app.queue import Queue
from app.schemas.run import ResumeIn
from app.services import restarts
from app.services.moves import Connection, Moved, NewEvent, json_or_null, locked, one, run_sql, several, write_events
from app.services.signals import NewSignal, send
from app.services.work import Work
from app.statuses import RUN_ENDED, RunStatus

APPROVAL, BREAKPOINT = "waiting_for_approval", "breakpoint"


async def resume(work: Work, queue: Queue, project_id: UUID, run_id: UUID, said: ResumeIn, *, by: str) -> None:
    """Answer an approval, step on from breakpoints, or go on at once with a run in RETRYING.

    Raises NotFoundError; ConflictError `not_waiting` or `already_answered`; UnprocessableError `unknown_node`,
    `invalid_answer`, `answer_missing`, `ambiguous_answer` or `ambiguous_input`.
    """
    connection = await work.connection()
    run = await locked(connection, project_id, run_id)
    if run["status"] == RunStatus.RETRYING:
        work.moved(await restarts.hasten(connection, queue, run))
        return
    _check_nodes(run, said)
    waiting = [] if run["status"] in RUN_ENDED else await _waiting(connection, run_id, said)
    if said.node_id is None:
        meant = APPROVAL if "answer" in said.model_fields_set else BREAKPOINT
        waiting = [row for row in waiting if row["reason"]["code"] == meant]
    if not waiting:
        raise _nothing_waits(run, said)
    if said.input is not None and (len(waiting) > 1 or waiting[0]["reason"]["code"] != BREAKPOINT):
        raise UnprocessableError(
            "An `input` is for the node that stands at a breakpoint; say by `node_id` which one.",
            code="ambiguous_input",
        )
    if said.mode is not None:
        await _set_mode(connection, run, said.mode)
    if waiting[0]["reason"]["code"] == APPROVAL:
        signals = [await _answer(connection, run_id, waiting, said, by)]
    else:
        signals = [_step(row, said, by) for row in waiting]
    run["last_seq"] += await _override(connection, run, said.outputs, {row["node_id"] for row in waiting})
    moved = await send(connection, queue, run, signals)
    work.moved(moved or Moved(project_id, run_id, run["last_seq"]))


def _check_nodes(run: DictRow, said: ResumeIn) -> None:
    known = {node["id"] for node in run["graph"]["nodes"]}
    named = {"/node_id": said.node_id} if said.node_id is not None else {}
    named |= {pointer_to("outputs", name): name for name in said.outputs}
    problems = [
        Problem("unknown_node", pointer, f"The run's graph has no node `{name}`.")
        for pointer, name in named.items()
        if name not in known
    ]
    if problems:
        raise UnprocessableError(problems[0].message, code="unknown_node", problems=problems)


async def _waiting(connection: Connection, run_id: UUID, said: ResumeIn) -> list[DictRow]:
    """What waits for people in the run, and fits what was said; the newest iteration of a node first."""
    rows = await several(
        connection,
        """select node_id, iteration, '{}'::int[] as path, reason from node_states
           where run_id = %(run)s and status = 'WAITING' and node_id = coalesce(%(node)s, node_id)
             and iteration = coalesce(%(iteration)s, iteration) and %(item)s::int[] is null
             and not exists (select 1 from map_items i where i.run_id = node_states.run_id and i.status = 'WAITING'
                             and i.node_id = node_states.node_id and i.iteration = node_states.iteration)
           union all
           select node_id, iteration, path, reason from map_items
           where run_id = %(run)s and status = 'WAITING' and node_id = coalesce(%(node)s, node_id)
             and iteration = coalesce(%(iteration)s, iteration) and path = coalesce(%(item)s::int[], path)""",
        {"run": run_id, "node": said.node_id, "iteration": said.iteration, "item": said.item},
    )
    # Not in SQL: PostgreSQL refuses to look into JSON with a NUL character, which a prompt may have.
    return [row for row in rows if row["reason"]["code"] in (APPROVAL, BREAKPOINT)]


def _nothing_waits(run: DictRow, said: ResumeIn) -> ConflictError:
    who = "No node of the run waits" if said.node_id is None else f"The node `{said.node_id}` does not wait"
    return ConflictError(f"{who} for anybody; the run is {run['status']}.", code="not_waiting")


async def _answer(connection: Connection, run_id: UUID, waiting: list[DictRow], said: ResumeIn, by: str) -> NewSignal:
    if "answer" not in said.model_fields_set:
        raise UnprocessableError("An approval waits for an `answer`; send one.", code="answer_missing")
    if len(waiting) > 1:
        raise UnprocessableError(
            "Several approvals wait; say which one is meant by `node_id`, and by `item` inside a map.",
            code="ambiguous_answer",
        )
    row = waiting[0]
    schema = row["reason"].get("schema")
    if schema is not None:
        problems = [
            Problem("invalid_answer", f"/answer{pointer}", message, node_id=row["node_id"])
            for pointer, message in misfits(schema, said.answer)
        ]
        if problems:
            raise UnprocessableError(
                "The answer does not fit the schema of the approval.", code="invalid_answer", problems=problems
            )
    given = await one(
        connection,
        """select 1 as found from run_signals where run_id = %s and node_id = %s and iteration = %s and path = %s::int[]
           and kind = 'answer'""",
        (run_id, row["node_id"], row["iteration"], row["path"]),
    )
    if given is not None:
        raise ConflictError("This approval has been answered already.", code="already_answered")
    return NewSignal(row["node_id"], row["iteration"], "answer", row["path"], said.answer, by)


def _step(row: DictRow, said: ResumeIn, by: str) -> NewSignal:
    data: dict[str, Any] = {} if said.mode is None else {"mode": said.mode}
    if row["node_id"] in said.outputs:
        data["output"] = said.outputs[row["node_id"]]
    if said.input is not None:
        data["input"] = said.input
    return NewSignal(row["node_id"], row["iteration"], "step", row["path"], data, by)


async def _set_mode(connection: Connection, run: DictRow, mode: str) -> None:
    debug = {"mode": "step"} if mode == "step" else None
    await run_sql(connection, "update runs set debug = %s::json where id = %s", (json_or_null(debug), run["id"]))


async def _override(connection: Connection, run: DictRow, outputs: Mapping[str, Any], waiting: set[str]) -> int:
    """Give completed nodes other outputs, for those that come later; returns the number of events written."""
    events: list[NewEvent] = []
    for name, value in outputs.items():
        if name in waiting:
            continue
        if run["status"] != RunStatus.WAITING:
            raise ConflictError(
                f"The output of `{name}` can be changed only while the whole run waits.", code="not_waiting"
            )
        row = await one(
            connection,
            """update node_states n set output = %s::json where run_id = %s and node_id = %s and status = 'COMPLETED'
               and iteration = (select max(iteration) from node_states m
                                where m.run_id = n.run_id and m.node_id = n.node_id)
               returning iteration, attempt, path, edges""",
            (jsontext.dumps(value), run["id"], name),
        )
        if row is None:
            raise UnprocessableError(
                f"The node `{name}` has no output yet that could be changed.", code="not_completed"
            )
        data = {"iteration": row["iteration"], "attempt": row["attempt"], "path": row["path"], "output": value}
        events.append(NewEvent("workflow.node.completed", {**data, "edges": row["edges"], "overridden": True}, name))
    if events:
        moved = Moved(run["project_id"], run["id"], run["last_seq"] + len(events))
        await run_sql(connection, "update runs set last_seq = %s where id = %s", (moved.last_seq, run["id"]))
        await write_events(connection, moved, events)
    return len(events)
