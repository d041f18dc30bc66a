"""Forks: new runs that start from what another run has completed."""

from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID

from psycopg.rows import DictRow

from app import jsontext
from app.clock import now
from app.compiler.kept import EVERY
from app.db import as_arrays
from app.errors import ConflictError, UnprocessableError, pointer_to
from app.ids import new_id
from app.queue import queue_after
from app.schemas.run import ForkIn, RestartOut
from app.services import artifacts, transitions
from app.services.graphs import Graphs, must_be_active, stored_version
from app.services.moves import EVENT_BYTES, Connection, Moved, run_sql
from app.services.plans import Plan, as_answer, must_be_nodes, plan_on, run_of
from app.services.restarts import keep_results
from app.services.work import Work
from app.statuses import RUN_ENDED, RunStatus


@dataclass(slots=True)
class Source:
    """The run that is forked: its row, its values, and what of it stays."""

    row: DictRow
    values: DictRow
    plan: Plan


async def preview_fork(work: Work, graphs: Graphs, project_id: UUID, run_id: UUID, said: ForkIn) -> RestartOut:
    """What would become of each node in a fork, refused as the fork would be; changes nothing."""
    return as_answer((await _planned(work, graphs, project_id, run_id, said)).plan)


async def fork(work: Work, graphs: Graphs, project_id: UUID, run_id: UUID, said: ForkIn) -> UUID:
    """Make a run in PENDING that starts from the results of another one; its id.

    Raises NotFoundError; ConflictError `cannot_fork` for a run that has not been started, `workflow_inactive`;
    UnprocessableError `unknown_node`, `invalid_input`.
    """
    source = await _planned(work, graphs, project_id, run_id, said)
    values = source.values
    moved = await transitions.create(
        await work.connection(),
        project_id=project_id,
        workflow_id=source.row["workflow_id"],
        version=source.plan.version,
        input_data=values["input"],
        metadata=values["meta"] or {},
        forked_from=run_id,
        told={"forked_from": run_id, "from_node": said.from_node},
        queue=queue_after(values["queue"]),
        priority=values["priority"],
    )
    return work.moved(await _fill(await work.connection(), run_id, moved, source.plan, said))


async def _planned(work: Work, graphs: Graphs, project_id: UUID, run_id: UUID, said: ForkIn) -> Source:
    source = await run_of(work, project_id, run_id)
    if source["status"] == RunStatus.PENDING:
        raise ConflictError("The run has not been started: there is nothing to start from.", code="cannot_fork")
    if source["status"] in RUN_ENDED:
        # No retry may take away what is copied. In a live run results are only added.
        source = await run_of(work, project_id, run_id, hold=True)
    wanted = said.version or source["version"]
    target = await stored_version(work, project_id, source["workflow_id"], wanted)
    must_be_active(target)
    compiled = await graphs.compiled(work, source["workflow_id"], wanted, target["content_hash"])
    named = {} if said.from_node is None else {"/from_node": said.from_node}
    must_be_nodes(compiled, named | {pointer_to("outputs", name): name for name in said.outputs})
    values = await _values(work, run_id)
    if "input_data" in said.model_fields_set:
        values["input"] = said.input_data
    problems = compiled.check_input(values["input"])
    if problems:
        raise UnprocessableError("The input does not fit the workflow.", code="invalid_input", problems=problems)
    plan = await plan_on(work, source, wanted, compiled, from_node=said.from_node, given=said.outputs)
    return Source(source, values, plan)


async def _values(work: Work, run_id: UUID) -> DictRow:
    row = await work.first("SELECT input, meta, queue, priority FROM runs WHERE id = %s", (run_id,))
    assert row is not None  # noqa: S101  # it has just been found
    return row


