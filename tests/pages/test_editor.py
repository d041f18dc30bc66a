"""Graphs that are built, changed and saved in the editor."""

import json
from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from tests.pages.conftest import OpenTab
from tests.support import Project

pytestmark = pytest.mark.timeout(300)

STEPS: dict[str, Any] = {
    "nodes": [
        {"id": "start", "type": "input"},
        {"id": "first", "type": "transform", "config": {"value": "{{ input.text }}"}},
        {"id": "second", "type": "transform", "config": {"value": "{{ first.output }}"}},
        {"id": "end", "type": "output", "config": {"value": "{{ second.output }}"}},
    ],
    "edges": [
        {"source": "start", "target": "first"},
        {"source": "first", "target": "second"},
        {"source": "second", "target": "end"},
    ],
}


async def edit(page: Page, project: Project, workflow: dict[str, Any], query: str = "") -> None:
    """Open the editor of a workflow, and wait for its graph."""
    await page.goto(f"/projects/{project.id}/workflows/{workflow['id']}/edit{query}")
    await expect(page.locator(".step").first).to_be_visible()


async def stored(project: Project, workflow_id: str) -> dict[str, Any]:
    found: dict[str, Any] = (await project.client.get(f"{project.workflows}/{workflow_id}")).json()
    return found


def head(page: Page) -> Locator:
    return page.locator("main header").first


def node(page: Page, name: str) -> Locator:
    return page.locator(f'.react-flow__node[data-id="{name}"]')


def edges(page: Page) -> Locator:
    return page.locator(".wire[data-edge]")


def handle(page: Page, name: str, port: str) -> Locator:
    return node(page, name).locator(f'[data-handleid="{port}"]')


async def drag(page: Page, source: Locator, target: Locator) -> None:
    begin, end = await source.bounding_box(), await target.bounding_box()
    assert begin is not None
    assert end is not None
    await page.mouse.move(begin["x"] + begin["width"] / 2, begin["y"] + begin["height"] / 2)
    await page.mouse.down()
    await page.mouse.move(end["x"] + end["width"] / 2, end["y"] + end["height"] / 2, steps=8)
    await page.mouse.up()


async def save(page: Page, version: int) -> None:
    await page.get_by_role("button", name="Save", exact=True).click()
    await page.get_by_role("button", name=f"Save version {version}").click()
    await expect(head(page).get_by_text(f"v{version}", exact=True)).to_be_visible()


async def write_json(page: Page, text: str) -> None:
    """Put a text in the place of the JSON beside the canvas."""
    pane = page.get_by_role("textbox", name="The graph as JSON")
    await pane.click()
    await page.keyboard.press("Control+a")
    await page.keyboard.insert_text(text)


@pytest.mark.spec("EDIT-8", "EDIT-3", "EDIT-14")
async def test_a_graph_is_built_with_the_mouse_and_saved(page: Page, project: Project) -> None:
    await page.goto(f"/projects/{project.id}/new")
    canvas = page.locator(".react-flow__pane")
    for name, x in (("Input", 130), ("Approval", 380), ("Output", 380)):
        place = {"x": x, "y": 150 if name != "Output" else 330}
        await page.get_by_role("button", name=f"Add {name}").drag_to(canvas, target_position=place)  # type: ignore[arg-type]
        await expect(node(page, name.lower())).to_be_visible()
    await drag(page, handle(page, "input", "out"), handle(page, "approval", "in"))
    await drag(page, handle(page, "approval", "out"), handle(page, "output", "in"))
    await expect(edges(page)).to_have_count(2)

    await node(page, "output").click()
    await page.keyboard.press("Delete")
    await expect(edges(page)).to_have_count(1)
    await page.get_by_role("button", name="Undo").click()
    await expect(edges(page)).to_have_count(2)

    before = await node(page, "output").bounding_box()
    await drag(page, node(page, "output"), node(page, "input"))
    after = await node(page, "output").bounding_box()
    assert before is not None
    assert after is not None
    assert abs(after["x"] - before["x"]) > 50
    await page.keyboard.press("Control+z")

    await page.get_by_role("button", name="Save", exact=True).click()
    dialog = page.get_by_role("dialog", name="Save as a new workflow")
    await dialog.get_by_label("Name").fill("By mouse")
    await dialog.get_by_role("button", name="Save", exact=True).click()
    await page.wait_for_url("**/edit")
    await expect(page.get_by_role("heading", name="By mouse")).to_be_visible()
    await expect(head(page).get_by_text("Saved", exact=True)).to_be_visible()
    graph = (await stored(project, page.url.split("/")[-2]))["graph"]
    assert [one["id"] for one in graph["nodes"]] == ["input", "approval", "output"]
    assert graph["edges"] == [{"source": "input", "target": "approval"}, {"source": "approval", "target": "output"}]
    assert all({"x", "y"} <= one["position"].keys() for one in graph["nodes"])

    await page.get_by_role("button", name="Undo").click()
    await expect(head(page).get_by_text("Not saved")).to_be_visible()


