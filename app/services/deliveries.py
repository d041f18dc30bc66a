"""Deliveries of hooks: derived from the event log, taken up, and brought to an end.

Nothing on the way of an event knows of hooks. For each hook and run a cursor holds up to which seq the log has become
deliveries. Runs with news are those under way, and those made or ended since the last look; that look goes back to
the start of the oldest transaction that was open then, so what commits late is found by the next one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, LiteralString
from uuid import UUID

from psycopg.rows import DictRow

from app import jsontext
from app.db import Pool, as_arrays
from app.events.store import EVENT_JSON
from app.ids import new_id
from app.services.moves import Connection, one, reason, run_sql, several
from app.statuses import RUN_LIVE, RunStatus

GIVE_UP = timedelta(hours=24)
LEASE_SECONDS = 15
MOST_AT_ONCE = 8
"""Deliveries of one hook that are under way at the same time; one, while they fail."""
MOST_PENDING = 5000
"""Past this a hook's events stay in the log until some have been delivered."""
RUNS, EVENTS = 200, 500
SLACK = timedelta(seconds=60)
LONGEST_TRANSACTION = timedelta(hours=1)
KEPT = timedelta(days=7)
BATCH = 1000
_MOVING = [str(status) for status in RUN_LIVE if status is not RunStatus.PENDING]


@dataclass(frozen=True, slots=True)
class Taken:
    """A delivery that this process has leased, and the hook that it goes to."""

    id: UUID
    lease: UUID
    body: str
    failures: int
    give_up_at: datetime
    hook: DictRow


async def active_hooks(connection: Connection) -> list[DictRow]:
    """All hooks that want to hear of something."""
    return await several(connection, "select * from hooks where active order by id", ())


async def collect(connection: Connection, hook: DictRow, since: datetime | None = None) -> bool:
    """Turn a hook's part of the log into deliveries, in the caller's transaction; whether there may be more.

    Looks at runs that have moved `since`, by default since the last such look. Does nothing where another process does
    so for this hook, or where too much waits already.
    """
    row = await one(connection, _BEGIN, {"key": hook["id"].int & (2**63 - 1), "hook": hook["id"], "most": MOST_PENDING})
    if row is None or not row["free"] or row["waiting"] >= MOST_PENDING:
        return False
    start = since or row["scanned_at"] - SLACK
    news = await several(
        connection,
        _NEWS,
        {
            **hook,
            "moving": _MOVING,
            "start": start,
            "start_id": UUID(int=int(start.timestamp() * 1000) << 80),
            "limit": RUNS,
        },
    )
    if news:
        # Whoever deletes a hook locks it before its cursors and deliveries; so does everybody who writes those.
        if await one(connection, "select 1 as one from hooks where id = %s for key share", (hook["id"],)) is None:
            return False
        await _deliver(connection, hook, news)
    elif since is None:
        # All that was committed before the horizon has been seen.
        await run_sql(connection, "update hooks set scanned_at = %s where id = %s", (row["horizon"], hook["id"]))
    return bool(news)


async def _deliver(connection: Connection, hook: DictRow, news: Sequence[DictRow]) -> None:
    """Write the deliveries of some runs, and how far each of them has been read."""
    events = await several(
        connection,
        _MATCHING,
        {
            "runs": [run["id"] for run in news],
            "afters": [run["after"] for run in news],
            "heads": [run["last_seq"] for run in news],
            "patterns": [pattern.replace("*", "%") for pattern in hook["events"]],
            "limit": EVENTS,
        },
    )
    read: dict[UUID, list[int]] = {}
    for event in events:
        read.setdefault(event["run_id"], []).append(event["seq"])
    if events:
        rows = [(new_id(), hook["id"], event["run_id"], event["seq"], event["type"], event["text"]) for event in events]
        await run_sql(connection, _INSERT, (GIVE_UP, *as_arrays(rows)))
    cursors = [
        (hook["id"], run["id"], seqs[-1] if len(seqs := read.get(run["id"], [])) == EVENTS else run["last_seq"])
        for run in news
    ]
    await run_sql(connection, _MOVE_CURSORS, as_arrays(cursors))


