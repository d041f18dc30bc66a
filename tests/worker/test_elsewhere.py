import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.support import ROOT, Project, ServerProcess, ended, until
from tests.worker.conftest import TOOLS, Trace, check_log


@pytest.fixture
async def api(database_url: str, tmp_path: Path) -> AsyncIterator[ServerProcess]:
    process = ServerProcess(tmp_path, database_url, {"GRAPHWRIGHT_WORKFLOWS": str(TOOLS)})
    await process.start("--no-worker")
    yield process
    process.kill()


@pytest.fixture
async def worker(api: ServerProcess, tmp_path: Path) -> AsyncIterator[subprocess.Popen[bytes]]:
    environment = {
        **os.environ,
        "DATABASE_URL": api.database_url or "",
        "GRAPHWRIGHT_HOME": str(tmp_path / "worker"),
        "GRAPHWRIGHT_WORKFLOWS": str(TOOLS),
        "GRAPHWRIGHT_DRAIN_SECONDS": "0.5",
    }
    process = subprocess.Popen([sys.executable, "-m", "app.cli", "worker"], cwd=ROOT, env=environment)
    yield process
    process.send_signal(signal.SIGTERM)
    process.wait(30)


@pytest.mark.spec("RUN-15")
async def test_a_worker_in_another_process_executes_runs_and_hears_of_cancels(
    api: ServerProcess, worker: subprocess.Popen[bytes], trace: Trace
) -> None:
    async with httpx.AsyncClient(base_url=api.api, timeout=60) as client:
        project = await Project.make(client)
        document = {
            "nodes": [trace.node("a"), trace.node("held", "hold")],
            "edges": [{"source": "a", "target": "held"}],
        }
        run = await project.run((await project.workflow(document))["id"], execute=True)
        path = f"{project.runs}/{run['id']}"

        async def lines(count: int) -> bool:
            return len(trace.lines()) >= count

        await until(lambda: lines(3), seconds=30)
        await client.post(f"{path}/cancel")
        await until(lambda: lines(4), seconds=2)

        assert worker.poll() is None
        assert (await ended(client, path))["status"] == "CANCELLED"
        assert trace.lines() == ["start a", "end a", "start held", "cancelled held"]
        await check_log(client, path)
