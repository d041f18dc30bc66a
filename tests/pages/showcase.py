"""A project as people have it, with runs of every kind: what is looked at on every page."""

import json
from dataclasses import dataclass, field
from typing import Any

import httpx
from playwright.async_api import Page

from tests.support import ROOT, Project, ended
from tests.worker.runs import graph, in_status

ENDS_WITHIN = 90
ORDERS = [
    {"book": "The Left Hand of Darkness", "price": 12.5, "returned": False},
    {"book": "Invisible Cities", "price": 9.9, "returned": True},
    {"book": "The Periodic Table", "price": 14.0, "returned": False},
    {"book": "Gödel, Escher, Bach", "price": 24.0, "returned": False},
]
DAY = {"type": "object", "properties": {"day": {"type": "string"}, "orders": {"type": "array"}}, "required": ["orders"]}
SATURDAY = {"day": "Saturday", "orders": ORDERS}
SUNDAY: dict[str, Any] = {"day": "Sunday", "orders": []}
RATE = "{{ (returned.output | length) / (load.output | length) }}"
MENDED_RATE = "{{ (returned.output | length) / ([load.output | length, 1] | max) }}"


def pause(name: str, title: str, seconds: float) -> dict[str, Any]:
    return {"id": name, "type": "delay", "name": title, "config": {"seconds": seconds}}


def step(name: str, title: str, value: Any) -> dict[str, Any]:
    return {"id": name, "type": "transform", "name": title, "config": {"value": value}}


def sales(rate: str = RATE) -> dict[str, Any]:
    """A report on the sales of a day; its return rate divides by the number of orders, which may be none."""
    value = {"day": "{{ input.day }}", "revenue": "{{ revenue.output }}", "return_rate": "{{ rate.output }}"}
    return graph(
        [
            {"id": "day", "type": "input", "name": "Day", "config": {"schema": DAY}},
            step("load", "Load the orders", "{{ input.orders }}"),
            pause("bank", "Wait for the bank", 1.2),
            step("revenue", "Revenue", "{{ load.output | map(attribute='price') | sum }}"),
            step("returned", "Returned books", "{{ load.output | selectattr('returned') | list }}"),
            step("rate", "Return rate", rate),
            {"id": "report", "type": "output", "name": "Report", "config": {"value": value}},
        ],
        ("day", "load"),
        ("load", "bank"),
        ("bank", "revenue"),
        ("load", "returned"),
        ("returned", "rate"),
        ("revenue", "report"),
        ("rate", "report"),
    )


ANSWER = {
    "type": "object",
    "properties": {
        "send": {"type": "boolean", "title": "Send it?"},
        "tone": {"enum": ["warm", "plain", "formal"], "default": "plain"},
        "copies": {"type": "integer", "minimum": 1, "maximum": 5, "default": 1},
        "note": {"type": "string", "description": "Kept with the letter."},
    },
    "required": ["send"],
}
PROMPT = "Send this to {{ input.name }}?\n\n{{ draft.output }}"
LETTER = graph(
    [
        {"id": "customer", "type": "input", "name": "Customer"},
        step("draft", "Draft the letter", "Dear {{ input.name }}, your parcel is on its way."),
        {
            "id": "review",
            "type": "approval",
            "name": "Review the letter",
            "config": {"prompt": PROMPT, "schema": ANSWER, "timeout": 259200},
        },
        step("send", "Send it", "sent"),
        step("drop", "Put it aside", "dropped"),
        {"id": "end", "type": "output", "name": "Outcome"},
    ],
    ("customer", "draft"),
    ("draft", "review"),
    ("review", "send", {"condition": "review.output.answer.send", "name": "yes"}),
    ("review", "drop", {"condition": "else", "name": "no"}),
    ("send", "end"),
    ("drop", "end"),
)


def covers(seconds: float) -> dict[str, Any]:
    """A map over 200 covers, five at a time."""
    each = {
        "id": "resize",
        "type": "map",
        "name": "Resize each cover",
        "config": {
            "items": "{{ range(200) | list }}",
            "concurrency": 5,
            "node": {"type": "delay", "config": {"seconds": seconds}},
        },
    }
    return graph(
        [step("list", "List the covers", 200), each, step("publish", "Publish", "done")],
        ("list", "resize"),
        ("resize", "publish"),
    )


def story(delay: float) -> dict[str, Any]:
    """A language model that writes word by word."""
    config = {"model": "fake:echo", "prompt": "{{ input.text }}", "options": {"delay": delay}}
    return graph(
        [
            {"id": "blurb", "type": "llm", "name": "Write the blurb", "config": config},
            {"id": "end", "type": "output", "name": "Text", "config": {"value": "{{ blurb.output.text }}"}},
        ],
        ("blurb", "end"),
    )


