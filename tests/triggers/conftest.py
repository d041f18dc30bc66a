from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.compiler import WorkflowGraphCompiler
from app.compiler.discovery import load_registry
from app.config import Settings
from app.db import Database
from app.events.wakeups import Wakeups
from app.queue import Queue
from app.services.firings import Firer
from app.services.graphs import Graphs
from app.worker.scheduler import Scheduler
from tests.support import Project, ThreadServer, ended, settings_for, until
from tests.triggers.receiver import Receiver, receiving

ECHO: dict[str, Any] = {"nodes": [{"id": "a", "type": "transform", "config": {"value": "{{ input }}"}}], "edges": []}
CHAIN: dict[str, Any] = {
    "nodes": [{"id": name, "type": "transform", "config": {"value": "{{ input }}"}} for name in "abcd"],
    "edges": [{"source": one, "target": two} for one, two in ("ab", "bc", "cd")],
}


class Clock:
    """A time that stands still until it is set."""

    def __init__(self, text: str) -> None:
        self.time = datetime.fromisoformat(text).replace(tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.time

    def at(self, text: str) -> None:
        self.time = datetime.fromisoformat(text).replace(tzinfo=UTC)

    def on(self, **by: float) -> None:
        self.time += timedelta(**by)


class Times:
    """Schedulers on the test's own database, whose clock is set by hand."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.queue = Queue()
        self.wakeups = Wakeups(database.url)
        self.clock = Clock("2026-06-01 12:00:30")

    def scheduler(self) -> Scheduler:
        firer = Firer(Graphs(WorkflowGraphCompiler(load_registry([]))), self.queue)
        return Scheduler(self.database, self.wakeups, firer, clock=self.clock)

    async def look(self, text: str | None = None) -> None:
        """Let one scheduler look, at a time if one is given."""
        if text is not None:
            self.clock.at(text)
        await self.scheduler().look()

    async def stands(self, schedule: dict[str, Any], at: str) -> None:
        """Let the schedule be due next at a time, whatever the time is now."""
        async with self.database.pool.connection() as connection:
            await connection.execute(
                "update schedules set next_at = %s where id = %s",
                (datetime.fromisoformat(at).replace(tzinfo=UTC), schedule["id"]),
            )


@pytest.fixture
async def times(database: Database) -> AsyncIterator[Times]:
    times = Times(database)
    await times.queue.open(database.pool)
    yield times
    await times.queue.close()


class Schedules:
    """The schedules of one workflow over the API."""

    def __init__(self, project: Project, workflow: dict[str, Any]) -> None:
        self.project = project
        self.workflow = workflow
        self.path = f"{project.workflows}/{workflow['id']}/schedules"

    async def make(self, **fields: Any) -> dict[str, Any]:
        body = {"name": "A schedule", "cron": "* * * * *", **fields}
        answer = await self.project.client.post(self.path, json=body)
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def get(self, schedule: dict[str, Any]) -> dict[str, Any]:
        answer = await self.project.client.get(f"{self.path}/{schedule['id']}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def firings(self, schedule: dict[str, Any]) -> list[dict[str, Any]]:
        """Oldest first."""
        answer = await self.project.client.get(f"{self.path}/{schedule['id']}/firings", params={"limit": 200})
        assert answer.status_code == 200, answer.text
        return list(reversed(answer.json()["items"]))

    async def runs(self) -> list[dict[str, Any]]:
        """The workflow's runs, oldest first."""
        answer = await self.project.client.get(
            self.project.runs, params={"workflow_id": self.workflow["id"], "limit": 200}
        )
        return list(reversed(answer.json()["items"]))


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return settings_for(database_url, tmp_path, hook_retry_seconds=0.1)


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


class Hooks:
    """The hooks of a project over the API."""

    def __init__(self, project: Project, receiver: Receiver) -> None:
        self.project = project
        self.client = project.client
        self.receiver = receiver
        self.path = f"/projects/{project.id}/hooks"

    async def make(self, path: str = "/", **fields: Any) -> dict[str, Any]:
        answer = await self.client.post(self.path, json={"url": self.receiver.url(path), **fields})
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    async def get(self, hook: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = (await self.client.get(f"{self.path}/{hook['id']}")).json()
        return found

    async def post(self, hook: dict[str, Any], what: str) -> httpx.Response:
        return await self.client.post(f"{self.path}/{hook['id']}/{what}")

    async def deliveries(self, hook: dict[str, Any], **wanted: Any) -> list[dict[str, Any]]:
        """Oldest first."""
        answer = await self.client.get(f"{self.path}/{hook['id']}/deliveries", params={"limit": 200, **wanted})
        assert answer.status_code == 200, answer.text
        return list(reversed(answer.json()["items"]))

    async def settled(self, hook: dict[str, Any], count: int, status: str = "delivered") -> list[dict[str, Any]]:
        """The deliveries, once so many of them have that status."""

        async def there() -> list[dict[str, Any]] | None:
            found = await self.deliveries(hook, status=status)
            return found if len(found) >= count else None

        found: list[dict[str, Any]] = await until(there)
        return found

    async def run(self, workflow: dict[str, Any], value: Any = None) -> str:
        """The path of a run that has ended."""
        run = await self.project.run(workflow["id"], value, execute=True)
        path = f"{self.project.runs}/{run['id']}"
        await ended(self.client, path)
        return path

    async def log(self, path: str) -> list[dict[str, Any]]:
        answer = await self.client.get(f"{path}/events", headers={"Accept": "application/json"}, params={"limit": 200})
        items: list[dict[str, Any]] = answer.json()["items"]
        return items


@pytest.fixture
async def hooks(server: ThreadServer, server_project: Project, receiver: Receiver) -> Hooks:
    return Hooks(server_project, receiver)


@pytest.fixture
async def still(project: Project, receiver: Receiver) -> Hooks:
    """Hooks of a server without a worker, so that nothing is sent."""
    return Hooks(project, receiver)


@pytest.fixture
async def schedules(project: Project) -> Schedules:
    return Schedules(project, await project.workflow(ECHO))


def minutes(firings: list[dict[str, Any]]) -> list[str]:
    """The times of firings, as 12:34."""
    return [one["scheduled_for"][11:16] for one in firings]
