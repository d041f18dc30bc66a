"""Graphs that are built and changed in the editor."""

import json
import re

import pytest
from playwright.async_api import Page, expect

from tests.pages.conftest import OpenTab
from tests.pages.drawing import STEPS, drag, edges, edit, handle, head, node, stored
from tests.support import Project

pytestmark = pytest.mark.timeout(300)


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


WATCH = """() => {
  window.touched = new Set();
  const parts = document.querySelectorAll(".react-flow__nodes, .react-flow__edges, .react-flow__edgelabel-renderer");
  const watcher = new MutationObserver((changes) => {
    for (const { target } of changes) {
      const part = target.closest(".react-flow__node, .react-flow__edge");
      window.touched.add(part?.dataset.id ?? target.className);
    }
  });
  const all = {attributes: true, childList: true, characterData: true, subtree: true};
  for (const part of parts) watcher.observe(part, all);
}"""


@pytest.mark.spec("EDIT-12")
async def test_a_graph_of_1000_nodes_opens_and_is_panned(open_tab: OpenTab, base_url: str, project: Project) -> None:
    places = [{"x": n % 40 * 280, "y": n // 40 * 110} for n in range(1_000)]
    kind = {"type": "transform", "config": {"value": 1}}
    nodes = [{"id": f"n{n}", **kind, "position": place} for n, place in enumerate(places)]
    lines = [{"source": f"n{n}", "target": f"n{n + 1}"} for n in range(999)]
    workflow = await project.workflow({"nodes": nodes, "edges": lines})
    page = await open_tab(base_url)
    await edit(page, project, workflow)
    dragged = await node(page, "n1").bounding_box()
    assert dragged is not None
    x, y = dragged["x"] + 60, dragged["y"] + 15
    await page.mouse.move(x, y)
    await page.mouse.down()
    await page.mouse.move(x + 20, y + 20)
    await expect(node(page, "n1")).to_have_class(re.compile("dragging"))
    await page.evaluate(WATCH)
    await page.mouse.move(x + 40, y + 60, steps=10)
    assert set(await page.evaluate("[...window.touched]")) == {"n1", "e:0", "e:1"}
    await page.mouse.up()
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
    drawn = await page.locator(".far-pieces").first.bounding_box()
    assert drawn is not None
    await page.mouse.click(drawn["x"] + drawn["width"] * 0.5126, drawn["y"] + drawn["height"] / 2)
    await expect(page.get_by_role("tab", name="Node", exact=True)).to_be_visible()
