"""The sweeper: takes runs from workers that are gone, and mends what has lost its job. Not itself a job."""

import asyncio
import time
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import dict_row

from app import log
from app.db import Database
from app.events.wakeups import Wakeups
from app.queue import Queue
from app.services.moves import Moved, lock_with_children, one, reason
from app.services.restarts import hasten
from app.services.signals import tell_parent
from app.services.transitions import cancel_children, give_up, requeue
from app.statuses import RUN_ENDED, RunStatus
from app.worker.heartbeat import lock_key
from app.worker.leftovers import clear_away
from app.worker.lost_calls import mend_calls
from app.worker.releaser import release_all
from app.worker.suspects import TRUSTED_SECONDS, is_last, keep_apart, losses_of, note, trust

SWEEP_LOCK = 0x67726170_73776570
STRANDED_SECONDS = 10
EAGER_SECONDS = 3.0
"""So long after its start a sweeper looks often: a process that starts is often in the place of one that was killed."""
EAGER_PAUSE_SECONDS = 0.2

_log = log.get(__name__)


class Sweeper:
    """Looks once a second, at first more often; of all processes only one looks at a time."""

    def __init__(self, database: Database, queue: Queue, wakeups: Wakeups, *, heartbeat_seconds: float) -> None:
        self._pool = database.pool
        self._queue = queue
        self._wakeups = wakeups
        self._silent = 1.5 * heartbeat_seconds
        self._every = min(1.0, heartbeat_seconds)
        self._patient_until = 0.0

    async def run(self) -> None:
        """Sweep until cancelled; outlives the database's absence."""
        eager_until = time.monotonic() + EAGER_SECONDS
        while True:
            try:
                for moved in await self.sweep():
                    self._wakeups.wake(moved.project_id, moved.run_id, moved.last_seq)
            except (psycopg.Error, OSError) as error:
                _log.warning("The sweeper cannot reach the database and tries again: %s", error)
                # What has cut us off has silenced the others, too: they get their time to come back.
                self._patient_until = time.monotonic() + self._silent
            eager = time.monotonic() < eager_until
            await asyncio.sleep(min(self._every, EAGER_PAUSE_SECONDS) if eager else self._every)

    async def sweep(self) -> list[Moved]:
        """One look; returns the runs that were moved."""
        async with self._pool.connection() as connection, connection.transaction():
            if not await _locked(connection, SWEEP_LOCK):
                return []
            heard = await self._bury(connection)
            found = [*await self._orphans(connection, heard), *await self._stranded(connection)]
            # In the order of their ids, as everybody locks several runs; a retry goes on to the children of its run.
            if found:
                await lock_with_children(connection, [run["id"] for run in found])
            moves = [await self._move(connection, run) for run in sorted(found, key=lambda run: run["id"])]
        async with self._pool.connection() as connection:
            # Each by itself: in the transaction above jobs would be locked before runs, which others do the other way.
            await trust(connection)
            await clear_away(connection)
        await release_all(self._pool, self._queue)
        moves += [*await self._reconcile(), *await mend_calls(self._pool, self._queue)]
        return [moved for moved in moves if moved is not None]

    async def _reconcile(self) -> list[Moved]:
        """Tell parents of child runs that have ended, and cancel children whose parent has; each by itself."""
        async with self._pool.connection() as connection:
            cursor = connection.cursor(row_factory=dict_row)
            await cursor.execute(
                """select id from runs where parent_current and not parent_told and finished_at is not null
                   and status in ('COMPLETED', 'FAILED', 'CANCELLED') limit 500"""
            )
            ended = await cursor.fetchall()
            await cursor.execute(
                """select distinct p.id from runs c join runs p on p.id = c.parent_run_id
                   where c.parent_current and not c.parent_told
                   and c.status not in ('COMPLETED', 'FAILED', 'CANCELLED')
                   and p.status in ('COMPLETED', 'FAILED', 'CANCELLED') limit 500"""
            )
            left = await cursor.fetchall()
        found: list[Moved] = []
        for child in ended:
            async with self._pool.connection() as connection, connection.transaction():
                moved = await tell_parent(connection, self._queue, child["id"])
            found += [moved] if moved is not None else []
        for parent in left:
            async with self._pool.connection() as connection, connection.transaction():
                row = await one(connection, "select status from runs where id = %s for update", (parent["id"],))
                # It may have been retried since it was looked at.
                if row is not None and row["status"] in RUN_ENDED:
                    found += await cancel_children(connection, self._queue, parent["id"])
        return found

    async def _bury(self, connection: AsyncConnection[Any]) -> dict[UUID, datetime]:
        """Delete the rows of workers that no longer hold their lock, or are silent for too long; when they last spoke.

        The database's own absence is no silence: what counts begins with its last start.
        """
        if time.monotonic() < self._patient_until:
            return {}
        gone: dict[UUID, datetime] = {}
        cursor = connection.cursor(row_factory=dict_row)
        await cursor.execute(
            """select id, heartbeat_at, heard < clock_timestamp() - make_interval(secs => lost_seconds) as mute
               from (select id, lost_seconds, heartbeat_at, greatest(heartbeat_at, pg_postmaster_start_time()) as heard
                     from workers) w
               where heard < clock_timestamp() - make_interval(secs => %s)""",
            (self._silent,),
        )
        for worker in await cursor.fetchall():
            if worker["mute"] or await _locked(connection, lock_key(worker["id"])):
                _log.warning("A worker is gone; its runs go on elsewhere", worker_id=str(worker["id"]))
                await connection.execute("delete from workers where id = %s", (worker["id"],))
                gone[worker["id"]] = worker["heartbeat_at"]
        return gone

    async def _orphans(self, connection: AsyncConnection[Any], heard: dict[UUID, datetime]) -> list[dict[str, Any]]:
        """Runs that nobody executes: their worker is gone, or the job in which it did has ended without them.

        `alone` tells whether nothing else that had not shown itself harmless was lost with the worker.
        """
        values = {"workers": list(heard), "heard": list(heard.values()), "trusted": TRUSTED_SECONDS}
        cursor = connection.cursor(row_factory=dict_row)
        await cursor.execute(_ORPHANS, values)
        return await cursor.fetchall()

    async def _stranded(self, connection: AsyncConnection[Any]) -> list[dict[str, Any]]:
        """Runs that wait for a job which is not there, or whose worker was lost before it took them up."""
        cursor = connection.cursor(row_factory=dict_row)
        await cursor.execute(
            """select r.id, r.status, r.claim, r.job_id from runs r
               left join procrastinate_jobs j on j.id = r.job_id
               where (r.status = 'QUEUED' and not r.held
                      or r.status in ('WAITING', 'RETRYING') and r.wake_at < clock_timestamp())
               and (j.id is null or j.status <> 'todo'
                    and coalesce(r.wake_at, r.queued_at) < clock_timestamp() - make_interval(secs => %(wait)s)
                    and not exists (
                      select 1 from procrastinate_events e where e.job_id = j.id and e.type = 'started'
                      and e.at > clock_timestamp() - make_interval(secs => %(wait)s))) limit 500""",
            {"wait": STRANDED_SECONDS},
        )
        return await cursor.fetchall()

    async def _move(self, connection: AsyncConnection[Any], run: dict[str, Any]) -> Moved | None:
        """Bring a run back into the queue, unless somebody has moved it since it was looked at."""
        row = await one(connection, "select * from runs where id = %s for update", (run["id"],))
        if row is None or any(row[name] != run[name] for name in ("status", "claim", "job_id")):
            return None
        if row["job_id"] is not None:
            await self._queue.discard(connection, row["job_id"])
        if row["status"] == RunStatus.RUNNING:
            return await self._take(connection, row, alone=run["alone"])
        if row["status"] == RunStatus.RETRYING:
            return await hasten(connection, self._queue, row)
        why = reason("job_lost", "The run's job was lost; it has a new one.")
        moved = await requeue(connection, row["id"], None, why, loss=False)
        await keep_apart(connection, row["id"])
        return moved

    async def _take(self, connection: AsyncConnection[Any], run: dict[str, Any], *, alone: bool) -> Moved | None:
        losses = await losses_of(connection, run)
        if is_last(losses, alone=alone):
            message = f"The run has lost its worker {losses} times; it may be what ends them. Retry it if not."
            return await give_up(connection, run["project_id"], run["id"], reason("worker_lost", message))
        why = reason("worker_lost", "The worker was lost; another one goes on.")
        moved = await requeue(connection, run["id"], None, why, loss=True)
        if moved is not None:
            await note(connection, run["id"], losses)
        return moved


