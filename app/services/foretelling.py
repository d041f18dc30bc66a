"""What a pass of the pruner would delete."""

from typing import LiteralString

from app.services.moves import Connection, one
from app.services.pruning import Deleted
from app.services.retention import Wanted
from app.statuses import RUN_ENDED

_ENDED = [str(status) for status in RUN_ENDED]


async def foretell(connection: Connection, wanted: Wanted) -> Deleted:
    """How many rows of each table a pass would delete now; counts them, which takes its time in a large database."""
    found = Deleted()
    for bounds in wanted.bounds:
        values = {"project": bounds.project_id, "ended": _ENDED, "runs": bounds.runs, "events": bounds.events}
        if bounds.runs is not None:
            found.update(await one(connection, _RUNS, values) or {})
        if bounds.events is not None:
            # The events of whole runs are counted above.
            found.update(await one(connection, _EVENTS, values) or {})
        if wanted.threads is not None:
            row = await one(connection, _THREADS, {**values, "threads": wanted.threads})
            found.update(row or {})
    if wanted.keys is not None:
        query: LiteralString = "select count(*) as idempotency_keys from idempotency_keys where created_at < %s"
        found.update(await one(connection, query, (wanted.keys,)) or {})
    return Deleted({name: count for name, count in found.items() if count})


# The whole trees that have ended: all of `runs` is null where runs are kept for ever.
_GONE: LiteralString = """
with recursive tree as (
  select id as root, id, status, finished_at, last_seq - pruned_seq as events from runs
  where project_id = %(project)s and finished_at < %(runs)s and parent_run_id is null
  union all
  select t.root, c.id, c.status, c.finished_at, c.last_seq - c.pruned_seq
  from tree t join runs c on c.parent_run_id = t.id),
whole as (select root from tree group by root having bool_and(status = any(%(ended)s) and finished_at < %(runs)s)),
gone as materialized (select t.id, t.id::text as thread, t.events from tree t join whole w on w.root = t.root)"""

_RUNS: LiteralString = f"""{_GONE}
select count(*) as runs, coalesce(sum(events), 0)::bigint as run_events,
       (select count(*) from node_states n join gone g on g.id = n.run_id) as node_states,
       (select count(*) from map_items i join gone g on g.id = i.run_id) as map_items,
       (select count(*) from run_signals s join gone g on g.id = s.run_id) as run_signals,
       (select count(*) from kept_results k join gone g on g.id = k.run_id) as kept_results,
       (select count(*) from large_values v join gone g on g.id = v.run_id) as large_values,
       (select count(*) from node_calls c join gone g on g.id = c.run_id) as node_calls,
       (select count(*) from artifacts a join gone g on g.id = a.run_id) as artifacts,
       (select count(*) from artifact_blocks b
        where exists (select 1 from artifacts a join gone g on g.id = a.run_id where a.id = b.artifact_id)
          and not exists (select 1 from artifacts a left join gone g on g.id = a.run_id
                          where a.id = b.artifact_id and g.id is null)) as artifact_blocks,
       (select count(*) from checkpoints c join gone g on g.thread = c.thread_id) as checkpoints,
       (select count(*) from checkpoint_blobs c join gone g on g.thread = c.thread_id) as checkpoint_blobs,
       (select count(*) from checkpoint_writes c join gone g on g.thread = c.thread_id) as checkpoint_writes
from gone"""

_EVENTS: LiteralString = f"""{_GONE}
select coalesce(sum(last_seq - pruned_seq), 0)::bigint as run_events from runs r
where project_id = %(project)s and finished_at < %(events)s and pruned_seq < last_seq
and not exists (select 1 from gone where gone.id = r.id)"""

_THREADS: LiteralString = f"""{_GONE},
ended as materialized (
  select id::text as thread from runs r
  where project_id = %(project)s and finished_at < %(threads)s and not exists (select 1 from gone where gone.id = r.id))
select (select count(*) from checkpoints c join ended e on e.thread = c.thread_id) as checkpoints,
       (select count(*) from checkpoint_blobs c join ended e on e.thread = c.thread_id) as checkpoint_blobs,
       (select count(*) from checkpoint_writes c join ended e on e.thread = c.thread_id) as checkpoint_writes"""
