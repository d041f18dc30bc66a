"""Nodes that another worker runs while the database is away."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from tests.postgres import TestServer
from tests.queues.elsewhere import Workers, kinds, tool
from tests.queues.test_queue_outages import OUTAGE_SECONDS, _count, _is_out, _passed, mortal, postgres_of_its_own
from tests.support import Project, ServerProcess, ended, until
from tests.worker.conftest import Trace, check_log
from tests.worker.runs import graph, in_status, started

__all__ = ["mortal", "postgres_of_its_own"]


@pytest.fixture
async def workers(mortal: ServerProcess, tmp_path: Path) -> AsyncIterator[Workers]:
    workers = Workers(tmp_path, mortal.database_url or "")
    await workers.start("gpu")
    yield workers
    workers.kill()


@pytest.mark.spec("QUEUE-52")
@pytest.mark.usefixtures("workers")
async def test_what_works_elsewhere_goes_on_without_the_database_and_tells_all_when_it_is_back(
    postgres_of_its_own: TestServer, mortal: ServerProcess, trace: Trace, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    async with httpx.AsyncClient(base_url=mortal.api, timeout=30) as client:
        project = await Project.make(client)
        talk = tool("talk", "talk", path=str(trace.path), name="talk", steps=30, seconds=0.1)
        held = tool("held", "until", path=str(trace.path), name="held", gate=str(gate))
        # One parks, and the other is executed all the time.
        paths = [
            await started(project, graph([talk, held])),
            await started(project, graph([talk, held, trace.node("busy", "until", gate=str(gate))])),
        ]
        await until(lambda: _count(trace, "start held", 2))
        await until(lambda: _count(trace, "start talk", 2))
        await in_status(client, paths[0], "WAITING")

        await asyncio.to_thread(postgres_of_its_own.halt, "immediate")
        over = time.monotonic() + OUTAGE_SECONDS
        await until(lambda: _is_out(client), seconds=30)
        gate.touch()
        await until(lambda: _count(trace, "end held", 2))
        await until(lambda: _passed(over))
        await asyncio.to_thread(postgres_of_its_own.launch)

        for path in paths:
            assert (await ended(client, path, seconds=30))["status"] == "COMPLETED"
            events = await check_log(client, path)
            logs = [event["data"]["message"] for event in events if event["type"] == "workflow.node.log"]
            assert logs == [f"step {step}" for step in range(30)]
            assert kinds(events, "held") == ["waiting", "started", "completed"]
    assert [trace.lines().count(f"start {name}") for name in ("talk", "held", "busy")] == [2, 2, 1]