@pytest.mark.spec("EDIT-9")
async def test_a_graph_is_built_and_saved_with_the_keyboard_alone(page: Page, project: Project) -> None:
    await page.goto(f"/projects/{project.id}/new")
    await expect(page.get_by_role("heading", name="Begin with a node")).to_be_visible()
    press = page.keyboard.press
    for name in ("input", "approval", "output"):
        await press("a")
        await expect(page.get_by_role("combobox")).to_be_focused()
        await page.keyboard.type(name)
        await press("Enter")
        await expect(node(page, name)).to_be_focused()
    await expect(edges(page)).to_have_count(2)
    await press("ArrowDown")
    await press("ArrowDown")
    await press("Shift+Tab")
    await expect(node(page, "approval")).to_be_focused()
    await press("Shift+Tab")
    await expect(node(page, "input")).to_be_focused()
    await press("Enter")
    await press("c")
    await page.keyboard.type("output")
    await press("Enter")
    await expect(edges(page)).to_have_count(3)
    await press("Delete")
    await expect(edges(page)).to_have_count(2)
    await press("Control+z")
    await expect(edges(page)).to_have_count(3)
    await press("Control+Shift+Z")
    await expect(edges(page)).to_have_count(2)
    await press("Control+s")
    await page.keyboard.type("By keyboard")
    await press("Enter")
    await page.wait_for_url("**/edit")
    found = await stored(project, page.url.split("/")[-2])
    assert found["name"] == "By keyboard"
    assert len(found["graph"]["edges"]) == 2
    heights = [one["position"]["y"] for one in found["graph"]["nodes"]]
    assert heights[2] > heights[1] == heights[0]


EXACT = (
    '{"nodes":[{"id":"Ä b","type":"transform","config":{"value":{"one":1.0,"big":12345678901234567890,"tiny":0.10}},'
    '"timeout":120.0,"metadata":{"team":"x","n":[1.50]},"position":{"x":1.0,"y":2.5}},'
    '{"id":"end","type":"output"}],'
    '"edges":[{"source":"Ä b","target":"end","condition":"output.one > 0.5","metadata":{"w":3.0}}],'
    '"settings":{"max_iterations":7},"metadata":{"kept":true}}'
)


