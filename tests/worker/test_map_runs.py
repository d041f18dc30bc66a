from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support import Project, ServerProcess, ended, until
from tests.worker.conftest import Trace, check_log
from tests.worker.maps import FAST, inner, items, mapping, stand
from tests.worker.runs import graph, in_status, node, started, transform


async def progress(client: httpx.AsyncClient, path: str) -> list[dict[str, Any]]:
    events = await check_log(client, path)
    return [e["data"] for e in events if e["type"] == "workflow.node.progress"]


async def traced(trace: Trace, count: int) -> bool:
    return len(trace.lines()) >= count


@pytest.fixture
async def process(database_url: str, tmp_path: Path) -> AsyncIterator[ServerProcess]:
    process = await ServerProcess(tmp_path, database_url, FAST).start()
    yield process
    process.kill()


@pytest.mark.spec("MAP-14", "MAP-1")
async def test_a_crash_repeats_only_the_items_that_were_under_way(process: ServerProcess, trace: Trace) -> None:
    async with httpx.AsyncClient(base_url=process.api, timeout=30) as client:
        project = await Project.make(client)
        document = graph([mapping(inner(trace, seconds=0.01), concurrency=5)])
        path = await started(project, document, [f"item {n}" for n in range(1000)])
        await until(lambda: traced(trace, 1400), seconds=30)

        process.kill()
        await process.start()
        done = await ended(client, path, seconds=60)

        assert done["status"] == "COMPLETED"
        assert done["result"] == {"m": [f"item {n}" for n in range(1000)]}
        starts = Counter(line for line in trace.lines() if line.startswith("start"))
        assert len(starts) == 1000
        twice = [line for line, count in starts.items() if count > 1]
        # Five were under way, and what had ended in the last moment was not on disk yet.
        assert len(twice) <= 5 + 50
        assert max(starts.values()) == 2
        assert set((await stand(client, path)).values()) == {"COMPLETED"}
        assert (await progress(client, path))[-1] == _told(done=1000, total=1000, attempt=2)


def _told(*, done: int, total: int, failed: int = 0, attempt: int = 1) -> dict[str, Any]:
    counts = {"done": done, "total": total, "failed": failed}
    return {"iteration": 0, "attempt": attempt, "path": [], **counts}


@pytest.mark.spec("MAP-22", "MAP-23")
async def test_progress_is_told_seldom_and_items_have_rows_and_no_events(server_project: Project) -> None:
    client = server_project.client
    document = graph([mapping({"type": "transform", "config": {"value": "{{ item * 2 }}"}})])
    path = await started(server_project, document, list(range(1000)))

    done = await ended(client, path)

    assert done["result"] == {"m": [2 * n for n in range(1000)]}
    told = await progress(client, path)
    assert 2 <= len(told) <= 2 + 10 * done["duration_ms"] / 1000
    assert (told[0], told[-1]) == (_told(done=0, total=1000), _told(done=1000, total=1000))
    assert [t["done"] for t in told] == sorted(t["done"] for t in told)
    assert (await node(client, path, "m"))["progress"] == {"done": 1000, "total": 1000, "failed": 0}
    assert done["last_seq"] <= 8 + len(told)
    rows = await items(client, path)
    assert [(row["path"], row["output"]) for row in rows] == [([n], 2 * n) for n in range(1000)]
    assert {(row["node_id"], row["iteration"], row["status"], row["attempt"]) for row in rows} == {
        ("m", 0, "COMPLETED", 1)
    }
    times = [[datetime.fromisoformat(row[name]) for name in ("started_at", "finished_at")] for row in rows]
    assert all(started <= finished for started, finished in times)
    assert all(row["duration_ms"] >= 0 for row in rows)


