import asyncio
import json
from contextlib import aclosing
from pathlib import Path
from uuid import UUID

import pytest

from app.config import Settings
from app.db import Database
from app.events import Hub
from tests.cli.conftest import Shell, remote, shell
from tests.retention.keeping import finished, prune_now
from tests.support import DOUBLE, Project, ended
from tests.worker.conftest import Trace
from tests.worker.runs import graph

__all__ = ["remote", "shell"]

LISTED = {"Accept": "application/json"}


async def without_events(project: Project, database: Database, settings: Settings, document: object = DOUBLE) -> str:
    """The path of a run that has ended and whose events are gone."""
    run = await finished(project, document, {"n": 1})
    deleted = await prune_now(database, settings, keep_events_days=0)
    assert set(deleted) == {"run_events"}
    return f"{project.runs}/{run}"


@pytest.mark.spec("KEEP-10")
async def test_asking_for_events_that_are_gone_says_so(
    server_project: Project, database: Database, settings: Settings
) -> None:
    client = server_project.client
    path = await without_events(server_project, database, settings)
    head = (await client.get(path)).json()["last_seq"]

    for headers, after in (({}, 0), ({"Last-Event-ID": str(head - 1)}, 0), (LISTED, 0), (LISTED, head - 1)):
        answer = await client.get(f"{path}/events", headers=headers, params={"after": after})
        assert (answer.status_code, answer.json()["code"]) == (410, "events_pruned")
        assert f"1 to {head}" in answer.json()["detail"]
        assert answer.json()["pruned_seq"] == head
    assert (await client.get(f"{path}/events", headers={"Last-Event-ID": str(head)})).status_code == 204
    page = await client.get(f"{path}/events", headers=LISTED, params={"after": head})
    assert (page.status_code, page.json()) == (200, {"items": [], "next_cursor": None})


@pytest.mark.spec("KEEP-11")
async def test_the_log_goes_on_after_what_is_gone_when_the_run_is_retried(
    server_project: Project, database: Database, settings: Settings, trace: Trace, tmp_path: Path
) -> None:
    client, gate = server_project.client, tmp_path / "gate"
    path = await without_events(
        server_project, database, settings, graph([trace.node("a", "fail_unless", gate=str(gate))])
    )
    head = (await client.get(path)).json()["last_seq"]
    gate.touch()

    await client.post(f"{path}/retry")

    async with client.stream("GET", f"{path}/events", headers={"Last-Event-ID": str(head)}) as stream:
        told = [json.loads(line[5:]) async for line in stream.aiter_lines() if line.startswith("data:")]
    done = await ended(client, path)
    assert [event["seq"] for event in told] == list(range(head + 1, done["last_seq"] + 1))
    assert told[-1]["type"] == "workflow.run.completed"
    assert (await client.get(f"{path}/events", headers=LISTED)).json()["code"] == "events_pruned"


@pytest.mark.spec("KEEP-12")
async def test_a_reader_whose_next_events_are_deleted_comes_to_its_end(
    server_project: Project, database: Database, settings: Settings
) -> None:
    run = await finished(server_project, DOUBLE, {"n": 1})
    await prune_now(database, settings, keep_events_days=0)
    hub = Hub(database.url, database.pool, poll_seconds=0.1)
    await hub.start()
    try:
        async with asyncio.timeout(10), aclosing(hub.run_events(UUID(run), 0)) as batches:
            assert [batch async for batch in batches] == []
    finally:
        await hub.stop()


@pytest.mark.spec("KEEP-13")
async def test_watching_a_run_without_events_says_how_it_ended(
    remote: Shell, server_project: Project, database: Database, settings: Settings
) -> None:
    path = await without_events(server_project, database, settings)
    run = path.rsplit("/", 1)[1]

    done = await remote.good("runs", "watch", run)

    assert done.value == 2
    assert "no longer kept" in done.err
    assert "COMPLETED" in done.err
