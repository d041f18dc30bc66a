"""Tables of text cells: reading them, what their columns hold, and what is wrong in which row."""

import csv
import hashlib
import io
import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.compiler import HardError

HERE = Path(__file__).parent
FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\.csv")
MAX_CHARACTERS = 5_000_000
MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "-", "?", "#n/a"})
NUMBER_SHARE = 0.95
FEWEST_FOR_QUARTILES = 4
KINDS = ("spacing", "missing", "values", "spelling", "duplicates")
"""The kinds of findings, in the order in which the first of equals is repaired."""

Limits = Mapping[str, Sequence[float]]
Findings = dict[str, set[int]]


@dataclass(frozen=True, slots=True)
class Table:
    """Columns, and the rows by their number in the source, counted from 1 without the header."""

    columns: list[str]
    rows: dict[int, list[str]]

    def column(self, index: int) -> list[str]:
        return [row[index] for row in self.rows.values()]


def file_text(name: str) -> str:
    """The text of a CSV file beside this one; raises HardError `unknown_file` for any other name."""
    known = sorted(path.name for path in HERE.glob("*.csv"))
    if FILE_NAME.fullmatch(name) is None or name not in known:
        raise HardError(f"There is no file {name!r} here; there is {', '.join(known)}. Or give `csv`.", "unknown_file")
    return (HERE / name).read_text(encoding="utf-8-sig")


def digest_of(text: str) -> str:
    """A fingerprint of a source, to notice when it changes in the middle of a run."""
    return hashlib.sha256(text.encode()).hexdigest()


def read_table(text: str) -> Table:
    """The table of a CSV text with a header; short rows are filled with empty cells.

    Raises HardError `bad_csv` when there are no rows, or a row is longer than the header.
    """
    if len(text) > MAX_CHARACTERS:
        raise HardError(f"The CSV text is longer than {MAX_CHARACTERS:,} characters; give a part of it.", "bad_csv")
    try:
        lines = [line for line in csv.reader(io.StringIO(text, newline=""), strict=True) if line]
    except csv.Error as error:
        raise HardError(f"The text is not CSV: {error}.", "bad_csv") from error
    columns, rows = (lines[0], lines[1:]) if lines else ([], [])
    if not rows or len(set(columns)) != len(columns):
        raise HardError("The CSV needs a header with different names, and one row at least.", "bad_csv")
    for number, line in enumerate(rows, 1):
        if len(line) > len(columns):
            raise HardError(f"Row {number} has {len(line)} cells; the header has {len(columns)}.", "bad_csv")
    width = len(columns)
    return Table(columns, {n: line + [""] * (width - len(line)) for n, line in enumerate(rows, 1)})


def write_table(table: Table) -> str:
    """The table as CSV text."""
    target = io.StringIO()
    csv.writer(target, lineterminator="\n").writerows([table.columns, *table.rows.values()])
    return target.getvalue()


def is_missing(cell: str) -> bool:
    return cell.strip().casefold() in MISSING


def as_number(cell: str) -> float | None:
    """The finite number that a cell holds, or None."""
    try:
        number = float(cell)
    except ValueError:
        return None
    return number if abs(number) < float("inf") else None


def is_number_column(cells: Iterable[str]) -> bool:
    """Whether nearly all cells that are not missing hold numbers."""
    present = [cell for cell in cells if not is_missing(cell)]
    numbers = sum(as_number(cell) is not None for cell in present)
    return bool(present) and numbers >= NUMBER_SHARE * len(present)


def numbers_of(cells: Iterable[str]) -> list[float]:
    return [number for number in map(as_number, cells) if number is not None]


def clipped(number: float, limits: Sequence[float] | None) -> float:
    """The number, moved to the nearer limit when it lies outside."""
    return number if limits is None else min(max(number, limits[0]), limits[1])


def spellings(cells: Iterable[str]) -> dict[str, str]:
    """For every value that is spelled in several ways, its usual spelling: case and punctuation do not count."""
    counts = Counter(" ".join(cell.split()) for cell in cells if not is_missing(cell))
    groups: dict[str, list[str]] = defaultdict(list)
    for value in counts:
        groups[" ".join(re.sub(r"[^\w\s]", "", value.casefold()).split())].append(value)
    usual: dict[str, str] = {}
    for key, values in groups.items():
        if key and len(values) > 1:
            best = max(values, key=lambda value: counts[value])
            usual.update({value: best for value in values if value != best})
    return usual


def find(table: Table, limits: Limits) -> Findings:
    """The numbers of the rows in which something of each kind is wrong."""
    found: Findings = {kind: set() for kind in KINDS}
    for index, name in enumerate(table.columns):
        cells = table.column(index)
        is_number = is_number_column(cells)
        usual = {} if is_number else spellings(cells)
        for row, cell in zip(table.rows, cells, strict=True):
            kind = _wrong(cell, usual, limits.get(name), is_number=is_number)
            if kind is not None:
                found[kind].add(row)
    seen: set[tuple[str, ...]] = set()
    for number, cells in table.rows.items():
        row = tuple(cells)
        if row in seen:
            found["duplicates"].add(number)
        seen.add(row)
    return found


def score_of(table: Table, found: Findings) -> float:
    """The share of rows in which nothing is wrong, 0 to 1."""
    if not table.rows:
        return 0.0
    return (len(table.rows) - len(set().union(*found.values()))) / len(table.rows)


def outliers_of(numbers: Sequence[float]) -> int:
    """How many numbers lie more than three times the middle half's width outside of it."""
    if len(numbers) < FEWEST_FOR_QUARTILES:
        return 0
    low, _, high = statistics.quantiles(numbers, n=4)
    reach = 3 * (high - low)
    return sum(number < low - reach or number > high + reach for number in numbers)


def _wrong(cell: str, usual: Mapping[str, str], limits: Sequence[float] | None, *, is_number: bool) -> str | None:
    """The first thing that is wrong with a cell; repairing it shows the next."""
    if is_missing(cell):
        return "missing"
    if cell != " ".join(cell.split()):
        return "spacing"
    if is_number:
        number = as_number(cell)
        return "values" if number is None or clipped(number, limits) != number else None
    return "spelling" if cell in usual else None