@pytest.mark.spec("MAP-23")
async def test_the_list_of_items_can_be_narrowed(server_project: Project) -> None:
    client = server_project.client
    failing = {
        "type": "tool",
        "config": {"tool": "ref.check", "args": {"value": 1, "fail": "{{ item > 2 }}", "message": "no"}},
    }
    document = graph(
        [mapping(failing, on_item_error="collect"), mapping(failing, items=[9], name="n", on_item_error="collect")]
    )
    path = await started(server_project, document, [1, 2, 3])
    await ended(client, path)

    assert await stand(client, path, node_id="m") == {(0,): "COMPLETED", (1,): "COMPLETED", (2,): "FAILED"}
    assert await stand(client, path, node_id="m", status="failed") == {(2,): "FAILED"}
    assert await stand(client, path, status="FAILED,WAITING", limit=1) == {(2,): "FAILED", (0,): "FAILED"}
    assert await stand(client, path, iteration=1) == {}
    (failed,) = await items(client, path, node_id="n")
    assert (failed["error"]["type"], failed["error"]["message"]) == ("ValueError", "no")
    assert (await client.get(f"{path}/items", params={"status": "odd"})).json()["code"] == "unknown_status"
    assert (await client.get(f"{path}/items", params={"cursor": "odd"})).status_code == 422
    elsewhere = await Project.make(client, "Another")
    assert (await client.get(f"{elsewhere.runs}/{path.rsplit('/', 1)[1]}/items")).status_code == 404


@pytest.mark.spec("MAP-15", "MAP-6")
async def test_a_retry_runs_only_the_items_that_did_not_complete(
    server_project: Project, trace: Trace, tmp_path: Path
) -> None:
    client = server_project.client
    gate = tmp_path / "gate"
    needs_gate = "{{ '" + str(gate) + "' if item == 'c' else '/' }}"
    document = graph([mapping(inner(trace, "fail_unless", gate=needs_gate), concurrency=1)])
    path = await started(server_project, document, ["a", "b", "c", "d"])
    failed = await ended(client, path)
    before = await stand(client, path)
    gate.touch()

    await client.post(f"{path}/retry")
    done = await ended(client, path)

    assert failed["error"]["message"] == "`m` failed: Item 2: the gate is closed"
    assert before == {(0,): "COMPLETED", (1,): "COMPLETED", (2,): "FAILED"}
    assert (done["status"], done["result"]) == ("COMPLETED", {"m": ["a", "b", "c", "d"]})
    assert trace.lines() == ["start a", "start b", "start c", "start c", "start d"]
    assert set((await stand(client, path)).values()) == {"COMPLETED"}
    await check_log(client, path)


@pytest.mark.spec("MAP-16")
async def test_a_retry_whose_list_has_changed_runs_the_changed_items_again(
    server_project: Project, trace: Trace, tmp_path: Path
) -> None:
    client = server_project.client
    gate = tmp_path / "gate"
    needs_gate = "{{ '" + str(gate) + "' if index == 2 else '/' }}"
    listed = "{{ ['a', 'b' if run.attempt == 1 else 'x', 'c'] }}"
    document = graph([mapping(inner(trace, "fail_unless", gate=needs_gate), items=listed, concurrency=1)])
    path = await started(server_project, document)
    await ended(client, path)
    gate.touch()

    await client.post(f"{path}/retry")
    done = await ended(client, path)

    assert done["result"] == {"m": ["a", "x", "c"]}
    assert trace.lines() == ["start a", "start b", "start c", "start x", "start c"]


@pytest.mark.spec("MAP-17")
async def test_cancelling_a_run_stops_the_items_under_way_and_a_retry_goes_on(
    server_project: Project, trace: Trace, tmp_path: Path
) -> None:
    client = server_project.client
    held = "{{ '" + str(tmp_path / "gate") + "' if item > 'c' else '" + str(tmp_path) + "' }}"
    document = graph([mapping(inner(trace, "until", gate=held), concurrency=2)])
    path = await started(server_project, document, ["a", "b", "c", "d", "e", "f"])
    await until(lambda: traced(trace, 8))
    await until(lambda: _has_rows(client, path, 3))

    answer = await client.post(f"{path}/cancel")
    assert (answer.status_code, answer.json()["status"]) == (202, "CANCELLED")
    assert await stand(client, path) == {(0,): "COMPLETED", (1,): "COMPLETED", (2,): "COMPLETED"}
    assert (await node(client, path, "m"))["status"] == "CANCELLED"
    (tmp_path / "gate").touch()
    await client.post(f"{path}/retry")
    done = await ended(client, path)

    assert done["result"] == {"m": ["a", "b", "c", "d", "e", "f"]}
    starts = Counter(line for line in trace.lines() if line.startswith("start"))
    assert [starts[f"start {name}"] for name in "abcdef"] == [1, 1, 1, 2, 2, 1]
    await check_log(client, path)


