import re
from typing import Any

import pytest
from playwright.async_api import Page, expect

from tests.pages.conftest import STEP_MS
from tests.pages.looks import badge, begin, look_at, node, panel
from tests.support import Project, ended
from tests.worker.runs import graph, transform

pytestmark = pytest.mark.timeout(300)

expect.set_options(timeout=STEP_MS)

REFUSED = {"id": "rate", "type": "http", "config": {"url": "http://10.0.0.1/"}}
ENDS = (transform("load", [1, 2]), transform("report", "{{ load.output | length * rate.output }}"))


def sales(rate: dict[str, Any]) -> dict[str, Any]:
    return graph([ENDS[0], rate, ENDS[1]], ("load", "rate"), ("rate", "report"))


async def failed(page: Page, project: Project) -> str:
    path = await begin(project, sales(REFUSED), name="Sales")
    assert (await ended(project.client, path))["status"] == "FAILED"
    await look_at(page, project, path)
    await expect(node(page, "rate", "FAILED")).to_be_visible()
    return path


@pytest.mark.spec("UI-51")
async def test_nothing_is_sent_before_the_plan_of_a_retry_is_there(page: Page, project: Project) -> None:
    path = await failed(page, project)
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "POST" else None)
    await panel(page).get_by_role("button", name="Retry from here").click()
    plan = page.get_by_role("dialog").get_by_role("region", name="What will happen")
    await expect(plan.locator('[data-fate="runs"] [data-plan="rate"]')).to_contain_text(
        "from which everything is to run"
    )
    await expect(plan.locator('[data-fate="reused"] [data-plan="load"]')).to_contain_text("has completed")
    await page.get_by_role("dialog").get_by_label("Begin at").select_option("load")
    await expect(plan.locator('[data-fate="runs"] [data-plan="load"]')).to_be_visible()
    assert all("dry_run=true" in url for url in sent)
    assert (await project.client.get(path)).json()["attempt"] == 1
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(page).to_have_url(re.compile(r"/runs/[0-9a-f-]+$"))


@pytest.mark.spec("UI-52")
@pytest.mark.spec("UI-53")
@pytest.mark.spec("UI-57")
async def test_a_failed_run_goes_on_with_the_version_that_mends_it(page: Page, project: Project) -> None:
    path = await failed(page, project)
    run = (await project.client.get(path)).json()
    mend = panel(page).get_by_role("link", name="Mend in the editor")
    await expect(mend).to_have_attribute("href", re.compile(rf"/workflows/{run['workflow_id']}/edit\?.*node=rate"))
    await expect(page.locator("[data-newer]")).to_have_count(0)
    mended = {"graph": sales(transform("rate", 1.5))}
    workflow = f"/projects/{project.id}/workflows/{run['workflow_id']}"
    (await project.client.put(workflow, json=mended, headers={"If-Match": "*"})).raise_for_status()
    await page.evaluate("dispatchEvent(new Event('visibilitychange'))")
    await expect(page.get_by_role("button", name="Retry on v2")).to_be_visible()
    await mend.click()
    await page.get_by_role("link", name="Retry the run on v2").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog.locator('[data-plan="rate"]')).to_contain_text("definition has changed")
    await dialog.get_by_role("button", name="Retry on v2").click()
    await expect(badge(page, "COMPLETED")).to_be_visible()
    await expect(page.locator("main header")).to_contain_text("v2")
    await expect(node(page, "rate", "COMPLETED")).to_be_visible()
    assert (await project.client.get(path)).json()["result"] == {"report": 3.0}
