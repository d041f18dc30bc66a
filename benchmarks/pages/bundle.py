"""How much a browser loads of the application before it shows a page, compressed."""

import gzip

from playwright.async_api import Response

from benchmarks.figures import Figure, Report
from benchmarks.pages.scene import SIZE, Scene

BUDGET_KB = 250.0
LAYOUT = "elk"


async def measure(report: Report, scene: Scene) -> None:
    """The scripts and styles of the list of runs, of a run, and of the editor."""
    pages: dict[str, tuple[str, float | None, float | None]] = {
        "the list of runs": (f"/projects/{scene.project}/runs", BUDGET_KB, None),
        "a run, without the layout engine, which a worker loads": (scene.run("Double"), None, BUDGET_KB),
        "the editor, the same": (scene.editor("Double"), None, None),
    }
    for name, (path, limit, aim) in pages.items():
        what = f"scripts and styles of {name}, gzip"
        report.add(Figure("bundle", what, await _loaded(scene, path), "kB", limit=limit, aim=aim))


async def _loaded(scene: Scene, path: str) -> float:
    context = await scene.browser.new_context(base_url=scene.origin, viewport=SIZE)
    page = await context.new_page()
    files: list[Response] = []
    page.on("response", lambda file: files.append(file))  # noqa: PLW0108  # Playwright writes into what it is given
    await page.goto(path)
    await page.locator("main h1, main header, .react-flow__node").first.wait_for()
    bodies = [await file.body() for file in files if _counts(file.url)]
    await context.close()
    return sum(len(gzip.compress(body, 9)) for body in bodies) / 1000


def _counts(url: str) -> bool:
    return url.endswith((".js", ".css")) and LAYOUT not in url.rpartition("/")[2]
