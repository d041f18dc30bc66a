import asyncio
import re
import socket
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from websockets.asyncio.client import connect

from tests.streams.conftest import PROGRESS, Writer, eventually
from tests.support import ROOT, Project, ServerProcess, client_of, ended


async def stopped(server: ServerProcess) -> float:
    """Send SIGTERM and wait for the end; the seconds that it took."""
    began = time.monotonic()
    await asyncio.to_thread(server.stop)
    return time.monotonic() - began


async def follow(client: httpx.AsyncClient, url: str, got: list[int], hints: list[int]) -> None:
    """One stream to its end. Raises httpx.HTTPError when it breaks."""
    headers = {"Accept": "text/event-stream", "Last-Event-ID": str(got[-1] if got else 0)}
    async with client.stream("GET", url, headers=headers) as answer:
        async for line in answer.aiter_lines():
            if line.startswith("id: "):
                got.append(int(line[4:]))
            if line.startswith("retry: "):
                hints.append(int(line[7:]))


async def watch(url: str, run_id: str, opened: list[str]) -> int | None:
    """The code with which a WebSocket is closed."""
    async with connect(url) as socket:
        await socket.send(f'{{"type": "subscribe", "runs": ["{run_id}"]}}')
        opened.append(str(await socket.recv()))
        await socket.wait_closed()
    return socket.close_code


@pytest.fixture
async def server(database_url: str, tmp_path: Path) -> AsyncIterator[ServerProcess]:
    """A server with tools that take their time."""
    environment = {"GRAPHWRIGHT_WORKFLOWS": str(ROOT / "tests/tools/probe"), "PYTHONPATH": str(ROOT)}
    server = ServerProcess(tmp_path, database_url, environment)
    yield await server.start()
    server.kill()


def work(tmp_path: Path, seconds: float) -> dict[str, Any]:
    """A graph whose node works, and does not merely wait."""
    arguments = {"path": str(tmp_path / "trace"), "name": "it", "seconds": seconds}
    node = {"id": "work", "type": "tool", "config": {"tool": "probe.mark", "args": arguments}}
    return {"nodes": [node], "edges": []}


@pytest.mark.spec("STREAM-50", "STREAM-51")
async def test_streams_end_at_once_with_hints_apart_while_runs_get_their_time(
    server: ServerProcess, tmp_path: Path
) -> None:
    got: list[list[int]] = [[] for _ in range(50)]
    hints: list[list[int]] = [[] for _ in range(50)]
    opened: list[str] = []
    async with httpx.AsyncClient(base_url=server.api, timeout=20, limits=httpx.Limits()) as client:
        project = await Project.make(client)
        workflow = await project.workflow(work(tmp_path, 4))
        run = f"{project.runs}/{(await project.run(workflow['id'], execute=True))['id']}"
        pairs = list(zip(got, hints, strict=True))
        streams = [asyncio.create_task(follow(client, f"{run}/events", *pair)) for pair in pairs]
        place = f"{server.api.replace('http', 'ws')}/projects/{project.id}/ws"
        sockets = [asyncio.create_task(watch(place, run[-36:], opened)) for _ in range(10)]
        await eventually(lambda: len(opened) == 10 and all(len(seen) == 4 for seen in got))
        stopping = asyncio.create_task(stopped(server))
        async with asyncio.timeout(2):
            await asyncio.gather(*streams)
            assert set(await asyncio.gather(*sockets)) == {1012}
        assert not stopping.done()
        assert 1 < await stopping < 8
        assert (tmp_path / "trace").read_text().split() == ["start", "it", "end", "it"]
        farewells = [seen[-1] for seen in hints]
        assert len(set(farewells)) > 10
        assert all(500 <= pause <= 2000 for pause in farewells)
        await server.start()
        await ended(client, run)
        await asyncio.gather(*(follow(client, f"{run}/events", *pair) for pair in pairs))
        assert all(seen == list(range(1, len(got[0]) + 1)) for seen in got)


@pytest.mark.spec("STREAM-52")
async def test_a_server_that_stops_takes_no_new_streams_and_is_not_ready(app: FastAPI, writer: Writer) -> None:
    run = await writer.run(1)
    async with client_of(app) as client:
        assert (await client.get("http://localhost/readyz")).status_code == 200
        app.state.server.hub.shutdown()
        answer = await client.get(f"/projects/{writer.project_id}/workflows/runs/{run}/events")
        assert answer.status_code == 503
        assert answer.json()["code"] == "stopping"
        assert int(answer.headers["retry-after"]) > 0
        ready = await client.get("http://localhost/readyz")
        assert ready.status_code == 503
        assert [name for name, check in ready.json()["checks"].items() if not check["ok"]] == ["serving"]


@pytest.mark.spec("STREAM-53")
async def test_a_frozen_reader_does_not_hold_up_the_end(
    server_process: ServerProcess, writer: Writer, tmp_path: Path
) -> None:
    run = await writer.run(1)
    with _frozen(server_process.port, writer.project_id, run) as frozen:
        await eventually(lambda: _readable(frozen))
        for _ in range(120):
            await writer.write(run, PROGRESS, data={"text": "x" * 100_000})
        await eventually(lambda: _is_full(server_process.port, frozen.getsockname()[1]))
        assert await stopped(server_process) < 6


def _frozen(port: int, project_id: UUID, run_id: UUID) -> socket.socket:
    """A client that asks for a stream and takes nothing of it."""
    frozen = socket.socket()
    frozen.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    frozen.connect(("127.0.0.1", port))
    path = f"/api/v1/projects/{project_id}/workflows/runs/{run_id}/events"
    frozen.sendall(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    return frozen


def _readable(client: socket.socket) -> bool:
    try:
        return bool(client.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
    except BlockingIOError:
        return False


def _is_full(port: int, client_port: int) -> bool:
    """Whether more waits in the server's socket than the client's small one takes."""
    mine = re.compile(rf"^ *\d+: 0100007F:{port:04X} 0100007F:{client_port:04X} 01 ([0-9A-F]+):", re.MULTILINE)
    found = mine.search(Path("/proc/net/tcp").read_text())
    return found is not None and int(found.group(1), 16) > 100_000
