"""Hooks while the processes that serve them are killed."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from tests.support import Project, ServerProcess, ended, until
from tests.triggers.receiver import Received, receiving

CHAIN: dict[str, Any] = {
    "nodes": [{"id": name, "type": "transform", "config": {"value": "{{ input }}"}} for name in "abc"],
    "edges": [{"source": one, "target": two} for one, two in ("ab", "bc")],
}
FAST = {"GRAPHWRIGHT_HEARTBEAT_SECONDS": "0.2", "GRAPHWRIGHT_HOOK_RETRY_SECONDS": "0.2"}


@pytest.mark.spec("HOOK-11")
async def test_no_event_is_lost_when_the_server_is_killed(database_url: str, tmp_path: Path) -> None:
    process = await ServerProcess(tmp_path, database_url, FAST).start()
    try:
        async with receiving() as receiver, httpx.AsyncClient(base_url=process.api, timeout=30) as client:
            project = await Project.make(client)
            body = {"url": receiver.url(), "events": ["workflow.run.*"]}
            assert (await client.post(f"/projects/{project.id}/hooks", json=body)).status_code == 201
            workflow = await project.workflow(CHAIN)
            runs = [await project.run(workflow["id"], n, execute=True) for n in range(20)]
            await until(lambda: _some(receiver.got, 5))
            process.kill()
            seen = len(receiver.got)
            async with await psycopg.AsyncConnection.connect(database_url) as connection:
                # As if the time of the killed process's leases had passed.
                await connection.execute("update hook_deliveries set leased_until = now() where leased_until > now()")
            await process.start()
            await asyncio.gather(*(ended(client, f"{project.runs}/{run['id']}", seconds=40) for run in runs))
            logs = {run["id"]: await _log(client, f"{project.runs}/{run['id']}") for run in runs}
            wanted = {event["id"]: event for log in logs.values() for event in log}

            async def all_there() -> bool:
                return {one.event["id"] for one in receiver.got} >= wanted.keys()

            await until(all_there, seconds=50)
            assert seen < len(wanted)
            assert all(one.event == wanted[one.event["id"]] for one in receiver.got)
            ids = {one.event["id"]: one.headers["webhook-id"] for one in receiver.got}
            assert all(ids[one.event["id"]] == one.headers["webhook-id"] for one in receiver.got)
            assert len(receiver.got) <= len(wanted) + 8
    finally:
        process.kill()


async def _some(got: list[Received], count: int) -> bool:
    return len(got) >= count


async def _log(client: httpx.AsyncClient, path: str) -> list[dict[str, Any]]:
    answer = await client.get(f"{path}/events", headers={"Accept": "application/json"}, params={"limit": 200})
    return [event for event in answer.json()["items"] if event["type"].startswith("workflow.run.")]