async def _fill(connection: Connection, source: UUID, moved: Moved, plan: Plan, said: ForkIn) -> Moved:
    """Give the new run what it starts from, and tell of that in its log."""
    changed = {(name, iteration): edges for name, iteration, edges in plan.edges}
    rows = [
        (name, iteration, (name, iteration) in changed, changed.get((name, iteration)))
        for name, iteration in plan.restart.staying
    ]
    await run_sql(connection, _COPY_VALUES, (moved.run_id, source))
    if rows:
        await run_sql(connection, _COPY_STATES, (moved.run_id, *as_arrays(rows), source))
    other_input = "input_data" in said.model_fields_set
    await run_sql(
        connection, _COPY_ITEMS, (moved.run_id, moved.run_id, source, other_input, list(plan.restart.forgotten))
    )
    await run_sql(connection, _COPY_KEPT, (moved.run_id, source, list(plan.restart.dropped)))
    await keep_results(connection, source, moved.run_id, plan)
    await artifacts.take_over(connection, source, moved.run_id)
    await _give(connection, moved.run_id, said.outputs)
    cursor = await connection.execute(_TELL, ([new_id() for _ in rows], now(), EVENT_BYTES, moved.run_id))
    told = Moved(moved.project_id, moved.run_id, moved.last_seq + cursor.rowcount)
    await run_sql(connection, "update runs set last_seq = %s where id = %s", (told.last_seq, told.run_id))
    return told


async def _give(connection: Connection, run_id: UUID, outputs: dict[str, Any]) -> None:
    """Let nodes give these outputs without running, in each of their turns."""
    if outputs:
        await run_sql(
            connection,
            """insert into kept_results (run_id, node_id, iteration, attempt, output, finished_at)
               select %s, node_id, %s, 1, output, %s from unnest(%s::text[], %s::json[]) as v(node_id, output)""",
            (run_id, EVERY, now(), *as_arrays([(name, jsontext.dumps(value)) for name, value in outputs.items()])),
        )


_COPY_VALUES: LiteralString = """
insert into large_values (run_id, digest, value) select %s, digest, value from large_values where run_id = %s"""

_COPY_STATES: LiteralString = """
insert into node_states (run_id, node_id, iteration, project_id, path, status, attempt, handled, progress, input,
                         input_parts, output, error, reason, edges, writes, started_at, finished_at)
select %s, n.node_id, n.iteration, n.project_id, n.path, n.status, n.attempt, n.handled, n.progress, n.input,
       n.input_parts, n.output, n.error, n.reason, case when v.changed then v.edges else n.edges end, n.writes,
       n.started_at, n.finished_at
from unnest(%s::text[], %s::int[], %s::bool[], %s::json[]) as v(node_id, iteration, changed, edges)
join node_states n using (node_id, iteration) where n.run_id = %s"""

# What has come of items is taken over with their map, or where the map will find the same items again.
_COPY_ITEMS: LiteralString = """
insert into map_items (run_id, node_id, iteration, path, digest, status, attempt, output, error, reason, started_at,
                       finished_at)
select %s, i.node_id, i.iteration, i.path, i.digest, i.status, i.attempt, i.output, i.error, i.reason, i.started_at,
       i.finished_at
from map_items i
left join node_states n on n.run_id = %s and n.node_id = i.node_id and n.iteration = i.iteration
where i.run_id = %s and (n.node_id is not null
                         or i.status = 'COMPLETED' and not %s and not i.node_id = any(%s))"""

_COPY_KEPT: LiteralString = """
insert into kept_results (run_id, node_id, iteration, attempt, input, input_parts, output, started_at, finished_at)
select %s, node_id, iteration, attempt, input, input_parts, output, started_at, finished_at
from kept_results where run_id = %s and not node_id = any(%s)"""

_TELL: LiteralString = """
insert into run_events (run_id, seq, id, project_id, type, node_id, at, data)
select run_id, 1 + place, (%s::uuid[])[place], project_id, 'workflow.node.' || lower(status), node_id, %s,
       concat('{"iteration":', iteration, ',"attempt":', attempt, ',"path":', array_to_json(path),
              case when status = 'COMPLETED' then ',"output":' || coalesce(said, 'null')
                   || case when said is null and output is not null then ',"truncated":true' else '' end end,
              ',"error":' || error::text, ',"reason":' || reason::text, ',"edges":' || edges::text,
              ',"duration_ms":' || extract(epoch from finished_at - started_at) * 1000, ',"reused":true}')::json
from (select n.*, case when length(output::text) <= %s then output::text end as said,
             row_number() over (order by finished_at, iteration, node_id) as place
      from node_states n where run_id = %s) as turns"""
