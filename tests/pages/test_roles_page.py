import httpx
import pytest
from playwright.async_api import Page, expect

from tests.pages.conftest import ADMIN, STEP_MS, OpenTab
from tests.pages.looks import begin, look_at
from tests.support import Project, ServerProcess, ended
from tests.worker.runs import graph, in_status

pytestmark = pytest.mark.timeout(300)

expect.set_options(timeout=STEP_MS)

BOOM = graph([{"id": "boom", "type": "transform", "config": {"value": "{{ input.a.b }}"}}])
ASK = graph([{"id": "ask", "type": "approval", "config": {"prompt": "Send it?", "schema": {"type": "boolean"}}}])
NEEDS_RUNNER = "This needs a key with the role runner."


async def with_key(page: Page, project: Project, role: str) -> None:
    made = await project.client.post(f"/projects/{project.id}/keys", json={"name": role, "role": role})
    await page.goto("/favicon.svg")
    await page.evaluate("key => localStorage.setItem('graphwright.key', key)", made.json()["secret"])


@pytest.mark.spec("UI-103")
async def test_who_may_only_look_at_a_run_is_told_so_before_a_click(open_tab: OpenTab, closed: ServerProcess) -> None:
    page = await open_tab(closed.url)
    async with httpx.AsyncClient(base_url=closed.api, headers={"Authorization": f"Bearer {ADMIN}"}) as client:
        project = await Project.make(client)
        failed = await begin(project, BOOM, name="Boom")
        await ended(client, failed)
        asking = await begin(project, ASK, name="Ask")
        await in_status(client, asking, "WAITING")
        await with_key(page, project, "viewer")

        await look_at(page, project, failed)
        for name in ("Retry", "Retry from here", "Fork from here"):
            button = page.get_by_role("button", name=name, exact=True)
            await expect(button).to_be_disabled()
            await expect(button).to_have_attribute("title", NEEDS_RUNNER)
        await expect(page.get_by_role("link", name="Look at it in the editor")).to_be_visible()
        await page.get_by_role("main").get_by_role("button", name="More", exact=True).click()
        await expect(page.get_by_role("menuitem", name="Fork…")).to_have_attribute("aria-disabled", "true")
        await expect(page.get_by_role("menuitem", name="Fork…")).to_have_attribute("title", NEEDS_RUNNER)

        await look_at(page, project, asking)
        await expect(page.get_by_role("button", name="Cancel")).to_be_disabled()
        await expect(page.locator("[data-approval]")).to_contain_text(NEEDS_RUNNER)
        await expect(page.get_by_role("button", name="Send answer")).to_have_count(0)

        await with_key(page, project, "runner")
        await look_at(page, project, asking)
        await expect(page.get_by_role("button", name="Send answer")).to_be_enabled()
        await expect(page.get_by_role("button", name="Cancel")).to_be_enabled()
