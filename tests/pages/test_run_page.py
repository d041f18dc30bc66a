import asyncio
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import Page, Route, expect

from tests.pages.conftest import STEP_MS, OpenTab
from tests.pages.looks import badge, begin, connection, execute, look_at, node, prepare, retry
from tests.support import Project, ServerProcess, ended

pytestmark = pytest.mark.timeout(300)

LONG_MS = 120_000
expect.set_options(timeout=STEP_MS)


def chain(*seconds: float) -> dict[str, Any]:
    """Delays one behind the other: `step0`, `step1` …"""
    nodes = [{"id": f"step{i}", "type": "delay", "config": {"seconds": length}} for i, length in enumerate(seconds)]
    edges = [{"source": f"step{i}", "target": f"step{i + 1}"} for i in range(len(seconds) - 1)]
    return {"nodes": nodes, "edges": edges}


async def shows_all_events(page: Page, project: Project, path: str) -> None:
    """The page has read the log to its end, each event once; its head counts events without gaps."""
    told = (await ended(project.client, path))["last_seq"]
    await expect(page.get_by_role("button", name="Events")).to_have_text(re.compile(rf"Events\s*{told}$"))


@pytest.mark.spec("UI-14")
async def test_a_template_becomes_a_workflow_with_one_click_and_a_run_with_the_next(
    page: Page, project: Project
) -> None:
    await page.goto(f"/projects/{project.id}/runs")
    card = page.get_by_role("region", name="Templates").get_by_role("listitem").filter(has_text="Data quality")
    await card.get_by_role("button", name="Use template").click()
    await card.get_by_role("button", name="Start run").click()
    await page.get_by_role("dialog").get_by_role("button", name="Start run").click()
    await expect(page).to_have_url(re.compile(rf"/projects/{project.id}/runs/[0-9a-f-]+$"))
    await expect(badge(page, "COMPLETED")).to_be_visible(timeout=LONG_MS)
    await expect(page.locator("[data-loop]")).to_be_visible()
    await expect(page.get_by_role("region", name="Result")).to_contain_text("verdict")


@pytest.mark.spec("UI-15")
async def test_nodes_change_while_one_looks_until_the_result_is_there(page: Page, project: Project) -> None:
    path = await prepare(project, chain(4, 4))
    await look_at(page, project, path)
    await expect(node(page, "step0", "PENDING")).to_be_visible()
    await expect(connection(page)).to_have_attribute("data-connection", "live")
    await execute(project, path)
    await expect(node(page, "step0", "RUNNING")).to_be_visible()
    await expect(node(page, "step1", "PENDING")).to_be_visible()
    await expect(node(page, "step0", "COMPLETED")).to_be_visible()
    await expect(node(page, "step1", "RUNNING")).to_be_visible()
    await expect(page.locator('.wire[data-edge="0"]')).to_have_attribute("data-fate", "flowing")
    await expect(node(page, "step1", "COMPLETED")).to_be_visible()
    await expect(badge(page, "COMPLETED")).to_be_visible()
    await expect(page.locator('.wire[data-edge="0"]')).to_have_attribute("data-fate", "taken")
    await expect(page.get_by_role("region", name="Result")).to_contain_text("step1")
    await shows_all_events(page, project, path)


@pytest.mark.spec("UI-16")
@pytest.mark.parametrize(("seconds", "status"), [(50, "RUNNING"), (300, "WAITING")])
async def test_a_cancel_is_requested_until_the_server_says_that_it_is_done(
    page: Page, project: Project, seconds: float, status: str
) -> None:
    path = await begin(project, chain(0, seconds))
    asked, answer = asyncio.Event(), asyncio.Event()

    async def hold(route: Route) -> None:
        asked.set()
        await answer.wait()
        await route.continue_()

    await page.route("**/cancel", hold)
    await look_at(page, project, path)
    await expect(node(page, "step1", status)).to_be_visible()
    await page.get_by_role("button", name="Cancel").click()
    await asyncio.wait_for(asked.wait(), STEP_MS / 1000)
    await expect(page.get_by_role("button", name="Cancel requested")).to_be_disabled()
    await expect(badge(page, status).first).to_be_visible()
    answer.set()
    await expect(node(page, "step1", "CANCELLED")).to_be_visible()
    await expect(node(page, "step0", "COMPLETED")).to_be_visible()
    await expect(badge(page, "CANCELLED")).to_be_visible()
    assert (await project.client.get(path)).json()["status"] == "CANCELLED"
    await expect(page.get_by_role("button", name="Retry", exact=True)).to_be_visible()


@pytest.mark.spec("UI-6")
async def test_a_retry_is_shown_with_what_the_server_has_reset(page: Page, project: Project) -> None:
    graph = chain(0, 4, 0)
    graph["nodes"].append({"id": "fails", "type": "http", "config": {"url": "http://10.0.0.1/"}})
    graph["edges"].append({"source": "step2", "target": "fails"})
    path = await begin(project, graph)
    assert (await ended(project.client, path, seconds=60))["status"] == "FAILED"
    await look_at(page, project, path)
    await expect(node(page, "fails", "FAILED")).to_be_visible()
    await expect(page.locator('[data-panel="fails"]')).to_contain_text("GRAPHWRIGHT_HTTP_ALLOW")
    await expect(connection(page)).to_have_attribute("data-connection", "ended")
    await retry(page, "step1")
    await expect(node(page, "step1", "RUNNING")).to_be_visible()
    await expect(node(page, "step0", "COMPLETED")).to_be_visible()
    await expect(node(page, "step2", "PENDING")).to_be_visible()
    await expect(node(page, "fails", "PENDING")).to_be_visible()
    await expect(node(page, "fails", "FAILED")).to_be_visible()
    await retry(page)
    await expect(page.get_by_text("attempt 3", exact=False).first).to_be_visible()
    await expect(badge(page, "FAILED").first).to_be_visible()
    await expect(node(page, "step2", "COMPLETED")).to_be_visible()
    await shows_all_events(page, project, path)


