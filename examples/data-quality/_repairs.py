"""Repairs of tables, kept as changes to their source: which cells have new values, and which rows are gone."""

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ._table import Limits, Table, as_number, clipped, is_missing, is_number_column, numbers_of, spellings

UNKNOWN = "unknown"


@dataclass(slots=True)
class Changes:
    """What has been repaired so far: new values by row number and column, and the numbers of dropped rows."""

    cells: dict[tuple[int, str], str] = field(default_factory=dict)
    dropped: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, value: dict[str, Any] | None) -> "Changes":
        """The changes that `as_json` wrote."""
        if value is None:
            return cls()
        return cls({(row, column): cell for row, column, cell in value["cells"]}, set(value["dropped"]))

    def as_json(self) -> dict[str, Any]:
        cells = [[row, column, cell] for (row, column), cell in sorted(self.cells.items()) if row not in self.dropped]
        return {"cells": cells, "dropped": sorted(self.dropped)}

    def applied_to(self, source: Table) -> Table:
        """The source with these changes; the source stays as it is."""
        rows = {number: list(row) for number, row in source.rows.items() if number not in self.dropped}
        places = {name: index for index, name in enumerate(source.columns)}
        for (number, column), cell in self.cells.items():
            if number in rows:
                rows[number][places[column]] = cell
        return Table(source.columns, rows)


def repair(kind: str, table: Table, rows: set[int], limits: Limits, changes: Changes) -> None:
    """Add to `changes` what mends the findings of one kind in the given rows."""
    if kind == "duplicates":
        changes.dropped |= rows
        return
    if kind == "missing":
        hollow = {number for number in rows if 2 * sum(map(is_missing, table.rows[number])) > len(table.columns)}
        changes.dropped |= hollow
        rows = rows - hollow
    for index, name in enumerate(table.columns):
        mend = _MENDERS[kind](table.column(index), limits.get(name))
        for number in rows:
            cell = table.rows[number][index]
            mended = mend(cell)
            if mended != cell:
                changes.cells[number, name] = mended


Mender = Callable[[str], str]


def _spacing(_cells: list[str], _limits: Sequence[float] | None) -> Mender:
    return lambda cell: " ".join(cell.split())


def _spelling(cells: list[str], _limits: Sequence[float] | None) -> Mender:
    if is_number_column(cells):
        return str
    usual = spellings(cells)
    return lambda cell: usual.get(cell, cell)


def _missing(cells: list[str], limits: Sequence[float] | None) -> Mender:
    filler = _middle(cells, limits) if is_number_column(cells) else UNKNOWN
    return lambda cell: filler if is_missing(cell) else cell


def _values(cells: list[str], limits: Sequence[float] | None) -> Mender:
    if not is_number_column(cells):
        return str
    middle = _middle(cells, limits)

    def mend(cell: str) -> str:
        number = as_number(cell)
        if number is None:
            return cell if is_missing(cell) else middle
        return cell if clipped(number, limits) == number else _written(clipped(number, limits))

    return mend


_MENDERS = {"spacing": _spacing, "missing": _missing, "values": _values, "spelling": _spelling}


def _middle(cells: list[str], limits: Sequence[float] | None) -> str:
    return _written(clipped(statistics.median(numbers_of(cells)), limits))


def _written(number: float) -> str:
    return str(int(number)) if number.is_integer() else repr(number)
