import re
from uuid import uuid4

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.pages.conftest import STEP_MS
from tests.support import Project

pytestmark = pytest.mark.timeout(300)

expect.set_options(timeout=STEP_MS)


@pytest.mark.spec("UI-81")
async def test_a_project_is_made_renamed_limited_and_deleted(
    page: Page, api: httpx.AsyncClient, project: Project
) -> None:
    name = f"Data {uuid4().hex[:8]}"
    await page.goto("/?all=true")
    await page.get_by_label("New project").fill(name)
    await page.get_by_role("button", name="Create project").click()
    await expect(page).to_have_url(re.compile("/projects/[0-9a-f-]+/runs$"))
    made = page.url.rpartition("/projects/")[2].partition("/")[0]
    await page.get_by_role("navigation", name="Project").get_by_role("link", name="Settings").click()

    await page.get_by_label("Name", exact=True).fill(f"{name} renamed")
    await page.get_by_label("Runs at once").fill("nine")
    await expect(page.get_by_role("button", name="Save")).to_be_disabled()
    await page.get_by_label("Runs at once").fill("9")
    await page.get_by_label("Keep runs that have ended", exact=True).select_option("days")
    await page.get_by_label("Keep runs that have ended: days").fill("90")
    await page.get_by_label("Keep their events", exact=True).select_option("forever")
    await page.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("status").filter(has_text="Saved")).to_be_visible()
    stored = (await api.get(f"/projects/{made}")).json()
    assert (stored["name"], stored["max_running"]) == (f"{name} renamed", 9)
    assert (stored["keep_runs_days"], stored["keep_events_days"]) == (90, "forever")
    await expect(page.get_by_role("button", name=f"Project {name} renamed, change")).to_be_visible()

    await page.get_by_role("region", name="Delete the project").get_by_role("button").press("Enter")
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_role("button", name="Delete the project")).to_be_disabled()
    await dialog.get_by_role("textbox").fill(f"{name} renamed")
    await dialog.get_by_role("button", name="Delete the project").click()
    await expect(page.get_by_role("heading", name="Projects")).to_be_visible()
    assert (await api.get(f"/projects/{made}")).status_code == 404
    assert (await api.get(f"/projects/{project.id}")).status_code == 200


@pytest.mark.spec("UI-82")
async def test_an_empty_project_offers_the_templates_and_runs_one_in_two_clicks(page: Page, project: Project) -> None:
    await page.goto(f"/projects/{project.id}")
    await expect(page).to_have_url(re.compile("/runs$"))
    await expect(page.get_by_role("heading", name="Nothing here yet: run something")).to_be_visible()
    card = page.get_by_role("region", name="Templates").get_by_role("listitem").filter(has_text="Data quality")
    await card.get_by_role("button", name="Run it").click()
    await page.get_by_role("dialog").get_by_role("button", name="Start run").click()
    await expect(page).to_have_url(re.compile("/runs/[0-9a-f-]+$"))
    await expect(page.locator('main header span[data-status="COMPLETED"]').first).to_be_visible(timeout=120_000)
