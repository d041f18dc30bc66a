"""The order of cells in columns, and their heights: few crossings, and lines as straight as they can be."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise

Neighbours = defaultdict[int, list[tuple[int, float, float]]]

SWEEPS = 12
SETTLING_SWEEPS = 25
COUNTED_LINES = 400


@dataclass(frozen=True, slots=True)
class Line:
    """A stretch of an edge from a cell to one of the next column; `leave` and `enter` are distances from their tops.

    The greater the weight, the more it matters that the stretch is level.
    """

    source: int
    target: int
    leave: float
    enter: float
    weight: float = 1.0


def ordered(columns: Sequence[Sequence[int]], lines: Sequence[Line]) -> list[list[int]]:
    """The columns with their cells in the order that has the fewest crossings of those tried."""
    current = [list(column) for column in columns]
    best, fewest = current, _crossings(current, lines)
    for sweep in range(SWEEPS):
        if not fewest:
            break
        current = _swept(current, lines, forward=sweep % 2 == 0)
        found = _crossings(current, lines)
        if found < fewest:
            best, fewest = current, found
    return best


def settled(
    columns: Sequence[Sequence[int]], lines: Sequence[Line], heights: Sequence[float], gap: float
) -> list[float]:
    """The top of each cell: near the cells that it has lines with, in order, and `gap` apart."""
    tops = [0.0] * len(heights)
    for column in columns:
        for above, below in pairwise(column):
            tops[below] = tops[above] + heights[above] + gap
    before, behind = _neighbours(lines)
    for sweep in range(SETTLING_SWEEPS):
        forward = sweep % 2 == 0
        both = SETTLING_SWEEPS // 2 < sweep < SETTLING_SWEEPS - 1
        sides = [before, behind] if both else [before if forward else behind]
        for column in columns if forward else reversed(columns):
            wishes = [_wish(cell, sides, tops) for cell in column]
            steps = [0.0]
            for cell in column[:-1]:
                steps.append(steps[-1] + heights[cell] + gap)
            for cell, top in zip(column, _in_order(wishes, steps), strict=True):
                tops[cell] = top
    highest = min(tops)
    return [round(top - highest, 1) for top in tops]


def _neighbours(lines: Sequence[Line]) -> tuple[Neighbours, Neighbours]:
    """For each cell the cells before and behind it, each with how far below its own top theirs makes the line level."""
    before: Neighbours = defaultdict(list)
    behind: Neighbours = defaultdict(list)
    for line in lines:
        before[line.target].append((line.source, line.leave - line.enter, line.weight))
        behind[line.source].append((line.target, line.enter - line.leave, line.weight))
    return before, behind


def _wish(cell: int, sides: Sequence[Neighbours], tops: Sequence[float]) -> float:
    wishes = [(tops[other] + shift, weight) for side in sides for other, shift, weight in side[cell]]
    total = sum(weight for _, weight in wishes)
    return sum(place * weight for place, weight in wishes) / total if wishes else tops[cell]


def _in_order(wishes: Sequence[float], steps: Sequence[float]) -> list[float]:
    """The places nearest to the wishes (least squares) that are at least the steps apart."""
    runs: list[tuple[float, int]] = []
    for wish, step in zip(wishes, steps, strict=True):
        place, size = wish - step, 1
        while runs and runs[-1][0] > place:
            other, count = runs.pop()
            place, size = (place * size + other * count) / (size + count), size + count
        runs.append((place, size))
    places = [place for place, size in runs for _ in range(size)]
    return [place + step for place, step in zip(places, steps, strict=True)]


def _swept(columns: list[list[int]], lines: Sequence[Line], *, forward: bool) -> list[list[int]]:
    """Each column in the order of the middle of its neighbours in the column before, or behind."""
    rank = {cell: (n + 0.5) / len(column) for column in columns for n, cell in enumerate(column)}
    result = [list(column) for column in columns]
    for n in range(len(columns)) if forward else reversed(range(len(columns))):
        middles: dict[int, list[float]] = {}
        for line in lines:
            here, there = (line.target, line.source) if forward else (line.source, line.target)
            middles.setdefault(here, []).append(rank[there])
        result[n].sort(key=lambda cell: sum(middles[cell]) / len(middles[cell]) if cell in middles else rank[cell])
        rank |= {cell: (place + 0.5) / len(result[n]) for place, cell in enumerate(result[n])}
    return result


def _crossings(columns: Sequence[Sequence[int]], lines: Sequence[Line]) -> int:
    if len(lines) > COUNTED_LINES:
        return 0
    place = {cell: (n, row) for n, column in enumerate(columns) for row, cell in enumerate(column)}
    by_column: dict[int, list[tuple[int, int]]] = {}
    for line in lines:
        column, row = place[line.source]
        by_column.setdefault(column, []).append((row, place[line.target][1]))
    return sum((a - c) * (b - d) < 0 for pairs in by_column.values() for (a, b), (c, d) in combinations(pairs, 2))
