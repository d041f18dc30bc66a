"""Runs that may be what ends their workers, and those that were only beside them.

A worker that dies takes all of its runs with it, and nobody knows which of them did it. So losses count only as long as
nothing of the run completes in between, and before its last chance a run is a suspect: of these one is executed at a
time, until it has completed something or has lived for a while. What dies then is what kills.

A suspect that has lived for a while may still be there, with the others, when the next one ends their worker. So from
then on it is no suspect: its next loss makes it one again. What kills late would go on so for ever, if not for a limit.

Beside a suspect its worker executes runs that are none yet, and one of these may be what kills. So a suspect that is
lost with others that have not lived for a while, either, gets two more chances. A run that kills has two losses before
it is a suspect itself; two such runs have four, and so can never make a third one fail that is only beside them.
"""

from uuid import UUID

from psycopg.rows import DictRow

from app.services.moves import Connection, one, run_sql

MAX_LOSSES = 3
"""A run that has lost its worker this often without completing anything FAILS, if it was lost alone."""
MAX_LOSSES_BESIDE_OTHERS = 5
"""And one that has lost it this often, whoever was lost with it."""
MAX_LOSSES_IN_ALL = 6
"""And one that has lost it this often, however long it lived in between."""
LOCK = "suspects of "
"""How the lock of suspects begins; the name of their queue follows, as nobody may serve another one."""
TRUSTED_SECONDS = 10.0
"""A suspect that has been executed for so long does not keep the others waiting any more."""


async def losses_of(connection: Connection, run: DictRow) -> int:
    """How often in a row the run has lost its worker, this time included."""
    found = await one(
        connection,
        """with done as (
             select coalesce((select max(seq) from run_events where run_id = %(run)s
                              and (type = 'workflow.node.completed'
                                   or type = 'workflow.run.queued' and data ->> 'retry' = 'true')), 0) as seq,
                    coalesce((select max(finished_at) from map_items
                              where run_id = %(run)s and status = 'COMPLETED'), '-infinity') as at),
           lost as (select seq, at from run_events where run_id = %(run)s and type = 'workflow.run.queued'
                    and data -> 'reason' ->> 'code' = 'worker_lost'),
           latest as (select coalesce(max(seq), 0) as seq, coalesce(max(at), '-infinity') as at from lost)
           select exists (select 1 from run_events e, latest l where e.run_id = %(run)s
                          and e.type = 'workflow.node.completed' and e.seq > l.seq)
                  or exists (select 1 from done d, latest l where d.at > l.at) as progressed,
                  (select count(*) from lost l, done d where l.seq > d.seq and l.at > d.at) as since""",
        {"run": run["id"]},
    )
    if found is None or found["progressed"]:
        return 1
    in_all = int(found["since"]) + 1
    return in_all if in_all >= MAX_LOSSES_IN_ALL else int(run["losses"]) + 1


def is_last(losses: int, *, alone: bool) -> bool:
    """Whether a run has to FAIL after so many losses in a row; `alone` if no other may have done it."""
    return losses >= (MAX_LOSSES if alone else MAX_LOSSES_BESIDE_OTHERS)


async def note(connection: Connection, run_id: UUID, losses: int) -> None:
    """Take down the losses of a run that has just been queued again; before its last chances it is a suspect."""
    await run_sql(connection, "update runs set losses = %s where id = %s", (losses, run_id))
    await keep_apart(connection, run_id)


async def keep_apart(connection: Connection, run_id: UUID) -> None:
    """See to it that the new job of a run, if that is a suspect, comes when no other suspect of its queue has one."""
    await run_sql(
        connection,
        """update procrastinate_jobs j set lock = %s || j.queue_name from runs r
           where r.id = %s and r.losses >= %s and j.id = r.job_id and j.status = 'todo'""",
        (LOCK, run_id, MAX_LOSSES - 1),
    )


async def trust(connection: Connection) -> None:
    """Let go of suspects that have shown themselves harmless, so that the next one has its turn."""
    await run_sql(
        connection,
        """with trusted as (
             update runs set losses = %(losses)s where status = 'RUNNING' and id in (
               select r.id from procrastinate_jobs j join runs r on r.job_id = j.id,
               lateral (select seq, at from run_events where run_id = r.id
                        and type in ('workflow.run.started', 'workflow.run.resumed') order by seq desc limit 1) c
               where j.lock = %(lock)s || j.queue_name and j.status = 'doing' and r.status = 'RUNNING'
               and (c.at < clock_timestamp() - make_interval(secs => %(trusted)s)
                    or exists (select 1 from run_events e where e.run_id = r.id and e.seq > c.seq
                               and e.type = 'workflow.node.completed')))
             returning job_id)
           update procrastinate_jobs j set lock = null from trusted t where j.id = t.job_id""",
        {"lock": LOCK, "losses": MAX_LOSSES - 2, "trusted": TRUSTED_SECONDS},
    )
