"""A graph as a picture: SVG that is readable in light and dark, and holds nothing but shapes and text."""

import html
import re
import unicodedata
from collections.abc import Iterable
from itertools import pairwise

from app.compiler.document import Document, Edge, Node
from app.compiler.plan import Plan
from app.services.layout import Block, Point, Rect, Route, Sizes, lay_out

MOST_NODES = 200
MOST_EDGES = 400
MARGIN = 20.0
HEIGHT = 46.0
LEAST_WIDTH = 84.0
LONGEST_NAME = 24
LONGEST_TYPE = 26
LONGEST_LABEL = 24
CORNER = 9.0
NAME_SIZE, TYPE_SIZE, LABEL_SIZE = 13.0, 10.5, 10.5

_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NARROW, _WIDE = frozenset("iIjl.,:;'|!()[]{}frt "), frozenset("mwMW@%—…")
_COLOURS = {
    "input": "ends",
    "output": "ends",
    "condition": "choice",
    "llm": "model",
    "http": "call",
    "tool": "call",
    "map": "many",
    "subworkflow": "many",
    "approval": "wait",
    "delay": "wait",
}
STYLE = """
.g{--bg:#fff;--box:#fff;--line:#c9cdd6;--ink:#16181f;--ink2:#5b6270;--edge:#8a91a0;--frame:#f5f6f9;--plain:#8a91a0;
--ends:#5d6472;--choice:#b07400;--model:#7a4fd0;--call:#0a6ebd;--many:#0b7a6e;--wait:#c2570c;--error:#c4281f}
@media (prefers-color-scheme:dark){.g{--bg:#15171c;--box:#1d2027;--line:#3a3f4b;--ink:#eceef3;--ink2:#a3aaba;
--edge:#7a8294;--frame:#1a1c22;--plain:#7a8294;--ends:#a0a7b5;--choice:#e9b44c;--model:#b39bf5;--call:#5cb8ff;
--many:#4ccfbd;--wait:#f39a5b;--error:#ff8078}}
text{font-family:Inter,"Segoe UI",Roboto,"Helvetica Neue",Arial,"Liberation Sans",sans-serif}
.bg{fill:var(--bg)}.box{fill:var(--box);stroke:var(--line)}.name{fill:var(--ink);font-size:13px;font-weight:600}
.type{fill:var(--ink2);font-size:10.5px}.edge{fill:none;stroke:var(--edge);stroke-width:1.4}
.back{stroke-dasharray:5 4}.error{stroke:var(--error)}.tip{fill:var(--edge)}.tip.error{fill:var(--error);stroke:none}
.loop{fill:var(--frame);stroke:var(--line);stroke-dasharray:3 3}.label{fill:var(--ink2);font-size:10.5px}
.under{fill:var(--bg);opacity:.92}.under.in{fill:var(--frame)}
"""


def picture(plan: Plan, title: str) -> str:
    """The SVG of a planned graph; a graph of more than 200 nodes or 400 edges gets a note that says so."""
    document = plan.document
    if len(document.nodes) > MOST_NODES or len(document.edges) > MOST_EDGES:
        return _note(f"{len(document.nodes):,} nodes, {len(document.edges):,} edges", title)
    labels = _texts(document)
    block = lay_out(plan, _sizes(document, labels))
    for rect in block.nodes.values():
        rect.x, rect.y = round(rect.x, 1), round(rect.y, 1)
    parts = [_loop(rect, document, header) for header, rect in sorted(block.loops.items(), key=_larger_first)]
    parts += [_edge(block.routes[e], edge) for e, edge in enumerate(document.edges)]
    parts += [_box(block.nodes[n], node) for n, node in enumerate(document.nodes)]
    parts += _labels(block, document, labels)
    return _svg(block.width, block.height, parts, title, _summary(document))


def text_width(text: str, size: float) -> float:
    """About how wide a text is in a font of this size, rather more than less."""
    return size * sum(map(_em, text))


