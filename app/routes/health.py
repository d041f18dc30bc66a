"""What load balancers, supervisors and Prometheus ask for."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping

import psycopg
import psycopg_pool
from fastapi import APIRouter, Response

from app import log
from app.errors import GraphwrightError
from app.migrate import at_head
from app.routes.answers import Json
from app.routes.deps import ServerDep
from app.routes.server import Server
from app.services import stats, storage, workers
from app.services.work import unit_of_work

CHECK_SECONDS = 3.0
_log = log.get(__name__)

router = APIRouter(tags=["health"])


@router.get("/livez", operation_id="livez", summary="Tell that the process answers")
async def livez() -> dict[str, str]:
    return {"status": "alive"}


@router.get(
    "/readyz",
    operation_id="readyz",
    summary="Tell whether the server can do its work",
    responses={503: {"description": "A check fails; the answer says which."}},
)
async def readyz(server: ServerDep) -> Response:
    """Checks that the database answers and is at the newest revision, that the queue is there, and that we go on."""
    found = await asyncio.gather(*(_checked(check, server) for check in CHECKS.values()))
    checks = dict(zip(CHECKS, found, strict=True))
    ready = not any(checks.values())
    body = {
        "status": "ready" if ready else "not_ready",
        "checks": {name: {"ok": not error, **({"error": error} if error else {})} for name, error in checks.items()},
    }
    return Json(body, status_code=200 if ready else 503)


@router.get("/metrics", operation_id="metrics", summary="Figures for Prometheus", response_class=Response)
async def metrics(server: ServerDep) -> Response:
    """Runs by status, queues and workers, sizes of the tables, and the requests answered by this process."""
    async with unit_of_work(server.database, server.wakeups) as work:
        by_status = await stats.runs_by_status(work)
        held = await stats.held_runs(work)
        queues = await workers.list_queues(work)
        found = (await workers.list_workers(work))["items"]
        tables = await storage.sizes(await work.connection())
        whole = await storage.database_bytes(await work.connection())
    alive = [one for one in found if one["state"] == "alive"]
    lines = [
        *_series("graphwright_runs", "gauge", "Runs by status.", (({"status": s}, n) for s, n in by_status.items())),
        *_series("graphwright_runs_held", "gauge", "Runs that wait for room, without a job.", [({}, held)]),
        *_series(
            "graphwright_queue_depth",
            "gauge",
            "Jobs that wait for a worker.",
            (({"queue": queue["name"]}, queue["depth"]) for queue in queues),
        ),
        *_series("graphwright_workers_alive", "gauge", "Worker processes alive.", [({}, len(alive))]),
        *_series(
            "graphwright_workers_running",
            "gauge",
            "Executions in worker processes, at their last heartbeats.",
            [({}, sum(one["running"] for one in alive))],
        ),
        *_series("graphwright_database_bytes", "gauge", "Size of the database.", [({}, whole)]),
        *_series(
            "graphwright_table_bytes",
            "gauge",
            "Size of a table with its indexes.",
            (({"table": table["name"]}, table["bytes"]) for table in tables),
        ),
        *_series(
            "graphwright_http_requests_total",
            "counter",
            "Requests answered by this process.",
            (
                ({"method": method, "route": route, "status": str(status)}, count)
                for (method, route, status), count in sorted(server.requests.items())
            ),
        ),
    ]
    return Response("\n".join(lines) + "\n", media_type="text/plain; version=0.0.4; charset=utf-8")


async def _database(server: Server) -> str:
    async with server.database.pool.connection(timeout=CHECK_SECONDS) as connection:
        await connection.execute("SELECT 1")
    return ""


async def _migrations(server: Server) -> str:
    return "" if await at_head(server.database) else "The database is at another revision; run `graphwright migrate`."


async def _queue(server: Server) -> str:
    async with server.database.pool.connection(timeout=CHECK_SECONDS) as connection:
        await connection.execute("SELECT 1 FROM procrastinate_jobs LIMIT 1")
    return ""


async def _serving(server: Server) -> str:
    return "The server is stopping." if server.hub.stopping else ""


CHECKS: dict[str, Callable[[Server], Awaitable[str]]] = {
    "database": _database,
    "migrations": _migrations,
    "queue": _queue,
    "serving": _serving,
}


async def _checked(check: Callable[[Server], Awaitable[str]], server: Server) -> str:
    """What is wrong, or nothing. Says no more than anybody may know; the rest is in the log."""
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return await check(server)
    except GraphwrightError as error:
        return error.message
    except (psycopg.Error, psycopg_pool.PoolTimeout, psycopg_pool.PoolClosed, OSError, TimeoutError) as error:
        _log.warning("A check of readiness fails: %r", error)
        return "It does not answer."


def _series(name: str, kind: str, text: str, values: Iterable[tuple[Mapping[str, str], int]]) -> list[str]:
    lines = [f"# HELP {name} {text}", f"# TYPE {name} {kind}"]
    for labels, value in values:
        inside = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        lines.append(f"{name}{{{inside}}} {value}" if inside else f"{name} {value}")
    return lines


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
