"""Steps that tests of saved files take again and again."""

import hashlib
from collections.abc import AsyncIterator
from typing import Any

import httpx

from tests.support import Project, ended
from tests.worker.runs import started
from tests.worker.upgrades import all_of

PIECE = 50_000


async def pattern(size: int) -> AsyncIterator[bytes]:
    """So many bytes, no two pieces alike."""
    for start in range(0, size, PIECE):
        seed = hashlib.sha256(str(start).encode()).digest()
        yield (seed * (PIECE // len(seed) + 1))[: min(PIECE, size - start)]


def tool(name: str, function: str, /, **args: Any) -> dict[str, Any]:
    """A node that calls a tool of tests/tools/files; what is a field of nodes is none of its arguments."""
    rest = {key: args.pop(key) for key in ("retry", "timeout", "queue") if key in args}
    return {"id": name, "type": "tool", "config": {"tool": f"files.{function}", "args": args}, **rest}


def save(node_id: str = "a", /, **args: Any) -> dict[str, Any]:
    """A node that saves a file."""
    return tool(node_id, "save", **args)


def alone(*nodes: dict[str, Any]) -> dict[str, Any]:
    """A graph of nodes without edges."""
    return {"nodes": list(nodes), "edges": []}


class Files:
    """Runs in a project, and their files."""

    def __init__(self, project: Project) -> None:
        self.project, self.client = project, project.client

    async def run(self, document: dict[str, Any], value: Any = None) -> str:
        """The path of a run that has ended."""
        path = await started(self.project, document, value)
        await ended(self.client, path)
        return path

    async def output(self, path: str, name: str = "a") -> Any:
        turn = (await self.client.get(f"{path}/nodes/{name}")).json()["items"][-1]
        assert turn["status"] == "COMPLETED", turn
        return turn["output"]

    async def error(self, path: str, name: str = "a") -> Any:
        """The type of the error of a node that has failed."""
        turn = (await self.client.get(f"{path}/nodes/{name}")).json()["items"][-1]
        assert turn["status"] == "FAILED", turn
        return turn["error"]["type"]

    async def listed(self, path: str, **params: Any) -> list[dict[str, Any]]:
        return await all_of(self.client, f"{path}/artifacts", **params)

    async def names(self, path: str, **params: Any) -> list[str]:
        return [one["name"] for one in await self.listed(path, **params)]

    async def get(self, path: str, artifact: str | dict[str, Any], **headers: str) -> httpx.Response:
        """The answer to a request for a file, by its id or a reference."""
        found = artifact if isinstance(artifact, str) else artifact.get("artifact", artifact.get("id"))
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.get(f"{path}/artifacts/{found}", headers=named)

    async def text(self, path: str, artifact: str | dict[str, Any]) -> str:
        answer = await self.get(path, artifact)
        assert answer.status_code == 200, answer.text
        return answer.content.decode()
