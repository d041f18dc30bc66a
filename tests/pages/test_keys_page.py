import httpx
import pytest
from playwright.async_api import Page, expect

from tests.pages.conftest import ADMIN, STEP_MS, OpenTab
from tests.support import DOUBLE, Project, ServerProcess

pytestmark = pytest.mark.timeout(300)

expect.set_options(timeout=STEP_MS)


@pytest.mark.spec("UI-77")
async def test_a_key_is_made_its_secret_shown_once_and_it_is_deleted(page: Page, project: Project) -> None:
    await page.goto(f"/projects/{project.id}/keys")
    await expect(page.get_by_text("No keys yet")).to_be_visible()
    await expect(page.get_by_text("This server is open")).to_be_visible()
    await page.get_by_role("button", name="New key").press("Enter")
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Name").fill("Nightly")
    await dialog.get_by_role("radio", name="viewer").check()
    await dialog.get_by_role("button", name="Create key").click()
    secret = (await dialog.get_by_label("key", exact=True).inner_text()).strip()
    await dialog.get_by_role("button", name="Done").click()
    row = page.get_by_role("list", name="API keys").get_by_role("listitem")
    await expect(row).to_contain_text("viewer")
    assert secret not in await page.content()
    headers = {"Authorization": f"Bearer {secret}"}
    assert (await project.client.get("/me", headers=headers)).json()["role"] == "viewer"
    await row.get_by_role("button", name="Delete Nightly").click()
    await page.get_by_role("button", name="Delete the key").click()
    await expect(row).to_have_count(0)
    assert (await project.client.get("/me", headers=headers)).status_code == 401


@pytest.mark.spec("UI-78", "EDIT-60")
async def test_a_page_says_what_a_key_may_not_do_and_takes_another(open_tab: OpenTab, closed: ServerProcess) -> None:
    async with httpx.AsyncClient(base_url=closed.api, headers={"Authorization": f"Bearer {ADMIN}"}) as client:
        project = await Project.make(client)
        workflow = (await project.workflow(DOUBLE, "Letters"))["id"]
        made = await client.post(f"/projects/{project.id}/keys", json={"name": "Guest", "role": "viewer"})
    page = await open_tab(closed.url)
    secret = made.json()["secret"]
    await page.goto("/")
    await page.get_by_role("dialog").get_by_label("API key").fill(secret)
    await page.get_by_role("button", name="Use this key").click()
    await expect(page.get_by_role("button", name="Guest viewer")).to_be_visible()

    await page.goto(f"/projects/{project.id}/workflows/{workflow}")
    await expect(page.get_by_role("button", name="Start run")).to_be_disabled()
    await expect(page.get_by_role("button", name="Start run")).to_have_attribute(
        "title", "This needs a key with the role runner."
    )
    await page.goto(f"/projects/{project.id}/workflows/{workflow}/edit")
    await expect(page.get_by_text("Changing a workflow needs a key with the role editor.")).to_be_visible()
    await page.locator(".step").first.click()
    await page.keyboard.press("Delete")
    await expect(page.locator(".step")).to_have_count(len(DOUBLE["nodes"]))
    await expect(page.get_by_role("button", name="Save", exact=True)).to_have_count(0)
    await expect(page.get_by_role("button", name="Run", exact=True)).to_be_disabled()
    await page.goto(f"/projects/{project.id}/new")
    await expect(page.get_by_role("heading", name="Your key may not make workflows")).to_be_visible()
    await page.goto(f"/projects/{project.id}/keys")
    await expect(page.get_by_role("heading", name="Your key may not see the API keys")).to_be_visible()
    await expect(page.get_by_text("this key has viewer")).to_be_visible()
    await page.get_by_role("button", name="Use another key").click()
    await page.get_by_role("dialog").get_by_label("API key").fill(ADMIN)
    await page.get_by_role("button", name="Use this key").click()
    await expect(page.get_by_role("list", name="API keys")).to_contain_text("Guest")