async def _has_rows(client: httpx.AsyncClient, path: str, count: int) -> bool:
    return len(await items(client, path)) >= count


@pytest.mark.spec("MAP-18", "MAP-9")
async def test_items_that_are_tried_again_are_seen_and_cancelled_with_their_map(server_project: Project) -> None:
    client = server_project.client
    refused = {"type": "http", "config": {"url": "http://localhost:9/"}, "retry": {"initial_interval": 60}}
    document = graph([{**mapping(refused, items=[1]), "timeout": 1.5}])
    path = await started(server_project, document)
    await until(lambda: _retrying(client, path))
    (item,) = await items(client, path)
    await ended(client, path)

    assert (item["attempt"], item["error"]["retryable"], item["wake_at"] is not None) == (1, True, True)
    (item,) = await items(client, path)
    assert (item["status"], item["reason"]["code"], item["wake_at"]) == ("CANCELLED", "timeout", None)


async def _retrying(client: httpx.AsyncClient, path: str) -> bool:
    return "RETRYING" in (await stand(client, path)).values()


@pytest.mark.spec("MAP-12")
async def test_a_map_in_a_loop_keeps_the_items_of_each_lap_apart(server_project: Project) -> None:
    client = server_project.client
    twice = {"type": "transform", "config": {"value": "{{ [loop.iteration, item] }}"}}
    document = graph(
        [transform("a", 1), mapping(twice, items=["x", "y"])],
        ("a", "m"),
        ("m", "a", {"condition": "loop.iteration < 1"}),
        entry="a",
    )
    path = await started(server_project, document)

    await ended(client, path)

    rows = [(row["iteration"], row["path"], row["output"]) for row in await items(client, path)]
    assert rows == [(n, [i], [n, x]) for n in range(2) for i, x in enumerate("xy")]


@pytest.mark.spec("MAP-24")
async def test_what_an_item_logs_names_the_item(server_project: Project, trace: Trace) -> None:
    client = server_project.client
    talks = {"type": "tool", "config": {"tool": "probe.say", "args": {"text": "{{ item }}"}}}
    path = await started(server_project, graph([mapping(talks)]), ["a", "b"])

    await ended(client, path)

    said = [e["data"] for e in await check_log(client, path) if e["type"] == "workflow.node.log"]
    assert [(data["item"], data["message"]) for data in said] == [([0], "a"), ([1], "b")]


@pytest.mark.spec("MAP-18")
async def test_items_that_were_to_be_tried_again_before_a_crash_are_cancelled_with_their_map(
    process: ServerProcess, trace: Trace
) -> None:
    # Once the worker was lost, the first item fails at once, before the second can be tried again.
    name = "{{ [item][0 if run.attempt == 1 or index == 1 else 1] }}"
    later = {**inner(trace, "flaky_unless", name, gate="/nothing"), "retry": {"initial_interval": 60, "jitter": False}}
    async with httpx.AsyncClient(base_url=process.api, timeout=30) as client:
        project = await Project.make(client)
        path = await started(project, graph([mapping(later)]), ["a", "b"])
        await until(lambda: _both_retrying(client, path))
        process.kill()
        await process.start()
        await ended(client, path, seconds=60)

        assert await stand(client, path) == {(0,): "FAILED", (1,): "CANCELLED"}


async def _both_retrying(client: httpx.AsyncClient, path: str) -> bool:
    return list((await stand(client, path)).values()) == ["RETRYING", "RETRYING"]


@pytest.mark.spec("MAP-17")
async def test_cancelling_a_run_cancels_the_child_runs_of_its_items(server_project: Project) -> None:
    client = server_project.client
    await server_project.workflow(graph([{"id": "w", "type": "approval", "config": {}}]), "Held")
    config = {"items": [1, 2], "workflow": "Held"}
    path = await started(server_project, graph([{"id": "m", "type": "map", "config": config}]))
    await in_status(client, path, "WAITING")

    await client.post(f"{path}/cancel")

    runs = (await client.get(server_project.runs)).json()["items"]
    assert [run["status"] for run in runs] == ["CANCELLED"] * 3
    assert set((await stand(client, path)).values()) == {"CANCELLED"}
