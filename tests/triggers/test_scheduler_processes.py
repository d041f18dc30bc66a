"""The scheduler in real processes that are killed while it fires."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support import Project, ServerProcess, until
from tests.triggers.conftest import ECHO, Schedules


@pytest.fixture
async def pair(database_url: str, tmp_path: Path) -> AsyncIterator[list[ServerProcess]]:
    """Two servers with workers on one database."""
    pair = [ServerProcess(tmp_path / name, database_url, {"GRAPHWRIGHT_HEARTBEAT_SECONDS": "0.2"}) for name in "ab"]
    for process in pair:
        await process.start()
    yield pair
    for process in pair:
        process.kill()


@pytest.mark.spec("SCHED-6", "SCHED-13")
async def test_each_due_time_has_one_run_while_processes_are_killed(pair: list[ServerProcess]) -> None:
    async with httpx.AsyncClient(base_url=pair[0].api, timeout=30) as client:
        project = await Project.make(client)
        schedules = Schedules(project, await project.workflow(ECHO))
        made = await schedules.make(cron="* * * * * *", overlap="allow", catch_up="all")

        async def fired(count: int) -> bool:
            return len(await schedules.firings(made)) >= count

        await until(lambda: fired(2))
        pair[1].kill()
        await until(lambda: fired(3))
        await pair[1].start()
        pair[0].kill()
        await pair[0].start()
        await until(lambda: fired(6))
        client_path = f"{schedules.path}/{made['id']}"
        assert (await client.patch(client_path, json={"active": False})).status_code == 200

        async def ended() -> list[dict[str, Any]] | None:
            runs = await schedules.runs()
            return runs if all(run["status"] == "COMPLETED" for run in runs) else None

        runs = await until(ended, seconds=30)
        firings = await schedules.firings(made)
        due = [datetime.fromisoformat(run["trigger"]["scheduled_for"]) for run in runs]
        assert sorted(due) == [datetime.fromisoformat(one["scheduled_for"]) for one in firings]
        assert all(later - earlier == timedelta(seconds=1) for earlier, later in pairwise(sorted(due)))
        late = sorted(datetime.fromisoformat(run["created_at"]) - at for run, at in zip(runs, due, strict=True))
        assert late[0] >= timedelta(0)
        assert late[len(late) // 2] < timedelta(seconds=1)
