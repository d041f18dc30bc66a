"""Jobs that claim to be under way although nobody does them: their worker died when their run needed them no more."""

from app.queue import TASK
from app.services.moves import Connection, run_sql

SILENT_SECONDS = 60.0
"""Six heartbeats of the queue's engine."""


async def clear_away(connection: Connection) -> None:
    """Delete the jobs under way whose run has ended with its worker gone, or that no run knows and no worker holds."""
    await run_sql(
        connection,
        """delete from procrastinate_jobs j using runs r
           where j.status = 'doing' and j.worker_id is not null and j.task_name = %(task)s
           and r.id = (j.args ->> 'run_id')::uuid
           and (r.status in ('COMPLETED', 'FAILED', 'CANCELLED') and r.worker_id is not null
                and not exists (select 1 from workers w where w.id = r.worker_id)
                or (r.job_id is distinct from j.id
                    or r.status in ('WAITING', 'COMPLETED', 'FAILED', 'CANCELLED'))
                and not exists (select 1 from procrastinate_workers w where w.id = j.worker_id
                                and w.last_heartbeat > clock_timestamp() - make_interval(secs => %(silent)s)))""",
        {"task": TASK, "silent": SILENT_SECONDS},
    )
