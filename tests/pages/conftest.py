import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from playwright.async_api import Browser, ConsoleMessage, Page, async_playwright

from tests.postgres import VARIABLE, clone, drop, make_template
from tests.support import API, Project, ServerProcess

STEP_MS = 30_000
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

ADMIN = "a key of the test"
OpenTab = Callable[[str], Awaitable[Page]]


@pytest.fixture(scope="session")
def base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server process with a database of its own, open, for all tests of a session."""
    postgres, name = os.environ[VARIABLE], f"pages_{uuid4().hex}"
    process = asyncio.run(_start(tmp_path_factory.mktemp("pages"), postgres, name))
    yield process.url
    process.stop()
    asyncio.run(drop(postgres, name))


async def _start(home: Path, postgres: str, name: str) -> ServerProcess:
    await make_template(postgres)
    return await ServerProcess(home, await clone(postgres, name)).start()


@pytest.fixture
async def closed(postgres: str, tmp_path: Path) -> AsyncIterator[ServerProcess]:
    """A server that asks for a key."""
    name = f"closed_{uuid4().hex}"
    environment = {"GRAPHWRIGHT_ADMIN_KEY": ADMIN}
    process = await ServerProcess(tmp_path, await clone(postgres, name), environment).start()
    yield process
    process.stop()
    await drop(postgres, name)


@pytest.fixture
async def api(base_url: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the server; paths are relative to /api/v1."""
    async with httpx.AsyncClient(base_url=base_url + API, timeout=30) as client:
        yield client


@pytest.fixture
async def project(api: httpx.AsyncClient) -> Project:
    """A project of the test's own."""
    return await Project.make(api, f"Pages {uuid4().hex[:8]}")


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """The machine's browser, else Playwright's own."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=next(filter(None, map(shutil.which, BROWSERS)), None), args=["--no-sandbox"]
        )
        yield browser
        await browser.close()


@pytest.fixture
async def open_tab(browser: Browser) -> AsyncIterator[OpenTab]:
    """Opens a tab for the server at an address. What a page itself does wrong there fails the test."""
    problems: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            problems.append(message.text)

    async def open_at(url: str) -> Page:
        context = await browser.new_context(base_url=url, viewport={"width": 1280, "height": 800})
        context.set_default_timeout(STEP_MS)
        tab = await context.new_page()
        tab.on("pageerror", lambda error: problems.append(str(error)))
        tab.on("console", listen)
        return tab

    yield open_at
    assert problems == []


@pytest.fixture
async def page(open_tab: OpenTab, base_url: str) -> Page:
    """A tab for the session's server."""
    return await open_tab(base_url)
