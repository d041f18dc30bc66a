import asyncio
import json
import re
from typing import Any

import pytest
from playwright.async_api import Page, Request, Route, expect

from tests.pages.conftest import STEP_MS
from tests.pages.looks import badge, begin, choose, head, look_at, node, panel
from tests.support import Project, ended
from tests.worker.runs import graph, in_status, transform

pytestmark = pytest.mark.timeout(300)

LONG_MS = 120_000
expect.set_options(timeout=STEP_MS)

ANSWER = {
    "type": "object",
    "properties": {
        "send": {"type": "boolean", "title": "Send it?"},
        "tone": {"enum": ["warm", "plain"], "default": "plain"},
        "copies": {"type": "integer", "maximum": 5},
        "note": {"type": "string"},
        "tags": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["send", "copies"],
}


def approval(name: str = "review", **config: Any) -> dict[str, Any]:
    return {"id": name, "type": "approval", "config": {"prompt": "Send this to {{ input.name }}?", **config}}


LETTER = graph(
    [
        transform("draft", "Dear {{ input.name }}"),
        approval(schema=ANSWER, timeout=86400),
        {"id": "end", "type": "output"},
    ],
    ("draft", "review"),
    ("review", "end"),
)
CHAIN = graph(
    [transform("a", "{{ input.n }}"), transform("b", "{{ a.output + 1 }}"), transform("c", "{{ b.output * 10 }}")],
    ("a", "b"),
    ("b", "c"),
)


def spread(inner: dict[str, Any], items: str, **config: Any) -> dict[str, Any]:
    """A map over the items and a node behind it."""
    each = {"id": "each", "type": "map", "config": {"items": items, "node": inner, **config}}
    return graph([each, transform("count", "{{ each.output | length }}")], ("each", "count"))


async def held(page: Page) -> asyncio.Event:
    """Holds back what is sent to the run, until the event is set."""
    answer = asyncio.Event()

    async def hold(route: Route) -> None:
        await answer.wait()
        await route.continue_()

    await page.route("**/resume", hold, times=1)
    return answer


@pytest.mark.spec("UI-21")
@pytest.mark.spec("UI-23")
@pytest.mark.spec("UI-105")
async def test_an_approval_is_given_with_the_keyboard_on_a_phone_and_the_run_completes(
    page: Page, project: Project
) -> None:
    await page.set_viewport_size({"width": 390, "height": 844})
    path = await begin(project, LETTER, {"name": "Ada"})
    await look_at(page, project, path)
    await expect(head(page)).to_contain_text(re.compile(r"Waits for an answer at\s*review.*23 h 5\d min left"))
    await expect(head(page).get_by_role("status")).to_have_text("Waits for an answer at review.")
    await expect(node(page, "review", "WAITING")).to_contain_text("waits for an answer")
    form = panel(page).get_by_role("form", name="Answer for review")
    await expect(panel(page)).to_contain_text("Send this to Ada?")
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
    asked, drawn = await form.bounding_box(), await page.get_by_role("region", name="Graph").bounding_box()
    assert asked is not None
    assert drawn is not None
    assert asked["y"] + asked["height"] < drawn["y"]
    await expect(page.get_by_role("radiogroup", name="Colours").get_by_role("radio")).to_have_count(3)

    await form.get_by_role("button", name="Send answer").press("Enter")
    await expect(form.get_by_role("group", name="Send it?")).to_contain_text("Choose yes or no.")
    await expect(form.get_by_role("radio", name="Yes")).to_be_focused()
    await page.keyboard.press("Space")
    await form.get_by_label("Copies").fill("2")
    await form.get_by_label("Note").focus()
    await page.keyboard.type("As discussed")
    await page.keyboard.press("Control+Enter")

    await expect(badge(page, "COMPLETED").first).to_be_visible()
    await expect(head(page)).to_have_text("")
    run = await ended(project.client, path)
    expected = {"send": True, "tone": "plain", "copies": 2, "note": "As discussed"}
    assert run["result"]["review"]["answer"] == expected


@pytest.mark.spec("UI-23")
@pytest.mark.spec("UI-24")
async def test_what_the_server_has_against_an_answer_is_shown_at_its_field(page: Page, project: Project) -> None:
    path = await begin(project, LETTER, {"name": "Ada"})
    await look_at(page, project, path)
    form = panel(page).get_by_role("form")
    await form.get_by_text("No", exact=True).click()
    await form.get_by_label("Copies").fill("9")
    await form.get_by_label("Tags").fill('["a", 1]')
    await form.get_by_role("button", name="Send answer").click()
    await expect(form.get_by_label("Copies")).to_have_attribute("aria-invalid", "true")
    await expect(form.get_by_label("Copies")).to_have_accessible_description(re.compile("5"))
    await expect(form.get_by_label("Tags")).to_have_attribute("aria-invalid", "true")
    await expect(form.get_by_label("Note")).to_have_attribute("aria-invalid", "false")
    await form.get_by_label("Copies").fill("3")
    await form.get_by_label("Tags").fill('["a"]')
    await form.get_by_role("button", name="Send answer").click()
    await expect(badge(page, "COMPLETED").first).to_be_visible()
    answer = (await ended(project.client, path))["result"]["review"]["answer"]
    assert answer == {"send": False, "tone": "plain", "copies": 3, "tags": ["a"]}


@pytest.mark.spec("UI-24")
@pytest.mark.spec("UI-25")
async def test_an_answer_is_sent_until_the_server_says_that_the_node_goes_on(page: Page, project: Project) -> None:
    path = await begin(project, graph([approval(schema={"type": "boolean"})]), {"name": "Ada"})
    answer = await held(page)
    await look_at(page, project, path)
    await panel(page).get_by_text("Yes", exact=True).click()
    await panel(page).get_by_role("button", name="Send answer").click()
    await expect(panel(page).get_by_role("button", name="Sending")).to_be_disabled()
    await expect(node(page, "review", "WAITING")).to_be_visible()
    first = await project.client.post(f"{path}/resume", json={"node_id": "review", "answer": False})
    assert first.status_code == 202
    answer.set()
    await expect(node(page, "review", "COMPLETED")).to_be_visible()
    assert (await ended(project.client, path))["result"]["review"]["answer"] is False


@pytest.mark.spec("UI-24")
async def test_a_refused_answer_is_told_in_a_sentence_with_the_form_as_it_was(page: Page, project: Project) -> None:
    path = await begin(project, graph([approval(schema={"type": "string"})]), {"name": "Ada"})
    problem = {"title": "Conflict", "status": 409, "code": "already_answered", "detail": "This has been answered."}

    async def refuse(route: Route) -> None:
        await route.fulfill(status=409, content_type="application/problem+json", body=json.dumps(problem))

    await page.route("**/resume", refuse, times=1)
    await look_at(page, project, path)
    form = panel(page).get_by_role("form")
    await form.get_by_label("Answer").fill("my words")
    await form.get_by_role("button", name="Send answer").click()
    await expect(form.get_by_role("alert")).to_have_text("This has been answered.")
    await expect(form.get_by_label("Answer")).to_have_value("my words")
    await form.get_by_role("button", name="Send answer").click()
    await expect(badge(page, "COMPLETED").first).to_be_visible()
    assert (await ended(project.client, path))["result"]["review"]["answer"] == "my words"


@pytest.mark.spec("UI-24")
async def test_who_fills_in_an_answer_is_not_taken_elsewhere_when_another_node_fails(
    page: Page, project: Project
) -> None:
    fails = {"id": "fails", "type": "http", "config": {"url": "http://10.0.0.1/"}}
    nodes = [approval(schema={"type": "string"}), approval("hold"), fails]
    path = await begin(project, graph(nodes, ("hold", "fails")), {"name": "Ada"})
    await look_at(page, project, path)
    await panel(page).get_by_role("textbox", name="Answer").fill("my words")
    answer = await project.client.post(f"{path}/resume", json={"node_id": "hold", "answer": 1})
    assert answer.status_code == 202, answer.text
    await expect(node(page, "fails", "FAILED")).to_be_visible()
    await expect(panel(page).get_by_role("textbox", name="Answer")).to_have_value("my words")


@pytest.mark.spec("UI-26")
async def test_each_waiting_item_of_a_map_is_answered_by_itself(page: Page, project: Project) -> None:
    inner = {"type": "approval", "config": {"prompt": "Order {{ item }}?", "schema": {"type": "boolean"}}}
    path = await begin(project, spread(inner, '{{ ["apples", "pears"] }}'))
    await look_at(page, project, path)
    await expect(head(page)).to_contain_text("Waits for an answer at each")
    await choose(page, "each")
    pears = panel(page).get_by_role("listitem").filter(has_text="Order pears?")
    await pears.locator("summary").click()
    await pears.get_by_text("No", exact=True).click()
    await pears.get_by_role("button", name="Send answer").click()
    await expect(pears).to_have_count(0)
    await expect(node(page, "each", "WAITING")).to_contain_text("1/2")
    apples = panel(page).get_by_role("form", name="Answer for item 0 of each")
    await apples.get_by_text("Yes", exact=True).click()
    await apples.get_by_role("button", name="Send answer").click()
    await expect(badge(page, "COMPLETED").first).to_be_visible()
    outputs = (await project.client.get(f"{path}/nodes/each")).json()["items"][0]["output"]
    assert [output["answer"] for output in outputs] == [True, False]


@pytest.mark.spec("UI-25")
@pytest.mark.spec("UI-27")
async def test_a_run_is_stepped_through_from_the_start_dialog(page: Page, project: Project) -> None:
    await project.workflow(CHAIN, "Chain")
    await page.goto(f"/projects/{project.id}/runs")
    await page.get_by_role("button", name="Start run").first.click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Input").fill('{"n": 1}')
    await dialog.get_by_label("Step through").check()
    await dialog.get_by_role("button", name="Start run").click()
    step = head(page).get_by_role("button", name="Step", exact=True)
    await expect(head(page).get_by_role("status")).to_have_text("Stopped before a.")
    await expect(panel(page)).to_contain_text("The run stops before this node")
    answer = await held(page)
    await step.click()
    await expect(step).to_be_disabled()
    await expect(node(page, "a", "WAITING")).to_be_visible()
    answer.set()
    await expect(head(page).get_by_role("status")).to_have_text("Stopped before b.")
    await expect(node(page, "a", "COMPLETED")).to_be_visible()
    await expect(panel(page).get_by_role("region", name="Input")).to_contain_text('"value": 2')
    await expect(node(page, "c", "PENDING")).to_be_visible()
    await head(page).get_by_role("button", name="Run to the end").click()
    await expect(badge(page, "COMPLETED").first).to_be_visible()
    await expect(page.get_by_role("region", name="Result")).to_contain_text('"c": 20')


@pytest.mark.spec("UI-27")
async def test_where_a_run_stops_an_output_can_be_given_by_hand(page: Page, project: Project) -> None:
    path = await begin(project, CHAIN, {"n": 1}, breakpoints=["b"])
    await look_at(page, project, path)
    await panel(page).get_by_text("Give its output instead").click()
    await panel(page).get_by_label("Output").fill("{")
    await expect(panel(page).get_by_role("button", name="Use this output")).to_be_disabled()
    await panel(page).get_by_label("Output").fill("7")
    await panel(page).get_by_role("button", name="Use this output").click()
    await expect(badge(page, "COMPLETED").first).to_be_visible()
    assert (await ended(project.client, path))["result"] == {"c": 70}


@pytest.mark.spec("UI-28")
async def test_parent_child_and_fork_lead_to_each_other(page: Page, project: Project) -> None:
    await project.workflow(graph([approval("ask", prompt="May it go?", schema={"type": "boolean"})]), "Child")
    sub = {"id": "send", "type": "subworkflow", "config": {"workflow": "Child", "input": {}}}
    path = await begin(project, graph([sub, transform("after", "{{ send.output }}")], ("send", "after")), name="Parent")
    await look_at(page, project, path)
    await expect(head(page)).to_contain_text(re.compile(r"Waits for another run in\s*send"))
    await panel(page).get_by_role("link", name=re.compile("Child|Open the run")).click()
    await expect(page.get_by_role("heading", name="Child", level=1)).to_be_visible()
    await panel(page).get_by_text("Yes", exact=True).click()
    await panel(page).get_by_role("button", name="Send answer").click()
    await expect(badge(page, "COMPLETED").first).to_be_visible()
    crumbs = page.get_by_role("navigation", name="Breadcrumb")
    await expect(crumbs.get_by_role("link", name="Parent")).to_be_visible()
    await crumbs.get_by_role("link", name="send").click()
    await expect(page).to_have_url(re.compile(rf"{path.rpartition('/')[2]}\?node=send$"))
    await expect(badge(page, "COMPLETED").first).to_be_visible()
    await expect(panel(page).get_by_role("link", name="Child")).to_contain_text("Completed")

    answer = await project.client.post(f"{path}/fork", params={"execute": "true"}, json={"from_node": "after"})
    assert answer.status_code == 201, answer.text
    fork = f"{project.runs}/{answer.json()['id']}"
    await ended(project.client, fork)
    await look_at(page, project, fork)
    await expect(node(page, "send", "COMPLETED")).to_contain_text("reused")
    await page.get_by_role("link", name="Fork of").click()
    await expect(page).to_have_url(re.compile(path.rpartition("/")[2]))


@pytest.mark.spec("UI-29")
async def test_a_map_shows_its_progress_and_its_items(page: Page, project: Project) -> None:
    slow = spread({"type": "delay", "config": {"seconds": 0.2}}, "{{ range(200) | list }}", concurrency=5)
    running = await begin(project, slow)
    await look_at(page, project, running, "?node=each")
    bar = panel(page).get_by_role("progressbar", name="Items done")
    await expect(bar).to_have_attribute("aria-valuemax", "200")
    await expect(node(page, "each", "RUNNING").locator("[data-ring]")).to_be_visible()
    await expect(panel(page)).to_contain_text(re.compile(r"[1-9]\d* of 200 items done"))
    await expect(panel(page).locator("tr[data-item]").first).to_be_visible()
    await expect(panel(page)).to_contain_text("200 of 200 items done")
    await expect(node(page, "each", "COMPLETED")).to_be_visible()
    items = panel(page).get_by_role("region", name="Items")
    await expect(items.locator("tr[data-item]")).to_have_count(50)
    await items.get_by_role("button", name="Next").click()
    await expect(items.locator('tr[data-item="50"]')).to_be_visible()
    await items.get_by_role("button", name="Item 50").click()
    await expect(items.get_by_role("region", name="Output of item 50")).to_be_visible()
    await items.get_by_role("button", name="Previous").click()
    await expect(items.locator('tr[data-item="0"]')).to_be_visible()


@pytest.mark.spec("UI-29")
async def test_items_that_failed_are_counted_and_shown_with_their_errors(page: Page, project: Project) -> None:
    inner = {"type": "transform", "config": {"value": "{{ input.words[item].there }}"}}
    words = {"words": [{"there": n} for n in range(57)]}
    path = await begin(project, spread(inner, "{{ range(60) | list }}", on_item_error="collect"), words)
    await ended(project.client, path)
    await look_at(page, project, path, "?node=each")
    await expect(panel(page)).to_contain_text("60 of 60 items done · 3 failed")
    items = panel(page).get_by_role("region", name="Items")
    await items.get_by_label("Which items").select_option("FAILED")
    await expect(items.locator("tr[data-item]")).to_have_count(3)
    await items.get_by_role("button", name="Item 58").click()
    error = (await project.client.get(f"{path}/items", params={"status": "FAILED"})).json()["items"][1]["error"]
    await expect(items).to_contain_text(error["message"])


@pytest.mark.spec("UI-22")
async def test_a_run_in_retrying_says_when_it_goes_on_and_goes_on_when_asked(page: Page, project: Project) -> None:
    fails = {"id": "fetch", "type": "http", "config": {"url": "http://127.0.0.1:9/"}, "retry": {"max_attempts": 1}}
    document = graph([fails], settings={"resume": {"after": 600, "max_attempts": 2}})
    path = await begin(project, document)
    await in_status(project.client, path, "RETRYING")
    await look_at(page, project, path)
    await expect(head(page)).to_contain_text(re.compile(r"Goes on by itself in 9 min \d\d s"))
    await head(page).get_by_role("button", name="Go on now").click()
    await expect(page.locator("main header").get_by_text("attempt 2")).to_be_visible()
    await expect(head(page).get_by_role("button", name="Go on now")).to_be_enabled()
    assert (await project.client.get(path)).json()["attempt"] == 2


@pytest.mark.spec("UI-30")
async def test_the_text_of_a_model_is_shown_as_it_comes_without_asking_for_each_piece(
    page: Page, project: Project
) -> None:
    config = {"model": "fake:echo", "prompt": "{{ input }}", "options": {"delay": 0.1}}
    asked: list[str] = []

    def count(request: Request) -> None:
        if request.url.endswith("/nodes/story?limit=200"):
            asked.append(request.url)

    page.on("request", count)
    words = " ".join(f"word{n}" for n in range(60))
    path = await begin(project, graph([{"id": "story", "type": "llm", "config": config}]), words)
    await look_at(page, project, path, "?node=story")
    text = panel(page).get_by_role("region", name="Text")
    await expect(text).to_contain_text("word3")
    await expect(text).to_contain_text("word40")
    assert len(asked) <= 2
    await expect(panel(page).get_by_role("region", name="Output")).to_contain_text("word59")


@pytest.mark.spec("UI-31")
async def test_an_output_that_was_changed_at_a_stop_is_marked(page: Page, project: Project) -> None:
    path = await begin(project, CHAIN, {"n": 1}, breakpoints=["b"])
    await in_status(project.client, path, "WAITING")
    await look_at(page, project, path, "?node=a")
    await expect(panel(page).get_by_role("region", name="Output")).to_have_text("1")
    answer = await project.client.post(f"{path}/resume", json={"node_id": "b", "outputs": {"a": 5}})
    assert answer.status_code == 202, answer.text
    await expect(panel(page)).to_contain_text("overridden")
    await expect(panel(page).get_by_role("region", name="Output")).to_have_text("5")
    await expect(badge(page, "COMPLETED").first).to_be_visible()
