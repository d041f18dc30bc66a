"""Where the parts of a graph's picture go: nodes in columns by the longest path to them, loops as blocks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from app.compiler.plan import START, Plan, Region, Unit
from app.services.ordering import Line, ordered, settled

Point = tuple[float, float]

ROW = 18.0
LANE = 20.0
LEAST_GAP = 44.0
AROUND_LABEL = 26.0
STUB = 12.0
PAD = 26.0
PAD_TOP = 30.0
THIN = 6.0
STRAIGHT = 3.0


@dataclass(frozen=True, slots=True)
class Sizes:
    """What is to be placed, in pixels: the width of each node, of each label by its edge, the height of all nodes."""

    widths: Sequence[float]
    labels: Mapping[int, float]
    height: float


@dataclass(slots=True)
class Route:
    """The way of an edge; `label` is the stretch between points[label] and the next one, where its text has room."""

    points: list[Point]
    label: int = 1
    back: bool = False


@dataclass(slots=True)
class Rect:
    x: float
    y: float
    width: float
    height: float


@dataclass(slots=True)
class Block:
    """One region laid out from (0, 0): its header begins at `head` and `entry`, edges leave it at heights `exits`."""

    width: float = 0.0
    height: float = 0.0
    head: float = 0.0
    entry: float = 0.0
    nodes: dict[int, Rect] = field(default_factory=dict)
    loops: dict[int, Rect] = field(default_factory=dict)
    routes: dict[int, Route] = field(default_factory=dict)
    exits: dict[int, float] = field(default_factory=dict)

    def take_in(self, inner: "Block", x: float, y: float) -> None:
        """Put another block's parts at a place of this one."""
        for mine, others in ((self.nodes, inner.nodes), (self.loops, inner.loops)):
            for key, rect in others.items():
                mine[key] = Rect(rect.x + x, rect.y + y, rect.width, rect.height)
        for edge, route in inner.routes.items():
            points = [(px + x, py + y) for px, py in route.points]
            self.routes[edge] = Route(points, route.label, route.back)


@dataclass(slots=True)
class _Cell:
    """What stands in a column: a node, a block, or an edge that passes."""

    column: int
    width: float
    height: float
    entry: float
    x: float = 0.0
    y: float = 0.0
    node: int | None = None
    block: Block | None = None

    @property
    def passes(self) -> bool:
        return self.node is None and self.block is None

    def leaving(self, edge: int) -> float:
        """How far down the edge leaves."""
        return self.block.exits[edge] if self.block is not None else self.entry


def lay_out(plan: Plan, sizes: Sizes) -> Block:
    """The whole graph; the same graph always looks the same."""
    return _Region(plan, plan.root, sizes).block


