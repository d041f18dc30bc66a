import json
import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.pages.conftest import STEP_MS
from tests.pages.looks import badge, begin, look_at, panel
from tests.support import Project, ended
from tests.worker.runs import graph, transform

pytestmark = pytest.mark.timeout(300)

expect.set_options(timeout=STEP_MS)

SUM = graph([transform("load", [1, 2]), transform("rate", "{{ input.rate }}")], ("load", "rate"))


@pytest.mark.spec("UI-63")
@pytest.mark.spec("UI-106")
async def test_a_fork_with_another_input_opens_and_is_compared_with_its_origin(page: Page, project: Project) -> None:
    path = await begin(project, SUM, {"rate": 2})
    assert (await ended(project.client, path))["status"] == "COMPLETED"
    await look_at(page, project, path, "?node=rate")
    await panel(page).get_by_role("button", name="Fork from here").click()
    dialog = page.get_by_role("dialog")
    fate = dialog.locator("[data-fate]")
    await expect(fate.filter(has=page.locator('[data-plan="rate"]'))).to_have_attribute("data-fate", "runs")
    await expect(fate.filter(has=page.locator('[data-plan="load"]'))).to_have_attribute("data-fate", "reused")
    await dialog.get_by_label("Begin at").select_option("load")
    await expect(dialog).to_contain_text("2 nodes will run, 0 keep their results.")
    await dialog.get_by_label("Begin at").select_option("rate")
    await dialog.get_by_label("Input").fill('{"rate": ')
    await expect(dialog.get_by_role("button", name="Fork and start")).to_be_disabled()
    await dialog.get_by_label("Input").fill('{"rate": 3}')
    await dialog.get_by_role("button", name="Fork and start").click()
    await expect(page).not_to_have_url(re.compile(path.rpartition("/")[2]))
    await expect(badge(page, "COMPLETED")).to_be_visible()
    await expect(page.get_by_role("region", name="Result")).to_contain_text("3")
    await page.get_by_role("button", name="More").click()
    await page.get_by_role("menuitem", name="Compare with its origin").click()
    await expect(page.locator('[data-pair="load"]')).to_have_attribute("data-difference", "none")
    await expect(page.locator('[data-pair="rate"]')).to_have_attribute("data-difference", "output")
    await expect(page.locator("[data-pair]").first).not_to_have_attribute("data-difference", "none")
    await expect(page.locator("[data-pair]").last).to_have_attribute("data-difference", "none")
    await page.locator('[data-pair="rate"]').get_by_role("button").click()
    await expect(page.get_by_role("region", name="Output of the second run")).to_have_text("3")


@pytest.mark.spec("UI-65")
async def test_a_run_is_saved_as_one_file(page: Page, project: Project, tmp_path: Path) -> None:
    path = await begin(project, SUM, {"rate": 2}, name="Sum it up")
    last = (await ended(project.client, path))["last_seq"]
    await look_at(page, project, path)
    await expect(page.get_by_role("button", name="Events")).to_have_text(re.compile(rf"Events\s*{last}$"))
    await page.get_by_role("button", name="More").click()
    async with page.expect_download() as coming:
        await page.get_by_role("menuitem", name="Export as JSON").click()
    file = await coming.value
    assert file.suggested_filename.startswith("sum-it-up-")
    await file.save_as(tmp_path / "run.json")
    saved = json.loads((tmp_path / "run.json").read_text())
    assert saved["run"]["result"] == {"rate": 2}
    assert [node["id"] for node in saved["graph"]["nodes"]] == ["load", "rate"]
    assert {turn["node_id"]: turn["output"] for turn in saved["nodes"]} == {"load": [1, 2], "rate": 2}
    assert [event["seq"] for event in saved["events"]] == list(range(1, last + 1))
