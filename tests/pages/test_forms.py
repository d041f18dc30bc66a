from typing import Any

import pytest
from playwright.async_api import Locator, Page, expect

from tests.support import Project, ended

GRAPH: dict[str, Any] = {
    "nodes": [
        {"id": "start", "type": "input"},
        {"id": "build", "type": "transform", "config": {"value": {"user": {"name": "{{ input.name }}"}}}},
        {"id": "say", "type": "transform", "config": {"value": "{{ build.output.user.name }}"},
         "metadata": {"kept": [1]}},
    ],
    "edges": [
        {"source": "start", "target": "build"},
        {"source": "build", "target": "say", "condition": "build.output", "metadata": {"mine": True}},
    ],
    "state": {"total": {"reducer": "add", "default": 0}},
}  # fmt: skip


@pytest.fixture
async def workflow(page: Page, project: Project) -> str:
    """A workflow that has run once, open in the editor; its address in the API."""
    made = await project.workflow(GRAPH, "Greeting")
    run = await project.run(made["id"], {"name": "Ada"}, execute=True)
    await ended(project.client, f"{project.runs}/{run['id']}")
    await page.set_viewport_size({"width": 1900, "height": 1000})
    await page.goto(f"{project.workflows}/{made['id']}/edit")
    return f"{project.workflows}/{made['id']}"


async def choose(page: Page, node: str) -> None:
    await page.locator(f".react-flow__node[data-id={node}]").click()
    await expect(page.locator("[data-inspector=node]")).to_contain_text(node)


async def write(field: Locator, text: str) -> None:
    await field.click()
    await field.press("Control+a")
    await field.press_sequentially(text)


@pytest.mark.spec("EDIT-24", "EDIT-26", "EDIT-27")
async def test_a_template_is_completed_evaluated_and_checked_while_it_is_written(page: Page, workflow: str) -> None:
    assert workflow
    await choose(page, "say")
    value = page.get_by_role("textbox", name="Value")
    await value.click()
    shown = page.get_by_role("status", name="Value")
    await expect(shown).to_contain_text('"Ada"')
    await write(value, "Hello {{ bui")
    for name, rest in (("build", ".out"), ("output", ".us"), ("user", ".na"), ("name", "")):
        await page.locator(".cm-tooltip-autocomplete li", has_text=name).first.click()
        await value.press_sequentially(rest)
    await expect(value).to_have_text("Hello {{ build.output.user.name}}")
    await expect(shown).to_contain_text('"Hello Ada"')
    await write(value, "{{ build.output.nobody ")
    await expect(shown).to_contain_text("has no field nobody")
    await write(value, "{{ gone.output ")
    await expect(page.locator("[data-pointer='/nodes/2/config/value'] [role=alert]")).to_contain_text(
        "Nothing is called"
    )


@pytest.mark.spec("EDIT-22", "EDIT-23")
async def test_what_forms_change_is_stored_and_all_else_is_kept(page: Page, workflow: str, project: Project) -> None:
    await choose(page, "build")
    await page.get_by_role("tab", name="Settings").click()
    await page.get_by_label("Join").select_option(label="all")
    await page.get_by_label("Timeout").fill("30")
    new = page.get_by_label("Id", exact=True)
    await new.fill("made up")
    await new.press("Enter")
    await page.get_by_role("button", name="Add to state writes").click()
    await write(page.get_by_role("textbox", name="total", exact=True), "{{ output | length ")
    await page.get_by_role("button", name="Save", exact=True).click()
    await page.get_by_role("dialog").get_by_role("button", name="Save version").click()
    await expect(page.get_by_role("dialog")).to_have_count(0)
    build, say = GRAPH["nodes"][1], GRAPH["nodes"][2]
    stored = (await project.client.get(workflow)).json()["graph"]
    assert stored == {
        "nodes": [
            GRAPH["nodes"][0],
            {**build, "id": "made up", "join": "all", "timeout": 30, "writes": {"total": "{{ output | length }}"}},
            {**say, "config": {"value": '{{ nodes["made up"].output.user.name }}'}},
        ],
        "edges": [
            {"source": "start", "target": "made up"},
            {**GRAPH["edges"][1], "source": "made up", "condition": 'nodes["made up"].output'},
        ],
        "state": GRAPH["state"],
    }
