import random
import re
from itertools import combinations, pairwise
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from app.compiler import plan_of
from app.services.layout import Rect, Sizes, lay_out
from app.services.pictures import picture
from tests.examples.conftest import Service
from tests.reference import generator

SVG = "{http://www.w3.org/2000/svg}"
ALLOWED = {SVG + name for name in ("svg", "title", "desc", "style", "g", "rect", "path", "text")}


def graph(names: str, *edges: tuple[str, str] | tuple[str, str, dict[str, Any]], **changes: Any) -> dict[str, Any]:
    nodes = [{"id": name, "type": "transform", "config": {"value": 1}} for name in names.split()]
    return {
        "nodes": nodes,
        "edges": [{"source": edge[0], "target": edge[1], **(edge[2] if len(edge) > 2 else {})} for edge in edges],
        **changes,
    }


def drawn(document: Any) -> ET.Element:
    return ET.fromstring(picture(plan_of(document), "A picture"))


def classes(root: ET.Element, name: str) -> list[ET.Element]:
    return [element for element in root.iter() if name in element.get("class", "").split()]


def texts(root: ET.Element, name: str) -> list[str | None]:
    return [element.text for element in classes(root, name)]


def rects(root: ET.Element, name: str) -> list[Rect]:
    return [Rect(*(float(box.attrib[key]) for key in ("x", "y", "width", "height"))) for box in classes(root, name)]


def overlap(one: Rect, other: Rect) -> bool:
    return min(one.x + one.width, other.x + other.width) > max(one.x, other.x) and min(
        one.y + one.height, other.y + other.height
    ) > max(one.y, other.y)


def random_graph(seed: int) -> dict[str, Any]:
    """Up to 60 nodes, forward edges of any length, and loops around some single nodes."""
    chance = random.Random(seed)
    count = chance.randint(1, 60)
    edges: list[Any] = []
    for target in range(1, count):
        for source in {chance.randrange(max(0, target - 9), target) for _ in range(chance.randint(1, 3))}:
            said = chance.choice([{}, {}, {"condition": f"input.x{target} > {source}"}, {"on": "error"}])
            edges.append((f"n{source}", f"n{target}", said))
        if chance.random() < 0.1:
            edges.append((f"n{target}", f"n{target}", {"condition": "loop.iteration < 3"}))
    return graph(" ".join(f"n{i}" for i in range(count)), *edges)


LOOPS = graph(
    "start plan step check fix review alert end",
    ("start", "plan"),
    ("plan", "step"),
    ("step", "check"),
    ("check", "fix", {"condition": "check.output"}),
    ("fix", "step", {"condition": "fix.output"}),
    ("check", "review", {"condition": "else"}),
    ("fix", "alert", {"on": "error"}),
    ("review", "plan", {"condition": "not review.output"}),
    ("review", "end", {"condition": "else"}),
)


@pytest.mark.spec("TPL-11")
async def test_each_template_has_a_picture(service: Service) -> None:
    for template in (await service.client.get("/templates")).json()["items"]:
        answer = await service.client.get(template["picture"].removeprefix("/api/v1"))
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "image/svg+xml"
        root = ET.fromstring(answer.text)
        assert root.findtext(f"{SVG}title") == template["name"]
        inner = template["graph"].get("dag", template["graph"])
        assert len(classes(root, "box")) == len(inner["nodes"])
    assert (await service.client.get("/templates/none/picture.svg")).status_code == 404


