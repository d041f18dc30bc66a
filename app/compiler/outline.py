"""The outline of a plan: what a graph's author wants to know before it runs."""

from typing import Any

from app.compiler.plan import START, Plan, Region


def outline(plan: Plan) -> dict[str, Any]:
    """Entries, loops with their headers and laps, what may run side by side, and the chain that takes longest.

    `depth` counts the nodes of `critical_path`, the longest chain, in which each loop is gone through once.
    """
    names = [node.id for node in plan.document.nodes]
    levels = _levels(plan.root, plan)
    return {
        "nodes": len(names),
        "edges": len(plan.document.edges),
        "entries": [names[n] for n in plan.entries],
        "depth": len(levels),
        "width": max((len(level) for level in levels), default=0),
        "critical_path": [names[n] for n in _longest_chain(plan.root, plan)],
        "parallel": [[names[n] for n in level] for level in levels],
        "regions": [_region(region, plan, names) for region in plan.regions],
        "loops": [_loop(region, plan, names) for region in plan.regions[1:]],
    }


def _region(region: Region, plan: Plan, names: list[str]) -> dict[str, Any]:
    """A part that is run as a graph of its own: the whole, or the body of a loop; inner loops by their headers."""
    return {
        "header": None if region.header is None else names[region.header],
        "inside": _outer(region, names),
        "units": [names[unit.head] for unit in region.units],
        "loops": [names[unit.head] for unit in region.units if unit.body is not None],
        "depth": len(_levels(region, plan)),
    }


def _loop(region: Region, plan: Plan, names: list[str]) -> dict[str, Any]:
    assert region.header is not None  # noqa: S101  # every region but the first is a loop
    header = plan.document.nodes[region.header]
    return {
        "header": header.id,
        "nodes": [names[n] for n in sorted(region.unit_of)],
        "back_edges": sorted(region.back_edges),
        "max_iterations": header.max_iterations or plan.document.settings.max_iterations,
        "inside": _outer(region, names),
    }


def _outer(region: Region, names: list[str]) -> str | None:
    outer = region.parent.header if region.parent else None
    return None if outer is None else names[outer]


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


def _longest_chain(region: Region, plan: Plan) -> list[int]:
    """The nodes of the longest chain, of several the first one; through a loop it is the longest one of its body."""
    chains: list[list[int]] = []
    lengths: list[int] = []
    before: list[int | None] = []
    for unit in region.units:
        sources = sorted({region.unit_of[plan.ends[e][0]].index for e in unit.incoming if e != START})
        nearest = max(sources, key=lambda index: lengths[index], default=None)
        chains.append([unit.head] if unit.body is None else _longest_chain(unit.body, plan))
        lengths.append(len(chains[-1]) + (0 if nearest is None else lengths[nearest]))
        before.append(nearest)
    place = max(range(len(lengths)), key=lambda index: lengths[index], default=None)
    found: list[list[int]] = []
    while place is not None:
        found.append(chains[place])
        place = before[place]
    return [node for chain in reversed(found) for node in chain]
