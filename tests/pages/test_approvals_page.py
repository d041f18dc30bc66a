import pytest
from playwright.async_api import Page, expect

from tests.pages.conftest import STEP_MS
from tests.pages.looks import begin
from tests.support import Project, ended
from tests.worker.runs import graph, in_status

pytestmark = pytest.mark.timeout(300)

expect.set_options(timeout=STEP_MS)

ASK = {
    "id": "ask",
    "type": "approval",
    "name": "May it go?",
    "config": {"prompt": "Send it to {{ input.name }}?", "schema": {"type": "boolean"}, "timeout": 3600},
}


@pytest.mark.spec("UI-76")
async def test_what_waits_comes_by_itself_and_is_answered_on_a_phone(page: Page, project: Project) -> None:
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.goto(f"/projects/{project.id}/approvals")
    await expect(page.get_by_role("heading", name="Nothing waits for an answer")).to_be_visible()
    await expect(page.locator("[data-connection=live]")).to_be_visible()

    path = await begin(project, graph([ASK]), {"name": "Ada"}, name="Letters")
    card = page.get_by_role("list", name="Approvals").get_by_role("listitem")
    await expect(card).to_contain_text("Send it to Ada?")
    await expect(card.get_by_role("heading")).to_contain_text("Letters")
    tab = page.get_by_role("navigation", name="Project").get_by_role("link", name="Approvals")
    await expect(tab).to_contain_text("1 wait for an answer")
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390

    await card.get_by_role("button", name="Send answer").press("Enter")
    await expect(card).to_contain_text("Choose yes or no.")
    await page.keyboard.press("Space")
    await card.get_by_role("button", name="Send answer").press("Enter")
    await expect(page.get_by_role("status").filter(has_text="Answer sent to “May it go?”")).to_be_visible()
    await expect(card).to_have_count(0)
    assert (await ended(project.client, path))["result"]["ask"]["answer"] is True


@pytest.mark.spec("UI-76")
async def test_each_item_of_a_map_is_asked_for_by_itself_and_leads_to_its_run(page: Page, project: Project) -> None:
    inner = {"type": "approval", "config": {"prompt": "Take {{ item }}?"}}
    each = {"id": "each", "type": "map", "config": {"items": ["pears", "plums"], "node": inner}}
    path = await begin(project, graph([each]), name="Shopping")
    await in_status(project.client, path, "WAITING")
    await page.goto(f"/projects/{project.id}/approvals")
    cards = page.get_by_role("list", name="Approvals").get_by_role("listitem")
    await expect(cards).to_have_count(2)
    await expect(cards.nth(1)).to_contain_text("Take plums?")
    await cards.nth(1).get_by_role("heading").get_by_role("button").press("Enter")
    await cards.nth(1).get_by_role("textbox", name="Answer").fill("true")
    await cards.nth(1).get_by_role("button", name="Send answer").click()
    await expect(cards).to_have_count(1)
    await expect(cards).to_contain_text("item 0")
    await cards.get_by_role("link", name="Open the run at this node").click()
    await expect(page.get_by_role("complementary", name="Node")).to_contain_text("each")
