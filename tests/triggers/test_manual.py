"""The examples of docs/triggers.md, run as they are written."""

import asyncio
import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support import DOUBLE, ROOT, ended, until
from tests.triggers.conftest import Hooks

PRELUDE = """
post() { curl -sS -H 'Content-Type: application/json' -d "$@"; }
id() { python3 -c 'import json, sys; print(json.load(sys.stdin)["id"])'; }
"""


def snippets(kind: str) -> list[str]:
    text = (ROOT / "docs" / "triggers.md").read_text()
    return re.findall(rf"```{kind}\n(.*?)```", text, re.DOTALL)


async def bash(script: str, folder: Path, **known: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *("bash", "-euo", "pipefail", "-c", script),
        cwd=folder,
        env={**os.environ, **known},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return out.decode()


@pytest.mark.spec("TRIG-12")
@pytest.mark.skipif(not all(map(shutil.which, ("bash", "curl", "openssl"))), reason="needs bash, curl and openssl")
async def test_the_examples_of_the_manual_work(hooks: Hooks, tmp_path: Path) -> None:
    *steps, check = snippets("sh")
    workflow = await hooks.project.workflow(DOUBLE)
    script = PRELUDE + "\n".join(steps).replace("http://127.0.0.1:9000/", hooks.receiver.url())
    known = {"API": str(hooks.client.base_url).rstrip("/"), "PROJECT": hooks.project.id, "WORKFLOW": workflow["id"]}

    await bash(script, tmp_path, **known)

    runs = (await hooks.client.get(hooks.project.runs)).json()["items"]
    assert sorted(run["trigger"]["type"] for run in runs) == ["schedule", "webhook"]
    for run in runs:
        assert (await ended(hooks.client, f"{hooks.project.runs}/{run['id']}"))["result"] == 42

    async def pinged() -> bool:
        return any(one.event["type"] == "hook.ping" for one in hooks.receiver.got)

    await until(pinged)
    secret = json.loads((tmp_path / "hook.json").read_text())["secret"]
    genuine: dict[str, Any] = {}
    exec(snippets("python")[0], genuine)  # the manual's own code
    for got in hooks.receiver.got:
        assert genuine["is_genuine"](secret, got.headers, got.body)
        assert not genuine["is_genuine"](secret, got.headers, got.body + b" ")
    got = hooks.receiver.got[0]
    named = {"ID": "webhook-id", "TIME": "webhook-timestamp", "SIGNATURE": "webhook-signature"}
    headers = {name: got.headers[header] for name, header in named.items()}
    for body, verdict in ((got.body, "genuine"), (got.body + b" ", "forged")):
        (tmp_path / "body").write_bytes(body)
        assert (await bash(check, tmp_path, SECRET=secret, **headers)).strip() == verdict
