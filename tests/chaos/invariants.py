"""What must hold after every scenario, asked of the database itself; each query finds what breaks its rule."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, LiteralString

from app.worker.leftovers import SILENT_SECONDS
from tests.chaos.world import World
from tests.support import until
from tests.worker.conftest import check_log

Places = dict[tuple[str, str, int], datetime]

ENDED: LiteralString = "('COMPLETED', 'FAILED', 'CANCELLED')"
TERMINAL: LiteralString = "('workflow.run.completed', 'workflow.run.failed', 'workflow.run.cancelled')"

BROKEN: Mapping[str, LiteralString] = {
    "a log has a gap, or ends elsewhere than its run says": """
        select r.id, r.last_seq, count(e.seq), min(e.seq), max(e.seq)
        from runs r left join run_events e on e.run_id = r.id
        group by r.id having count(e.seq) <> r.last_seq or min(e.seq) <> 1 or max(e.seq) <> r.last_seq""",
    "an ended run whose last event is not its end": f"""
        select r.id, r.status, e.type from runs r left join run_events e on e.run_id = r.id and e.seq = r.last_seq
        where r.status in {ENDED} and e.type is distinct from 'workflow.run.' || lower(r.status)""",
    "an end that something other than a retry follows": f"""
        select e.run_id, e.seq, e.type, n.type from run_events e
        join run_events n on n.run_id = e.run_id and n.seq = e.seq + 1
        where e.type in {TERMINAL} and not (n.type = 'workflow.run.queued' and n.data ->> 'retry' = 'true')""",
    "a live run that has told of its end": f"""
        select r.id, r.status, e.type from runs r join run_events e on e.run_id = r.id and e.seq = r.last_seq
        where r.status not in {ENDED} and e.type in {TERMINAL}""",
    "a live run without a job or a reason to wait": f"""
        select r.id, r.status, r.job_id, r.wake_at from runs r
        where r.status not in {ENDED} and r.status <> 'PENDING'
        and not exists (select 1 from procrastinate_jobs j where j.id = r.job_id)
        and not (r.status = 'WAITING' and r.wake_at is null and exists (
                   select 1 from node_states n where n.run_id = r.id and n.status = 'WAITING'))""",
    "a job of a run that has ended": f"""
        select j.id, j.status, r.id, r.status from procrastinate_jobs j
        join runs r on r.id::text = j.args ->> 'run_id' where r.status in {ENDED}""",
    "a node that lives in an ended run": f"""
        select n.run_id, n.node_id, n.status from node_states n join runs r on r.id = n.run_id
        where r.status in {ENDED} and n.status in ('PENDING', 'RUNNING', 'WAITING', 'RETRYING')""",
    "an item that lives in an ended run": f"""
        select i.run_id, i.node_id, i.path, i.status from map_items i join runs r on r.id = i.run_id
        where r.status in {ENDED} and i.status in ('RUNNING', 'WAITING', 'RETRYING')""",
    "a node whose last event says something else": """
        select n.run_id, n.node_id, n.iteration, n.status, e.type from node_states n
        left join lateral (select e.type from run_events e where e.run_id = n.run_id and e.node_id = n.node_id
                           and (e.data ->> 'iteration')::int = n.iteration order by e.seq desc limit 1) e on true
        where n.status in ('COMPLETED', 'FAILED', 'SKIPPED', 'CANCELLED')
        and e.type is distinct from 'workflow.node.' || lower(n.status)""",
    "a turn of a node that has completed twice": """
        select e.run_id, e.node_id, e.data ->> 'iteration', count(*) from run_events e
        where e.type = 'workflow.node.completed' and e.data ->> 'reused' is null
        and not exists (select 1 from run_events q where q.run_id = e.run_id and q.data -> 'again' is not null)
        group by 1, 2, 3 having count(*) > 1""",
    "a row of another project": """
        select e.run_id, e.project_id, r.project_id from run_events e join runs r on r.id = e.run_id
        where e.project_id <> r.project_id
        union select n.run_id, n.project_id, r.project_id from node_states n join runs r on r.id = n.run_id
        where n.project_id <> r.project_id
        union select c.id, c.project_id, p.project_id from runs c join runs p on p.id = c.parent_run_id
        where c.project_id <> p.project_id
        union select r.id, r.project_id, w.project_id from runs r join workflows w on w.id = r.workflow_id
        where r.project_id <> w.project_id""",
    "a file of no run, or bytes of no file, or a file that is not whole": """
        select a.run_id, a.id from artifacts a where not exists (select 1 from runs r where r.id = a.run_id)
        union select null, b.artifact_id from artifact_blocks b
        where not exists (select 1 from artifacts a where a.id = b.artifact_id)
        union select a.run_id, a.id from artifacts a
        where size <> (select coalesce(sum(length(data)), 0) from artifact_blocks b where b.artifact_id = a.id)""",
    "a child run that its parent does not know the end of": f"""
        select c.id, c.status, p.id, p.status from runs c join runs p on p.id = c.parent_run_id
        where c.parent_current and c.status not in {ENDED} and p.status in {ENDED} and not c.parent_told""",
}

SETTLING: Mapping[str, LiteralString] = {
    "a transaction that somebody has left open": """
        select pid, application_name, state, query from pg_stat_activity
        where datname = current_database() and state like 'idle in transaction%%' and pid <> pg_backend_pid()""",
    "a lock of somebody who is dead": """
        select l.classid, l.objid from pg_locks l join pg_database d on d.oid = l.database
        where l.locktype = 'advisory' and d.datname = current_database()
        and not exists (select 1 from workers w
                        where l.objid::bigint = (('x' || right(w.id::text, 8))::bit(32)::bigint))""",
}
"""What may be so for a moment."""


async def check(world: World, *, connections: int | None = None, thawed: float | None = None) -> None:
    """Everything that must hold once all runs have ended; `connections` is how many the processes may hold at rest.

    `thawed` is when a process went on that had stood still: one call of each run may have been on its lips.
    """
    for rule, query in {**BROKEN, **SETTLING}.items():
        await _never(world, rule, query, seconds=SECONDS.get(rule, GRACE_SECONDS))
    await no_call_after_completion(world, thawed)
    if connections is not None:
        query = """select count(*) from pg_stat_activity where datname = current_database()
                   and backend_type = 'client backend' and pid <> pg_backend_pid()"""

        async def at_rest() -> bool:
            return bool((await world.rows(query))[0][0] <= connections)

        await until(at_rest, seconds=20)


async def _never(world: World, rule: str, query: LiteralString, *, seconds: float) -> None:
    """Jobs, locks and transactions may take a moment to go, wrong rows stay: so this waits for either to be gone."""
    found: list[tuple[Any, ...]] = []

    async def clean() -> bool:
        found[:] = await world.rows(query)
        return not found

    try:
        await until(clean, seconds=seconds)
    except TimeoutError:
        raise AssertionError(f"{rule}: {found[:10]}") from None


GRACE_SECONDS = 6.0
# A worker that dies after its run has parked, and before the job of that is done, leaves a job that nobody needs.
SECONDS = {"a job of a run that has ended": SILENT_SECONDS + GRACE_SECONDS}
LAST_WORDS_SECONDS = 0.5


async def no_call_after_completion(world: World, thawed: float | None = None) -> None:
    """No tool was called for a turn whose completion had been committed before.

    A database that does not keep the times of its commits is asked for those of the events: no commit comes before.
    """
    rows = await world.rows(
        """select run_id::text, node_id, (data ->> 'iteration')::int,
                  extract(epoch from case current_setting('track_commit_timestamp')
                                     when 'on' then pg_xact_commit_timestamp(xmin) else at end)
           from run_events where type = 'workflow.node.completed' and data ->> 'reused' is null"""
    )
    committed = {(run, node, iteration): float(at) for run, node, iteration, at in rows if at is not None}
    late = [
        call
        for call in map(json.loads, (await world.calls()).splitlines())
        if call[0] == "start" and not call[5] and call[1] > committed.get((call[2], call[3], call[4]), call[1])
    ]
    if thawed is not None:
        words = {call[2]: call for call in late if thawed <= call[1] <= thawed + LAST_WORDS_SECONDS}
        late = [call for call in late if call not in words.values()]
    assert not late, f"called after its completion was committed: {late[:10]}"


async def check_over_http(world: World, paths: Iterable[str]) -> None:
    """What the API says of some runs is what the rules say, too."""
    for path in paths:
        await check_log(world.client, path)
