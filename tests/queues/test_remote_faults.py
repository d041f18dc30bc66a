"""Nodes that another worker runs, while workers are killed, stopped and restarted."""

import asyncio
import signal
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.queues.elsewhere import Workers, kinds, tool
from tests.support import Project, ServerProcess, ended, until
from tests.worker.conftest import Trace, check_log
from tests.worker.runs import graph, in_status, node, started, transform


@pytest.fixture
def workers(tmp_path: Path, database_url: str) -> Iterator[Workers]:
    workers = Workers(tmp_path, database_url)
    yield workers
    workers.kill()


@pytest.fixture
async def project(client: httpx.AsyncClient) -> Project:
    return await Project.make(client)


async def traced(trace: Trace, line: str, times: int = 1) -> bool:
    return trace.lines().count(line) >= times


async def waits_for_worker(client: httpx.AsyncClient, path: str) -> bool:
    turn = await node(client, path, "far")
    return turn["status"] == "WAITING" and bool(turn["reason"]["code"] == "waiting_for_worker")


def held(trace: Trace, gate: Path, name: str = "far") -> dict[str, Any]:
    return tool(name, "until", path=str(trace.path), name=name, gate=str(gate))


@pytest.mark.spec("QUEUE-44")
async def test_a_node_whose_worker_is_killed_goes_on_on_another_one_and_nothing_else_is_repeated(
    workers: Workers, project: Project, trace: Trace, tmp_path: Path
) -> None:
    first = await workers.start("gpu")
    gate = tmp_path / "gate"
    document = graph([trace.node("near"), held(trace, gate)], ("near", "far"))
    path = await started(project, document)
    await until(lambda: traced(trace, "start far"))
    await in_status(project.client, path, "WAITING")

    first.signal(signal.SIGKILL)
    await until(lambda: waits_for_worker(project.client, path))
    assert (await project.client.get(path)).json()["attempt"] == 1
    await workers.start("gpu")
    await until(lambda: traced(trace, "start far", 2))
    gate.touch()
    run = await ended(project.client, path)

    assert run["status"] == "COMPLETED"
    assert trace.lines() == ["start near", "end near", "start far", "start far", "end far"]
    events = await check_log(project.client, path)
    # It may say once more why it waits, when the new worker has come.
    told = [kind for kind, _ in groupby(kinds(events, "far"))]
    assert told == ["waiting", "started", "waiting", "started", "completed"]


@pytest.mark.spec("QUEUE-45")
async def test_a_node_that_kills_its_workers_fails_for_good_after_three_losses(
    workers: Workers, project: Project, trace: Trace
) -> None:
    far = tool("far", "hold", path=str(trace.path), name="far", retry={"max_attempts": 5, "initial_interval": 0.01})
    path = await started(
        project, graph([far, transform("rescue", "{{ far.error.type }}")], ("far", "rescue", {"on": "error"}))
    )
    for losses in range(3):
        worker = await workers.start("gpu")
        await until(lambda n=losses: traced(trace, "start far", n + 1))
        worker.signal(signal.SIGKILL)

    run = await ended(project.client, path)

    turn = await node(project.client, path, "far")
    assert (run["status"], run["result"]) == ("COMPLETED", {"rescue": "worker_lost"})
    assert (turn["status"], turn["attempt"], turn["error"]["retryable"]) == ("FAILED", 1, False)
    await check_log(project.client, path)


@pytest.mark.spec("QUEUE-46")
async def test_what_has_completed_elsewhere_while_the_home_was_dead_is_taken_in_and_not_repeated(
    process: ServerProcess, workers: Workers, project: Project, trace: Trace, tmp_path: Path
) -> None:
    await workers.start("gpu")
    gate = tmp_path / "gate"
    # The run does not park: a branch of it is busy.
    nodes = [held(trace, gate), trace.node("busy", "until", gate=str(tmp_path / "later"))]
    path = await started(project, graph([*nodes, transform("behind", "{{ far.output }}")], ("far", "behind")))
    await until(lambda: traced(trace, "start far"))
    await until(lambda: traced(trace, "start busy"))
    run_id = path.rsplit("/", 1)[1]

    process.kill()
    gate.touch()

    async def completed() -> bool:
        return bool(await workers.rows("select 1 from node_calls where run_id = %s and status = 'COMPLETED'", run_id))

    await until(completed)
    (tmp_path / "later").touch()
    await process.start()
    run = await ended(project.client, path, seconds=30)

    assert (run["status"], run["result"]) == ("COMPLETED", {"busy": "busy", "behind": "far"})
    assert trace.lines().count("start far") == 1
    await check_log(project.client, path)