def _em(sign: str) -> float:
    if unicodedata.combining(sign):
        return 0.0
    if unicodedata.east_asian_width(sign) in "WF":
        return 1.05
    if sign in _NARROW:
        return 0.36
    return 0.92 if sign in _WIDE else 0.72 if sign.isupper() else 0.6


def _sizes(document: Document, labels: dict[int, str]) -> Sizes:
    widths = [
        max(LEAST_WIDTH, 30 + max(text_width(_name(node), NAME_SIZE), text_width(_kind(node), TYPE_SIZE)))
        for node in document.nodes
    ]
    return Sizes(widths, {e: text_width(text, LABEL_SIZE) for e, text in labels.items()}, HEIGHT)


def _name(node: Node) -> str:
    return _cut(node.name or node.id, LONGEST_NAME)


def _kind(node: Node) -> str:
    """The type, and what else decides how the node runs."""
    inner = node.config.get("node")
    kind = f"{node.type} of {inner['type']}" if isinstance(inner, dict) and "type" in inner else node.type
    return _cut(kind if node.join == "any" else f"{kind} · join {node.join}", LONGEST_TYPE)


def _texts(document: Document) -> dict[int, str]:
    """The labels by edge; edges with the same ends share that of the first."""
    same: dict[tuple[str, str], list[int]] = {}
    for e, edge in enumerate(document.edges):
        same.setdefault((edge.source, edge.target), []).append(e)
    joined = {edges[0]: " / ".join(filter(None, (_label(document.edges[e]) for e in edges))) for edges in same.values()}
    return {e: _cut(text, LONGEST_LABEL) for e, text in sorted(joined.items()) if text}


def _label(edge: Edge) -> str:
    return edge.name or edge.condition or edge.branch or ("on error" if edge.on else "")


def _cut(text: str, longest: int) -> str:
    text = " ".join(text.split())
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def _box(rect: Rect, node: Node) -> str:
    colour = _COLOURS.get(node.type, "plain")
    x, middle = rect.x, rect.y + rect.height / 2
    return (
        f"<g><title>{_safe(f'{node.name or node.id} ({node.id}, {node.type})')}</title>{_rect(rect, 'box', 8)}"
        f'<rect x="{x + 7:g}" y="{rect.y + 9:g}" width="3.5" height="{rect.height - 18:g}" rx="1.75" '
        f'fill="var(--{colour})"/>'
        f'<text class="name" x="{x + 18:g}" y="{middle - 3:g}">{_safe(_name(node))}</text>'
        f'<text class="type" x="{x + 18:g}" y="{middle + 12:g}">{_safe(_kind(node))}</text></g>'
    )


def _loop(rect: Rect, document: Document, header: int) -> str:
    laps = document.nodes[header].max_iterations or document.settings.max_iterations
    return (
        _rect(rect, "loop", 12)
        + f'<text class="label" x="{rect.x + 12:g}" y="{rect.y + 17:g}">loop, at most {laps:,} laps</text>'
    )


def _edge(route: Route, edge: Edge) -> str:
    kind = "edge back" if route.back else "edge"
    x, y = route.points[-1]
    route.points[-1] = (x - 6, y)
    path = _bent(route.points) if route.back else _smooth(route.points)
    error = " error" if edge.on else ""
    return (
        f"<g><title>{_safe(f'{edge.source} → {edge.target}' + _told(edge))}</title>"
        f'<path class="{kind}{error}" d="{path}"/>'
        f'<path class="tip{error}" d="M{x:g} {y:g}l-8 -4v8z"/></g>'
    )


def _rect(rect: Rect, kind: str, corner: int) -> str:
    return (
        f'<rect class="{kind}" x="{rect.x:g}" y="{rect.y:g}" width="{rect.width:g}" height="{rect.height:g}" '
        f'rx="{corner}"/>'
    )


def _told(edge: Edge) -> str:
    if edge.branch is not None:
        return f": branch {edge.branch}"
    return f": {edge.condition}" if edge.condition is not None else ": on error" if edge.on else ""


