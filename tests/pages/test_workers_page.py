import re

import pytest
from playwright.async_api import Page, expect

from tests.pages.conftest import STEP_MS
from tests.pages.looks import begin
from tests.support import Project
from tests.worker.runs import graph, transform

pytestmark = pytest.mark.timeout(300)

expect.set_options(timeout=STEP_MS)


@pytest.mark.spec("UI-79")
async def test_workers_and_queues_are_shown_and_a_queue_that_nobody_serves_stands_out(
    page: Page, project: Project
) -> None:
    await page.goto(f"/projects/{project.id}/workers")
    workers = page.get_by_role("list", name="Workers")
    await expect(workers.locator("[data-worker=alive]").first).to_contain_text(re.compile(r"Alive.*default", re.DOTALL))
    await expect(page.locator("[data-queue=nobody]")).to_have_count(0)
    lonely = {**transform("far", 1), "queue": "nobody"}
    path = await begin(project, graph([lonely]))
    await expect(page.locator("[data-queue=nobody]")).to_contain_text("Nobody serves it")
    assert (await project.client.post(f"{path}/cancel")).status_code == 202
    await page.set_viewport_size({"width": 390, "height": 844})
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
