"""Runs that may be what ends their workers, and those that were only beside them.

A worker that dies takes all of its runs with it, and nobody knows which of them did it. So losses count only as long as
nothing of the run completes in between, and before its last chance a run is a suspect: of these one is executed at a
time, until it has completed something or has lived for a while. What dies then is what kills.
"""

from uuid import UUID

from psycopg.rows import DictRow

from app.services.moves import Connection, one, run_sql

MAX_LOSSES = 3
"""A run that has lost its worker this often without completing anything FAILS: it is likely what ends them."""
LOCK = "suspects"
TRUSTED_SECONDS = 10.0
"""A suspect that has been executed for so long does not keep the others waiting any more."""


async def losses_of(connection: Connection, run: DictRow) -> int:
    """How often in a row the run has lost its worker, this time included."""
    progress = await one(
        connection,
        """with lost as (select seq, at from run_events where run_id = %(run)s and type = 'workflow.run.queued'
                         and data -> 'reason' ->> 'code' = 'worker_lost' order by seq desc limit 1)
           select 1 where
             exists (select 1 from run_events e where e.run_id = %(run)s and e.type = 'workflow.node.completed'
                     and e.seq > coalesce((select seq from lost), 0))
             or exists (select 1 from map_items i where i.run_id = %(run)s and i.status = 'COMPLETED'
                        and i.finished_at > coalesce((select at from lost), '-infinity'))""",
        {"run": run["id"]},
    )
    return 1 if progress is not None else int(run["losses"]) + 1


async def note(connection: Connection, run_id: UUID, losses: int) -> None:
    """Take down the losses of a run that has just been queued again; before its last chance it is a suspect."""
    await run_sql(connection, "update runs set losses = %s where id = %s", (losses, run_id))
    if losses == MAX_LOSSES - 1:
        await run_sql(
            connection,
            "update procrastinate_jobs set lock = %s where id = (select job_id from runs where id = %s)",
            (LOCK, run_id),
        )


async def trust(connection: Connection) -> None:
    """Let go of suspects that have shown themselves harmless, so that the next one has its turn."""
    await run_sql(
        connection,
        """update procrastinate_jobs j set lock = null
           from runs r, lateral (select seq, at from run_events where run_id = r.id
                                 and type in ('workflow.run.started', 'workflow.run.resumed')
                                 order by seq desc limit 1) c
           where j.lock = %(lock)s and j.status = 'doing' and r.job_id = j.id and r.status = 'RUNNING'
           and (c.at < clock_timestamp() - make_interval(secs => %(trusted)s)
                or exists (select 1 from run_events e where e.run_id = r.id and e.seq > c.seq
                           and e.type = 'workflow.node.completed'))""",
        {"lock": LOCK, "trusted": TRUSTED_SECONDS},
    )
