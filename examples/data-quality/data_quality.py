"""Tools of the data quality workflow.

Rows never travel from node to node. The source stays where it is, and what goes round is small: its fingerprint and
the changes that repairs have made so far.
"""

import statistics
from typing import Annotated, Any

from pydantic import Field

from app.compiler import HardError, NodeContext, tool

from ._repairs import Changes, repair
from ._table import (
    KINDS,
    Table,
    digest_of,
    file_text,
    find,
    is_missing,
    is_number_column,
    numbers_of,
    outliers_of,
    read_table,
    score_of,
    write_table,
)

Limits = dict[str, Annotated[list[float], Field(min_length=2, max_length=2)]]
Json = dict[str, Any]


@tool(name="quality.load")
def load(context: NodeContext, file: str | None = None) -> Json:
    """Reads a CSV file that lies beside this tool, or the text `csv` of the run's input, and says what is in it."""
    text = _text(context, file)
    table = read_table(text)
    return {"file": file, "sha256": digest_of(text), "rows": len(table.rows), "columns": table.columns}


@tool(name="quality.profile")
def profile(context: NodeContext, table: Json) -> list[Json]:
    """Describes each column of the loaded table: kind, missing and different values, and where its numbers lie."""
    return _profile(_source(context, table))


@tool(name="quality.check")
def check(context: NodeContext, table: Json, limits: Limits, repaired: Json | None = None) -> Json:
    """Scores the table as repaired so far: the share of rows without findings; and names the worst kind of finding."""
    return {**_check(_current(context, table, repaired), limits), "repaired": repaired}


@tool(name="quality.repair")
def mend(context: NodeContext, table: Json, kind: str, limits: Limits, repaired: Json | None = None) -> Json:
    """Repairs one kind of finding and adds it to the changes that earlier laps have made."""
    if kind not in KINDS:
        raise HardError(f"There is no repair for {kind!r}; there is {', '.join(KINDS)}.", "unknown_repair")
    current = _current(context, table, repaired)
    rows = find(current, limits)[kind]
    changes = Changes.of(repaired["changes"] if repaired else None)
    repair(kind, current, rows, limits, changes)
    laps = [*(repaired["laps"] if repaired else []), {"kind": kind, "rows": len(rows)}]
    return {"mended": len(rows), "laps": laps, "changes": changes.as_json()}


@tool(name="quality.report")
def report(
    context: NodeContext,
    *,
    table: Json,
    before: list[Json],
    limits: Limits,
    threshold: float,
    repaired: Json | None = None,
    include_csv: bool = False,
) -> Json:
    """Compares the table before and after its repairs; warns when its score is below the threshold."""
    source = _source(context, table)
    current = _current(context, table, repaired)
    first, last = _check(source, limits), _check(current, limits)
    is_good = last["score"] >= threshold
    warning = f"Of {last['rows']} rows {last['rows_with_findings']} still have findings: score {last['score']}."
    told = {
        "verdict": "good" if is_good else "bad",
        "warning": None if is_good else f"{warning} The threshold is {threshold}.",
        "threshold": threshold,
        "before": {**first, "columns": before},
        "after": {**last, "columns": _profile(current)},
        "laps": repaired["laps"] if repaired else [],
        "changes": repaired["changes"] if repaired else Changes().as_json(),
    }
    return {**told, "csv": write_table(current)} if include_csv else told


def _text(context: NodeContext, file: str | None) -> str:
    if file is not None:
        return file_text(file)
    given = context.run.input
    text = given.get("csv") if isinstance(given, dict) else None
    if not isinstance(text, str):
        raise HardError("The run's input has neither `file` nor `csv`; give one of them.", "no_source")
    return text


def _source(context: NodeContext, table: Json) -> Table:
    text = _text(context, table["file"])
    if digest_of(text) != table["sha256"]:
        raise HardError("The source has changed since it was loaded; start a new run.", "source_changed")
    return read_table(text)


def _current(context: NodeContext, table: Json, repaired: Json | None) -> Table:
    return Changes.of(repaired["changes"] if repaired else None).applied_to(_source(context, table))


def _check(table: Table, limits: Limits) -> Json:
    found = find(table, limits)
    worst = max(KINDS, key=lambda kind: len(found[kind]))
    return {
        "score": round(score_of(table, found), 5),
        "rows": len(table.rows),
        "rows_with_findings": len(set().union(*found.values())),
        "findings": {kind: len(rows) for kind, rows in found.items()},
        "worst": worst if found[worst] else None,
    }


def _profile(table: Table) -> list[Json]:
    return [_describe(name, table.column(index)) for index, name in enumerate(table.columns)]


def _describe(name: str, cells: list[str]) -> Json:
    present = [cell for cell in cells if not is_missing(cell)]
    told: Json = {"name": name, "missing": len(cells) - len(present), "different": len(set(present))}
    if not is_number_column(cells):
        return {**told, "kind": "text", "longest": max(map(len, present), default=0)}
    numbers = numbers_of(present)
    figures = {"min": min(numbers), "median": statistics.median(numbers), "max": max(numbers)}
    return {**told, "kind": "number", **figures, "outliers": outliers_of(numbers)}
