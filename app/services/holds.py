"""Runs that are held: QUEUED without a job, until their project and workflow have room for them.

Two things hold a run: a limit on how many runs are RUNNING at once, and the project's share of a queue, so that one
project with thousands of runs does not stand before all others. What counts is decided when a run is taken up
(`claims`); here is decided only who has a job already.
"""

from typing import Any, LiteralString
from uuid import UUID

from app import jsontext
from app.queue import Queue
from app.services.moves import Connection, one, reason, run_sql, several

NO_ROOM = "concurrency_limit"
REASONS = {
    NO_ROOM: reason(NO_ROOM, "As many runs of the project or the workflow are running as may at once."),
    "fair_share": reason("fair_share", "Enough runs of the project are in the queue; this one follows them."),
}
REASONS_JSON = jsontext.dumps(REASONS)

# What holds the run `x` back, or null. Counted is only where there is a limit; runs of a workflow are picked out of the
# few that run or wait, as an index by workflow would lead through all that it ever had. Of a share only those count
# that the run would not go before.
_HOLDS: LiteralString = """
case when case when p.max_running is null then false else p.max_running <=
         (select count(*) from runs y where y.project_id = p.id and y.status = 'RUNNING')
       + (select count(*) from runs y where y.project_id = p.id and y.status = 'QUEUED' and not y.held) end
     then 'concurrency_limit'
     when case when w.max_running is null then false else w.max_running <=
         (select count(*) filter (where y.workflow_id = w.id) from runs y
          where y.project_id = p.id and y.status = 'RUNNING')
       + (select count(*) filter (where y.workflow_id = w.id) from runs y
          where y.project_id = p.id and y.status = 'QUEUED' and not y.held) end
     then 'concurrency_limit'
     when exists (select 1 from runs y where y.project_id = p.id and y.queue = x.queue and y.status = 'QUEUED'
                  and not y.held and y.priority >= x.priority offset %(window)s - 1 limit 1)
     then 'fair_share' end"""

HOLD: LiteralString = f"""(
  select x.id, {_HOLDS} as code from runs x
  join projects p on p.id = x.project_id join workflows w on w.id = x.workflow_id where x.id = %(run)s)"""
"""A table of one row: what holds the run `%(run)s` back, as a key of `REASONS`."""


async def held_projects(connection: Connection) -> list[UUID]:
    """The projects with held runs; costs a look into the index for each of them."""
    rows = await several(connection, _HELD_PROJECTS, ())
    return [row["project_id"] for row in rows]


async def release(connection: Connection, queue: Queue, project_id: UUID) -> int:
    """Give held runs of a project jobs, as many as there is room for, by priority, then by age; how many.

    The caller holds no other lock.
    """
    # Others who give jobs to runs of the project wait here, so that no room is given away twice.
    held = await one(connection, "select max_running from projects where id = %s for no key update", (project_id,))
    if held is None:
        return 0
    picked = await several(
        connection, _PICK, {"project": project_id, "limit": held["max_running"], "window": queue.window}
    )
    rows = await several(
        connection,
        """select id, queue, priority from runs where id = any(%s) and held
           order by array_position(%s::uuid[], id) for update skip locked""",
        ([row["id"] for row in picked],) * 2,
    )
    if not rows:
        return 0
    jobs = await queue.defer_many(connection, [(row["id"], row["queue"], row["priority"]) for row in rows])
    await run_sql(
        connection,
        """update runs set job_id = v.job_id, held = false from unnest(%s::uuid[], %s::bigint[]) as v(id, job_id)
           where runs.id = v.id""",
        ([row["id"] for row in rows], jobs),
    )
    return len(jobs)


def hold_values(queue: Queue, run_id: UUID) -> dict[str, Any]:
    """The values that a statement with `HOLD` needs."""
    return {"run": run_id, "window": queue.window, "reasons": REASONS_JSON}


_HELD_PROJECTS: LiteralString = """
with recursive found as (
  (select project_id from runs where held order by project_id limit 1)
  union all
  select n.project_id from found f, lateral (
    select project_id from runs where held and project_id > f.project_id order by project_id limit 1) n)
select project_id from found"""

# The best runs of each workflow and queue, as many as each of these has room for; of them the best of the project.
# A project's share of a queue is filled up once half of it is empty: seldom, and many at once.
_PICK: LiteralString = """
with recursive groups as (
  (select queue, workflow_id from runs where held and project_id = %(project)s order by queue, workflow_id limit 1)
  union all
  select n.queue, n.workflow_id from groups g, lateral (
    select queue, workflow_id from runs where held and project_id = %(project)s
    and (queue, workflow_id) > (g.queue, g.workflow_id) order by queue, workflow_id limit 1) n),
live as (
  select queue, workflow_id, status from runs where project_id = %(project)s and status = 'RUNNING'
  union all
  select queue, workflow_id, status from runs where project_id = %(project)s and status = 'QUEUED' and not held),
queues as (
  select q.queue, case when count(l.queue) > %(window)s / 2 then 0 else %(window)s - count(l.queue) end as room
  from (select distinct queue from groups) q left join live l on l.queue = q.queue and l.status = 'QUEUED'
  group by q.queue),
best as (
  select h.* from groups g join queues q using (queue) join workflows w on w.id = g.workflow_id, lateral (
    select id, queue, priority from runs
    where held and project_id = %(project)s and queue = g.queue and workflow_id = g.workflow_id
    order by priority desc, id
    limit greatest(0, least(q.room, w.max_running - (select count(*) from live where workflow_id = w.id)))) h),
ranked as (select *, row_number() over (partition by queue order by priority desc, id) as place from best)
select r.id from ranked r join queues q using (queue) where r.place <= q.room
order by r.priority desc, r.id
limit case when %(limit)s::int is not null then greatest(0, %(limit)s::int - (select count(*) from live)) end"""
