from pathlib import Path

import httpx
import pytest
from playwright.async_api import expect

from tests.pages.conftest import STEP_MS, OpenTab
from tests.pages.looks import badge, begin, choose, connection, look_at, node, panel
from tests.support import Project, ServerProcess, ended, until
from tests.worker.runs import graph, transform

pytestmark = pytest.mark.timeout(300)

expect.set_options(timeout=STEP_MS)

FORGETFUL = {"GRAPHWRIGHT_KEEP_EVENTS_DAYS": "0", "GRAPHWRIGHT_PRUNE_EVERY_SECONDS": "0.5"}
SUM = graph([transform("load", [1, 2]), transform("total", "{{ load.output | sum }}")], ("load", "total"))


@pytest.mark.spec("UI-66")
async def test_a_run_without_its_events_is_shown_by_what_is_kept(
    open_tab: OpenTab, database_url: str, tmp_path: Path
) -> None:
    process = await ServerProcess(tmp_path, database_url, FORGETFUL).start()
    try:
        async with httpx.AsyncClient(base_url=process.api, timeout=30) as client:
            project = await Project.make(client, "Forgetful")
            path = await begin(project, SUM)
            last = (await ended(client, path))["last_seq"]

            async def gone() -> bool:
                return (await client.get(f"{path}/events", headers={"Accept": "application/json"})).status_code == 410

            await until(gone, seconds=60)
            page = await open_tab(process.url)
            await look_at(page, project, path)
            await expect(badge(page, "COMPLETED")).to_be_visible()
            await expect(page.get_by_role("region", name="Events")).to_contain_text(f"1 to {last} are no longer kept")
            await expect(connection(page)).to_have_attribute("data-connection", "ended")
            await expect(node(page, "load", "COMPLETED")).to_be_visible()
            await choose(page, "total")
            await expect(panel(page).get_by_role("region", name="Output")).to_have_text("3")
            await page.get_by_role("button", name="Timeline").click()
            await expect(page.locator("[data-row]")).to_have_count(3)
            await look_at(page, project, path, "?event=2")
            await expect(page.locator('[data-event="2"]')).to_contain_text("no longer kept")
    finally:
        process.kill()
