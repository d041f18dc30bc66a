"""What the pages are looked at with: a server, a browser, and a project with runs of every kind."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from playwright.async_api import Browser, ViewportSize, async_playwright

from benchmarks.client import Client
from benchmarks.server import API, site

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SIZE = ViewportSize(width=1280, height=800)
LAYERS = 50
WIDTH = 20
STOPPED = ("COMPLETED", "FAILED", "CANCELLED", "WAITING")
RUN_SECONDS = 180.0

DOUBLE = {
    "nodes": [
        {"id": "start", "type": "input"},
        {"id": "double", "type": "transform", "config": {"value": "{{ input.n * 2 }}"}},
        {"id": "result", "type": "output", "config": {"value": "{{ double.output }}"}},
    ],
    "edges": [{"source": "start", "target": "double"}, {"source": "double", "target": "result"}],
}
FAILING = {
    "nodes": [
        {"id": "boom", "type": "transform", "config": {"value": "{{ input.a.b }}"}},
        {"id": "after", "type": "output"},
    ],
    "edges": [{"source": "boom", "target": "after"}],
}
ASKING = {
    "nodes": [{"id": "ask", "type": "approval", "config": {"prompt": "Send it?", "schema": {"type": "boolean"}}}],
    "edges": [],
}


def large() -> dict[str, Any]:
    """A graph of 1,000 nodes in layers, each node behind two of the layer before."""
    names = [[f"n{layer}-{place}" for place in range(WIDTH)] for layer in range(LAYERS)]
    nodes = [{"id": name, "type": "transform", "config": {"value": 1}} for layer in names for name in layer]
    edges = [
        {"source": before[(place + step) % WIDTH], "target": name}
        for before, layer in pairwise(names)
        for place, name in enumerate(layer)
        for step in (0, 1)
    ]
    return {"nodes": nodes, "edges": edges}


@dataclass(frozen=True, slots=True)
class Scene:
    """A running server with a project, and the ids of its workflows and runs by name."""

    origin: str
    browser: Browser
    project: str
    workflows: dict[str, str]
    runs: dict[str, str]

    def run(self, name: str) -> str:
        """The path of a run's page."""
        return f"/projects/{self.project}/runs/{self.runs[name]}"

    def editor(self, name: str) -> str:
        """The path of a workflow in the editor."""
        return f"/projects/{self.project}/workflows/{self.workflows[name]}/edit"


@asynccontextmanager
async def scene() -> AsyncIterator[Scene]:
    """A server and a browser, gone at the end."""
    async with site() as place:
        await place.serve()
        client = Client(place.port)
        made = await client.call("POST", f"{API}/projects", {"name": "Figures"})
        base = f"{API}/projects/{made['id']}/workflows"
        workflows, runs = {}, {}
        for name, graph in {"Double": DOUBLE, "Failing": FAILING, "Asking": ASKING, "Large": large()}.items():
            workflows[name] = (await client.call("POST", base, {"name": name, "graph": graph}))["id"]
            body = {"workflow_id": workflows[name], "input_data": {"n": 21}}
            runs[name] = (await client.call("POST", f"{base}/runs?execute=true", body))["id"]
        async with asyncio.timeout(RUN_SECONDS):
            for run in runs.values():
                while (await client.call("GET", f"{base}/runs/{run}"))["status"] not in STOPPED:
                    await asyncio.sleep(0.1)
        async with async_playwright() as playwright:
            program = next(filter(None, map(shutil.which, BROWSERS)), None)
            browser = await playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
            yield Scene(f"http://127.0.0.1:{place.port}", browser, made["id"], workflows, runs)
            await browser.close()
        await client.close()
