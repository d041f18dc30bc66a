"""The outline of a plan: what a graph's author wants to know before it runs."""

from typing import Any

from app.compiler.plan import START, Plan, Region


def outline(plan: Plan) -> dict[str, Any]:
    """Entries, loops with their headers and laps, depth (nodes on the longest path) and what may run side by side."""
    names = [node.id for node in plan.document.nodes]
    levels = _levels(plan.root, plan)
    return {
        "nodes": len(names),
        "edges": len(plan.document.edges),
        "entries": [names[n] for n in plan.entries],
        "depth": len(levels),
        "width": max((len(level) for level in levels), default=0),
        "parallel": [[names[n] for n in level] for level in levels],
        "loops": [_loop(region, plan, names) for region in plan.regions[1:]],
    }


def _loop(region: Region, plan: Plan, names: list[str]) -> dict[str, Any]:
    assert region.header is not None  # noqa: S101  # every region but the first is a loop
    header = plan.document.nodes[region.header]
    outer = region.parent.header if region.parent else None
    return {
        "header": header.id,
        "nodes": [names[n] for n in sorted(region.unit_of)],
        "back_edges": sorted(region.back_edges),
        "max_iterations": header.max_iterations or plan.document.settings.max_iterations,
        "inside": None if outer is None else names[outer],
    }


def _levels(region: Region, plan: Plan) -> list[list[int]]:
    """Nodes by the length of the longest path to them; a loop counts as the depth of its body."""
    start: dict[int, int] = {}
    levels: list[list[int]] = []
    for unit in region.units:
        before = [region.unit_of[plan.ends[e][0]].index for e in unit.incoming if e != START]
        first = max((start[index] for index in before), default=0)
        inner = [[unit.head]] if unit.body is None else _levels(unit.body, plan)
        levels.extend([] for _ in range(first + len(inner) - len(levels)))
        for n, level in enumerate(inner):
            levels[first + n] += level
        start[unit.index] = first + len(inner)
    return levels
