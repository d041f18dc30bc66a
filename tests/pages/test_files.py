import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Page, expect

from tests.artifacts.files import alone, save, tool
from tests.pages.conftest import STEP_MS, OpenTab
from tests.pages.looks import choose, look_at, panel
from tests.support import Project, ServerProcess, ended
from tests.worker.conftest import FAST
from tests.worker.runs import started

pytestmark = pytest.mark.timeout(300)

expect.set_options(timeout=STEP_MS)


@pytest.fixture
async def project(database_url: str, tmp_path: Path) -> AsyncIterator[Project]:
    """A project on a server that has the tools which save files."""
    process = await ServerProcess(tmp_path, database_url, FAST).start()
    async with httpx.AsyncClient(base_url=process.api, timeout=30) as client:
        yield await Project.make(client)
    await asyncio.to_thread(process.stop)


@pytest.fixture
async def page(open_tab: OpenTab, project: Project) -> Page:
    return await open_tab(str(project.client.base_url).partition("/api/")[0])


@pytest.mark.spec("ART-27")
async def test_the_files_of_a_node_and_of_a_run_are_listed_and_downloaded(
    page: Page, project: Project, tmp_path: Path
) -> None:
    each = {"tool": "files.save", "args": {"name": "part.txt", "text": "{{ item }}"}}
    nodes = [
        save("report", name="reports/last.html", text="<script>document.title='run'</script>", media_type="text/html"),
        {"id": "each", "type": "map", "config": {"items": ["x", "y"], "node": {"type": "tool", "config": each}}},
        tool("large", "stream", size=1_234_567),
        {"id": "none", "type": "transform", "config": {"value": 1}},
    ]
    path = await started(project, alone(*nodes))
    await ended(project.client, path)
    await look_at(page, project, path)
    files = page.get_by_role("list", name="Files").get_by_role("listitem")

    await expect(files).to_have_count(4)
    await expect(files.filter(has_text="large.bin")).to_contain_text("large · 1.2 MB · application/octet-stream")
    await choose(page, "report")
    await expect(panel(page).get_by_role("listitem").filter(has_text="reports/last.html")).to_contain_text(
        "37 bytes · text/html"
    )
    async with page.expect_download() as download:
        await panel(page).get_by_role("button", name="Download reports/last.html").click()
    saved = await download.value
    await saved.save_as(tmp_path / "saved")
    assert saved.suggested_filename == "last.html"
    assert (tmp_path / "saved").read_text() == "<script>document.title='run'</script>"

    await choose(page, "each")
    parts = panel(page).get_by_role("list", name="Files").get_by_role("listitem")
    await expect(parts).to_contain_text(["item", "item"])
    assert sorted([" ".join((await part.inner_text()).split()) for part in await parts.all()]) == [
        "part.txt item 0 · 1 byte · text/plain",
        "part.txt item 1 · 1 byte · text/plain",
    ]
    await choose(page, "none")
    await expect(panel(page).get_by_text("Definition")).to_be_visible()
    await expect(panel(page).get_by_role("list", name="Files")).to_have_count(0)


@pytest.mark.spec("ART-27")
async def test_a_file_that_cannot_be_fetched_says_so_and_can_be_tried_again(page: Page, project: Project) -> None:
    path = await started(project, alone(save()))
    await ended(project.client, path)
    await page.route("**/artifacts/*", lambda route: route.abort(), times=1)
    await look_at(page, project, path)

    await page.get_by_role("button", name="Download a.txt").click()
    await expect(page.get_by_role("listitem").filter(has_text="a.txt")).to_contain_text("cannot be reached")
    async with page.expect_download() as download:
        await page.get_by_role("listitem").filter(has_text="a.txt").get_by_role("button", name="Try again").click()
    assert (await download.value).suggested_filename == "a.txt"
    await expect(page.get_by_text("cannot be reached")).to_have_count(0)