async def lease(connection: Connection, most: int) -> list[Taken]:
    """Take up to `most` deliveries that are due, each hook's in their order, for a while in which nobody else does."""
    lease_id = new_id()
    rows = await several(
        connection,
        _LEASE,
        {"most": most, "each": MOST_AT_ONCE, "lease": lease_id, "seconds": LEASE_SECONDS},
    )
    hooks = {
        row["id"]: row
        for row in await several(
            connection, "select * from hooks where id = any(%s)", ([row["hook_id"] for row in rows],)
        )
    }
    return [
        Taken(row["id"], lease_id, row["body"], row["failures"], row["give_up_at"], hooks[row["hook_id"]])
        for row in sorted(rows, key=lambda row: row["id"])
        if row["hook_id"] in hooks
    ]


async def release(connection: Connection, taken: Sequence[Taken]) -> None:
    """Give back what was not sent, so that others need not wait for the lease to end."""
    await run_sql(
        connection,
        """update hook_deliveries set leased_until = null, lease = null from unnest(%s::uuid[], %s::uuid[]) as v(d, l)
           where id = v.d and lease = v.l""",
        ([one.id for one in taken], [one.lease for one in taken]),
    )


async def delivered(connection: Connection, taken: Taken, answer: dict[str, Any]) -> None:
    """The receiver has taken it."""
    await run_sql(
        connection,
        "update hooks set failing_since = null where id = %s and failing_since is not null",
        (taken.hook["id"],),
    )
    await run_sql(
        connection,
        """update hook_deliveries set status = 'delivered', answer = %s::json, ended_at = clock_timestamp(),
                  leased_until = null where id = %s and lease = %s""",
        (jsontext.dumps(answer), taken.id, taken.lease),
    )


async def failed(connection: Connection, taken: Taken, answer: dict[str, Any], pause: float | None) -> None:
    """It is tried again after `pause` seconds, or given up: where that would be too late, and where there is none."""
    await run_sql(
        connection,
        "update hooks set failing_since = clock_timestamp() where id = %s and failing_since is null",
        (taken.hook["id"],),
    )
    await run_sql(
        connection,
        """update hook_deliveries set failures = failures + 1, answer = %(answer)s::json, leased_until = null,
                  status = case when v.again <= give_up_at then 'pending' else 'failed' end,
                  due_at = coalesce(v.again, due_at),
                  ended_at = case when v.again <= give_up_at then null else clock_timestamp() end
           from (select clock_timestamp() + make_interval(secs => %(pause)s) as again) as v
           where id = %(id)s and lease = %(lease)s""",
        {"answer": jsontext.dumps(answer), "pause": pause, "id": taken.id, "lease": taken.lease},
    )


async def gone(connection: Connection, taken: Taken, answer: dict[str, Any]) -> None:
    """The receiver wants no more: the hook is deactivated, and what was on its way given up."""
    why = reason("gone", "The receiver has answered 410 Gone. Activate the hook again when it is back.")
    await run_sql(
        connection,
        "update hooks set active = false, problem = %s::json, updated_at = clock_timestamp() where id = %s",
        (jsontext.dumps(why), taken.hook["id"]),
    )
    await failed(connection, taken, answer, None)
    await run_sql(
        connection,
        """update hook_deliveries set status = 'failed', ended_at = clock_timestamp()
           where hook_id = %s and status = 'pending'""",
        (taken.hook["id"],),
    )


async def clean(pool: Pool, after: tuple[UUID, UUID]) -> tuple[UUID, UUID]:
    """Forget old deliveries and calls of triggers, and cursors of runs that are gone; a few of each.

    Cursors are gone through in their order, from `after` on; returns where the next call goes on.
    """
    async with pool.connection() as connection:
        for query in (_OLD_DELIVERIES, _OLD_CALLS):
            await run_sql(connection, query, {"kept": KEPT, "batch": BATCH})
        rows = await several(
            connection,
            """select hook_id, run_id from hook_cursors where (hook_id, run_id) > (%s, %s)
               order by hook_id, run_id limit %s""",
            (*after, BATCH),
        )
        if not rows:
            return UUID(int=0), UUID(int=0)
        await run_sql(
            connection,
            """delete from hook_cursors c using unnest(%s::uuid[], %s::uuid[]) as v(hook_id, run_id)
               where c.hook_id = v.hook_id and c.run_id = v.run_id
               and not exists (select 1 from runs r where r.id = v.run_id)""",
            ([row["hook_id"] for row in rows], [row["run_id"] for row in rows]),
        )
        return rows[-1]["hook_id"], rows[-1]["run_id"]


