import gzip
import re

import httpx
import pytest
from playwright.async_api import Page, Response, expect

from tests.pages.conftest import STEP_MS
from tests.pages.looks import begin
from tests.support import DOUBLE, Project, ended
from tests.worker.runs import graph, transform

pytestmark = pytest.mark.timeout(300)

expect.set_options(timeout=STEP_MS)

BUDGET = 250_000
MENU = graph([transform("a", 1)])


@pytest.mark.spec("UI-100")
async def test_a_run_is_drawn_with_few_bytes(page: Page, project: Project) -> None:
    path = await begin(project, DOUBLE, {"n": 1})
    await ended(project.client, path)
    files: list[Response] = []
    page.on("response", lambda file: files.append(file))  # noqa: PLW0108  # Playwright writes into what it is given
    await page.goto(f"/projects/{project.id}/runs/{path.rpartition('/')[2]}")
    await page.locator(".react-flow__node").first.wait_for()
    loaded = [file for file in files if re.search(r"\.(js|css)$", file.url) and "elk-worker" not in file.url]
    assert 2 < len(loaded) < 20
    assert sum([len(gzip.compress(await file.body(), 9)) for file in loaded]) < BUDGET


@pytest.mark.spec("UI-101")
async def test_files_are_sent_compressed_to_who_takes_that(base_url: str) -> None:
    async with httpx.AsyncClient(base_url=base_url) as client:
        html = (await client.get("/", headers={"Accept-Encoding": "identity"})).text
        script = str(re.search(r'src="(/assets/[^"]+\.js)"', html).group(1))  # type: ignore[union-attr]
        plain = await client.get(script, headers={"Accept-Encoding": "identity"})
        packed = await client.get(script, headers={"Accept-Encoding": "gzip, br"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["vary"] == "Accept-Encoding"
    assert packed.headers["content-type"] == plain.headers["content-type"]
    assert packed.text == plain.text
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) / 2


@pytest.mark.spec("UI-102")
async def test_a_menu_is_walked_with_the_keyboard_and_gives_the_focus_back(page: Page, project: Project) -> None:
    workflow = (await project.workflow(MENU, "Letters"))["id"]
    await page.goto(f"/projects/{project.id}/workflows/{workflow}")
    more, menu = page.get_by_role("main").get_by_role("button", name="More", exact=True), page.get_by_role("menu")
    items = menu.get_by_role("menuitem")
    await more.press("ArrowDown")
    await expect(items.first).to_be_focused()
    for key, there in (
        ("ArrowUp", "Delete…"),
        ("ArrowDown", "Rename, describe, limit…"),
        ("e", "Export as JSON"),
        ("End", "Delete…"),
    ):
        await page.keyboard.press(key)
        await expect(menu.get_by_role("menuitem", name=there)).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(menu).to_have_count(0)
    await expect(more).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(items.first).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog", name="Name and limits")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(more).to_be_focused()
    await more.click()
    await page.get_by_role("heading", name="Letters").click()
    await expect(menu).to_have_count(0)


@pytest.mark.spec("UI-107")
async def test_what_cannot_be_loaded_is_said_and_tried_again_while_the_page_stays(page: Page, project: Project) -> None:
    path = await begin(project, DOUBLE, {"n": 1})
    await ended(project.client, path)
    await page.goto(f"/projects/{project.id}/runs/{path.rpartition('/')[2]}")
    await page.locator(".react-flow__node").first.wait_for()
    await page.route("**/assets/timeline-view-*.js", lambda route: route.abort())
    await page.get_by_role("button", name="Timeline").click()
    alert = page.get_by_role("alert")
    await expect(alert).to_contain_text("could not be loaded")
    await page.unroute("**/assets/timeline-view-*.js")
    await alert.get_by_role("button", name="Try again").click()
    await expect(page.get_by_role("list", name="Timeline")).to_be_visible()