_ORPHANS: LiteralString = """
with lost as (
  select r.id, r.status, r.claim, r.job_id, r.worker_id,
         coalesce(h.at, clock_timestamp()) - make_interval(secs => %(trusted)s) as long_ago,
         (select e.at from run_events e where e.run_id = r.id
          and e.type in ('workflow.run.started', 'workflow.run.resumed') order by e.seq desc limit 1) as since
  from runs r left join unnest(%(workers)s::uuid[], %(heard)s::timestamptz[]) as h(id, at) on h.id = r.worker_id
  where r.status = 'RUNNING'
  and (not exists (select 1 from workers w where w.id = r.worker_id)
       or not exists (select 1 from procrastinate_jobs j where j.id = r.job_id)) limit 500)
select l.id, l.status, l.claim, l.job_id,
       not exists (select 1 from lost o where o.worker_id = l.worker_id and o.id <> l.id and o.since > l.long_ago)
       and not exists (select 1 from node_calls c where c.worker_id = l.worker_id and c.status = 'RUNNING'
                       and c.started_at > l.long_ago) as alone
from lost l"""


async def _locked(connection: AsyncConnection[Any], key: int) -> bool:
    cursor = connection.cursor(row_factory=dict_row)
    await cursor.execute("select pg_try_advisory_xact_lock(%s) as got", (key,))
    row = await cursor.fetchone()
    return bool(row and row["got"])