@pytest.mark.spec("EDIT-1", "EDIT-14", "EDIT-7")
async def test_what_is_not_touched_is_saved_back_as_it_was_written(page: Page, project: Project) -> None:
    headers = {"Content-Type": "application/json"}
    made = await project.client.post(
        project.workflows, content=f'{{"name": "Exact", "graph": {EXACT}}}', headers=headers
    )
    assert made.status_code == 201, made.text
    workflow = made.json()
    await edit(page, project, workflow)
    await expect(page.get_by_role("button", name="Save", exact=True)).to_be_disabled()
    await node(page, "end").click()
    await page.get_by_role("tab", name="Settings").click()
    await page.get_by_label("Name", exact=True).fill("The end")
    await page.get_by_role("button", name="Save", exact=True).click()
    changes = page.get_by_role("list", name="Changes")
    await expect(changes.get_by_role("listitem")).to_have_count(1)
    await expect(changes).to_contain_text("The end")
    await page.get_by_role("button", name="Save version 2").click()
    await expect(head(page).get_by_text("v2", exact=True)).to_be_visible()

    one, two = [(await project.client.get(f"{project.workflows}/{workflow['id']}/versions/{n}")).text for n in (1, 2)]
    cut = [text[text.index('"graph"') : text.index('"content_hash"')] for text in (one, two)]
    assert cut[1].replace(',"name":"The end"', "") == cut[0]
    told = (await project.client.get(f"{project.workflows}/{workflow['id']}/diff", params={"from": 1, "to": 2})).json()
    assert told["nodes"]["changed"] == [{"id": "end", "changes": [{"pointer": "/name", "after": "The end"}]}]


@pytest.mark.spec("EDIT-13", "EDIT-11", "EDIT-16")
async def test_the_json_and_the_canvas_are_one_document(page: Page, project: Project) -> None:
    workflow = await project.workflow(STEPS)
    await edit(page, project, workflow)
    await page.get_by_role("tab", name="JSON").click()
    pane = page.get_by_role("textbox", name="The graph as JSON")
    await expect(pane).to_contain_text('"second"')

    dag = {"dag": {"nodes": [{"id": "a", "handler": "input"}, {"id": "b", "handler": "output", "dependencies": ["a"]}]}}
    await write_json(page, json.dumps(dag))
    await expect(node(page, "b")).to_be_visible()
    await expect(node(page, "second")).to_have_count(0)
    await page.locator(".react-flow__pane").click(position={"x": 20, "y": 20})
    await expect(pane).to_contain_text('"source": "a"')

    await node(page, "b").click()
    await page.keyboard.press("Delete")
    await expect(pane).not_to_contain_text('"source": "a"')
    await page.keyboard.press("Control+z")

    await write_json(page, '{"nodes": [')
    await expect(page.get_by_role("alert")).to_contain_text("Not JSON yet")
    await expect(node(page, "b")).to_be_visible()
    await page.reload()
    await page.get_by_role("tab", name="JSON").click()
    await expect(page.get_by_role("alert")).to_contain_text("Not JSON yet")

    wrong = {"nodes": [{"id": "a", "type": "input"}, {"id": "b", "type": "http", "config": {}}], "edges": []}
    await write_json(
        page, json.dumps({**wrong, "edges": [{"source": "a", "target": "b", "condition": "nobody.output"}]})
    )
    await expect(node(page, "b").locator("[data-wrong]")).to_be_visible()
    await expect(page.locator(".wire[data-wrong]")).to_have_count(1)
    await page.get_by_role("button", name="2 problems").click()
    await page.get_by_role("list", name="Problems").get_by_role("button").filter(has_text="/nodes/1").click()
    await expect(node(page, "b")).to_be_focused()
    await page.get_by_role("button", name="Save", exact=True).click()
    await expect(page.get_by_role("dialog").get_by_role("list", name="Problems")).to_be_visible()
    await expect(page.get_by_role("button", name="Save version 2")).to_be_disabled()
    assert (await stored(project, workflow["id"]))["version"] == 1