@pytest.mark.spec("TPL-11")
async def test_a_picture_can_be_kept_and_may_do_nothing(service: Service) -> None:
    path = "/templates/data-quality/picture.svg"
    answer = await service.client.get(path)
    assert "max-age" in answer.headers["cache-control"]
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "sandbox" in policy
    assert "script" not in policy
    assert answer.headers["x-content-type-options"] == "nosniff"
    again = await service.client.get(path, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.spec("TPL-12")
def test_nodes_edges_conditions_and_loops_are_shown() -> None:
    root = drawn(LOOPS)
    assert texts(root, "name") == ["start", "plan", "step", "check", "fix", "review", "alert", "end"]
    assert set(texts(root, "type")) == {"transform"}
    assert len(classes(root, "edge")) == len(LOOPS["edges"])
    assert len(classes(root, "back")) == 2
    assert len(classes(root, "tip")) == len(LOOPS["edges"])
    assert len([line for line in classes(root, "error") if "edge" in line.get("class", "")]) == 1
    labels = texts(root, "label")
    assert labels.count("loop, at most 100 laps") == 2
    assert {"else", "on error", "check.output", "not review.output"} <= set(labels)
    outer, inner = rects(root, "loop")
    boxes = dict(zip(texts(root, "name"), rects(root, "box"), strict=True))
    assert [overlap(inner, boxes[name]) for name in ("step", "check", "fix")] == [True] * 3
    assert not any(overlap(inner, boxes[name]) for name in ("start", "plan", "review", "alert", "end"))
    assert not any(overlap(outer, boxes[name]) for name in ("start", "alert", "end"))


@pytest.mark.spec("TPL-12")
def test_what_decides_how_a_node_runs_stands_beside_its_type() -> None:
    nodes = [
        {"id": "a", "type": "map", "name": "All of them", "config": {"node": {"type": "llm", "config": {}}}},
        {"id": "b", "type": "output", "join": "all"},
    ]
    root = drawn({"nodes": nodes, "edges": [{"source": "a", "target": "b"}]})
    assert texts(root, "name") == ["All of them", "b"]
    assert texts(root, "type") == ["map of llm", "output · join all"]


@pytest.mark.spec("TPL-12")
def test_edges_between_the_same_nodes_share_a_label() -> None:
    ways = [{"id": "a", "type": "condition", "config": {}}, {"id": "b", "type": "output"}]
    edges = [{"source": "a", "target": "b", "branch": branch} for branch in ("one", "two")]
    assert texts(drawn({"nodes": ways, "edges": edges}), "label") == ["one / two"]


@pytest.mark.spec("TPL-12")
def test_an_edge_with_a_name_is_called_so() -> None:
    root = drawn(graph("a b", ("a", "b", {"condition": "a.output.answer.publish", "name": "yes"})))
    assert texts(root, "label") == ["yes"]
    assert "a.output.answer.publish" in ET.tostring(root, encoding="unicode")


@pytest.mark.spec("TPL-12")
@pytest.mark.parametrize("document", [LOOPS, *map(random_graph, range(40))])
def test_nodes_lie_apart_inside_the_picture_and_edges_end_at_their_targets(document: dict[str, Any]) -> None:
    root = drawn(document)
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    boxes = rects(root, "box")
    assert not [pair for pair in combinations(boxes, 2) if overlap(*pair)]
    for rect in (*boxes, *rects(root, "loop"), *rects(root, "under")):
        assert min(rect.x, rect.y) >= -20
        assert rect.x + rect.width <= width - 20
        assert rect.y + rect.height <= height - 20
    by_name = dict(zip((node["id"] for node in document["nodes"]), boxes, strict=True))
    for tip, edge in zip(classes(root, "tip"), document["edges"], strict=True):
        x, y = map(float, re.findall(r"-?[\d.]+", tip.attrib["d"])[:2])
        target = by_name[edge["target"]]
        assert x == pytest.approx(target.x, abs=0.2)
        assert y == pytest.approx(target.y + target.height / 2, abs=0.2)


@pytest.mark.spec("TPL-12")
@pytest.mark.parametrize("seed", range(60))
def test_no_edge_runs_through_a_node(seed: int) -> None:
    document = random_graph(seed) if seed % 3 == 0 else generator.random_graph(random.Random(seed))
    plan = plan_of(document)
    block = lay_out(plan, Sizes([90.0] * len(document["nodes"]), {}, 46.0))
    for edge, (source, target) in enumerate(plan.ends):
        points = block.routes[edge].points
        for (ax, ay), (bx, by) in pairwise(points):
            level = Rect(min(ax, bx), min(ay, by), abs(bx - ax), abs(by - ay))
            if ax != bx and ay != by:
                continue  # a curve, between the columns
            met = {n for n, box in block.nodes.items() if overlap(box, _thick(level))} - {source, target}
            assert not met, (edge, met)


def _thick(rect: Rect) -> Rect:
    return Rect(rect.x, rect.y, rect.width + 0.1, rect.height + 0.1)


ODD = [
    "<script>alert(1)</script>",
    '"><image href="http://example.com/"/>',
    "]]>&amp;&lt;",
    "\x01\x1b\ufffe",
    "\ud800",
    "日本語のとても長いノードの名前です、切られるべきもの",
    "\u202eright to left",
    "x" * 128,
]


@pytest.mark.spec("TPL-13")
@pytest.mark.parametrize("text", ODD)
def test_text_is_nothing_but_text(text: str) -> None:
    document = {
        "nodes": [{"id": "a", "type": text, "name": text}, {"id": "b", "type": "output", "name": text}],
        "edges": [{"source": "a", "target": "b", "branch": text}],
    }
    svg = picture(plan_of(document), text)
    svg.encode()
    root = ET.fromstring(svg)
    assert {element.tag for element in root.iter()} <= ALLOWED
    assert not [name for element in root.iter() for name in element.attrib if "href" in name or name.startswith("on")]
    shown = (texts(root, "name")[0] or "").removesuffix("…")
    assert " ".join(text.split()).startswith(shown) or "\ufffd" in shown


@pytest.mark.spec("TPL-13")
def test_the_same_graph_looks_the_same() -> None:
    for seed in range(5):
        assert picture(plan_of(random_graph(seed)), "x") == picture(plan_of(random_graph(seed)), "x")


@pytest.mark.spec("TPL-14")
def test_a_graph_too_large_to_be_read_gets_a_note() -> None:
    names = [f"n{i}" for i in range(201)]
    root = drawn(graph(" ".join(names)))
    assert texts(root, "name") == ["201 nodes, 0 edges"]
    assert texts(drawn(graph(" ".join(names[:200]))), "name") == names[:200]


@pytest.mark.spec("TPL-12")
def test_colours_follow_the_theme() -> None:
    svg = picture(plan_of(LOOPS), "x")
    assert "prefers-color-scheme:dark" in svg
    used = set(re.findall(r"var\(--(\w+)\)", svg))
    light, dark = svg.split("prefers-color-scheme", 1)
    assert used <= set(re.findall(r"--(\w+):", light)) & set(re.findall(r"--(\w+):", dark))
