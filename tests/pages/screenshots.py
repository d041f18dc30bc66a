"""Takes the pictures of docs/screenshots: `make screenshots`, with a server, a browser and runs of its own."""

import asyncio
import base64
import shutil
import sys
import tempfile
from pathlib import Path

import httpx
from playwright.async_api import Page, ViewportSize, async_playwright

from tests.pages.conftest import BROWSERS
from tests.pages.showcase import Showcase, pages, settle
from tests.support import ROOT, ServerProcess

FOLDER = ROOT / "docs" / "screenshots"
WIDE = ViewportSize(width=1280, height=800)
PHONE = ViewportSize(width=390, height=844)
ON_A_PHONE = ("runs", "run", "run-waiting", "approvals")
QUALITY = 82
SHARPNESS = 1.5
PAINTED = """theme => document.documentElement.dataset.theme === theme && new Promise(
  (done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => done(true), 50)))
)"""
STORY = (
    "A city that is told of by its traveller is always another one. The emperor listens, and asks for the next. "
    "Of all of them none is on a map, and each could be the one in which he lives. "
) * 3


async def take(page: Page, name: str, path: str) -> None:
    """One page in both themes."""
    await page.goto(path)
    await settle(page)
    await shoot(page, name)


async def shoot(page: Page, name: str) -> None:
    area = page.viewport_size or WIDE
    session = await page.context.new_cdp_session(page)
    for theme in ("light", "dark"):
        await page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
        await page.wait_for_function(PAINTED, arg=theme)
        taken = await session.send(
            "Page.captureScreenshot",
            {"format": "webp", "quality": QUALITY, "clip": {**area, "x": 0, "y": 0, "scale": SHARPNESS}},
        )
        (FOLDER / f"{name}-{theme}.webp").write_bytes(base64.b64decode(taken["data"]))
    await session.detach()


async def all_pages(page: Page, shown: Showcase) -> None:
    await page.set_viewport_size(WIDE)
    for name, path in pages(shown).items():
        await take(page, name, path)
    await page.set_viewport_size(PHONE)
    for name in ON_A_PHONE:
        await take(page, f"phone-{name}", pages(shown)[name])


async def while_they_run(page: Page, shown: Showcase) -> None:
    """A map, and a model that writes."""
    await page.set_viewport_size(WIDE)
    await shown.begin("Covers", "Covers")
    await page.goto(shown.run("Covers", "?node=resize"))
    await page.locator('tr[data-item="20"]').wait_for()
    await shoot(page, "run-map")
    await shown.begin("Story", "Story", {"text": STORY})
    await page.goto(shown.run("Story", "?node=blurb"))
    await page.get_by_role("region", name="Text").get_by_text("emperor").wait_for()
    await shoot(page, "run-tokens")


async def main() -> None:
    if FOLDER.exists():
        shutil.rmtree(FOLDER)
    FOLDER.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as home:
        server = await ServerProcess(Path(home)).start()
        try:
            async with httpx.AsyncClient(base_url=server.api, timeout=60) as client, async_playwright() as playwright:
                program = next(filter(None, map(shutil.which, BROWSERS)), None)
                browser = await playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
                context = await browser.new_context(base_url=server.url, reduced_motion="reduce", locale="en-GB")
                page, shown = await context.new_page(), await Showcase.make(client)
                await all_pages(page, shown)
                await while_they_run(page, shown)
                await browser.close()
        finally:
            server.stop()
    pictures = list(FOLDER.iterdir())
    size = sum(picture.stat().st_size for picture in pictures)
    sys.stdout.write(f"{len(pictures)} pictures, {size / 1e6:.1f} MB, in {FOLDER.relative_to(ROOT)}\n")


if __name__ == "__main__":
    asyncio.run(main())
