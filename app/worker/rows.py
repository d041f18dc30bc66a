"""The journal's statements: many rows each, given as one array a column."""

from typing import LiteralString

UPSERT_STATES: LiteralString = """
insert into node_states (run_id, node_id, iteration, project_id, path, status, attempt, handled, progress, input,
                         input_parts, output, error, reason, edges, writes, wake_at, started_at, finished_at)
select run_id, node_id, iteration, project_id, path::int[], status, attempt, handled, progress, input, input_parts,
       output, error, reason, edges, writes, wake_at, started_at, finished_at
from unnest(%s::uuid[], %s::text[], %s::int[], %s::uuid[], %s::text[], %s::text[], %s::int[], %s::bool[], %s::json[],
            %s::json[], %s::json[], %s::json[], %s::json[], %s::json[], %s::json[], %s::json[], %s::timestamptz[],
            %s::timestamptz[], %s::timestamptz[])
     as v(run_id, node_id, iteration, project_id, path, status, attempt, handled, progress, input, input_parts, output,
          error, reason, edges, writes, wake_at, started_at, finished_at)
on conflict (run_id, node_id, iteration) do update set
  path = excluded.path, status = excluded.status, attempt = excluded.attempt, handled = excluded.handled,
  progress = excluded.progress, input = excluded.input, input_parts = excluded.input_parts, output = excluded.output,
  error = excluded.error, reason = excluded.reason, edges = excluded.edges, writes = excluded.writes,
  wake_at = excluded.wake_at, started_at = excluded.started_at, finished_at = excluded.finished_at"""

INSERT_VALUES: LiteralString = """
insert into large_values (run_id, digest, value)
select * from unnest(%s::uuid[], %s::bytea[], %s::json[])
on conflict do nothing"""

UPSERT_ITEMS: LiteralString = """
insert into map_items (run_id, node_id, iteration, path, digest, status, attempt, output, error, reason, wake_at,
                       started_at, finished_at)
select run_id, node_id, iteration, path::int[], digest, status, attempt, output, error, reason, wake_at, started_at,
       finished_at
from unnest(%s::uuid[], %s::text[], %s::int[], %s::text[], %s::bytea[], %s::text[], %s::int[], %s::json[], %s::json[],
            %s::json[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[])
     as v(run_id, node_id, iteration, path, digest, status, attempt, output, error, reason, wake_at, started_at,
          finished_at)
on conflict (run_id, node_id, iteration, path) do update set
  digest = excluded.digest, status = excluded.status, attempt = excluded.attempt, output = excluded.output,
  error = excluded.error, reason = excluded.reason, wake_at = excluded.wake_at, started_at = excluded.started_at,
  finished_at = excluded.finished_at"""

INSERT_BLOBS: LiteralString = """
insert into checkpoint_blobs (thread_id, checkpoint_ns, channel, version, type, blob)
select * from unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::bytea[])
on conflict do nothing"""

UPSERT_CHECKPOINTS: LiteralString = """
insert into checkpoints (thread_id, checkpoint_ns, checkpoint_id, parent_checkpoint_id, checkpoint, metadata)
select * from unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::jsonb[], %s::jsonb[])
on conflict (thread_id, checkpoint_ns, checkpoint_id) do update
  set checkpoint = excluded.checkpoint, metadata = excluded.metadata"""

UPSERT_WRITES: LiteralString = """
insert into checkpoint_writes (thread_id, checkpoint_ns, checkpoint_id, task_id, task_path, idx, channel, type, blob)
select * from unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::int[], %s::text[], %s::text[],
                     %s::bytea[])
on conflict (thread_id, checkpoint_ns, checkpoint_id, task_id, idx) do update
  set channel = excluded.channel, type = excluded.type, blob = excluded.blob"""
