"""What the journal holds until its next flush."""

import asyncio
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from sys import getsizeof
from typing import Any, LiteralString, TypeVar
from uuid import UUID

from psycopg import AsyncConnection

from app.compiler.waiting import Place
from app.db import as_arrays
from app.services.moves import INSERT_EVENTS
from app.services.transitions import Advance
from app.worker.entries import RunLog
from app.worker.rows import INSERT_BLOBS, INSERT_VALUES, UPSERT_CHECKPOINTS, UPSERT_ITEMS, UPSERT_STATES, UPSERT_WRITES

PART_BYTES = 4_000_000
"""Rows of more than this go to the database in several statements: each costs several times its size meanwhile."""
ROW_BYTES = 600
"""What a row takes beside the columns that may be large."""
WHOLE = slice(None)
Row = tuple[Any, ...]
Key = TypeVar("Key", bound=Hashable)


@dataclass(slots=True)
class Speech:
    """A token event that grows until the flush: its place in the batch, and its texts as JSON without quotes."""

    index: int
    texts: list[str]
    size: int = 0


@dataclass(slots=True)
class Batch:
    """The rows of one flush; `size` is what they take in memory, in bytes."""

    moves: dict[UUID, Advance] = field(default_factory=dict)
    logs: dict[UUID, RunLog] = field(default_factory=dict)
    states: dict[tuple[UUID, str, int], Row] = field(default_factory=dict)
    items: dict[tuple[str, Place], Row] = field(default_factory=dict)
    values: dict[tuple[UUID, bytes], Row] = field(default_factory=dict)
    events: list[Row] = field(default_factory=list)
    blobs: list[Row] = field(default_factory=list)
    checkpoints: list[Row] = field(default_factory=list)
    writes: dict[tuple[Any, ...], Row] = field(default_factory=dict)
    heard: list[tuple[UUID, int]] = field(default_factory=list)
    # By run and node, then by what the event says beside its text: the turn, the attempt and the item.
    speeches: dict[tuple[UUID, str], dict[str, Speech]] = field(default_factory=dict)
    waiters: list[asyncio.Future[None]] = field(default_factory=list)
    size: int = 0

    def speak(self) -> None:
        """Give the token events their texts, once, when nothing is added any more."""
        for said in self.speeches.values():
            for about, speech in said.items():
                self.write_out(about, speech)
        self.speeches = {}

    def hush(self, run_id: UUID, node_id: str | None) -> None:
        """Let further tokens of a node, or (None) of the whole run, come after the events so far."""
        for key in [(run_id, node_id)] if node_id is not None else [key for key in self.speeches if key[0] == run_id]:
            for about, speech in self.speeches.pop(key, {}).items():
                self.write_out(about, speech)

    def write_out(self, about: str, speech: Speech) -> None:
        """Give one token event its text."""
        data = f'{about[:-1]},"text":"{"".join(speech.texts)}"}}'
        self.events[speech.index] = (*self.events[speech.index][:-1], data)

    def drop(self, runs: Iterable[UUID]) -> None:
        """Forget everything of these runs."""
        gone = set(runs)
        if not gone:
            return
        names = {str(run) for run in gone}
        self.moves = {run: move for run, move in self.moves.items() if run not in gone}
        self.states = {key: row for key, row in self.states.items() if key[0] not in gone}
        self.values = {key: row for key, row in self.values.items() if key[0] not in gone}
        self.items = {key: row for key, row in self.items.items() if key[0] not in names}
        self.events = [row for row in self.events if row[0] not in gone]
        self.blobs = [row for row in self.blobs if row[0] not in names]
        self.checkpoints = [row for row in self.checkpoints if row[0] not in names]
        self.writes = {key: row for key, row in self.writes.items() if key[0] not in names}
        # What a lost run has heard is for whoever has it now.
        self.heard = [one for one in self.heard if one[0] not in gone]

    def forget(self, run_id: UUID) -> None:
        """Drop everything of a run while the batch still grows."""
        # Token events are known by their places, which change.
        self.speak()
        self.drop([run_id])
        del self.logs[run_id]

    def only(self, run_id: UUID) -> "Batch":
        """What this batch holds of one run."""
        alone = replace(self, moves=dict(self.moves), logs=dict(self.logs), waiters=[])
        alone.drop(run for run in self.moves if run != run_id)
        return alone

    async def insert(self, connection: AsyncConnection[Any]) -> None:
        """Write all rows but those of the runs themselves, in the caller's transaction."""
        tables: tuple[tuple[LiteralString, Iterable[Row]], ...] = (
            (INSERT_EVENTS, self.events),
            (UPSERT_STATES, self.states.values()),
            (INSERT_VALUES, self.values.values()),
            (UPSERT_ITEMS, self.items.values()),
            (INSERT_BLOBS, self.blobs),
            (UPSERT_CHECKPOINTS, self.checkpoints),
            (UPSERT_WRITES, self.writes.values()),
        )
        if self.size > PART_BYTES:
            # Not in a pipeline, which would hold the texts of all statements at once.
            for query, rows in tables:
                for part in _parts(rows):
                    await connection.execute(query, as_arrays(part))
            return
        async with connection.pipeline():
            for query, rows in tables:
                if rows:
                    await connection.execute(query, as_arrays(list(rows)))


def weight(row: Row, texts: slice = WHOLE) -> int:
    """The bytes that a row takes in memory: those of the columns that may be large, and a guess for the others."""
    return ROW_BYTES + sum(map(getsizeof, filter(None, row[texts])))


def put(table: dict[Key, Row], key: Key, row: Row, texts: slice) -> int:
    """Set a row, in the place of an older one; returns by how many bytes the table has grown."""
    before = table.get(key)
    table[key] = row
    return weight(row, texts) if before is None else weight(row, texts) - weight(before, texts)


def _parts(rows: Iterable[Row]) -> Iterator[list[Row]]:
    part: list[Row] = []
    size = 0
    for row in rows:
        part.append(row)
        size += weight(row)
        if size > PART_BYTES:
            yield part
            part, size = [], 0
    if part:
        yield part