@pytest.mark.spec("UI-17")
@pytest.mark.spec("UI-67")
async def test_a_lost_network_is_shown_and_healed_without_a_reload(page: Page, project: Project) -> None:
    path = await prepare(project, chain(6, 0))
    await look_at(page, project, path)
    await expect(connection(page)).to_have_attribute("data-connection", "live")
    await execute(project, path)
    await expect(node(page, "step0", "RUNNING")).to_be_visible()
    await page.context.set_offline(True)
    await expect(connection(page)).to_have_attribute("data-connection", re.compile("resuming|stale"))
    await expect(connection(page)).to_contain_text("as of")
    assert (await ended(project.client, path, seconds=60))["status"] == "COMPLETED"
    await page.context.set_offline(False)
    await expect(badge(page, "COMPLETED")).to_be_visible()
    await expect(connection(page)).to_have_attribute("data-connection", "ended")
    await shows_all_events(page, project, path)


@pytest.mark.spec("UI-17")
async def test_a_page_outlives_a_server_that_is_killed_in_the_middle_of_a_run(
    open_tab: OpenTab, server_process: ServerProcess
) -> None:
    page = await open_tab(server_process.url)
    async with httpx.AsyncClient(base_url=server_process.api, timeout=30) as client:
        project = await Project.make(client)
        path = await prepare(project, chain(0, 6, 0))
        await look_at(page, project, path)
        await expect(connection(page)).to_have_attribute("data-connection", "live")
        await execute(project, path)
        await expect(node(page, "step1", "RUNNING")).to_be_visible()
        server_process.kill()
        await expect(connection(page)).to_have_attribute("data-connection", re.compile("resuming|stale"))
        await server_process.start()
        await expect(badge(page, "COMPLETED")).to_be_visible(timeout=LONG_MS)
        for name in ("step0", "step1", "step2"):
            await expect(node(page, name, "COMPLETED")).to_be_visible()
        await shows_all_events(page, project, path)


@pytest.mark.spec("UI-18")
async def test_a_link_to_a_node_opens_its_panel(page: Page, project: Project) -> None:
    odd = 'a "b"/c: ü|?&#%'
    graph = {"nodes": [{"id": odd, "type": "transform", "config": {"value": 42}}], "edges": []}
    path = await begin(project, graph)
    await look_at(page, project, path)
    await page.locator(".step").click()
    await expect(page.get_by_role("heading", name=odd)).to_be_visible()
    await page.goto(page.url)
    panel = page.get_by_role("complementary", name="Node")
    await expect(panel.get_by_role("heading", name=odd)).to_be_visible()
    await expect(panel).to_contain_text("42")
    await page.keyboard.press("Escape")
    await expect(page).to_have_url(re.compile(r"/runs/[0-9a-f-]+$"))


@pytest.mark.spec("UI-19")
async def test_the_list_shows_a_run_that_was_started_elsewhere_and_how_it_ends(page: Page, project: Project) -> None:
    await page.goto(f"/projects/{project.id}/runs")
    await expect(page.get_by_role("heading", name="Nothing here yet: run something")).to_be_visible()
    await expect(connection(page)).to_have_attribute("data-connection", "live")
    path = await begin(project, chain(1))
    row = page.locator(f'a[data-run="{path.rpartition("/")[2]}"]')
    await expect(row).to_be_visible()
    await expect(row).to_have_attribute("data-status-of", "COMPLETED")


@pytest.mark.spec("UI-20")
async def test_a_closed_server_is_opened_with_a_key(open_tab: OpenTab, database_url: str, tmp_path: Path) -> None:
    process = await ServerProcess(tmp_path, database_url, {"GRAPHWRIGHT_ADMIN_KEY": "a-long-and-secret-key"}).start()
    try:
        headers = {"Authorization": "Bearer a-long-and-secret-key"}
        async with httpx.AsyncClient(base_url=process.api, headers=headers, timeout=30) as client:
            project = await Project.make(client, "Closed")
            path = await begin(project, chain(0))
            page = await open_tab(process.url)
            await look_at(page, project, path)
            field = page.get_by_role("dialog").get_by_label("API key")
            await field.fill("a-wrong-key")
            await page.get_by_role("button", name="Use this key").click()
            await expect(page.get_by_role("dialog")).to_contain_text("does not take")
            await field.fill("a-long-and-secret-key")
            await page.get_by_role("button", name="Use this key").click()
            await expect(page.get_by_role("dialog")).to_have_count(0)
            await expect(badge(page, "COMPLETED").first).to_be_visible()
            await shows_all_events(page, project, path)
            await page.get_by_role("link", name="Runs", exact=True).first.click()
            await expect(page.locator(f'a[data-run="{path.rpartition("/")[2]}"]')).to_be_visible()
            await expect(connection(page)).to_have_attribute("data-connection", "live")
    finally:
        process.kill()
