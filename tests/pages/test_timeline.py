import re

import pytest
from playwright.async_api import Page, expect

from tests.pages.conftest import STEP_MS
from tests.pages.looks import badge, begin, look_at, panel
from tests.support import Project
from tests.worker.runs import graph, transform

pytestmark = pytest.mark.timeout(300)

expect.set_options(timeout=STEP_MS)

LAPS = graph(
    [
        transform("start", 0),
        transform("check", "{{ loop.iteration }}"),
        {"id": "slow", "type": "delay", "config": {"seconds": 1}},
    ],
    ("start", "check"),
    ("check", "slow", {"condition": "loop.iteration < 1"}),
    ("slow", "check", {"condition": "true"}),
)


@pytest.mark.spec("UI-56")
async def test_a_run_is_seen_on_a_timeline_while_it_goes_on(page: Page, project: Project) -> None:
    path = await begin(project, LAPS)
    await look_at(page, project, path, "?view=timeline")
    rows = page.get_by_role("list", name="Timeline").locator("[data-row]")
    await expect(badge(page, "COMPLETED")).to_be_visible()
    await expect(page.locator('[data-row="slow/0"] [data-span="running"]')).to_have_attribute(
        "data-status", "COMPLETED"
    )
    keys = ["", "start/0", "check/0", "slow/0", "check/1"]
    assert [await row.get_attribute("data-row") for row in await rows.all()] == keys
    await expect(page.locator("[data-total]")).to_contain_text(re.compile(r"in the queue.*at work"))
    await rows.first.focus()
    for _ in keys[1:]:
        await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile(r"view=timeline.*node=check.*iteration=1"))
    await expect(panel(page).get_by_role("button", name="Lap 2")).to_have_attribute("aria-pressed", "true")
    await page.get_by_role("button", name="Graph").click()
    await expect(page.locator('.step[data-node="check"]')).to_be_visible()
    await expect(panel(page)).to_be_visible()
