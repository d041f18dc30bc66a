import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support import ROOT, ThreadServer

FAILING = {"nodes": [{"id": "boom", "type": "transform", "config": {"value": "{{ input.a.b }}"}}], "edges": []}


@dataclass
class Done:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def value(self) -> Any:
        return json.loads(self.out)


@dataclass
class Shell:
    """Runs `graphwright` as people do: as a process, with an environment."""

    folder: Path
    environment: dict[str, str]
    begun: list[asyncio.subprocess.Process] = field(default_factory=list)

    def file(self, name: str, value: Any) -> str:
        path = self.folder / name
        path.write_text(value if isinstance(value, str) else json.dumps(value))
        return str(path)

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "app.cli",
            *arguments,
            cwd=ROOT,
            env=self.environment,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        self.begun.append(process)
        return process

    async def run(self, *arguments: str, stdin: str = "") -> Done:
        process = await self.start(*arguments)
        async with asyncio.timeout(60):
            out, err = await process.communicate(stdin.encode())
        assert process.returncode is not None
        return Done(process.returncode, out.decode(), err.decode())

    async def good(self, *arguments: str, stdin: str = "") -> Done:
        done = await self.run(*arguments, stdin=stdin)
        assert done.code == 0, done.err
        return done


async def line_with(stream: asyncio.StreamReader | None, text: str) -> str:
    """The next line that holds the text."""
    assert stream is not None
    async with asyncio.timeout(60):
        while line := (await stream.readline()).decode():
            if text in line:
                return line
    raise AssertionError(f"there was no line with {text!r}")


@pytest.fixture
async def shell(tmp_path: Path) -> AsyncIterator[Shell]:
    """A shell without any settings of ours but the folder."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("GRAPHWRIGHT_")}
    plain.pop("DATABASE_URL", None)
    shell = Shell(tmp_path, {**plain, "GRAPHWRIGHT_HOME": str(tmp_path / "home")})
    yield shell
    for process in shell.begun:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
            await process.communicate()


@pytest.fixture
def local(shell: Shell, database_url: str) -> Shell:
    """A shell whose commands use the test's own database."""
    shell.environment["DATABASE_URL"] = database_url
    return shell


@pytest.fixture
def remote(shell: Shell, server: ThreadServer) -> Shell:
    """A shell whose client commands speak to a real server."""
    shell.environment["GRAPHWRIGHT_URL"] = server.url
    return shell
