"""Workers and queues, as they are now."""

from typing import LiteralString
from uuid import UUID

from psycopg.rows import DictRow

from app.schemas.common import Page
from app.schemas.worker import QueueOut, WorkerOut
from app.services.pages import decode_cursor, page, rfc3339
from app.services.work import Work

ALIVE: LiteralString = "heartbeat_at > clock_timestamp() - make_interval(secs => lost_seconds)"
WORKERS: LiteralString = f"""
    SELECT id, hostname, pid, queues, concurrency, running, lost_seconds, started_at, heartbeat_at, {ALIVE} AS alive
    FROM workers WHERE %(after)s::uuid IS NULL OR id > %(after)s ORDER BY id LIMIT %(limit)s"""
QUEUES: LiteralString = f"""
    SELECT name, sum(depth)::int AS depth, sum(scheduled)::int AS scheduled, sum(running)::int AS running,
           sum(workers)::int AS workers
    FROM (SELECT queue_name AS name,
                 count(*) FILTER (WHERE status = 'todo' AND (scheduled_at IS NULL OR scheduled_at <= now())) AS depth,
                 count(*) FILTER (WHERE status = 'todo' AND scheduled_at > now()) AS scheduled,
                 count(*) FILTER (WHERE status = 'doing') AS running, 0 AS workers
          FROM procrastinate_jobs WHERE status IN ('todo', 'doing') GROUP BY 1
          UNION ALL
          SELECT unnest(queues), 0, 0, 0, 1 FROM workers WHERE {ALIVE}
          UNION ALL
          SELECT 'default', 0, 0, 0, 0) AS found
    GROUP BY name ORDER BY name"""
MOST = 10_000
"""More workers than any installation has: who counts them wants all."""


async def list_workers(work: Work, limit: int = MOST, cursor: str | None = None) -> Page[WorkerOut]:
    """The workers that have registered and have not left, oldest first."""
    after = decode_cursor(cursor, UUID)
    rows = await work.all(WORKERS, {"after": after[0] if after else None, "limit": limit + 1})
    return page(rows, limit, worker_view, lambda row: (str(row["id"]),))


async def list_queues(work: Work) -> list[QueueOut]:
    """Every queue that has jobs or workers, by name; `default` is always among them."""
    return [
        {
            "name": row["name"],
            "depth": row["depth"],
            "scheduled": row["scheduled"],
            "running": row["running"],
            "workers": row["workers"],
        }
        for row in await work.all(QUEUES)
    ]


def worker_view(row: DictRow) -> WorkerOut:
    return {
        "id": str(row["id"]),
        "hostname": row["hostname"],
        "pid": row["pid"],
        "queues": row["queues"],
        "concurrency": row["concurrency"],
        "running": row["running"],
        "lost_seconds": row["lost_seconds"],
        "started_at": rfc3339(row["started_at"]),
        "heartbeat_at": rfc3339(row["heartbeat_at"]),
        "state": "alive" if row["alive"] else "silent",
    }
