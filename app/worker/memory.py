"""What earlier executions of a run have kept: read once, before its graph runs again."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row, tuple_row

from app.compiler import CompiledWorkflow, Outcome, RunContext
from app.compiler.items import ItemState
from app.compiler.turns import Before
from app.compiler.waiting import Place, Signal
from app.db import Pool
from app.services.inputs import make_whole
from app.statuses import NODE_ENDED
from app.worker.entries import NodeRow, RunLog
from app.worker.journal import as_text
from app.worker.laps import EndedLaps


async def recall(pool: Pool, run: RunLog, context: RunContext, compiled: CompiledWorkflow) -> list[NodeRow]:
    """Fill the context with what is known of the run; returns the states of the nodes that wait."""
    run_id = run.run_id
    laps = EndedLaps(compiled, run_id)
    async with pool.connection() as connection, connection.transaction():
        cursor = connection.cursor(row_factory=dict_row)
        states = await laps.read(connection)
        items = await _items(connection, run_id)
        await cursor.execute("select * from kept_results where run_id = %s", (run_id,))
        kept = await cursor.fetchall()
        # What waits is written as it was read; the others are compared, or recorded with a graph that has changed.
        await make_whole(
            connection, run_id, [*kept, *(row for row in states if row["edges"] is None and _is_done(row))]
        )
        # An execution that has lost the run must not take what is said to the one after it.
        await cursor.execute(
            """update run_signals set delivered = true where run_id = %s and not delivered
               and exists (select 1 from runs where id = %s and claim = %s)""",
            (run_id, run_id, run.claim),
        )
        await cursor.execute(_SIGNALS, (run_id,))
        signals = await cursor.fetchall()
        await cursor.execute(
            "select node_id, iteration, path, attempt, status, created_at from node_calls where run_id = %s", (run_id,)
        )
        made = [row for row in await cursor.fetchall() if not laps.have(*_key(row))]
        calls = _calls_that_count(made, states, items)
    context.known = {_key(row): _outcome(row) for row in states if _is_done(row)}
    context.passed = laps.passed(context.known)
    context.kept = {_key(row): _kept(row) for row in kept}
    turns = {place[:2] for place in calls}
    standing = [row for row in states if row["status"] == "WAITING" or (_key(row) in turns and not _is_done(row))]
    context.attempts = {_key(row): _tries(row) for row in states if _tries(row)}
    context.attempts |= {_key(row): row["attempt"] - 1 for row in standing}
    context.begun = {(*_key(row), ()): since for row in standing if (since := _began(row)) is not None}
    context.items = items
    context.waits.remember(_by_place(signals))
    _go_on_with(calls, context)
    return [_state(row) for row in standing]


def _calls_that_count(
    rows: list[DictRow], states: list[DictRow], items: Mapping[Place, ItemState]
) -> dict[Place, DictRow]:
    """The calls whose outcome the run has not taken in; where a node waits for its next attempt it has been."""
    stand: dict[Place, tuple[str, int]] = {(*_key(row), ()): (row["status"], row["attempt"]) for row in states}
    stand |= {place: (item.status, item.attempt) for place, item in items.items()}
    found = {}
    for row in rows:
        place = (*_key(row), tuple(row["path"]))
        status, attempt = stand.get(place, ("PENDING", 0))
        if status not in ("COMPLETED", "SKIPPED", "FAILED", "RETRYING") or attempt < row["attempt"]:
            found[place] = row
    return found


def _go_on_with(calls: Mapping[Place, DictRow], context: RunContext) -> None:
    """Let the attempts that are made elsewhere be the ones that go on."""
    if context.calls is None or not calls:
        return
    context.calls.remember(set(calls))
    for place, row in calls.items():
        context.begun[place] = row["created_at"]
        item = context.items.get(place)
        if not place[2]:
            context.attempts = {**context.attempts, place[:2]: row["attempt"] - 1}
        elif item is not None:
            item.status, item.attempt, item.reason = "WAITING", row["attempt"], {"since": row["created_at"].isoformat()}


def _began(row: DictRow) -> datetime | None:
    since = began_at(row["reason"])
    return row["started_at"] if since is None and row["status"] != "WAITING" else since


def began_at(reason: Mapping[str, Any] | None) -> datetime | None:
    """When the attempt began that waits for this reason; None at a breakpoint, where none has begun."""
    since = (reason or {}).get("since")
    return None if since is None else datetime.fromisoformat(since)


# What was said to a turn that has ended is of no use to anybody.
_SIGNALS: LiteralString = """
select * from run_signals s where run_id = %s and not exists (
  select 1 from node_states n where n.run_id = s.run_id and n.node_id = s.node_id and n.iteration = s.iteration
  and n.status in ('COMPLETED', 'SKIPPED', 'FAILED'))