class _Region:
    def __init__(self, plan: Plan, region: Region, sizes: Sizes) -> None:
        self.plan = plan
        self.region = region
        self.sizes = sizes
        self.cells: list[_Cell] = []
        self.lines: list[Line] = []
        self.chains: dict[int, list[int]] = {}
        self.block = Block()
        self._make_cells()
        self._make_chains()
        self._place()
        self._draw()

    def _make_cells(self) -> None:
        columns: dict[int, int] = {}
        for unit in self.region.units:
            before = (self.region.unit_of[self.plan.ends[e][0]].index for e in unit.incoming if e != START)
            columns[unit.index] = max((columns[index] + 1 for index in before), default=0)
            self.cells.append(self._cell(unit, columns[unit.index]))
        for cell in self.cells:
            if cell.block is None:
                cell.width = max(c.width for c in self.cells if c.column == cell.column and c.block is None)

    def _cell(self, unit: Unit, column: int) -> _Cell:
        if unit.body is None:
            height = self.sizes.height
            return _Cell(column, self.sizes.widths[unit.head], height, height / 2, node=unit.head)
        block = _Region(self.plan, unit.body, self.sizes).block
        return _Cell(column, block.width, block.height, block.entry, block=block)

    def _make_chains(self) -> None:
        """Each edge as the cells that it goes through: one passing cell per column between its ends."""
        last = max(cell.column for cell in self.cells)
        inside = self.region.unit_of
        for n in sorted(inside):
            for edge in self.plan.outgoing[n]:
                source, target = inside[n].index, inside.get(self.plan.ends[edge][1])
                if edge in self.region.back_edges:
                    self.chains[edge] = [source]
                elif target is None:
                    self._chain(edge, source, last + 1, None)
                elif target.index != source:
                    self._chain(edge, source, self.cells[target.index].column, target.index)

    def _chain(self, edge: int, source: int, end: int, target: int | None) -> None:
        chain = [source]
        for column in range(self.cells[source].column + 1, end):
            chain.append(len(self.cells))
            self.cells.append(_Cell(column, 0.0, THIN, THIN / 2))
        chain += [] if target is None else [target]
        for before, after in pairwise(chain):
            one, other = self.cells[before], self.cells[after]
            weight = STRAIGHT ** (one.passes + other.passes)
            self.lines.append(Line(before, after, one.leaving(edge), other.entry, weight))
        self.chains[edge] = chain

    def _place(self) -> None:
        count = 1 + max(cell.column for cell in self.cells)
        columns = [[i for i, cell in enumerate(self.cells) if cell.column == n] for n in range(count)]
        columns = ordered(columns, self.lines)
        heights = [cell.height for cell in self.cells]
        tops = settled(columns, self.lines, heights, ROW)
        framed = self.region.header is not None
        self.lefts: list[float] = []
        self.rights: list[float] = []
        self.turned: list[float] = []
        x = PAD if framed else 0.0
        for n, column in enumerate(columns):
            width = max(self.cells[i].width for i in column)
            self.lefts.append(x)
            self.rights.append(x + width)
            self.turned.append(self._turning_room(n))
            for i in column:
                cell = self.cells[i]
                cell.x, cell.y = x + (width - cell.width) / 2, tops[i] + (PAD_TOP if framed else 0.0)
            x += width + self.turned[n] + self._gap(n, last=n == count - 1)
        self.block.width = x + (PAD / 2 if framed else 0.0)
        self.block.height = max(cell.y + cell.height for cell in self.cells) + (PAD / 2 if framed else 0.0)

    def _leaving(self, column: int) -> list[int]:
        return sorted(e for e, chain in self.chains.items() if self.cells[chain[0]].column == column)

    def _turning_room(self, column: int) -> float:
        """The room behind a column for the edges that turn back there."""
        turning = [e for e in self._leaving(column) if e in self.region.back_edges]
        turn = max((self._turn(e, column, n) for n, e in enumerate(turning, 1)), default=0.0)
        return turn + STUB - self.rights[column] if turning else 0.0

    def _gap(self, column: int, *, last: bool) -> float:
        """The room from there to the next column, for the labels of the edges that go on."""
        # An edge out of an inner loop has its label in there.
        own = [e for e in self._leaving(column) if self.cells[self.chains[e][0]].block is None]
        labels = (self.sizes.labels[e] for e in own if e in self.sizes.labels and e not in self.region.back_edges)
        return max(max(labels, default=-AROUND_LABEL) + AROUND_LABEL, 0.0 if last else LEAST_GAP)

    def _turn(self, edge: int, column: int, number: int) -> float:
        """Where the numbered edge back turns down behind a column: far enough for its label to fit on the way back."""
        return max(self.rights[column] + STUB * number, self.sizes.labels.get(edge, 0.0) + 4 * STUB)

    def _draw(self) -> None:
        block = self.block
        for cell in self.cells:
            if cell.node is not None:
                block.nodes[cell.node] = Rect(cell.x, cell.y, cell.width, cell.height)
            elif cell.block is not None:
                block.take_in(cell.block, cell.x, cell.y)
        header = self.region.header
        if header is not None:
            self._draw_back_edges(header)
            rect = block.nodes[header]
            block.head, block.entry = rect.x, rect.y + rect.height / 2
        for edge, chain in self.chains.items():
            if edge not in self.region.back_edges:
                self._draw_route(edge, chain)
        if header is not None:
            block.loops[header] = Rect(0.0, 0.0, block.width, block.height)

    def _start(self, edge: int) -> Route:
        """The route from its node to where it may bend, behind the column of the node."""
        cell = self.cells[self.chains[edge][0]]
        route = self.block.routes.get(edge) or Route([(cell.x + cell.width, cell.y + cell.entry)])
        end = self.rights[cell.column] + (0.0 if edge in self.region.back_edges else self.turned[cell.column])
        route.points.append((end, route.points[-1][1]))
        self.block.routes[edge] = route
        return route

    def _draw_route(self, edge: int, chain: list[int]) -> None:
        route = self._start(edge)
        for index in chain[1:]:
            cell = self.cells[index]
            down = cell.y + cell.entry
            end = self.rights[cell.column] if cell.passes else cell.x + (cell.block.head if cell.block else 0.0)
            route.points += [(self.lefts[cell.column], down), (end, down)]
        if self.plan.ends[edge][1] not in self.region.unit_of:
            route.points.append((self.block.width, route.points[-1][1]))
            self.block.exits[edge] = route.points[-1][1]

    def _draw_back_edges(self, header: int) -> None:
        block, turns = self.block, dict.fromkeys(range(len(self.rights)), 0)
        target = block.nodes[header]
        edges = sorted(self.region.back_edges, key=lambda e: (self.cells[self.chains[e][0]].column, e))
        for edge in edges:
            column = self.cells[self.chains[edge][0]].column
            turns[column] += 1
            route = self._start(edge)
            turn, lane = self._turn(edge, column, turns[column]), block.height + LANE / 4
            middle = target.y + target.height / 2
            route.points += [
                (turn, route.points[-1][1]),
                (turn, lane),
                (STUB, lane),
                (STUB, middle),
                (target.x, middle),
            ]
            route.label, route.back = len(route.points) - 4, True
            block.height += LANE
