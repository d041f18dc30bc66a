"""What the canvas of the editor does beyond nodes and edges that are drawn one by one."""

import pytest
from playwright.async_api import Page, expect

from tests.pages.drawing import STEPS, edges, edit, fit, node, save, stored
from tests.support import Project

pytestmark = pytest.mark.timeout(300)

BRANCHED = {**STEPS, "edges": [*STEPS["edges"][:2], {**STEPS["edges"][2], "condition": "output != ''", "name": "good"}]}

MIDDLE = """line => {
  const { x, y } = line.getPointAtLength(line.getTotalLength() / 2).matrixTransform(line.getScreenCTM());
  return [x, y];
}"""


@pytest.mark.spec("EDIT-61")
async def test_a_node_is_put_onto_an_edge_with_the_mouse_and_the_keyboard(page: Page, project: Project) -> None:
    workflow = await project.workflow(BRANCHED)
    await edit(page, project, workflow)
    last = page.locator('.wire[data-edge="2"]')
    await fit(page)
    x, y = await last.evaluate(MIDDLE)
    pane = await page.locator(".react-flow").bounding_box()
    assert pane is not None
    await page.get_by_role("button", name="Add Approval").drag_to(
        page.locator(".react-flow"), target_position={"x": x - pane["x"], "y": y - pane["y"]}
    )
    await expect(node(page, "approval")).to_be_focused()
    await expect(edges(page)).to_have_count(4)

    await page.locator('.react-flow__edge[data-id="e:0"]').focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="Put a node onto start → first")).to_be_visible()
    await page.keyboard.press("a")
    await expect(page.get_by_role("combobox")).to_be_focused()
    await page.keyboard.type("approval")
    await page.keyboard.press("Enter")
    await expect(node(page, "approval_2")).to_be_focused()

    await fit(page)
    x, y = await page.locator('.wire[data-edge="2"]').evaluate(MIDDLE)
    await page.mouse.move(x, y)
    await page.get_by_role("button", name="Put a node onto first → second").click()
    await page.keyboard.type("approval")
    await page.keyboard.press("Enter")
    await expect(node(page, "approval_3")).to_be_visible()
    await save(page, 2)
    graph = (await stored(project, workflow["id"]))["graph"]
    assert graph["edges"] == [
        {"source": "start", "target": "approval_2"},
        {"source": "approval_2", "target": "first"},
        {"source": "first", "target": "approval_3"},
        {"source": "approval_3", "target": "second"},
        {"source": "second", "target": "approval", "condition": "output != ''", "name": "good"},
        {"source": "approval", "target": "end"},
    ]
    across = {one["id"]: one["position"]["x"] for one in graph["nodes"]}
    row = ["start", "approval_2", "first", "approval_3", "second", "approval", "end"]
    assert sorted(row, key=lambda name: across[name]) == row
