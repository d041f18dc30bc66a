import asyncio
import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from tests.support import ROOT

WEB = ROOT / "web"
COMMITTED = WEB / "src" / "api" / "schema.d.ts"
TOOL = WEB / "node_modules" / "openapi-typescript" / "bin" / "cli.js"
FLAGS = "openapi-typescript "


def node() -> str:
    """The machine's Node, else the one that `make setup` has fetched."""
    stamp = ROOT / ".stamps" / "node"
    fetched = stamp.read_text().strip() if stamp.exists() else ""
    found = shutil.which("node", path=os.pathsep.join([fetched, os.environ["PATH"]]))
    assert found, "There is no Node: `make setup` fetches one."
    return found


async def output_of(*command: str, given: bytes = b"") -> bytes:
    process = await asyncio.create_subprocess_exec(
        *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, cwd=ROOT
    )
    told, _ = await process.communicate(given)
    assert process.returncode == 0, command
    return told


@pytest.mark.spec("UI-40")
async def test_the_types_of_the_client_are_those_of_this_server(tmp_path: Path) -> None:
    described = await output_of(sys.executable, "-m", "app.cli", "openapi")
    script = json.loads((WEB / "package.json").read_text())["scripts"]["types"]
    flags = script.removeprefix(FLAGS).partition(" --output ")[0].split()
    made = tmp_path / "schema.d.ts"
    await output_of(node(), str(TOOL), *flags, "--output", str(made), given=described)
    assert made.read_text() == COMMITTED.read_text(), "The API has changed: `make types`, and look at what it changes."
