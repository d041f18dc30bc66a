"""What people do across the pages, from one to the next."""

import asyncio
import re
from itertools import pairwise

import httpx
import pytest
from playwright.async_api import Locator, Page, expect

from tests.pages.conftest import STEP_MS, OpenTab
from tests.pages.looks import badge, begin, connection, execute, look_at, node, panel, prepare
from tests.pages.showcase import LETTER, SUNDAY, pause, sales, step
from tests.support import Project, ServerProcess, ended
from tests.worker.runs import graph

pytestmark = pytest.mark.timeout(300)

LONG_MS = 90_000
LAYERS, WIDTH = 50, 20
expect.set_options(timeout=STEP_MS)

OUTLINED = """() => {
  const focused = document.activeElement;
  const { outlineStyle, outlineWidth } = getComputedStyle(focused);
  if (outlineStyle !== "none" && parseFloat(outlineWidth) > 0) return true;
  const step = focused.querySelector(".step");
  return step !== null && getComputedStyle(step).boxShadow.includes("3px");
}"""


@pytest.mark.spec("UI-90")
async def test_who_sees_a_failure_mends_the_graph_and_goes_on_with_the_next_version(
    page: Page, project: Project
) -> None:
    path = await begin(project, sales(), SUNDAY, name="Sales")
    assert (await ended(project.client, path))["status"] == "FAILED"
    await page.goto(f"/projects/{project.id}/runs")
    await page.locator('a[data-run][data-status-of="FAILED"]').click()
    await expect(panel(page).get_by_role("heading", name="Return rate")).to_be_visible()
    await expect(panel(page)).to_contain_text("unable to calculate 0 / 0")
    await panel(page).get_by_role("link", name="Mend in the editor").click()
    await _write(page, "{{ (returned.output | length) / ([load.output | length, 1] | max) }}")
    await page.get_by_role("button", name="Save", exact=True).click()
    dialog = page.get_by_role("dialog", name="Save as version 2")
    await expect(dialog.get_by_role("list", name="Changes")).to_contain_text("max")
    await dialog.get_by_role("button", name="Save version 2").click()
    await expect(dialog).to_have_count(0)
    await page.get_by_role("link", name="Retry the run on v2").click()
    again = page.get_by_role("dialog")
    await expect(again.locator('[data-fate="runs"] [data-plan="rate"]')).to_be_visible()
    await expect(again.locator('[data-fate="reused"] [data-plan="bank"]')).to_be_visible()
    await again.get_by_role("button", name="Retry on v2").click()
    await expect(badge(page, "COMPLETED")).to_be_visible()
    await expect(page.get_by_role("region", name="Result")).to_contain_text("Sunday")


async def _write(page: Page, text: str) -> None:
    """Replace what the first field of the form says."""
    field = page.get_by_role("textbox", name="Value").first
    await field.click()
    await page.keyboard.press("Control+a")
    await page.keyboard.insert_text(text)


async def _tab_to(page: Page, target: Locator, *, key: str = "Tab", presses: int = 60) -> None:
    """Press a key until the target has the focus, and wait until that is to be seen."""
    await expect(target).to_be_visible()
    for _ in range(presses):
        if await target.evaluate("element => element === document.activeElement"):
            await page.wait_for_function(OUTLINED)
            return
        await page.keyboard.press(key)
    raise AssertionError(f"{target} is not reached with {key}.")


@pytest.mark.spec("UI-91")
async def test_from_a_template_to_the_result_and_its_nodes_with_the_keyboard_alone(
    page: Page, project: Project
) -> None:
    await page.goto(f"/projects/{project.id}/runs")
    card = page.get_by_role("region", name="Templates").get_by_role("listitem").filter(has_text="Data quality")
    await _tab_to(page, card.get_by_role("button", name="Use template"))
    await page.keyboard.press("Enter")
    await expect(card.get_by_role("button", name="Start run")).to_be_visible()
    await _tab_to(page, card.get_by_role("button", name="Start run"))
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    await _tab_to(page, dialog.get_by_role("button", name="Start run"))
    await page.keyboard.press("Enter")
    await expect(badge(page, "COMPLETED")).to_be_visible(timeout=LONG_MS)
    await expect(page.get_by_role("region", name="Result")).to_contain_text("verdict")
    await _tab_to(page, page.locator('.react-flow__node:has(.step[data-node="repair"])'))
    await page.keyboard.press("Enter")
    await expect(panel(page)).to_contain_text("repair")
    laps = panel(page).get_by_role("group", name="Lap").get_by_role("button")
    await _tab_to(page, laps.first)
    await page.keyboard.press("Space")
    await expect(laps.first).to_have_attribute("aria-pressed", "true")
    await page.keyboard.press("Escape")
    await expect(panel(page)).to_have_count(0)
    await _tab_to(
        page, page.get_by_role("navigation", name="Project").get_by_role("link", name="Runs"), key="Shift+Tab"
    )
    await page.keyboard.press("Enter")
    row = page.locator("a[data-run]").first
    await _tab_to(page, row)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("region", name="Result")).to_contain_text("verdict")