@pytest.mark.spec("EDIT-5")
async def test_what_is_not_saved_is_open_again_after_a_reload(page: Page, project: Project) -> None:
    workflow = await project.workflow(STEPS)
    await edit(page, project, workflow)
    await node(page, "second").click()
    await page.keyboard.press("Delete")
    await page.reload()
    await expect(page.get_by_text("Your unsaved changes")).to_be_visible()
    await expect(node(page, "first")).to_be_visible()
    await expect(node(page, "second")).to_have_count(0)

    await page.get_by_role("button", name="Back to version 1").click()
    await expect(node(page, "second")).to_be_visible()
    await page.get_by_role("button", name="Undo").click()
    await expect(node(page, "second")).to_have_count(0)
    await page.reload()
    await expect(page.get_by_text("Your unsaved changes")).to_be_visible()

    other = await page.context.new_page()
    await edit(other, project, workflow)
    await expect(node(other, "second")).to_be_visible()
    await other.get_by_role("button", name="Open them").click()
    await expect(node(other, "second")).to_have_count(0)
    await expect(head(other).get_by_text("Not saved")).to_be_visible()


@pytest.mark.spec("EDIT-15", "EDIT-18")
async def test_a_conflict_loses_nothing_of_either_side(page: Page, project: Project) -> None:
    workflow = await project.workflow(STEPS)
    await edit(page, project, workflow)
    await node(page, "first").click()
    await page.keyboard.press("Control+d")
    await expect(node(page, "first_2")).to_be_visible()
    theirs = {**STEPS, "nodes": [*STEPS["nodes"], {"id": "theirs", "type": "input"}]}
    path = f"{project.workflows}/{workflow['id']}"
    assert (await project.client.put(path, json={"graph": theirs})).status_code == 200
    assert (await project.client.patch(path, json={"description": "More"})).status_code == 200

    await page.get_by_role("button", name="Save", exact=True).click()
    await page.get_by_role("button", name="Save version 2").click()
    dialog = page.get_by_role("dialog", name="Version 2 was saved meanwhile")
    await expect(dialog.get_by_role("list", name="What they changed")).to_contain_text("theirs")
    await dialog.get_by_role("tab", name="What I changed").click()
    await expect(dialog.get_by_role("list", name="What I changed")).to_contain_text("first_2")
    assert (await stored(project, workflow["id"]))["version"] == 2

    await dialog.get_by_role("button", name="Take theirs").click()
    await expect(node(page, "first_2")).to_have_count(0)
    await expect(head(page).get_by_text("Saved", exact=True)).to_be_visible()
    await page.get_by_role("button", name="Undo").click()
    await expect(node(page, "first_2")).to_be_visible()
    await page.get_by_role("button", name="Redo").click()

    await node(page, "start").click()
    await page.keyboard.press("Control+d")
    latest = {**theirs, "settings": {"max_iterations": 5}}
    assert (await project.client.put(path, json={"graph": latest})).status_code == 200
    await page.get_by_role("button", name="Save", exact=True).click()
    await page.get_by_role("button", name="Save version 3").click()
    await page.get_by_role("button", name="Join both").click()
    await page.get_by_role("button", name="Run", exact=True).click()
    await page.get_by_role("button", name="Save and run").click()
    await page.get_by_role("dialog", name="Start a run").get_by_role("button", name="Start run").click()
    await page.wait_for_url("**/runs/*")
    found = await stored(project, workflow["id"])
    assert found["version"] == 4
    assert found["graph"]["settings"] == {"max_iterations": 5}
    assert [one["id"] for one in found["graph"]["nodes"]] == ["start", "first", "second", "end", "theirs", "start_2"]
    run = (await project.client.get(f"{project.runs}/{page.url.split('/')[-1]}")).json()
    assert run["version"] == 4


COPY = """
kind => {
  const data = new DataTransfer();
  document.activeElement.dispatchEvent(
    new ClipboardEvent(kind, {clipboardData: data, bubbles: true, cancelable: true}));
  return data.getData("text/plain");
}
"""
PASTE = """
text => {
  const data = new DataTransfer();
  data.setData("text/plain", text);
  document.body.dispatchEvent(new ClipboardEvent("paste", {clipboardData: data, bubbles: true, cancelable: true}));
}
"""


