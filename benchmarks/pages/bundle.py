"""How much a browser loads of the application before it shows a page, compressed."""

import gzip

from playwright.async_api import Response

from benchmarks.figures import Figure, Report
from benchmarks.pages.scene import SIZE, Scene

BUDGET_KB = 250.0
LAYOUT_WORKER = "elk-worker"


async def measure(report: Report, scene: Scene) -> None:
    """The scripts and styles of the list of runs, of runs with their graphs, and of the editor."""
    drawn = ".react-flow__node"
    pages: dict[str, tuple[str, str, float | None]] = {
        "the list of runs": (f"/projects/{scene.project}/runs", "a[data-run]", BUDGET_KB),
        "a run, until its graph is drawn": (scene.run("Double"), drawn, BUDGET_KB),
        "a run that asks for an answer, until graph and form are there": (
            scene.run("Asking"),
            f"main:has({drawn}) [data-approval] button",
            BUDGET_KB,
        ),
        "the editor, until the graph is drawn": (scene.editor("Double"), drawn, None),
    }
    for name, (path, ready, limit) in pages.items():
        what = f"scripts and styles of {name}, gzip"
        report.add(Figure("bundle", what, await _loaded(scene, path, ready), "kB", limit=limit))


async def _loaded(scene: Scene, path: str, ready: str) -> float:
    context = await scene.browser.new_context(base_url=scene.origin, viewport=SIZE)
    page = await context.new_page()
    files: list[Response] = []
    page.on("response", lambda file: files.append(file))  # noqa: PLW0108  # Playwright writes into what it is given
    await page.goto(path)
    await page.locator(ready).first.wait_for()
    bodies = [await file.body() for file in files if _counts(file.url)]
    await context.close()
    return sum(len(gzip.compress(body, 9)) for body in bodies) / 1000


def _counts(url: str) -> bool:
    return url.endswith((".js", ".css")) and LAYOUT_WORKER not in url