@pytest.mark.spec("QUEUE-47")
async def test_a_node_goes_on_elsewhere_while_the_home_is_killed_and_started(
    process: ServerProcess, workers: Workers, project: Project, trace: Trace
) -> None:
    await workers.start("gpu")
    talk = tool("far", "talk", path=str(trace.path), name="far", steps=25, seconds=0.15)
    path = await started(project, graph([talk, trace.node("busy", seconds=6)]))
    await until(lambda: traced(trace, "start far"))
    await until(lambda: traced(trace, "start busy"))

    process.kill()
    await process.start()
    run = await ended(project.client, path, seconds=40)

    assert run["status"] == "COMPLETED"
    assert trace.lines().count("start far") == 1
    events = await check_log(project.client, path)
    logs = [event["data"]["message"] for event in events if event["type"] == "workflow.node.log"]
    assert logs == [f"step {step}" for step in range(25)]
    assert "".join(e["data"]["text"] for e in events if e["type"].endswith("token")) == "".join(
        f"{step} " for step in range(25)
    )


@pytest.mark.spec("QUEUE-48")
async def test_a_worker_that_is_stopped_hands_its_nodes_over_with_what_they_have_said(
    workers: Workers, project: Project, trace: Trace, tmp_path: Path
) -> None:
    first = await workers.start("gpu")
    gate = tmp_path / "gate"
    path = await started(project, graph([held(trace, gate)]))
    await until(lambda: traced(trace, "start far"))

    await asyncio.to_thread(first.signal, signal.SIGTERM)
    await until(lambda: waits_for_worker(project.client, path))
    await workers.start("gpu")
    await until(lambda: traced(trace, "start far", 2))
    gate.touch()
    run = await ended(project.client, path)

    assert run["status"] == "COMPLETED"
    assert not await workers.rows("select 1 from node_calls where losses > 0")
    await check_log(project.client, path)


@pytest.mark.spec("QUEUE-49")
async def test_both_workers_are_killed_and_the_run_ends_all_the_same(
    process: ServerProcess, workers: Workers, project: Project, trace: Trace
) -> None:
    worker = await workers.start("gpu")
    laps = 6
    far = tool("far", "mark", path=str(trace.path), name="lap {{ loop.iteration }}", seconds=0.4)
    document = graph(
        [transform("x", "{{ loop.iteration }}"), far, transform("end", "{{ far.output }}")],
        ("x", "far"),
        ("far", "x", {"condition": f"loop.iteration < {laps - 1}"}),
        ("far", "end", {"condition": "else"}),
        entry="x",
    )
    path = await started(project, document)
    await until(lambda: traced(trace, "start lap 2"))

    process.kill()
    worker.signal(signal.SIGKILL)
    await asyncio.gather(process.start(), workers.start("gpu"))
    run = await ended(project.client, path, seconds=40)

    assert (run["status"], run["result"]) == ("COMPLETED", {"end": f"lap {laps - 1}"})
    ends = [line for line in trace.lines() if line.startswith("end")]
    assert list(dict.fromkeys(ends)) == [f"end lap {lap}" for lap in range(laps)]
    assert [trace.lines().count(f"start lap {lap}") for lap in (0, 1)] == [1, 1]
    await check_log(project.client, path)


@pytest.mark.spec("QUEUE-50")
async def test_items_that_are_done_elsewhere_are_not_repeated_though_both_workers_are_killed(
    process: ServerProcess, workers: Workers, project: Project, trace: Trace
) -> None:
    worker = await workers.start("gpu")
    args = {"path": str(trace.path), "name": "item {{ index }}", "seconds": 0.1}
    inner = {"type": "tool", "queue": "gpu", "config": {"tool": "probe.mark", "args": args}}
    each = {"id": "each", "type": "map", "config": {"items": "{{ range(60) }}", "concurrency": 4, "node": inner}}
    path = await started(project, graph([each]))
    await until(lambda: traced(trace, "end item 20"), seconds=30)
    run_id = path.rsplit("/", 1)[1]
    worker.signal(signal.SIGKILL)
    process.kill()
    done = await workers.rows(
        """select path[1] as n from map_items where run_id = %s and status = 'COMPLETED'
           union select path[1] from node_calls where run_id = %s and status = 'COMPLETED'""",
        run_id,
        run_id,
    )

    await asyncio.gather(process.start(), workers.start("gpu"))
    run = await ended(project.client, path, seconds=60)

    assert (run["status"], run["result"]) == ("COMPLETED", {"each": [f"item {n}" for n in range(60)]})
    assert len(done) >= 15
    assert [n["n"] for n in done if trace.lines().count(f"start item {n['n']}") > 1] == []
    await check_log(project.client, path)