order by created_at, id"""

_ITEMS: LiteralString = """
select node_id, iteration, path, status, attempt, digest, output, error, reason, wake_at, started_at
from map_items i where run_id = %s and not exists (
  select 1 from node_states n where n.run_id = i.run_id and n.node_id = i.node_id and n.iteration = i.iteration
  and n.status in ('COMPLETED', 'SKIPPED', 'FAILED'))"""
ITEMS_AT_ONCE = 500
"""Rows of items are read in such parts, so that other runs of the process have their turn in between."""


async def _items(connection: AsyncConnection[Any], run_id: UUID) -> dict[Place, ItemState]:
    """Where the items stand of maps that are not done."""
    found: dict[Place, ItemState] = {}
    async with connection.cursor("items", row_factory=tuple_row) as cursor:
        cursor.itersize = ITEMS_AT_ONCE
        await cursor.execute(_ITEMS, (run_id,))
        async for node_id, iteration, path, *rest in cursor:
            place = (node_id, iteration, tuple(path))
            found[place] = ItemState(place, *rest)
    return found


async def forget_kept(pool: Pool, run_id: UUID) -> None:
    """Delete what was put aside for a run that has completed: it will not be retried."""
    async with pool.connection() as connection:
        await connection.execute("delete from kept_results where run_id = %s", (run_id,))


def signal_of(row: DictRow) -> tuple[Place, Signal]:
    """A row of run_signals as the place it is for and what it says."""
    return (row["node_id"], row["iteration"], tuple(row["path"])), Signal(row["kind"], row["data"], row["by"])


def _by_place(rows: Iterable[DictRow]) -> dict[Place, list[Signal]]:
    found: dict[Place, list[Signal]] = defaultdict(list)
    for row in rows:
        place, signal = signal_of(row)
        found[place].append(signal)
    return found


def _key(row: DictRow) -> tuple[str, int]:
    return row["node_id"], row["iteration"]


def _is_done(row: DictRow) -> bool:
    # Unhandled failures, too: only a retry runs them again, and it deletes these rows first.
    return row["status"] in ("COMPLETED", "SKIPPED", "FAILED")


def _tries(row: DictRow) -> int:
    """How often the node was tried before this visit; one that waits goes on with its attempt."""
    attempt: int = row["attempt"]
    if row["status"] == "WAITING":
        return attempt - 1
    return 0 if row["status"] in NODE_ENDED else attempt


def _outcome(row: DictRow) -> Outcome:
    edges = None if row["edges"] is None else {int(edge): state for edge, state in row["edges"].items()}
    writes = [(name, value) for name, value in row["writes"] or []]
    outcome = Outcome(row["status"], row["output"], row["error"], row["reason"], edges, writes, attempt=row["attempt"])
    outcome.handled = row["handled"]
    if edges is None:
        # It will be recorded again, with the edges that it has now.
        outcome.input = row["input"]
        outcome.before = Before(row["started_at"], row["finished_at"], row["progress"])
    return outcome


def _kept(row: DictRow) -> Outcome:
    before = Before(row["started_at"], row["finished_at"])
    return Outcome("COMPLETED", row["output"], input=row["input"], attempt=row["attempt"], before=before)


def _state(row: DictRow) -> NodeRow:
    return NodeRow(
        row["node_id"],
        row["iteration"],
        row["path"],
        row["status"],
        row["attempt"],
        progress=as_text(row["progress"]),
        input=as_text(row["input"]),
        input_parts=as_text(row["input_parts"]),
        reason=as_text(row["reason"]),
        wake_at=row["wake_at"],
        started_at=row["started_at"],
    )