def _smooth(points: list[Point]) -> str:
    """Level stretches, joined by curves that begin and end level."""
    path = f"M{points[0][0]:g} {points[0][1]:g}"
    for (ax, ay), (bx, by) in pairwise(points):
        half = (ax + bx) / 2
        path += f"H{bx:g}" if ay == by else f"C{half:g} {ay:g} {half:g} {by:g} {bx:g} {by:g}"
    return path


def _bent(points: list[Point]) -> str:
    """Straight stretches with rounded corners."""
    points = [p for n, p in enumerate(points) if n == 0 or p != points[n - 1]]
    path = f"M{points[0][0]:g} {points[0][1]:g}"
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        (ax, ay), (bx, by) = _toward(corner, before), _toward(corner, after)
        path += f"L{ax:g} {ay:g}Q{corner[0]:g} {corner[1]:g} {bx:g} {by:g}"
    return path + f"L{points[-1][0]:g} {points[-1][1]:g}"


def _toward(corner: Point, other: Point) -> Point:
    dx, dy = other[0] - corner[0], other[1] - corner[1]
    length = max(abs(dx), abs(dy))
    share = min(CORNER, length / 2) / length
    return corner[0] + dx * share, corner[1] + dy * share


def _labels(block: Block, document: Document, labels: dict[int, str]) -> Iterable[str]:
    """Each label on its edge, at the first place of those along it where it hides no other and no node."""
    taken = list(block.nodes.values())
    for e, text in labels.items():
        width = text_width(text, LABEL_SIZE) + 6
        places = [_label_rect(block.routes[e], share, width) for share in (0.5, 0.35, 0.65, 0.25, 0.75)]
        rect = next((place for place in places if not any(_meet(place, other) for other in taken)), places[0])
        taken.append(rect)
        under = "under in" if any(_meet(rect, loop) for loop in block.loops.values()) else "under"
        yield (
            f"<g><title>{_safe(_told(document.edges[e])[2:])}</title>{_rect(rect, under, 4)}"
            f'<text class="label" x="{rect.x + rect.width / 2:g}" y="{rect.y + 11:g}" text-anchor="middle">'
            f"{_safe(text)}</text></g>"
        )


def _label_rect(route: Route, share: float, width: float) -> Rect:
    (ax, ay), (bx, by) = route.points[route.label : route.label + 2]
    # The height of the curve there: both control points lie half way.
    rise = 3 * share**2 * (1 - share) + share**3
    x = ax + (bx - ax) * (1.5 * share * (1 - share) + share**3)
    return Rect(round(x - width / 2, 1), round(ay + (by - ay) * rise - 8, 1), round(width, 1), 16.0)


def _meet(one: Rect, other: Rect) -> bool:
    return (
        one.x < other.x + other.width
        and other.x < one.x + one.width
        and one.y < other.y + other.height
        and other.y < one.y + one.height
    )


def _larger_first(item: tuple[int, Rect]) -> tuple[float, int]:
    return -item[1].width * item[1].height, item[0]


def _summary(document: Document) -> str:
    return ", ".join(f"{node.name or node.id} ({node.type})" for node in document.nodes)


def _note(text: str, title: str) -> str:
    line = f'<text class="name" x="0" y="28">{_safe(text)}</text>'
    return _svg(text_width(text, NAME_SIZE), HEIGHT, [line], title, text)


def _svg(width: float, height: float, parts: Iterable[str], title: str, description: str) -> str:
    wide, tall = round(width + 2 * MARGIN), round(height + 2 * MARGIN)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="g" width="{wide}" height="{tall}" viewBox="0 0 {wide} {tall}" '
        f'role="img"><title>{_safe(title)}</title><desc>{_safe(description)}</desc><style>{STYLE}</style>'
        f'<rect class="bg" width="100%" height="100%" rx="12"/><g transform="translate({MARGIN:g} {MARGIN:g})">'
        + "".join(parts)
        + "</g></svg>\n"
    )


def _safe(text: str) -> str:
    """A text that XML can hold, and that is nothing but text there."""
    return html.escape(_ILLEGAL.sub("\ufffd", text))