@dataclass
class Showcase:
    """The project, and an empty one; its workflows and runs by name."""

    project: Project
    empty: Project
    workflows: dict[str, str] = field(default_factory=dict)
    runs: dict[str, str] = field(default_factory=dict)

    def page(self, rest: str) -> str:
        return f"/projects/{self.project.id}/{rest}"

    def run(self, name: str, query: str = "") -> str:
        return self.page(f"runs/{self.runs[name]}{query}")

    def workflow(self, name: str, rest: str = "") -> str:
        return self.page(f"workflows/{self.workflows[name]}{rest}")

    @classmethod
    async def make(cls, client: httpx.AsyncClient) -> "Showcase":
        """Everything, once the runs are where they are to be looked at."""
        made = cls(await Project.make(client, "Bookshop"), await Project.make(client, "Library"))
        await made._templates()
        await made._letters()
        await made._covers()
        await made._sales()
        await made._starters()
        for name in ("Data quality", "Agent loop", "Saturday", "Mended"):
            await ended(client, made._path(name), seconds=ENDS_WITHIN)
        await in_status(client, made._path("Content moderation"), "WAITING")
        return made

    async def begin(self, name: str, workflow: str, value: Any = None) -> str:
        """Start a run of a workflow, under a name of its own; its path below the API."""
        run = await self.project.run(self.workflows[workflow], value, execute=True)
        self.runs[name] = run["id"]
        return self._path(name)

    def _path(self, name: str) -> str:
        return f"{self.project.runs}/{self.runs[name]}"

    async def _templates(self) -> None:
        for template in ("data-quality", "content-moderation", "agent-loop"):
            told = json.loads((ROOT / "examples" / template / "template.json").read_text())
            name, value = told["name"], told["input"]
            answer = await self.project.client.post(self.project.workflows, json={"template": template})
            self.workflows[name] = answer.raise_for_status().json()["id"]
            await self.begin(name, name, value)

    async def _letters(self) -> None:
        self.workflows["Letter"] = (await self.project.workflow(LETTER, "Letter to a customer"))["id"]
        for name in ("Kim", "Ada"):
            await in_status(self.project.client, await self.begin(name, "Letter", {"name": name}), "WAITING")

    async def _covers(self) -> None:
        self.workflows["Covers"] = (await self.project.workflow(covers(0.3), "Resize covers"))["id"]
        self.workflows["Story"] = (await self.project.workflow(story(0.08), "Write a blurb"))["id"]

    async def _sales(self) -> None:
        """One good day, and two without orders: one as it failed, one mended and retried on the next version."""
        client = self.project.client
        workflow = self.workflows["Sales"] = (await self.project.workflow(sales(), "Sales of the day"))["id"]
        await self.begin("Saturday", "Sales", SATURDAY)
        for name in ("Mended", "Sunday"):
            await ended(client, await self.begin(name, "Sales", SUNDAY))
        mended = {"graph": sales(MENDED_RATE)}
        path = f"{self.project.workflows}/{workflow}"
        (await client.put(path, json=mended, headers={"If-Match": "*"})).raise_for_status()
        (await client.post(f"{self._path('Mended')}/retry", json={"version": 2})).raise_for_status()

    async def _starters(self) -> None:
        """What starts runs by itself, what is told of them, and who may ask."""
        base = f"{self.project.workflows}/{self.workflows['Sales']}"
        shop = f"/projects/{self.project.id}"
        schedule = {"name": "Every evening", "cron": "0 21 * * *", "timezone": "Europe/Berlin", "input_data": SATURDAY}
        made = [
            (f"{base}/schedules", schedule),
            (f"{base}/triggers", {"name": "Till of the shop"}),
            (f"{shop}/hooks", {"name": "Tell the office", "url": "http://127.0.0.1:9/reports", "active": False}),
            (f"{shop}/keys", {"name": "Till", "role": "runner"}),
            (f"{shop}/keys", {"name": "Wall screen", "role": "viewer"}),
        ]
        for path, body in made:
            (await self.project.client.post(path, json=body)).raise_for_status()


def pages(made: Showcase) -> dict[str, str]:
    """The address of every page by name."""
    sales_of = made.workflows["Sales"]
    return {
        "projects": "/?all=true",
        "first-run": f"/projects/{made.empty.id}/runs",
        "runs": made.page("runs"),
        "run": made.run("Data quality"),
        "run-failed": made.run("Sunday"),
        "run-retry": made.run("Sunday", "?ask=retry&version=2"),
        "run-waiting": made.run("Ada"),
        "run-timeline": made.run("Mended", "?view=timeline"),
        "run-compare": made.page(f"compare?a={made.runs['Saturday']}&b={made.runs['Sunday']}"),
        "workflows": made.page("workflows"),
        "workflow": made.page(f"workflows/{sales_of}"),
        "workflow-versions": made.page(f"workflows/{sales_of}?part=versions&from=1&to=2"),
        "workflow-schedules": made.page(f"workflows/{sales_of}?part=schedules"),
        "workflow-triggers": made.page(f"workflows/{sales_of}?part=triggers"),
        "workflow-hooks": made.page(f"workflows/{sales_of}?part=hooks"),
        "editor": made.workflow("Sales", "/edit?node=rate"),
        "editor-version": made.workflow("Sales", "/edit?version=1"),
        "editor-new": made.page("new"),
        "approvals": made.page("approvals"),
        "catalog": made.page("catalog"),
        "workers": made.page("workers"),
        "keys": made.page("keys"),
        "settings": made.page("settings"),
    }


SETTLED = """() => new Promise((done) => {
  let timer = setTimeout(done, 300);
  new MutationObserver(() => { clearTimeout(timer); timer = setTimeout(done, 300); })
    .observe(document.body, { childList: true, subtree: true });
  setTimeout(done, 4000);
})"""
LAID_OUT = "() => !document.body.innerText.includes('Laying out')"
AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"


def axe() -> str:
    """The checker of accessibility, to be run in a page."""
    return AXE.read_text()


async def settle(page: Page) -> None:
    """Wait until nothing comes any more and graphs have their places."""
    await page.evaluate(SETTLED)
    await page.wait_for_function(LAID_OUT)
    await page.evaluate(SETTLED)
