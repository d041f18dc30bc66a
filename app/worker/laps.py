"""Which laps of a run's loops need not be gone through again, and what they have left to those that come.

A run that goes on is run from its start over what is known of it. That would cost a run that waits in each of its laps
the square of their number, so of each loop only the newest lap is gone through: the ones before it have ended, or it
would not be there. What they leave is their writes, the newest outcome of each node, and how many turns it has had.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from operator import itemgetter
from typing import Any, LiteralString
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row, tuple_row

from app.compiler import CompiledWorkflow, Outcome
from app.compiler.plan import Region
from app.compiler.state import Write
from app.compiler.turns import Passed
from app.compiler.waiting import Path
from app.db import as_arrays

Rows = list[DictRow]
ROWS_AT_ONCE = 2_000
"""Writes are read in such parts, so that other runs of the process have their turn in between."""


@dataclass(slots=True)
class Window:
    """The ended laps of one loop: those before `lap`, within the laps `around` it.

    `turns` are the first and the last iteration that each of the loop's nodes had in them.
    """

    region: Region
    around: Path
    lap: int
    turns: dict[str, tuple[int, int]] = field(default_factory=dict)
    _units: dict[int, list[int]] = field(default_factory=dict)
    _writes: list[tuple[tuple[int, ...], list[Write]]] = field(default_factory=list)

    @property
    def next(self) -> Path:
        return (*self.around, self.lap)

    def take(self, node: int, home: Mapping[int, Region], path: Sequence[int], writes: Iterable[Write]) -> None:
        """Take in what a turn has written: by lap, and within a lap in the order of the units of its region."""
        if node not in self._units:
            regions = [home[node]]
            while regions[0] is not self.region:
                assert regions[0].parent is not None  # noqa: S101  # the node is in the window's loop
                regions.insert(0, regions[0].parent)
            self._units[node] = [region.unit_of[node].index for region in regions]
        laps = path[len(self.around) :]
        order = tuple(chain.from_iterable(zip(laps, self._units[node], strict=True)))
        self._writes.append((order, [(key, value) for key, value in writes]))

    def writes(self) -> list[Write]:
        """Everything that was written in the ended laps, in the order in which the laps made it."""
        return [write for _, writes in sorted(self._writes, key=itemgetter(0)) for write in writes]


class EndedLaps:
    """The ended laps of one run, as `read` finds them; without any, all states are to be read."""

    def __init__(self, compiled: CompiledWorkflow, run_id: UUID) -> None:
        self._compiled = compiled
        self._run_id = run_id
        self._index = {name: n for n, name in enumerate(compiled.node_ids)}
        self._windows: list[Window] = []

    async def read(self, connection: AsyncConnection[Any]) -> Rows:
        """The states of the run's nodes but for the turns in ended laps, of which only each node's last one is read."""
        if len(self._compiled.plan.regions) > 1:
            self._windows = await self._sound(connection, await self._begun(connection))
        if not self._windows:
            return await _all(connection, "select * from node_states where run_id = %s", (self._run_id,))
        await self._read_writes(connection)
        ranges = self._ranges()
        columns = as_arrays([(name, *span) for name, spans in ranges.items() for span in spans])
        return await _all(connection, _STATES, (self._run_id, list(ranges), *columns, self._run_id))

    def passed(self, known: Mapping[tuple[str, int], Outcome]) -> dict[tuple[int, Path], Passed]:
        """What the ended laps have left, by the number of the loop's region and the laps around it."""
        return {
            (window.region.number, window.around): Passed(
                window.lap,
                {self._index[name]: known[name, last] for name, (_, last) in window.turns.items()},
                {self._index[name]: last + 1 for name, (_, last) in window.turns.items()},
                window.writes(),
            )
            for window in self._windows
        }

    def have(self, node_id: str, iteration: int) -> bool:
        """Whether a turn was in an ended lap."""
        spans = (window.turns.get(node_id) for window in self._windows)
        return any(span is not None and span[0] <= iteration <= span[1] for span in spans)

    async def _begun(self, connection: AsyncConnection[Any]) -> list[Window]:
        """A window for each loop that has come to a second lap within the newest laps of the loops around it."""
        names = self._compiled.node_ids
        headers = [names[region.header] for region in self._compiled.plan.regions if region.header is not None]
        rows = await _all(connection, _NEWEST, (headers, self._run_id))
        newest: dict[str, Path] = {row["node_id"]: tuple(row["path"]) for row in rows}
        at: dict[int, Path] = {self._compiled.plan.root.number: ()}
        found = []
        for region in self._compiled.plan.regions[1:]:
            assert region.header is not None  # noqa: S101  # only the whole graph has none
            assert region.parent is not None  # noqa: S101  # as above
            path, around = newest.get(names[region.header], ()), at.get(region.parent.number)
            if around is None or len(path) != len(around) + 1 or path[:-1] != around:
                continue
            at[region.number] = path
            if path[-1]:
                found.append(Window(region, around, path[-1]))
        return found

    async def _sound(self, connection: AsyncConnection[Any], windows: Sequence[Window]) -> list[Window]:
        """The windows in which every node has had its turns and all of these can be taken as they are."""
        names = self._compiled.node_ids
        wanted = [
            (place, names[node], _array(window.around), _array(window.next))
            for place, window in enumerate(windows)
            for node in window.region.unit_of
        ]
        unsound: set[int] = set()
        rows = await _all(connection, _TURNS, (*as_arrays(wanted), self._run_id)) if wanted else []
        for row in rows:
            window, direct = windows[row["place"]], self._compiled.plan.home[self._index[row["node_id"]]]
            window.turns[row["node_id"]] = (row["first"], row["last"])
            if not row["sound"] or (direct is window.region and row["turns"] != window.lap):
                unsound.add(row["place"])
        return [
            window
            for place, window in enumerate(windows)
            if place not in unsound and len(window.turns) == len(window.region.unit_of)
        ]

    async def _read_writes(self, connection: AsyncConnection[Any]) -> None:
        nodes = self._compiled.document.nodes
        all_turns: list[tuple[Any, ...]] = []
        last_turns: list[tuple[Any, ...]] = []
        for place, window in enumerate(self._windows):
            for name, span in window.turns.items():
                keys = nodes[self._index[name]].writes
                if keys:
                    last_only = all(self._compiled.replaces(key) for key in keys)
                    (last_turns if last_only else all_turns).append((place, name, *span))
        for query, wanted in ((_WRITES, all_turns), (_LAST_WRITES, last_turns)):
            if wanted:
                async with connection.cursor("writes", row_factory=tuple_row) as cursor:
                    cursor.itersize = ROWS_AT_ONCE
                    await cursor.execute(query, (*as_arrays(wanted), self._run_id))
                    async for place, name, path, writes in cursor:
                        self._windows[place].take(self._index[name], self._compiled.plan.home, path, writes)

    def _ranges(self) -> dict[str, list[tuple[int, int]]]:
        """The iterations that are to be read of each node that has turns in windows."""
        spans: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for window in self._windows:
            for name, span in window.turns.items():
                spans[name].append(span)
        return {name: list(_between(sorted(of))) for name, of in spans.items()}


