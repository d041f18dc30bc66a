"""What becomes of a graph that was changed in the editor: kept, saved, joined with what others have saved."""

import pytest
from playwright.async_api import Page, expect

from tests.pages.drawing import STEPS, edit, head, node, save, stored
from tests.support import Project

pytestmark = pytest.mark.timeout(300)


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
