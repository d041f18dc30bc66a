"""How long 10,000 events take from the bytes of the stream to the state, in the browser."""

import asyncio
import statistics
import tempfile
from pathlib import Path

from playwright.async_api import Route

from benchmarks.figures import Figure, Report, spread
from benchmarks.pages.scene import Scene
from benchmarks.server import ROOT

WEB = ROOT / "web"
COMPILER = WEB / "node_modules" / "typescript" / "bin" / "tsc"
BUDGET_MS = 200.0
ROUNDS = 15
EVENTS = 10_000

SCRIPT = Path(__file__).with_suffix(".js")


async def measure(report: Report, scene: Scene) -> None:
    """Frames, log and state of a run with 1,000 nodes; the first time, before anything is compiled, and the median."""
    with tempfile.TemporaryDirectory() as folder:
        await _compile(Path(folder))
        page = await scene.browser.new_page(base_url=scene.origin)

        async def serve(route: Route) -> None:
            file = Path(folder) / route.request.url.rpartition("/")[2]
            await route.fulfill(body=file.read_bytes(), content_type="text/javascript")

        await page.route("**/stream/*.js", serve)
        await page.goto("/")
        times: list[float] = await page.evaluate(SCRIPT.read_text(), [EVENTS, ROUNDS])
        await page.close()
    name = "10,000 events from the bytes of the stream to the state"
    report.add(Figure("replay", f"{name}, the first time", times[0], "ms", limit=BUDGET_MS))
    median = statistics.median(times)
    report.add(Figure("replay", f"{name}, median of {ROUNDS}", median, "ms", limit=BUDGET_MS, spread=spread(times)))


async def _compile(folder: Path) -> None:
    node = (ROOT / ".stamps" / "node").read_text().strip() + "/node" if (ROOT / ".stamps" / "node").exists() else "node"
    project = WEB / "src" / "stream" / "tsconfig.json"
    arguments = (str(COMPILER), "--project", str(project), "--outDir", str(folder))
    process = await asyncio.create_subprocess_exec(node, *arguments)
    if await process.wait() != 0:
        raise RuntimeError("The stream package cannot be compiled.")