@pytest.mark.spec("EDIT-4", "EDIT-3")
async def test_nodes_are_copied_within_a_graph_and_into_others(page: Page, project: Project) -> None:
    await edit(page, project, await project.workflow(STEPS))
    await node(page, "first").click()
    await node(page, "second").click(modifiers=["Control"])
    await expect(page.get_by_role("tab", name="2 nodes")).to_be_visible()
    text = await page.evaluate(COPY, "copy")
    assert [one["id"] for one in json.loads(text)["nodes"]] == ["first", "second"]
    await page.evaluate(PASTE, text)
    await expect(node(page, "second_2")).to_be_visible()
    await expect(edges(page)).to_have_count(4)
    await page.get_by_role("tab", name="JSON").click()
    await expect(page.get_by_role("textbox", name="The graph as JSON")).to_contain_text("{{ first_2.output }}")
    await page.keyboard.press("Control+z")
    await expect(edges(page)).to_have_count(3)

    await page.goto(f"/projects/{project.id}/new")
    await expect(page.get_by_role("heading", name="Begin with a node")).to_be_visible()
    await page.evaluate(PASTE, text)
    await expect(node(page, "second")).to_be_visible()
    await expect(edges(page)).to_have_count(1)


@pytest.mark.spec("EDIT-17", "EDIT-10")
async def test_an_old_version_is_looked_at_and_becomes_the_next(page: Page, project: Project) -> None:
    back = {"source": "second", "target": "first", "condition": "loop.iteration < 2"}
    out = {**STEPS["edges"][2], "condition": "else"}
    loop = {**STEPS, "edges": [*STEPS["edges"][:2], out, back]}
    workflow = await project.workflow(loop)
    await project.client.put(f"{project.workflows}/{workflow['id']}", json={"graph": STEPS})
    await edit(page, project, workflow, "?version=1")
    frame = await page.locator('.frame[data-loop="first"]').bounding_box()
    assert frame is not None
    for name in ("first", "second"):
        box = await node(page, name).bounding_box()
        assert box is not None
        assert frame["x"] < box["x"]
        assert box["x"] + box["width"] < frame["x"] + frame["width"]
    await expect(page.get_by_role("button", name="Save", exact=True)).to_have_count(0)
    await node(page, "second").click()
    await page.keyboard.press("Delete")
    await expect(node(page, "second")).to_be_visible()

    await page.get_by_role("button", name="Go on from this version").click()
    await expect(head(page).get_by_text("Not saved")).to_be_visible()
    await save(page, 3)
    found = await stored(project, workflow["id"])
    assert found["graph"] == loop


@pytest.mark.spec("EDIT-12")
async def test_a_graph_of_1000_nodes_opens_and_is_panned(open_tab: OpenTab, base_url: str, project: Project) -> None:
    places = [{"x": n % 40 * 280, "y": n // 40 * 110} for n in range(1_000)]
    kind = {"type": "transform", "config": {"value": 1}}
    nodes = [{"id": f"n{n}", **kind, "position": place} for n, place in enumerate(places)]
    lines = [{"source": f"n{n}", "target": f"n{n + 1}"} for n in range(999)]
    workflow = await project.workflow({"nodes": nodes, "edges": lines})
    page = await open_tab(base_url)
    await edit(page, project, workflow)
    await page.get_by_role("button", name="Fit the graph").click()
    await expect(page.get_by_role("img", name="1,000 nodes")).to_be_attached()
    before = await page.locator(".react-flow__viewport").get_attribute("style")
    await page.mouse.move(600, 750)
    await page.mouse.down()
    await page.mouse.move(700, 650, steps=10)
    await page.mouse.up()
    assert await page.locator(".react-flow__viewport").get_attribute("style") != before
    await page.get_by_role("button", name="Tidy up").is_visible()
    await expect(page.locator(".react-flow:not([data-moving])")).to_be_attached()
    drawn = await page.locator(".far-pieces").first.bounding_box() or {}
    await page.mouse.click(drawn["x"] + drawn["width"] * 0.5126, drawn["y"] + drawn["height"] / 2)
    await expect(page.get_by_role("tab", name="Node", exact=True)).to_be_visible()