@pytest.mark.spec("UI-92")
async def test_two_tabs_show_what_is_done_in_one_and_heal_when_the_server_is_restarted(
    open_tab: OpenTab, server_process: ServerProcess
) -> None:
    async with httpx.AsyncClient(base_url=server_process.api, timeout=30) as client:
        project = await Project.make(client)
        document = graph(
            [step("first", "First", 1), _approval("ask"), pause("rest", "Rest", 6), _approval("again")],
            ("first", "ask"),
            ("ask", "rest"),
            ("rest", "again"),
        )
        path = await begin(project, document)
        tabs = [await open_tab(server_process.url) for _ in range(2)]
        for tab in tabs:
            await look_at(tab, project, path)
            await expect(node(tab, "ask", "WAITING")).to_be_visible()
            await expect(connection(tab)).to_have_attribute("data-connection", "live")
        await _approve(tabs[0], "ask")
        await expect(node(tabs[1], "rest", "RUNNING")).to_be_visible()
        await expect(tabs[1].get_by_role("form")).to_have_count(0)
        server_process.stop()
        for tab in tabs:
            await expect(connection(tab)).to_have_attribute("data-connection", re.compile("resuming|stale"))
        await server_process.start()
        for tab in tabs:
            await expect(node(tab, "again", "WAITING")).to_be_visible(timeout=LONG_MS)
        await _approve(tabs[1], "again")
        told = (await ended(client, path))["last_seq"]
        for tab in tabs:
            await expect(badge(tab, "COMPLETED").first).to_be_visible()
            await expect(tab.get_by_role("button", name="Events")).to_have_text(re.compile(rf"Events\s*{told}$"))


def _approval(name: str) -> dict[str, object]:
    return {"id": name, "type": "approval", "config": {"prompt": "Shall it go on?", "schema": {"type": "boolean"}}}


async def _approve(page: Page, name: str) -> None:
    form = page.get_by_role("form", name=f"Answer for {name}")
    await form.get_by_text("Yes", exact=True).click()
    await form.get_by_role("button", name="Send answer").click()


@pytest.mark.spec("UI-94")
async def test_on_a_phone_a_run_is_found_watched_and_approved(page: Page, project: Project) -> None:
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.goto(f"/projects/{project.id}/runs")
    path = await begin(project, LETTER, {"name": "Ada"}, name="Letter")
    await expect(page.locator('a[data-run][data-status-of="WAITING"]')).to_be_visible()
    await page.get_by_role("navigation", name="Project").get_by_role("link", name="Approvals").click()
    await expect(page.get_by_role("list", name="Approvals")).to_contain_text("Send this to Ada?")
    await _approve(page, "review")
    await page.get_by_role("link", name="Open the run", exact=True).click()
    await expect(badge(page, "COMPLETED").first).to_be_visible()
    assert (await ended(project.client, path))["result"] == {"send": "sent"}


@pytest.mark.spec("UI-95")
async def test_a_graph_of_1000_nodes_is_watched_and_moved(page: Page, project: Project) -> None:
    names = [[f"n{layer}_{place}" for place in range(WIDTH)] for layer in range(LAYERS)]
    wires = [wire for before, layer in pairwise(names) for wire in zip(before, layer, strict=True)]
    document = graph([step(name, name, 1) for layer in names for name in layer], *wires)
    path = await prepare(project, document, name="Large")
    await look_at(page, project, path)
    await expect(page.get_by_role("img", name="1,000 nodes")).to_be_visible(timeout=LONG_MS)
    await execute(project, path)
    await expect(badge(page, "COMPLETED")).to_be_visible(timeout=LONG_MS)
    await expect(page.locator("main header")).to_contain_text("1000 of 1000 nodes")
    canvas = page.locator(".react-flow__viewport")
    before = await canvas.get_attribute("style")
    await page.mouse.move(500, 450)
    await page.mouse.wheel(0, -600)
    await page.mouse.down()
    await page.mouse.move(560, 500, steps=4)
    await page.mouse.up()
    assert await canvas.get_attribute("style") != before


@pytest.mark.spec("UI-96")
async def test_each_lap_of_a_loop_can_be_looked_at(page: Page, project: Project) -> None:
    document = graph(
        [
            {"id": "start", "type": "input"},
            {"id": "count", "type": "transform", "config": {"value": "{{ loop.iteration * 100 }}"}},
            {"id": "end", "type": "output", "config": {"value": "{{ count.output }}"}},
        ],
        ("start", "count"),
        ("count", "count", {"condition": "count.output < 200"}),
        ("count", "end", {"condition": "else"}),
    )
    path = await begin(project, document)
    assert (await ended(project.client, path))["status"] == "COMPLETED"
    await look_at(page, project, path, "?node=count")
    laps = panel(page).get_by_role("group", name="Lap").get_by_role("button")
    await expect(laps.last).to_have_attribute("aria-pressed", "true")
    for lap, output in ((0, "0"), (1, "100"), (2, "200")):
        await laps.nth(lap).click()
        await expect(panel(page).get_by_role("region", name="Output")).to_have_text(output)
    await expect(laps).to_have_count(3)
    await asyncio.gather(page.reload(), expect(laps.last).to_have_attribute("aria-pressed", "true"))
