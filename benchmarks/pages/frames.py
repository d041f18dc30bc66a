"""How evenly a graph of 1,000 nodes moves under the mouse: the times between frames that the browser has drawn."""

import math
import statistics
import time
from collections.abc import Awaitable, Callable

from playwright.async_api import Page

from benchmarks.figures import Figure, Report, percentile, spread
from benchmarks.pages.scene import SIZE, Scene

SECONDS = 3.0
SMOOTH_MS = 20.0
"""The median frame; a screen with 60 Hz shows one every 16.7 ms."""
STUTTER_MS = 50.0
"""The frame at p95: below it no movement looks broken."""
READY_MS = 60_000
DRAWN = ".react-flow__node, .far-picture"
ZOOM_STEPS = 12

RECORD = """() => {
  window.frameTimes = [];
  let last = 0;
  const tick = (now) => {
    if (!window.frameTimes) return;
    if (last) window.frameTimes.push(now - last);
    last = now;
    requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);
}"""
TAKE = "() => { const times = window.frameTimes; window.frameTimes = null; return times; }"

Gesture = Callable[[Page, float, float, float], Awaitable[None]]


async def measure(report: Report, scene: Scene, *, editor: bool) -> None:
    """Dragging and zooming the graph of a run, and in the editor, the whole of it in sight and near enough to read."""
    await _on(report, scene, "run", scene.run("Large"))
    if editor:
        await _on(report, scene, "editor", scene.editor("Large"))


async def _on(report: Report, scene: Scene, where: str, path: str) -> None:
    page = await scene.browser.new_page(base_url=scene.origin, viewport=SIZE)
    begun = time.perf_counter()
    await page.goto(path)
    await page.locator(DRAWN).first.wait_for(timeout=READY_MS)
    report.add(Figure("frames", f"{where}: from the address to 1,000 nodes laid out", time.perf_counter() - begun, "s"))
    await page.get_by_role("button", name="Fit the graph").click()
    await _record(report, page, f"{where}: dragging the whole graph", _drag)
    await _record(report, page, f"{where}: zooming", _zoom)
    x, y = await _middle(page)
    await page.mouse.move(x, y)
    for _ in range(ZOOM_STEPS):
        await page.mouse.wheel(0, -300)
    await _record(report, page, f"{where}: dragging what can be read", _drag)
    await page.close()


async def _record(report: Report, page: Page, name: str, gesture: Gesture) -> None:
    x, y = await _middle(page)
    await page.evaluate(RECORD)
    await gesture(page, x, y, time.perf_counter() + SECONDS)
    times: list[float] = await page.evaluate(TAKE)
    kept = spread(times)
    report.add(Figure("frames", f"{name}, median frame", statistics.median(times), "ms", limit=SMOOTH_MS, spread=kept))
    report.add(Figure("frames", f"{name}, p95 frame", percentile(times, 95), "ms", limit=STUTTER_MS))


async def _middle(page: Page) -> tuple[float, float]:
    box = await page.locator(".react-flow__pane").first.bounding_box()
    if box is None:
        raise RuntimeError("There is no graph on the page.")
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


async def _drag(page: Page, x: float, y: float, until: float) -> None:
    await page.mouse.move(x, y)
    await page.mouse.down()
    turn = 0.0
    while time.perf_counter() < until:
        turn += 0.05
        await page.mouse.move(x + 250 * math.sin(turn), y + 150 * math.sin(2 * turn))
    await page.mouse.up()


async def _zoom(page: Page, x: float, y: float, until: float) -> None:
    await page.mouse.move(x, y)
    turn = 0
    while time.perf_counter() < until:
        turn += 1
        await page.mouse.wheel(0, -40 if turn // 40 % 2 == 0 else 40)
