import json
import re
from pathlib import Path

import pytest

from tests.pages.node import WEB, node, output_of
from tests.support import API, Project

PACKAGE = WEB / "src" / "stream"
EXAMPLE = re.compile(r"```js\n(.*?)```", re.DOTALL)
GRAPH = {
    "nodes": [
        {"id": "double", "type": "transform", "config": {"value": "{{ input.n * 2 }}"}},
        {"id": "result", "type": "output", "config": {"value": {"doubled": "{{ double.output }}"}}},
    ],
    "edges": [{"source": "double", "target": "result"}],
}


@pytest.mark.spec("UI-44")
async def test_the_example_of_the_stream_package_follows_a_run(project: Project, base_url: str, tmp_path: Path) -> None:
    built = tmp_path / "node_modules" / "@graphwright" / "stream"
    compiler = WEB / "node_modules" / "typescript" / "bin" / "tsc"
    await output_of(node(), str(compiler), "--project", str(PACKAGE / "tsconfig.json"), "--outDir", str(built / "dist"))
    (built / "package.json").write_text((PACKAGE / "package.json").read_text())
    example = EXAMPLE.findall((PACKAGE / "README.md").read_text())[0]
    (tmp_path / "example.mjs").write_text(example)
    workflow = await project.workflow(GRAPH)
    run = await project.run(workflow["id"], {"n": 21}, execute=True)

    told = await output_of(node(), str(tmp_path / "example.mjs"), f"{base_url}{API}{project.runs}/{run['id']}/events")

    lines = told.decode().splitlines()
    assert lines[-2] == "ended COMPLETED double COMPLETED, result COMPLETED"
    assert json.loads(lines[-1]) == {"doubled": 42}
