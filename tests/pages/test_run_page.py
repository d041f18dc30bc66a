import re
from typing import Any

import httpx
import pytest
from playwright.async_api import Page, expect

pytestmark = pytest.mark.timeout(180)

LONG_MS = 60_000


def chain(*seconds: float) -> dict[str, Any]:
    """Delays one behind the other: `step0`, `step1` …"""
    nodes = [{"id": f"step{i}", "type": "delay", "config": {"seconds": length}} for i, length in enumerate(seconds)]
    edges = [{"source": f"step{i}", "target": f"step{i + 1}"} for i in range(len(seconds) - 1)]
    return {"nodes": nodes, "edges": edges}


async def start(api: httpx.AsyncClient, project: str, graph: dict[str, Any]) -> str:
    workflows = f"/projects/{project}/workflows"
    made = (await api.post(workflows, json={"name": "Chain", "graph": graph})).raise_for_status().json()
    run = await api.post(f"{workflows}/runs?execute=true", json={"workflow_id": made["id"], "input_data": {}})
    return str(run.raise_for_status().json()["id"])


async def read_run(api: httpx.AsyncClient, project: str, run: str) -> dict[str, Any]:
    return dict((await api.get(f"/projects/{project}/workflows/runs/{run}")).raise_for_status().json())


def node(page: Page, name: str, status: str) -> Any:
    return page.locator(f'.step[data-node="{name}"][data-status="{status}"]')


def badge(page: Page, status: str) -> Any:
    return page.locator(f'main header span[data-status="{status}"]')


@pytest.mark.spec("UI-14")
async def test_a_template_becomes_a_workflow_with_one_click_and_a_run_with_the_next(page: Page, project: str) -> None:
    await page.goto(f"/projects/{project}/runs")
    card = page.get_by_role("region", name="Templates").get_by_role("listitem").first
    await card.get_by_role("button", name="Use template").click()
    await card.get_by_role("button", name="Start run").click()
    await page.get_by_role("dialog").get_by_role("button", name="Start run").click()
    await expect(page).to_have_url(re.compile(rf"/projects/{project}/runs/[0-9a-f-]+$"))
    await expect(badge(page, "COMPLETED")).to_be_visible(timeout=LONG_MS)
    await expect(page.get_by_role("region", name="Result")).to_be_visible()


@pytest.mark.spec("UI-15")
async def test_nodes_change_while_one_looks_until_the_result_is_there(
    page: Page, api: httpx.AsyncClient, project: str
) -> None:
    run = await start(api, project, chain(2, 2))
    await page.goto(f"/projects/{project}/runs/{run}")
    await expect(node(page, "step0", "RUNNING")).to_be_visible()
    await expect(node(page, "step1", "PENDING")).to_be_visible()
    await expect(node(page, "step0", "COMPLETED")).to_be_visible()
    await expect(node(page, "step1", "COMPLETED")).to_be_visible()
    await expect(badge(page, "COMPLETED")).to_be_visible()
    await expect(page.locator('.wire[data-edge="0"]')).to_have_attribute("data-fate", "taken")
    await expect(page.get_by_role("region", name="Result")).to_be_visible()


@pytest.mark.spec("UI-16")
async def test_cancelling_shows_what_the_server_says(page: Page, api: httpx.AsyncClient, project: str) -> None:
    run = await start(api, project, chain(0, 100))
    await page.goto(f"/projects/{project}/runs/{run}")
    await expect(node(page, "step1", "RUNNING").or_(node(page, "step1", "WAITING"))).to_be_visible()
    await page.get_by_role("button", name="Cancel").click()
    await expect(badge(page, "CANCELLED")).to_be_visible()
    await expect(node(page, "step1", "CANCELLED")).to_be_visible()
    await expect(node(page, "step0", "COMPLETED")).to_be_visible()
    assert (await read_run(api, project, run))["status"] == "CANCELLED"
    await expect(page.get_by_role("button", name="Retry")).to_be_visible()


@pytest.mark.spec("UI-17")
async def test_a_lost_connection_is_shown_and_healed_without_a_reload(
    page: Page, api: httpx.AsyncClient, project: str
) -> None:
    run = await start(api, project, chain(3, 3))
    await page.goto(f"/projects/{project}/runs/{run}")
    connection = page.locator("[data-connection]")
    await expect(connection).to_have_attribute("data-connection", "live")
    await page.context.set_offline(True)
    await expect(connection).to_have_attribute("data-connection", re.compile("resuming|stale"))
    await page.context.set_offline(False)
    await expect(badge(page, "COMPLETED")).to_be_visible(timeout=LONG_MS)
    await expect(connection).to_have_attribute("data-connection", "ended")
    told = (await read_run(api, project, run))["last_seq"]
    await expect(page.get_by_role("button", name="Events")).to_contain_text(str(told))


@pytest.mark.spec("UI-18")
async def test_a_link_to_a_node_opens_its_panel(page: Page, api: httpx.AsyncClient, project: str) -> None:
    run = await start(api, project, chain(0, 0))
    await page.goto(f"/projects/{project}/runs/{run}?node=step1")
    await expect(page.locator('[data-panel="step1"]').get_by_role("heading", name="step1")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page).to_have_url(re.compile(rf"/runs/{run}$"))


@pytest.mark.spec("UI-19")
async def test_the_list_shows_a_run_that_was_started_elsewhere_and_how_it_ends(
    page: Page, api: httpx.AsyncClient, project: str
) -> None:
    await page.goto(f"/projects/{project}/runs")
    await expect(page.get_by_role("heading", name="No runs yet")).to_be_visible()
    run = await start(api, project, chain(1))
    row = page.locator(f'a[data-run="{run}"]')
    await expect(row).to_be_visible()
    await expect(row).to_have_attribute("data-status-of", "COMPLETED")
