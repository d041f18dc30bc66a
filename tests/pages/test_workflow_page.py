import json
import re
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.pages.conftest import STEP_MS
from tests.support import Project, ended
from tests.worker.runs import graph, transform

pytestmark = pytest.mark.timeout(300)

expect.set_options(timeout=STEP_MS)

ONE = graph([transform("a", 1)])
TWO = graph([{**transform("a", 2), "name": "First"}, transform("b", "{{ a.output }}")], ("a", "b"))


async def workflow_of(project: Project, name: str = "Letters") -> str:
    return str((await project.workflow(ONE, name))["id"])


async def look_at(page: Page, project: Project, workflow: str, part: str = "") -> None:
    await page.goto(f"/projects/{project.id}/workflows/{workflow}" + (f"?part={part}" if part else ""))


async def choose(page: Page, item: str) -> None:
    await page.get_by_role("button", name="More", exact=True).first.click()
    await page.get_by_role("menuitem", name=item).click()


@pytest.mark.spec("UI-70")
async def test_the_bar_leads_through_a_project_on_a_wide_screen_and_on_a_phone(page: Page, project: Project) -> None:
    await project.workflow(ONE, "Letters")
    await page.goto(f"/projects/{project.id}/runs")
    bar = page.get_by_role("navigation", name="Project")
    await bar.get_by_role("link", name="Workflows").click()
    await expect(bar.get_by_role("link", name="Workflows")).to_have_attribute("aria-current", "page")
    await page.get_by_role("link", name="Letters", exact=True).click()
    await expect(page.get_by_role("heading", name="Letters")).to_be_visible()
    await page.set_viewport_size({"width": 390, "height": 844})
    await bar.get_by_role("link", name="Runs").click()
    await expect(page).to_have_url(re.compile("/runs$"))
    await bar.get_by_role("button", name="More").press("Enter")
    await expect(page.get_by_role("menu")).to_be_visible()
    await page.keyboard.press("Escape")
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.spec("UI-71")
async def test_a_workflow_is_renamed_deactivated_exported_and_deleted(page: Page, project: Project) -> None:
    workflow = await workflow_of(project)
    await look_at(page, project, workflow)
    await expect(page.get_by_role("img", name="A graph of 1 nodes: a")).to_be_visible()

    latest = page.get_by_role("region", name="Latest runs")
    await expect(latest).to_contain_text("None yet")
    run = await project.run(workflow)
    await expect(latest.locator(f'[data-run="{run["id"]}"]')).to_be_visible()

    await choose(page, "Rename, describe, limit…")
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Name").fill("Post")
    await dialog.get_by_label("Runs at once").fill("3")
    await dialog.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("heading", name="Post")).to_be_visible()

    await choose(page, "Deactivate")
    await expect(page.get_by_text("Not active")).to_be_visible()
    await expect(page.get_by_role("button", name="Start run")).to_be_disabled()
    stored = (await project.client.get(f"{project.workflows}/{workflow}")).json()
    assert (stored["name"], stored["max_running"], stored["active"]) == ("Post", 3, False)

    async with page.expect_download() as waited:
        await choose(page, "Export as JSON")
    saved = await waited.value
    assert saved.suggested_filename == "post.v1.json"
    assert json.loads(Path(await saved.path()).read_text())["nodes"][0]["id"] == "a"

    await choose(page, "Delete…")
    await page.get_by_role("dialog").get_by_role("button", name="Delete the workflow").click()
    await expect(page).to_have_url(re.compile("/workflows$"))
    assert (await project.client.get(f"{project.workflows}/{workflow}")).status_code == 404


