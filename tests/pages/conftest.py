import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from playwright.async_api import Page, async_playwright

START_SECONDS = 90.0
STEP_MS = 15_000
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        assert process.poll() is None, log.read_text()
        try:
            if httpx.get(f"{url}/readyz", timeout=2).status_code == httpx.codes.OK:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    pytest.fail(f"The server was not ready in time:\n{log.read_text()}")


@pytest.fixture(scope="session")
def base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of our own with a fresh database, or the open one that GRAPHWRIGHT_PAGES_URL names."""
    if given := os.environ.get("GRAPHWRIGHT_PAGES_URL"):
        yield given
        return
    home = tmp_path_factory.mktemp("pages")
    url = f"http://127.0.0.1:{(port := _free_port())}"
    settings = {
        name: text for name, text in os.environ.items() if not name.startswith(("GRAPHWRIGHT_", "DATABASE_URL"))
    }
    log = home / "server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [str(Path(sys.executable).with_name("graphwright")), "serve", "--port", str(port)],
            env=settings | {"GRAPHWRIGHT_HOME": str(home / "home")},
            stdout=out,
            stderr=out,
        )
        try:
            _wait_until_ready(url, process, log)
            yield url
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture
async def api(base_url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"{base_url}/api/v1", timeout=30) as client:
        yield client


@pytest.fixture
async def project(api: httpx.AsyncClient) -> str:
    answer = await api.post("/projects", json={"name": f"Pages {uuid4().hex[:8]}"})
    return str(answer.raise_for_status().json()["id"])


@pytest.fixture
async def page(base_url: str) -> AsyncIterator[Page]:
    """A tab of a real browser. What the page logs as an error of its own fails the test."""
    problems: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=next(filter(None, map(shutil.which, BROWSERS)), None), args=["--no-sandbox"]
        )
        context = await browser.new_context(base_url=base_url, viewport={"width": 1280, "height": 800})
        context.set_default_timeout(STEP_MS)
        tab = await context.new_page()
        tab.on("pageerror", lambda error: problems.append(str(error)))
        yield tab
        await browser.close()
    assert problems == []
