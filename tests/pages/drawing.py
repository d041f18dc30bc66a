"""How tests of the editor get there, and what they do there."""

from typing import Any

from playwright.async_api import Locator, Page, expect

from tests.support import Project

STEPS: dict[str, Any] = {
    "nodes": [
        {"id": "start", "type": "input"},
        {"id": "first", "type": "transform", "config": {"value": "{{ input.text }}"}},
        {"id": "second", "type": "transform", "config": {"value": "{{ first.output }}"}},
        {"id": "end", "type": "output", "config": {"value": "{{ second.output }}"}},
    ],
    "edges": [
        {"source": "start", "target": "first"},
        {"source": "first", "target": "second"},
        {"source": "second", "target": "end"},
    ],
}


async def edit(page: Page, project: Project, workflow: dict[str, Any], query: str = "") -> None:
    """Open the editor of a workflow, and wait for its graph."""
    await page.goto(f"/projects/{project.id}/workflows/{workflow['id']}/edit{query}")
    await expect(page.locator(".step").first).to_be_visible()


async def stored(project: Project, workflow_id: str) -> dict[str, Any]:
    found: dict[str, Any] = (await project.client.get(f"{project.workflows}/{workflow_id}")).json()
    return found


def head(page: Page) -> Locator:
    return page.locator("main header").first


def node(page: Page, name: str) -> Locator:
    return page.locator(f'.react-flow__node[data-id="{name}"]')


def edges(page: Page) -> Locator:
    return page.locator(".wire[data-edge]")


def handle(page: Page, name: str, port: str) -> Locator:
    return node(page, name).locator(f'[data-handleid="{port}"]')


async def drag(page: Page, source: Locator, target: Locator) -> None:
    begin, end = await source.bounding_box(), await target.bounding_box()
    assert begin is not None
    assert end is not None
    await page.mouse.move(begin["x"] + begin["width"] / 2, begin["y"] + begin["height"] / 2)
    await page.mouse.down()
    await page.mouse.move(end["x"] + end["width"] / 2, end["y"] + end["height"] / 2, steps=8)
    await page.mouse.up()


async def save(page: Page, version: int) -> None:
    await page.get_by_role("button", name="Save", exact=True).click()
    await page.get_by_role("button", name=f"Save version {version}").click()
    await expect(head(page).get_by_text(f"v{version}", exact=True)).to_be_visible()


AT_REST = """() => {
  const now = document.querySelector(".react-flow__viewport").style.transform;
  const before = window.seenAt;
  window.seenAt = now;
  return before === now;
}"""


async def fit(page: Page) -> None:
    """Show the whole graph, and wait until it rests."""
    await page.get_by_role("button", name="Fit the graph").click()
    await page.evaluate("window.seenAt = null")
    await page.wait_for_function(AT_REST, polling=150)
