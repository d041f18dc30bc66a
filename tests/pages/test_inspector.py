import re

import pytest
from playwright.async_api import Page, expect

from tests.pages.conftest import STEP_MS
from tests.pages.looks import begin, head, look_at, node, panel
from tests.support import Project, ended
from tests.worker.runs import graph

pytestmark = pytest.mark.timeout(300)

expect.set_options(timeout=STEP_MS)

CALL = {
    "id": "call",
    "type": "http",
    "config": {"url": "http://localhost:9/"},
    "retry": {"max_attempts": 3, "initial_interval": 0.1, "jitter": False},
}


@pytest.mark.spec("UI-59")
async def test_links_open_the_page_at_an_attempt_and_at_an_event(page: Page, project: Project) -> None:
    path = await begin(project, graph([CALL]))
    assert (await ended(project.client, path))["status"] == "FAILED"
    await look_at(page, project, path, "?node=call&attempt=2")
    tries = panel(page).locator("[data-attempt]")
    await expect(tries).to_have_count(3)
    await expect(panel(page).locator("[data-attempt][aria-current]")).to_have_attribute("data-attempt", "2")
    await expect(tries.nth(1)).to_contain_text("Traceback")
    await look_at(page, project, path, "?event=4")
    detail = page.locator('[data-event="4"]')
    await expect(detail).to_contain_text("node started")
    await expect(page.get_by_role("region", name="Events").get_by_role("button", name=re.compile("^4"))).to_be_visible()
    await page.get_by_role("region", name="Events").get_by_role("button", name=re.compile("^5.*retrying")).click()
    await expect(page).to_have_url(re.compile("node=call&event=5"))
    await expect(panel(page)).to_be_visible()
    await page.get_by_role("button", name="Close the event").click()
    await expect(page).to_have_url(re.compile("node=call$"))


@pytest.mark.spec("UI-60")
async def test_a_node_without_a_worker_says_which_queue_nobody_serves(page: Page, project: Project) -> None:
    far = {"id": "far", "type": "transform", "queue": "gpu", "config": {"value": 1}}
    await look_at(page, project, await begin(project, graph([far])), "?node=far")
    await expect(node(page, "far", "WAITING")).to_be_visible()
    await expect(head(page)).to_contain_text("Waits for a worker for far")
    await expect(panel(page)).to_contain_text("graphwright worker --queues gpu")
