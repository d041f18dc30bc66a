"""How tests of the run page get there, and where they look."""

from typing import Any

from playwright.async_api import Locator, Page, expect

from tests.support import Project


async def prepare(project: Project, graph: dict[str, Any], value: Any = None, *, name: str = "Chain") -> str:
    """The path of a new run below the server's API; it is not started, so that the page can be there first."""
    run = await project.run((await project.workflow(graph, name))["id"], value)
    return f"{project.runs}/{run['id']}"


async def execute(project: Project, path: str, **how: Any) -> None:
    (await project.client.post(f"{path}/execute", json=how)).raise_for_status()


async def begin(project: Project, graph: dict[str, Any], value: Any = None, *, name: str = "Chain", **how: Any) -> str:
    """The path of a new run that has been started."""
    path = await prepare(project, graph, value, name=name)
    await execute(project, path, **how)
    return path


async def look_at(page: Page, project: Project, path: str, query: str = "") -> None:
    await page.goto(f"/projects/{project.id}/runs/{path.rpartition('/')[2]}{query}")


async def choose(page: Page, name: str) -> None:
    """Open the panel of a node, which stays open whatever the run does."""
    await page.locator(f'.step[data-node="{name}"]').click()
    await expect(panel(page)).to_be_visible()


def node(page: Page, name: str, status: str) -> Locator:
    return page.locator(f'.step[data-node="{name}"][data-status="{status}"]')


def badge(page: Page, status: str) -> Locator:
    return page.locator(f'main header span[data-status="{status}"]')


def connection(page: Page) -> Locator:
    return page.locator("[data-connection]")


def head(page: Page) -> Locator:
    """The line that says what the run waits for."""
    return page.locator("[data-now]")


def panel(page: Page) -> Locator:
    return page.get_by_role("complementary", name="Node")


async def retry(page: Page, from_node: str | None = None) -> None:
    """Go on with the run, on its own version."""
    await page.get_by_role("button", name="Retry", exact=True).click()
    dialog = page.get_by_role("dialog")
    if from_node is not None:
        await dialog.get_by_label("Begin at").select_option(from_node)
    await dialog.get_by_role("button", name="Retry now").click()
    await expect(dialog).to_have_count(0)
