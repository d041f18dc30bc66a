"""Node, for tests of what the web application is made with."""

import asyncio
import os
import shutil

from tests.support import ROOT

WEB = ROOT / "web"


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