def _between(spans: Iterable[tuple[int, int]]) -> Iterable[tuple[int, int]]:
    """What is left of all iterations without the spans, the last one of each span included."""
    begin = 0
    for first, last in spans:
        if begin < first:
            yield begin, first - 1
        yield last, last
        begin = last + 1
    yield begin, _ENDLESS


def _array(path: Path) -> str:
    return "{" + ",".join(map(str, path)) + "}"


async def _all(connection: AsyncConnection[Any], query: LiteralString, values: Sequence[Any]) -> Rows:
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(query, values)
        return await cursor.fetchall()


_ENDLESS = 2**31 - 1

_NEWEST: LiteralString = """
select h.node_id, n.path from unnest(%s::text[]) as h(node_id)
cross join lateral (select path from node_states s where s.run_id = %s and s.node_id = h.node_id
                    order by iteration desc limit 1) as n"""

_TURNS: LiteralString = """
select v.place, v.node_id, min(n.iteration) as first, max(n.iteration) as last, count(*) as turns,
       bool_and(n.status in ('COMPLETED', 'SKIPPED', 'FAILED') and n.handled and n.edges is not null) as sound
from unnest(%s::int[], %s::text[], %s::text[], %s::text[]) as v(place, node_id, around, next)
join node_states n on n.run_id = %s and n.node_id = v.node_id and n.path >= v.around::int[] and n.path < v.next::int[]
group by v.place, v.node_id"""

_STATES: LiteralString = """
select * from node_states where run_id = %s and not node_id = any(%s)
union all
select n.* from unnest(%s::text[], %s::int[], %s::int[]) as v(node_id, first, last)
join node_states n on n.run_id = %s and n.node_id = v.node_id and n.iteration between v.first and v.last"""

_WRITES: LiteralString = """
select v.place, n.node_id, n.path, n.writes
from unnest(%s::int[], %s::text[], %s::int[], %s::int[]) as v(place, node_id, first, last)
join node_states n on n.run_id = %s and n.node_id = v.node_id and n.iteration between v.first and v.last
where n.writes is not null"""

_LAST_WRITES: LiteralString = """
select v.place, n.node_id, n.path, n.writes
from unnest(%s::int[], %s::text[], %s::int[], %s::int[]) as v(place, node_id, first, last)
cross join lateral (select * from node_states s where s.run_id = %s and s.node_id = v.node_id
                    and s.iteration between v.first and v.last and s.writes is not null
                    order by s.iteration desc limit 1) as n"""
