"""The skeleton of a random graph: nodes, links, loops, and what each node may read without depending on timing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.reference.structure import Region, Unit, read_regions, starters

if TYPE_CHECKING:
    import random


@dataclass
class Sketch:
    """Nodes and links without types and conditions; `entry` is set where the document must name one."""

    nodes: list[str] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)
    entry: str | None = None

    def document(self) -> dict[str, object]:
        """Return the sketch as a document with only what gives the structure."""
        edges = [{"source": source, "target": target} for source, target in self.links]
        return {"nodes": [{"id": name} for name in self.nodes], "edges": edges, "entry": self.entry}


class Drawer:
    """Draws a sketch of `size` nodes with loops nested up to `depth`."""

    def __init__(self, rng: random.Random, size: int, depth: int) -> None:
        self.rng = rng
        self.sketch = Sketch()
        self.spare = size
        self.loopy = rng.choice([0.15, 0.3, 0.5])
        self.wide = rng.choice([0.1, 0.3])
        self._region(depth, [])
        self.sketch.entry = self.sketch.entry or self._odd_entry()

    def _region(self, depth: int, headers: list[str], most: int = 99) -> list[str]:
        """Draw the units of the graph or of a loop body, each linked to earlier ones; return all nodes inside."""
        units: list[list[str]] = []
        while self.spare and (not headers or sum(map(len, units)) < most):
            unit = self._unit(depth, headers, plain=not units and bool(headers))
            is_loop = unit[0] in {target for _, target in self.sketch.links}
            if units and (headers or is_loop or self.rng.random() > self.wide):
                self._link(unit[0], units)
            elif is_loop:
                self.sketch.entry = unit[0]
            units.append(unit)
        return [name for unit in units for name in unit]

    def _unit(self, depth: int, headers: list[str], *, plain: bool) -> list[str]:
        if plain or not depth or self.rng.random() > self.loopy:
            name = f"n{len(self.sketch.nodes)}"
            self.sketch.nodes.append(name)
            self.spare -= 1
            return [name]
        inner = [*headers, f"n{len(self.sketch.nodes)}"]
        start = len(self.sketch.links)
        body = self._region(depth - 1, inner, self.rng.choice([1, 2, 3, 4, 5, 6, 7]))
        self._close(body, inner, {source for source, _ in self.sketch.links[start:]})
        return body

    def _link(self, target: str, units: list[list[str]]) -> None:
        """Link `target` from one to three earlier units, near ones rather."""
        for _ in range(self.rng.choice([1, 1, 1, 2, 2, 3])):
            near = units[-3:] if self.rng.random() < 0.6 else units
            self.sketch.links.append((self.rng.choice(self.rng.choice(near)), target))

    def _close(self, body: list[str], headers: list[str], sources: set[str]) -> None:
        """Link back to the header from most of the body's ends, and sometimes from elsewhere or further out."""
        ends = [name for name in body if name not in sources]
        back = [name for name in ends if self.rng.random() < 0.8] or [self.rng.choice(ends or body)]
        back += [name for name in body if self.rng.random() < 0.1 and name not in back]
        self.sketch.links += [(name, headers[-1]) for name in back]
        if len(headers) > 1 and self.rng.random() < 0.2:
            self.sketch.links.append((self.rng.choice(body), self.rng.choice(headers[:-1])))

    def _odd_entry(self) -> str | None:
        """Sometimes name an entry where none is needed: a node that no loop holds, or the header of a loop."""
        if self.rng.random() > 0.12:
            return None
        return self.rng.choice([unit.header for unit in read_regions(self.sketch.document()).units])


@dataclass
class Survey:
    """What holds at each node of a sketch, given which nodes have the join `first`."""

    loops: dict[str, list[Unit]]  # the loops that hold a node, the innermost last
    back: dict[int, str]  # a back edge's index to the header it leads to
    current: dict[str, set[str]]  # nodes that are certainly resolved when the node starts
    previous: dict[str, set[str]]  # nodes of its loops that it sees as the lap before left them
    settled: set[str]  # nodes whose ancestors are all resolved when they start, in every region around them


def survey(sketch: Sketch, firsts: set[str]) -> Survey:
    """Return what each node of `sketch` may rely on."""
    document = sketch.document()
    nodes = sketch.nodes
    found = Survey({n: [] for n in nodes}, {}, {n: set() for n in nodes}, {n: set() for n in nodes}, set(nodes))
    _survey_region(read_regions(document), firsts, starters(document), found, in_loop=False)
    return found


def _survey_region(region: Region, firsts: set[str], started: set[str], found: Survey, *, in_loop: bool) -> None:
    certain: dict[str, set[str]] = {}
    by_name = {unit.header: unit for unit in region.units}
    for unit in region.units:
        ways = [certain[name] | {name} for name in (region.home[edge.source].header for edge in unit.incoming)]
        if ways and unit.header in firsts:
            ways += [set()] if unit.header in started else []
            certain[unit.header] = set.intersection(*ways)
        else:
            certain[unit.header] = set().union(*ways)
        sure = {node for name in certain[unit.header] for node in by_name[name].nodes}
        later = [other for other in region.units if in_loop and other.header not in unit.before]
        for node in unit.nodes:
            found.current[node] |= sure
            found.previous[node] |= {n for other in later if other is not unit for n in other.nodes}
            if certain[unit.header] != unit.before:
                found.settled.discard(node)
        if unit.body is None:
            found.previous[unit.header] |= {unit.header} if in_loop else set()
            continue
        for edge in unit.back:
            found.back[edge.index] = unit.header
        for node in unit.nodes:
            found.loops[node].append(unit)
        _survey_region(unit.body, firsts, started, found, in_loop=True)
