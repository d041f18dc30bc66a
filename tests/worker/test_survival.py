import asyncio
import json
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from tests.support import Project, ServerProcess, ended, until
from tests.worker.conftest import Trace, check_log


def chain(trace: Trace, count: int, **args: Any) -> dict[str, Any]:
    nodes = [trace.node(f"n{i}", **args) for i in range(count)]
    return {"nodes": nodes, "edges": [{"source": f"n{i}", "target": f"n{i + 1}"} for i in range(count - 1)]}


def loop(trace: Trace, laps: int) -> dict[str, Any]:
    again = {"source": "y", "target": "x", "condition": f"loop.iteration < {laps - 1}"}
    nodes = [trace.node("x", seconds=0.05), trace.node("y", seconds=0.05), trace.node("z")]
    return {
        "nodes": nodes,
        "edges": [{"source": "x", "target": "y"}, again, {"source": "y", "target": "z", "condition": "else"}],
        "entry": "x",
    }


async def follow(client: httpx.AsyncClient, path: str, seen: list[dict[str, Any]], enough: Any = None) -> None:
    """Append the stream's events to `seen` until it ends, breaks, or `enough` says so."""
    headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": str(seen[-1]["seq"])} if seen else {})
    try:
        async with client.stream("GET", f"{path}/events", headers=headers) as answer:
            async for line in answer.aiter_lines():
                if line.startswith("data:"):
                    seen.append(json.loads(line[5:]))
                    if enough and enough(seen[-1]):
                        return
    except httpx.TransportError:
        return


@pytest.mark.spec("RUN-7")
@pytest.mark.parametrize("shape", ["chain", "loop"])
async def test_a_killed_server_goes_on_and_the_stream_misses_nothing(
    process: ServerProcess, client: httpx.AsyncClient, trace: Trace, shape: str
) -> None:
    project = await Project.make(client)
    document = chain(trace, 12, seconds=0.1) if shape == "chain" else loop(trace, 8)
    run = await project.run((await project.workflow(document))["id"], execute=True)
    path = f"{project.runs}/{run['id']}"
    seen: list[dict[str, Any]] = []
    completed = lambda event: event["type"] == "workflow.node.completed" and event["seq"] > 12  # noqa: E731
    await follow(client, path, seen, completed)
    done = [(e["node_id"], e["data"]["iteration"]) for e in seen if e["type"] == "workflow.node.completed"]

    process.kill()
    await process.start()
    finished = await ended(client, path, seconds=30)
    await follow(client, path, seen)

    assert finished["status"] == "COMPLETED"
    assert [e["seq"] for e in seen] == list(range(1, finished["last_seq"] + 1))
    starts = [(e["node_id"], e["data"]["iteration"]) for e in seen if e["type"] == "workflow.node.started"]
    assert len(done) >= 2
    assert all(starts.count(turn) == 1 for turn in done)
    again = [turn for turn in starts if starts.count(turn) > 1]
    assert len(set(again)) <= 1
    await check_log(client, path)


@pytest.mark.spec("RUN-12")
async def test_a_waiting_run_survives_a_restart(process: ServerProcess, client: httpx.AsyncClient) -> None:
    project = await Project.make(client)
    document = {"nodes": [{"id": "wait", "type": "delay", "config": {"seconds": 3}}]}
    run = await project.run((await project.workflow(document))["id"], execute=True)
    path = f"{project.runs}/{run['id']}"
    await until(lambda: _has_status(client, path, "WAITING"))

    process.kill()
    await process.start()

    assert (await ended(client, path, seconds=20))["status"] == "COMPLETED"
    await check_log(client, path)


@pytest.mark.spec("RUN-10")
async def test_a_stopped_server_hands_its_runs_back(
    process: ServerProcess, client: httpx.AsyncClient, trace: Trace, tmp_path: Path
) -> None:
    project = await Project.make(client)
    gate = tmp_path / "gate"
    document = chain(trace, 2)
    document["nodes"].append(trace.node("held", "until", gate=str(gate)))
    document["edges"].append({"source": "n1", "target": "held"})
    run = await project.run((await project.workflow(document))["id"], execute=True)
    path = f"{project.runs}/{run['id']}"
    await until(lambda: _lines(trace, 5))

    await asyncio.to_thread(process.stop)
    async with await psycopg.AsyncConnection.connect(process.database_url or "") as connection:
        cursor = await connection.execute("select status, attempt from runs where id = %s", (run["id"],))
        handed_back = await cursor.fetchone()
    gate.touch()
    await process.start()
    done = await ended(client, path, seconds=20)

    assert handed_back == ("QUEUED", 1)
    assert done["status"] == "COMPLETED"
    assert [line for line in trace.lines() if line.startswith("start")] == [
        "start n0",
        "start n1",
        "start held",
        "start held",
    ]
    await check_log(client, path)


@pytest.mark.spec("RUN-8")
async def test_a_run_that_kills_its_worker_three_times_fails(
    process: ServerProcess, client: httpx.AsyncClient, trace: Trace
) -> None:
    project = await Project.make(client)
    document = chain(trace, 1)
    document["nodes"][0] = trace.node("n0", "hold")
    run = await project.run((await project.workflow(document))["id"], execute=True)
    path = f"{project.runs}/{run['id']}"
    for n in range(3):
        await until(lambda n=n: _lines(trace, n + 1), seconds=30)
        await until(lambda: _has_status(client, path, "RUNNING"))
        process.kill()
        await process.start()

    done = await ended(client, path, seconds=30)

    assert (done["status"], done["reason"]["code"]) == ("FAILED", "worker_lost")
    await check_log(client, path)


async def _has_status(client: httpx.AsyncClient, path: str, status: str) -> bool:
    return bool((await client.get(path)).json()["status"] == status)


async def _lines(trace: Trace, count: int) -> bool:
    return len(trace.lines()) >= count
