import json
import sys
from pathlib import Path

import pytest

from tests.pages.node import WEB, node, output_of

COMMITTED = WEB / "src" / "api" / "schema.d.ts"
TOOL = WEB / "node_modules" / "openapi-typescript" / "bin" / "cli.js"
FLAGS = "openapi-typescript "


@pytest.mark.spec("UI-40")
async def test_the_types_of_the_client_are_those_of_this_server(tmp_path: Path) -> None:
    described = await output_of(sys.executable, "-m", "app.cli", "openapi")
    script = json.loads((WEB / "package.json").read_text())["scripts"]["types"]
    flags = script.removeprefix(FLAGS).partition(" --output ")[0].split()
    made = tmp_path / "schema.d.ts"
    await output_of(node(), str(TOOL), *flags, "--output", str(made), given=described)
    assert made.read_text() == COMMITTED.read_text(), "The API has changed: `make types`, and look at what it changes."
