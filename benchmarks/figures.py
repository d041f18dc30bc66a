"""Figures: how they are summed up, held against their budgets, printed and kept."""

import json
import math
import os
import platform
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

PACKAGES = ("langgraph", "langgraph-checkpoint-postgres", "procrastinate", "psycopg", "fastapi", "uvicorn")


def percentile(values: Sequence[float], share: float) -> float:
    """The nearest-rank percentile; `share` in 0..100."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, math.ceil(share / 100 * len(ordered)) - 1))]


@dataclass(slots=True)
class Figure:
    """One line of the table: our value beside that of `beside`, where there is one.

    `limit`, the budget, bounds the ratio of the two if there are two, else the value itself; `aim` is a better one.
    """

    part: str
    name: str
    ours: float
    unit: str
    other: float | None = None
    limit: float | None = None
    aim: float | None = None
    more_is_better: bool = False
    beside: str = "plain LangGraph"
    spread: dict[str, float] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        return None if not self.other else self.ours / self.other

    @property
    def kept(self) -> bool | None:
        """Whether the budget was kept; None where there is none."""
        return self._within(self.limit)

    @property
    def reached(self) -> bool | None:
        """Whether the aim was reached; None where there is none."""
        return self._within(self.aim)

    def _within(self, bound: float | None) -> bool | None:
        if bound is None:
            return None
        value = self.ours if self.ratio is None else self.ratio
        return value >= bound if self.more_is_better else value <= bound


def spread(values: Sequence[float]) -> dict[str, float]:
    """How the values lie, for the file."""
    points = {"min": min(values), "median": statistics.median(values), "max": max(values), "n": len(values)}
    return points | {f"p{share}": percentile(values, share) for share in (95, 99)}


class Report:
    """Collects the figures of one run of the benchmarks."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.figures: list[Figure] = []
        self._began = time.time()

    def add(self, figure: Figure) -> None:
        """Take a figure in, and show it at once."""
        self.figures.append(figure)
        self.console.print(
            f"  {figure.name}: {_value(figure.ours, figure.unit)}" + _beside(figure), highlight=False, soft_wrap=True
        )

    def note(self, text: str) -> None:
        """Say what is measured now."""
        self.console.print(f"[dim]{time.strftime('%H:%M:%S')}[/dim] {text}", highlight=False)

    @property
    def kept(self) -> bool:
        return all(figure.kept is not False for figure in self.figures)

    def show(self) -> None:
        """Print the table."""
        table = Table("part", "what", "measured", "beside", "ratio", "budget", "kept", "aim", "reached")
        for figure in self.figures:
            ratio = figure.ratio
            table.add_row(
                figure.part,
                figure.name,
                _value(figure.ours, figure.unit),
                "" if figure.other is None else f"{_value(figure.other, figure.unit)} {figure.beside}",
                "" if ratio is None else f"{ratio:.2f}",
                _bound(figure, figure.limit),
                {None: "", True: "[green]yes[/green]", False: "[red]NO[/red]"}[figure.kept],
                _bound(figure, figure.aim),
                {None: "", True: "[green]yes[/green]", False: "no"}[figure.reached],
            )
        self.console.print(table)

    def write(self, path: Path) -> None:
        """Keep the figures as JSON."""
        facts: dict[str, Any] = {
            "began": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._began)),
            "seconds": round(time.time() - self._began, 1),
            "python": platform.python_version(),
            "cpus": os.cpu_count(),
            "load": os.getloadavg(),
            "versions": {name: version(name) for name in PACKAGES},
            "figures": [
                asdict(figure) | {"ratio": figure.ratio, "kept": figure.kept, "reached": figure.reached}
                for figure in self.figures
            ],
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(facts, indent=2) + "\n")


def _value(value: float, unit: str) -> str:
    return f"{value:.4f} {unit}" if value < 0.1 else f"{value:,.2f} {unit}"


def _beside(figure: Figure) -> str:
    parts = []
    if figure.other is not None:
        parts.append(f"{figure.beside} {_value(figure.other, figure.unit)}, ratio {figure.ratio:.2f}")
    if figure.kept is not None:
        parts.append(f"budget {_bound(figure, figure.limit)} {'kept' if figure.kept else 'MISSED'}")
    if figure.reached is not None:
        parts.append(f"aim {_bound(figure, figure.aim)} {'reached' if figure.reached else 'not reached'}")
    return f" ({'; '.join(parts)})" if parts else ""


def _bound(figure: Figure, bound: float | None) -> str:
    if bound is None:
        return ""
    sign = "≥" if figure.more_is_better else "≤"
    return f"{sign} {bound:g} " + ("×" if figure.ratio is not None else figure.unit)