_BEGIN: LiteralString = f"""
select pg_try_advisory_xact_lock(%(key)s) as free, h.scanned_at,
       (select count(*) from (select 1 from hook_deliveries d where d.hook_id = h.id and d.status = 'pending'
                              limit %(most)s) as pending) as waiting,
       (select greatest(least(clock_timestamp(), min(a.xact_start)), clock_timestamp() - interval
                        '{int(LONGEST_TRANSACTION.total_seconds())} seconds')
        from pg_stat_activity a where a.datname = current_database() and a.pid <> pg_backend_pid()) as horizon
from hooks h where h.id = %(hook)s and h.active"""

_NEWS: LiteralString = """
with touched as (
  select id, workflow_id, created_at, last_seq from runs where project_id = %(project_id)s and status = any(%(moving)s)
  union
  select id, workflow_id, created_at, last_seq from runs where project_id = %(project_id)s and id > %(start_id)s
  union
  select id, workflow_id, created_at, last_seq from runs
  where project_id = %(project_id)s and finished_at > %(start)s)
select id, last_seq, after from (
  select t.id, t.last_seq, coalesce(c.seq, case when t.created_at >= %(since)s then 0 else (
           select coalesce(max(e.seq), 0) from run_events e where e.run_id = t.id and e.at < %(since)s) end) as after
  from touched t left join hook_cursors c on c.hook_id = %(id)s and c.run_id = t.id
  where t.last_seq > coalesce(c.seq, 0)
    and (%(workflow_id)s::uuid is null or t.workflow_id = %(workflow_id)s)) as runs
where last_seq > after limit %(limit)s"""

_MATCHING: LiteralString = f"""
select e.run_id, e.seq, e.type, e.text
from unnest(%(runs)s::uuid[], %(afters)s::bigint[], %(heads)s::bigint[]) as c (run_id, after, head)
cross join lateral (
  select e.run_id, e.seq, e.type, {EVENT_JSON} as text from run_events e
  where e.run_id = c.run_id and e.seq > c.after and e.seq <= c.head and e.type like any(%(patterns)s)
  order by e.seq limit %(limit)s) e
order by e.run_id, e.seq"""

_INSERT: LiteralString = """
insert into hook_deliveries (id, hook_id, run_id, seq, type, body, status, due_at, give_up_at, created_at)
select v.*, 'pending', now(), now() + %s, now()
from unnest(%s::uuid[], %s::uuid[], %s::uuid[], %s::bigint[], %s::text[], %s::text[]) as v
on conflict (hook_id, run_id, seq) do nothing"""

_MOVE_CURSORS: LiteralString = """
insert into hook_cursors (hook_id, run_id, seq) select * from unnest(%s::uuid[], %s::uuid[], %s::bigint[])
on conflict (hook_id, run_id) do update set seq = greatest(hook_cursors.seq, excluded.seq)"""

# What was never tried waits for what comes before it in its run; what has failed waits for its time alone.
_LEASE: LiteralString = """
with open as (
  select h.id, case when h.failing_since is null then %(each)s else 1 end - (
           select count(*) from hook_deliveries b
           where b.hook_id = h.id and b.status = 'pending' and b.leased_until > clock_timestamp()) as room
  from hooks h where h.active),
due as (
  select d.id, d.due_at from open cross join lateral (
    select id, due_at from (
      select id, due_at, leased_until from (
        select distinct on (run_id) id, due_at, leased_until from hook_deliveries
        where hook_id = open.id and status = 'pending' and failures = 0 order by run_id, seq) as first
      union all
      (select id, due_at, leased_until from hook_deliveries
       where hook_id = open.id and status = 'pending' and failures > 0 and due_at <= clock_timestamp()
       order by due_at limit 100)) as any_due
    where leased_until is null or leased_until <= clock_timestamp()
    order by due_at, id limit greatest(open.room, 0)) as d
  order by d.due_at, d.id limit %(most)s),
free as (
  select id from hook_deliveries where id in (select id from due) and status = 'pending'
    and (leased_until is null or leased_until <= clock_timestamp()) for update skip locked)
update hook_deliveries d set attempts = attempts + 1, lease = %(lease)s,
       leased_until = clock_timestamp() + make_interval(secs => %(seconds)s)
from free where d.id = free.id returning d.id, d.hook_id, d.body, d.failures, d.give_up_at"""

_OLD_DELIVERIES: LiteralString = """
delete from hook_deliveries where id in (
  select id from hook_deliveries where ended_at < clock_timestamp() - %(kept)s limit %(batch)s)"""

_OLD_CALLS: LiteralString = """
delete from trigger_calls where (trigger_id, webhook_id) in (
  select trigger_id, webhook_id from trigger_calls where created_at < clock_timestamp() - %(kept)s limit %(batch)s)"""
