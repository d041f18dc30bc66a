import re

import pytest
from playwright.async_api import Page, expect

from tests.pages.conftest import STEP_MS
from tests.support import Project

pytestmark = pytest.mark.timeout(300)

expect.set_options(timeout=STEP_MS)


@pytest.mark.spec("UI-80")
async def test_node_types_and_tools_are_found_and_shown_with_their_fields(page: Page, project: Project) -> None:
    types = (await project.client.get("/node-types")).json()["items"]
    tools = (await project.client.get("/tools")).json()["items"]
    await page.goto(f"/projects/{project.id}/catalog")
    await expect(page.get_by_role("region", name="Node types").get_by_role("listitem")).to_have_count(len(types))
    await expect(page.get_by_role("region", name="Tools").get_by_role("listitem")).to_have_count(len(tools))
    await expect(page.get_by_role("article")).to_have_count(1)
    await page.get_by_role("searchbox").fill("http serv")
    found = page.get_by_role("region", name="Node types").get_by_role("link")
    await expect(found).to_have_count(1)
    await found.press("Enter")
    article = page.get_by_role("article", name="HTTP request")
    await expect(article.locator("dl")).to_contain_text(re.compile(r"url.*required", re.DOTALL))
    await expect(article.locator("dl")).to_contain_text('"GET"')
    await expect(page).to_have_url(re.compile("open=type%3Ahttp|open=type:http"))
    await page.set_viewport_size({"width": 390, "height": 844})
    await expect(page.get_by_role("searchbox")).to_be_hidden()
    await article.get_by_role("link", name="All of them").click()
    await expect(page.get_by_role("searchbox")).to_be_visible()
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
