"""Figures of the whole server or of one project."""

from collections import Counter
from typing import LiteralString
from uuid import UUID

from psycopg.rows import DictRow
from typing_extensions import TypedDict

from app.schemas.worker import QueueOut, WorkerOut
from app.services import workers
from app.services.storage import Storage, storage
from app.services.work import Work
from app.statuses import RunStatus

RUNS: LiteralString = """
    SELECT status, count(*) AS count FROM runs WHERE %(project)s::uuid IS NULL OR project_id = %(project)s
    GROUP BY status"""
DURATIONS: LiteralString = """
    SELECT count(*) AS count, avg(ms) AS mean_ms, percentile_cont(0.5) WITHIN GROUP (ORDER BY ms) AS median_ms,
           percentile_cont(0.95) WITHIN GROUP (ORDER BY ms) AS p95_ms
    FROM (SELECT (extract(epoch FROM finished_at - started_at) * 1000)::float8 AS ms FROM runs
          WHERE (%(project)s::uuid IS NULL OR project_id = %(project)s) AND status = 'COMPLETED'
          ORDER BY id DESC LIMIT 1000) AS newest"""
FAILURES: LiteralString = """
    SELECT v.graph, failed.nodes
    FROM (SELECT r.workflow_id, r.version, array_agg(n.node_id) AS nodes
          FROM runs r JOIN node_states n ON n.run_id = r.id
          WHERE (%(project)s::uuid IS NULL OR r.project_id = %(project)s) AND n.status = 'FAILED'
            AND r.finished_at > now() - interval '7 days'
          GROUP BY 1, 2 ORDER BY count(*) DESC LIMIT 50) AS failed
    JOIN workflow_versions v ON v.workflow_id = failed.workflow_id AND v.version = failed.version"""
QUEUE: LiteralString = """
    SELECT count(*) FILTER (WHERE scheduled_at IS NULL OR scheduled_at <= now()) AS depth,
           count(*) FILTER (WHERE scheduled_at > now()) AS scheduled
    FROM procrastinate_jobs WHERE status = 'todo'"""
HELD: LiteralString = """
    SELECT count(*) AS held FROM runs WHERE held AND (%(project)s::uuid IS NULL OR project_id = %(project)s)"""


class Durations(TypedDict):
    """Of the newest thousand completed runs, in milliseconds; null when there are none."""

    count: int
    mean_ms: float | None
    median_ms: float | None
    p95_ms: float | None


class QueueStats(TypedDict):
    depth: int
    scheduled: int


class WorkerStats(TypedDict):
    alive: int
    list: list[WorkerOut]


class Stats(TypedDict):
    runs: dict[str, int]
    durations: Durations
    failures_by_node_type: dict[str, int]
    held: int
    queue: QueueStats
    queues: list[QueueOut]
    workers: WorkerStats
    storage: Storage | None


async def stats(work: Work, project_id: UUID | None) -> Stats:
    """Runs by status, durations, failures of the last week; the queues and the workers are the server's.

    The storage is told to those only who may see the whole server.
    """
    values = {"project": project_id}
    durations = await work.first(DURATIONS, values) or {}
    queue = await work.first(QUEUE) or {}
    found = (await workers.list_workers(work))["items"]
    return {
        "runs": await runs_by_status(work, project_id),
        "durations": {
            "count": durations["count"],
            "mean_ms": durations["mean_ms"],
            "median_ms": durations["median_ms"],
            "p95_ms": durations["p95_ms"],
        },
        "failures_by_node_type": _failures(await work.all(FAILURES, values)),
        "queue": {"depth": queue["depth"], "scheduled": queue["scheduled"]},
        "held": await held_runs(work, project_id),
        "queues": await workers.list_queues(work),
        "workers": {"alive": sum(one["state"] == "alive" for one in found), "list": found},
        "storage": await storage(await work.connection()) if project_id is None else None,
    }


def _failures(rows: list[DictRow]) -> dict[str, int]:
    """Failed turns by node type. The graph is read here: PostgreSQL's JSON functions refuse a NUL in a string."""
    counts: Counter[str] = Counter()
    for row in rows:
        types = {node["id"]: node["type"] for node in row["graph"]["nodes"]}
        counts.update(types[node_id] for node_id in row["nodes"] if node_id in types)
    return dict(counts)


async def runs_by_status(work: Work, project_id: UUID | None = None) -> dict[str, int]:
    """How many runs are in each status, every status named."""
    found = {row["status"]: row["count"] for row in await work.all(RUNS, {"project": project_id})}
    return {str(status): found.get(status, 0) for status in RunStatus}


async def held_runs(work: Work, project_id: UUID | None = None) -> int:
    """How many runs are QUEUED without a job, as a limit or their project's share of the queue leaves no room."""
    row = await work.first(HELD, {"project": project_id})
    return int(row["held"]) if row else 0
