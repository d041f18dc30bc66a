from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import JsonValue

from app.compiler import NodeContext, Registry, Resources, RunInfo
from app.compiler.discovery import load_registry
from app.compiler.tools import bind_arguments
from app.config import Settings
from app.main import create_app

EXAMPLES = Path(__file__).parents[2] / "examples"


@dataclass
class Service:
    """A whole server in this process, with a worker, and one project in it."""

    client: httpx.AsyncClient
    project: str

    async def run(self, workflow: str, given: Any) -> dict[str, Any]:
        """The run of a workflow when it has ended: its stream ends with it."""
        answer = await self.client.post(
            f"{self.project}/workflows/runs?execute=true", json={"workflow_id": workflow, "input_data": given}
        )
        run = f"{self.project}/workflows/runs/{answer.raise_for_status().json()['id']}"
        (await self.client.get(f"{run}/events", headers={"Accept": "text/event-stream"})).raise_for_status()
        ended: dict[str, Any] = (await self.client.get(run)).raise_for_status().json()
        return ended

    async def turns(self, run: dict[str, Any]) -> list[dict[str, Any]]:
        answer = await self.client.get(f"{self.project}/workflows/runs/{run['id']}/nodes")
        items: list[dict[str, Any]] = answer.raise_for_status().json()["items"]
        return items


@asynccontextmanager
async def serving(database_url: str, home: Path, **settings: Any) -> AsyncIterator[Service]:
    """The service with its database, as long as the block is open; without any setting of the environment."""
    app = create_app(Settings(**{"database_url": database_url, "home": home, "workflows": (), **settings}))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url="http://127.0.0.1:8000/api/v1", timeout=60
        ) as client,
    ):
        answer = await client.post("/projects", json={"name": "Examples"})
        yield Service(client, f"/projects/{answer.raise_for_status().json()['id']}")


@pytest.fixture
async def service(database_url: str, tmp_path: Path) -> AsyncIterator[Service]:
    async with serving(database_url, tmp_path) as service:
        yield service


@pytest.fixture(scope="session")
def registry() -> Registry:
    found = load_registry([EXAMPLES])
    assert found.problems == ()
    return found


@pytest.fixture
def call(registry: Registry) -> Callable[..., Any]:
    """Calls a tool of the examples as a node does, with a CSV text as the run's input."""

    def call(name: str, csv: str | None = None, /, **arguments: Any) -> Any:
        context = NodeContext(
            run=RunInfo("run", "project", "workflow", 1, {} if csv is None else {"csv": csv}),
            node_id="node",
            iteration=0,
            attempt=1,
            idempotency_key="run/node/0",
            taken={},
            resources=Resources(registry=registry),
            evaluator=str,
            reporter=_unheard,
        )
        tool = registry.tools[name]
        return tool.function(**bind_arguments(tool, arguments, context))

    return call


async def _unheard(kind: str, data: dict[str, JsonValue]) -> None:
    """Takes what a node tells its watchers."""
