"""What commands print: results on standard output, everything about them on standard error."""

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

STYLES = {
    "COMPLETED": "green",
    "FAILED": "red",
    "CANCELLED": "yellow",
    "RUNNING": "cyan",
    "RETRYING": "magenta",
    "WAITING": "blue",
    "QUEUED": "blue",
    "PENDING": "dim",
    "SKIPPED": "dim",
}


def clean(text: object) -> str:
    """The text on one line, without what would command the terminal."""
    return "".join(
        mark if mark.isprintable() else " " if mark.isspace() else "\N{REPLACEMENT CHARACTER}" for mark in str(text)
    )


def say(text: str) -> None:
    """Tell people something that is not the result."""
    print(text, file=sys.stderr, flush=True)


def show_json(value: Any) -> None:
    """Print a value as JSON; any string survives, as what UTF-8 cannot say is escaped."""
    try:
        text = json.dumps(value, indent=2, ensure_ascii=False)
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(value, indent=2)
    print(text, flush=True)


def show_table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows: as a table on a terminal, elsewhere one line each with tabs between the fields."""
    cells = [[clean("" if field is None else field) for field in row] for row in rows]
    if not sys.stdout.isatty():
        for row in cells:
            print("\t".join(row))
        return
    table = Table(*columns, box=None, header_style="bold", pad_edge=False)
    for row in cells:
        table.add_row(*(Text(cell, style=STYLES.get(cell, ""), overflow="fold") for cell in row))
    Console().print(table)


def show_fields(fields: Mapping[str, object]) -> None:
    """Print what is known of one thing, a line for each field that is set."""
    width = max(map(len, fields), default=0)
    for name, value in fields.items():
        if value is not None:
            print(f"{name:<{width}}  {clean(value)}")


def problem_line(problem: Mapping[str, Any]) -> str:
    """A problem on one line: code, place, what to change."""
    return clean(f"{problem.get('code')} {problem.get('pointer') or '/'}: {problem.get('message')}")


def report(message: str, problems: Sequence[Mapping[str, Any]] = ()) -> None:
    """Tell of an error on standard error, with every problem."""
    say(clean(message))
    for problem in problems:
        say(f"  {problem_line(problem)}")