@pytest.mark.spec("UI-72")
async def test_versions_are_compared_and_an_old_one_brought_back(page: Page, project: Project) -> None:
    workflow = await workflow_of(project)
    await project.client.put(f"{project.workflows}/{workflow}", json={"graph": TWO})
    await look_at(page, project, workflow, "versions")
    changes = page.get_by_role("list", name="Changes").locator("> li")
    await expect(changes).to_have_count(3)
    await expect(changes.nth(0)).to_contain_text(re.compile(r"b.*node added"))
    await expect(changes.nth(1)).to_contain_text(re.compile(r"a → b.*edge added"))
    await expect(changes.nth(2)).to_contain_text("config · value")
    await page.get_by_role("button", name="More for version 1").click()
    await page.get_by_role("menuitem", name="Bring back as version 3").click()
    await expect(page.get_by_role("list", name="Versions").get_by_role("listitem").first).to_contain_text("Version 3")
    await expect(page.get_by_role("region", name="Changes from version 2 to 3")).to_be_visible()
    stored = (await project.client.get(f"{project.workflows}/{workflow}")).json()
    assert [node["id"] for node in stored["graph"]["nodes"]] == ["a"]


@pytest.mark.spec("UI-73")
async def test_a_schedule_is_made_run_now_paused_and_deleted(page: Page, project: Project) -> None:
    workflow = await workflow_of(project)
    await look_at(page, project, workflow, "schedules")
    await page.get_by_role("button", name="New schedule").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Name").fill("Mornings")
    await dialog.get_by_label("Times", exact=True).fill("nonsense")
    await dialog.get_by_role("button", name="Create schedule").click()
    await expect(dialog.get_by_role("alert")).to_contain_text("/cron")
    await dialog.get_by_role("button", name="Working days at 9").click()
    await dialog.get_by_role("button", name="Create schedule").click()
    row = page.get_by_role("listitem").filter(has_text="Mornings")
    await expect(row).to_contain_text("next in")
    await row.get_by_role("button", name="Run now").click()
    link = row.get_by_role("link", name="open the run")
    run = str(await link.get_attribute("href")).rpartition("/")[2]
    assert (await ended(project.client, f"{project.runs}/{run}"))["status"] == "COMPLETED"
    await row.get_by_role("switch").click()
    await expect(row).to_contain_text("paused")
    await row.get_by_role("button", name="Delete Mornings").click()
    await page.get_by_role("button", name="Delete the schedule").click()
    await expect(page.get_by_text("No schedules yet")).to_be_visible()


@pytest.mark.spec("UI-74")
async def test_a_webhook_is_made_its_secret_shown_once_and_it_starts_a_run(
    page: Page, project: Project, base_url: str
) -> None:
    workflow = await workflow_of(project)
    await look_at(page, project, workflow, "triggers")
    await page.get_by_role("button", name="New address").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Name").fill("Orders")
    await dialog.get_by_label("How senders prove themselves").select_option("token")
    await dialog.get_by_role("button", name="Create address").click()
    secret = await dialog.get_by_label("secret", exact=True).inner_text()
    await dialog.get_by_role("button", name="Done").click()
    row = page.get_by_role("listitem").filter(has_text="Orders")
    await expect(row).to_contain_text(f"POST {base_url}/api/v1/triggers/")
    address = (await row.locator("code").inner_text()).removeprefix("POST ")
    async with httpx.AsyncClient() as sender:
        sent = await sender.post(address, json={"n": 1}, headers={"Authorization": f"Bearer {secret.strip()}"})
    assert sent.status_code == 202, sent.text
    await expect(page.get_by_text(secret.strip())).to_have_count(0)


@pytest.mark.spec("UI-75")
async def test_a_hook_is_made_and_tested_and_says_what_came_of_it(page: Page, project: Project) -> None:
    workflow = await workflow_of(project)
    await look_at(page, project, workflow, "hooks")
    await page.get_by_role("button", name="New hook").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Name").fill("Shop")
    await dialog.get_by_label("Address").fill("http://127.0.0.1:9/none")
    await dialog.get_by_role("button", name="Create hook").click()
    await expect(dialog.get_by_label("secret", exact=True)).to_contain_text("whsec_")
    await dialog.get_by_role("button", name="Done").click()
    row = page.get_by_role("listitem").filter(has_text="Shop").first
    await row.get_by_role("button", name="Test").click()
    deliveries = page.get_by_role("region", name="Deliveries of Shop")
    await expect(deliveries.get_by_role("listitem")).to_contain_text("hook.ping")
    await expect(deliveries.get_by_role("listitem")).to_contain_text(re.compile("again in"))
