"""The panel beside the canvas: its width, its numbers, and the values that expressions have."""

import pytest
from playwright.async_api import Locator, Page, expect

from tests.pages.drawing import edit, node, save, stored
from tests.support import Project, ended

pytestmark = pytest.mark.timeout(300)

LOOP = {
    "nodes": [
        {"id": "note", "type": "transform", "config": {"value": "{{ loop.iteration * 10 }}"}},
        {"id": "again", "type": "transform", "config": {"value": "{{ note.output }}"}},
        {"id": "end", "type": "output"},
    ],
    "edges": [
        {"source": "note", "target": "again"},
        {"source": "again", "target": "note", "condition": "loop.iteration < 2"},
        {"source": "again", "target": "end", "condition": "else"},
    ],
    "entry": "note",
}
NUMBERS = (
    '{"nodes":[{"id":"one","type":"transform","config":{"value":{"id":12345678901234567890,"n":1.0}}}],"edges":[]}'
)


async def width(part: Locator) -> float:
    box = await part.bounding_box()
    assert box is not None
    return box["width"]


@pytest.mark.spec("EDIT-62")
async def test_the_panel_is_as_wide_as_one_makes_it(page: Page, project: Project) -> None:
    await edit(page, project, await project.workflow(LOOP))
    line = page.get_by_role("separator", name="Width of the panel")
    panel = page.locator("[data-inspector]")
    before = await width(panel)
    await line.focus()
    await page.keyboard.press("ArrowLeft")
    assert await width(panel) == before + 24
    await page.keyboard.press("ArrowRight")
    assert await width(panel) == before
    box = await line.bounding_box()
    assert box is not None
    await page.mouse.move(box["x"] + 4, 400)
    await page.mouse.down()
    await page.mouse.move(box["x"] - 76, 420, steps=4)
    await page.mouse.up()
    assert await width(panel) == before + 80
    await expect(line).to_have_attribute("aria-valuenow", str(int(before) + 81))
    await page.reload()
    await expect(panel).to_be_visible()
    assert await width(panel) == before + 80
    await line.dblclick()
    assert await width(panel) == before


@pytest.mark.spec("EDIT-63", "EDIT-1")
async def test_the_fields_show_and_keep_numbers_as_they_are_written(page: Page, project: Project) -> None:
    headers = {"Content-Type": "application/json"}
    content = f'{{"name": "Numbers", "graph": {NUMBERS}}}'
    workflow = (await project.client.post(project.workflows, content=content, headers=headers)).json()
    await edit(page, project, workflow)
    await node(page, "one").click()
    field = page.get_by_role("textbox", name="Value")
    await expect(field).to_contain_text("12345678901234567890")
    await expect(field).to_contain_text("1.0")
    await field.click()
    await page.keyboard.press("Control+a")
    await page.keyboard.insert_text('{"id": 12345678901234567891, "n": 1.0}')
    await expect(page.get_by_role("status", name="Value")).to_have_count(0)
    await save(page, 2)
    await expect(field).to_contain_text("12345678901234567891")
    answer = await project.client.get(f"{project.workflows}/{workflow['id']}")
    assert '"value":{"id":12345678901234567891,"n":1.0}' in answer.text.replace(" ", "")
    assert (await stored(project, workflow["id"]))["version"] == 2


@pytest.mark.spec("EDIT-65", "EDIT-66")
async def test_what_is_begun_asks_for_what_it_lacks(page: Page, project: Project) -> None:
    await page.goto(f"/projects/{project.id}/new")
    for name in ("Transform", "Transform", "Condition"):
        await page.get_by_role("button", name=f"Add {name}", exact=True).click()
    await expect(node(page, "condition")).to_contain_text("yes")
    await expect(page.get_by_role("alert").filter(has_text="Write an expression")).to_be_visible()
    await node(page, "transform_2").click()
    await page.keyboard.press("c")
    await page.keyboard.type("transform")
    await page.keyboard.press("Enter")
    await expect(page.get_by_label("When it is taken")).to_have_value("condition")
    await expect(page.get_by_role("alert").filter(has_text="Write an expression")).to_be_visible()

    await node(page, "transform_2").click()
    field = page.get_by_role("textbox", name="Value")
    await field.click()
    await page.keyboard.insert_text('{"id": 12345678901234567891}')
    await page.get_by_role("button", name="Make it JSON").click()
    await page.get_by_role("tab", name="Source").click()
    await expect(page.get_by_role("textbox", name="The node as JSON")).to_contain_text('"id": 12345678901234567891')


@pytest.mark.spec("EDIT-64")
async def test_an_expression_is_tried_in_the_run_and_the_lap_that_are_chosen(page: Page, project: Project) -> None:
    workflow = await project.workflow(LOOP)
    for _ in range(2):
        run = await project.run(workflow["id"], execute=True)
        await ended(project.client, f"{project.runs}/{run['id']}")
    await edit(page, project, workflow)
    await node(page, "again").click()
    await page.get_by_role("textbox", name="Value").click()
    value = page.get_by_role("status", name="Value")
    await expect(value).to_contain_text("20")
    await page.get_by_label("Values of").select_option(index=1)
    await page.get_by_label("Lap").select_option("Lap 2")
    await page.get_by_role("textbox", name="Value").click()
    await expect(value).to_contain_text("10")
