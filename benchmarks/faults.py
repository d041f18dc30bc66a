"""How soon runs go on after what they ran on was killed, stopped, or away."""

import asyncio
import os
import signal
import statistics
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row

from app.embedded import EmbeddedPostgres
from app.embedded.watch import stop_server
from benchmarks.client import BadAnswerError
from benchmarks.figures import Figure, Report, spread
from benchmarks.server import Service, database, site, using
from benchmarks.shapes import Shape, chain

PART = "faults"
SHORT = chain(100, 0.1)
LONG = chain(1000, 0.1)
RUNS = 8
WAIT_SECONDS = 90.0
FAST = {"heartbeat_seconds": 0.2, "worker_lost_seconds": 2}
BEGUN = "select run_id from node_states where run_id = any(%s) and status = 'COMPLETED' group by 1 having count(*) > 3"
AFTER = "select distinct run_id from run_events where at > %s and type = 'workflow.node.started'"

Query = Callable[..., Any]


async def measure(report: Report, *, quick: bool) -> None:
    """A process killed and started again, a worker killed or stopped beside another one, a database away."""
    await _restarts(report, repeats=2 if quick else 5)
    async with database() as (server, url, data):
        for name, settings, limit in (("default settings", {}, 40.0), ("fast settings", FAST, 5.0)):
            for what, blow in (("kill -9", signal.SIGKILL), ("SIGSTOP", signal.SIGSTOP)):
                report.note(f"{PART}: {what} of one of two workers, {name}")
                waits = await _lost_worker(url, blow, settings)
                title = f"{what} of one of two workers to its last run elsewhere, {name}"
                report.add(Figure(PART, title, max(waits), "s", None, limit, spread=spread(waits)))
        for away in (5.0,) if quick else (5.0, 40.0):
            report.note(f"{PART}: database away for {away:g} s")
            waits = await _outage(server, url, data, away)
            title = f"database back after {away:g} s to the last run's next node"
            report.add(Figure(PART, title, max(waits), "s", None, 5.0, spread=spread(waits)))


async def _restarts(report: Report, *, repeats: int) -> None:
    """kill -9 of a server with its worker and embedded database, and a new one at once."""
    report.note(f"{PART}: kill -9 of the only process")
    waits, answers = [], []
    async with site() as place:
        process = await place.serve()
        for repeat in range(repeats):
            async with using(place, process) as service:
                await service.store(SHORT)
                run = await _under_way(service)
                # Anywhere between two heartbeats.
                await asyncio.sleep(repeat / repeats)
                process.kill()
                await process.wait()
            began = time.time()
            process = await place.serve()
            answers.append(time.time() - began)
            async with using(place, process) as service:
                again = await _first_after(service, run, began)
                waits.append(again - began)
                await service.client.call("POST", f"{run}/cancel")
    name = "kill -9 of the only process: start of another to the first new node"
    report.add(Figure(PART, name, statistics.median(waits), "s", None, 3.0, 1.5, spread=spread(waits)))
    report.add(Figure(PART, "of it, to ready", statistics.median(answers), "s", spread=spread(answers)))


async def _under_way(service: Service) -> str:
    """A run whose fourth node has ended."""
    run = await service.create(SHORT)
    await service.client.call("POST", f"{run}/execute")
    async with service.client.events(f"{run}/events") as events:
        async for event in events:
            if event["type"] == "workflow.node.completed" and event["node_id"] == SHORT.nodes[3]:
                return run
    raise BadAnswerError("The run ended before its fourth node.")


async def _first_after(service: Service, run: str, moment: float) -> float:
    """The time at which the first node was begun after that moment; those that had ended must not be begun again."""
    done: set[str] = set()
    async with service.client.events(f"{run}/events") as events:
        async for event in events:
            at = datetime.fromisoformat(event["at"]).timestamp()
            if event["type"] == "workflow.node.completed" and at < moment:
                done.add(event["node_id"])
            if event["type"] == "workflow.node.started" and at > moment:
                if event["node_id"] in done:
                    raise BadAnswerError(f"{event['node_id']} had ended and was begun again.")
                return at
    raise BadAnswerError("The run did not go on.")


@asynccontextmanager
async def _answers(url: str) -> AsyncIterator[Query]:
    """Queries over a connection of one's own."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True, row_factory=dict_row) as connection:

        async def query(statement: str, *values: Any) -> list[dict[str, Any]]:
            return await (await connection.execute(statement, values)).fetchall()

        yield query


async def _begun(service: Service, shape: Shape, query: Query) -> list[UUID]:
    """Runs that are under way."""
    runs = [await service.create(shape) for _ in range(RUNS)]
    for run in runs:
        await service.client.call("POST", f"{run}/execute")
    ids = [UUID(run.rpartition("/")[2]) for run in runs]
    async with asyncio.timeout(WAIT_SECONDS):
        while len(await query(BEGUN, ids)) < RUNS:
            await asyncio.sleep(0.02)
    return ids


async def _gone_on(query: Query, runs: set[UUID], moment: float) -> list[float]:
    """For each run, seconds from the moment to its next beginning of a node."""
    found: dict[UUID, float] = {}
    async with asyncio.timeout(WAIT_SECONDS):
        while len(found) < len(runs):
            for row in await query(AFTER, datetime.fromtimestamp(moment).astimezone()):
                if row["run_id"] in runs:
                    # Not the time that it carries: what counts is that it is there for others to see.
                    found.setdefault(row["run_id"], time.time() - moment)
            await asyncio.sleep(0.02)
    return list(found.values())


async def _lost_worker(url: str, blow: signal.Signals, settings: dict[str, Any]) -> list[float]:
    """Seconds until each run of the worker that was struck went on at the other one."""
    async with site(database_url=url, quiet=True, **settings) as place, _answers(url) as query:
        server = await place.serve("--no-worker")
        workers = [await place.work("--concurrency", str(RUNS)) for _ in range(2)]
        async with using(place, server) as service:
            await service.store(LONG)
            runs = await _begun(service, LONG, query)
            held = await query("select id, worker_id from runs where id = any(%s)", runs)
            process, name = max(workers, key=lambda worker: sum(str(row["worker_id"]) == worker[1] for row in held))
            lost = {row["id"] for row in held if str(row["worker_id"]) == name}
            os.kill(process.pid, blow)
            moment = time.time()
            waits = await _gone_on(query, lost, moment)
            await _cancel_all(service, runs)
    return waits


async def _outage(server: EmbeddedPostgres, url: str, data: Path, away: float) -> list[float]:
    """Seconds from the moment at which the database answers again to each run's next beginning of a node."""
    async with site(database_url=url, quiet=True) as place:
        process = await place.serve()
        async with using(place, process) as service:
            await service.store(LONG)
            async with _answers(url) as query:
                runs = await _begun(service, LONG, query)
            await asyncio.to_thread(stop_server, data)
            await asyncio.sleep(away)
            await server.start()
            moment = time.time()
            async with _answers(url) as query:
                waits = await _gone_on(query, set(runs), moment)
                await _cancel_all(service, runs)
    return waits


async def _cancel_all(service: Service, runs: list[UUID]) -> None:
    for run in runs:
        await service.cancel(str(run))
