from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support import Project, ServerProcess, ended, until
from tests.worker.conftest import Trace, check_log
from tests.worker.maps import FAST, asks, inner, items, mapping, shows, stand
from tests.worker.runs import graph, in_status, node, started, transform


@pytest.fixture
async def process(database_url: str, tmp_path: Path) -> AsyncIterator[ServerProcess]:
    process = await ServerProcess(tmp_path, database_url, FAST).start()
    yield process
    process.kill()


@pytest.mark.spec("MAP-19", "MAP-20")
async def test_approvals_in_a_map_are_answered_item_by_item(server_project: Project, trace: Trace) -> None:
    client = server_project.client
    path = await started(server_project, graph([mapping(asks())]), ["a", "b", "c"])
    run = await in_status(client, path, "WAITING")
    waiting = await node(client, path, "m")
    assert run["reason"]["code"] == "waiting_for_approval"
    assert (waiting["status"], waiting["reason"]["item"], waiting["reason"]["waiting"]) == ("WAITING", [0], 3)
    assert await stand(client, path, status="WAITING") == {(n,): "WAITING" for n in range(3)}

    async def say(index: int) -> int:
        body = {"node_id": "m", "item": [index], "answer": index * 10}
        return (await client.post(f"{path}/resume", json=body)).status_code

    assert (await client.post(f"{path}/resume", json={"answer": 1})).json()["code"] == "ambiguous_answer"
    assert await say(1) == 202
    await until(lambda: shows(client, path, (1,), "COMPLETED"))
    await in_status(client, path, "WAITING")
    assert (await node(client, path, "m"))["reason"]["waiting"] == 2
    assert await say(1) == 409
    assert [await say(2), await say(0)] == [202, 202]
    done = await ended(client, path)

    assert [result["answer"] for result in done["result"]["m"]] == [0, 10, 20]
    await check_log(client, path)


@pytest.mark.spec("MAP-20", "MAP-2")
async def test_items_wait_within_concurrency_and_what_completed_does_not_run_again(
    server_project: Project, trace: Trace
) -> None:
    client = server_project.client
    deep = mapping(asks("{{ item }}"), items="{{ item }}")["config"]
    document = graph(
        [mapping({"type": "map", "config": deep}, concurrency=2), mapping(inner(trace, name="{{ index }}!"), name="t")]
    )
    path = await started(server_project, document, [["a"], ["b"], ["c"]])
    await in_status(client, path, "WAITING")

    assert await stand(client, path, node_id="m", status="WAITING") == {
        (n, *rest): "WAITING" for n in range(2) for rest in ((), (0,))
    }
    for n in range(3):
        body = {"node_id": "m", "item": [n, 0], "answer": n}
        await until(lambda body=body: _accepted(client, path, body))
    done = await ended(client, path)

    assert [[result["answer"] for result in results] for results in done["result"]["m"]] == [[0], [1], [2]]
    assert len(trace.lines()) == 6
    await check_log(client, path)


async def _accepted(client: httpx.AsyncClient, path: str, body: dict[str, Any]) -> bool:
    return (await client.post(f"{path}/resume", json=body)).status_code == 202


@pytest.mark.spec("MAP-19")
async def test_a_map_of_long_delays_gives_its_worker_back_and_goes_on_by_itself(server_project: Project) -> None:
    client = server_project.client
    path = await started(
        server_project, graph([mapping({"type": "delay", "config": {"seconds": "{{ item }}"}})]), [1, 2, 0]
    )

    run = await in_status(client, path, "WAITING")
    done = await ended(client, path)

    assert run["wake_at"] is not None
    assert (done["status"], done["result"]) == ("COMPLETED", {"m": [None, None, None]})
    assert done["duration_ms"] >= 2000
    await check_log(client, path)


CHILD = graph([transform("a", "{{ input.n * 2 }}")])


@pytest.mark.spec("MAP-21")
async def test_a_map_over_a_workflow_makes_a_child_run_of_each_item(server_project: Project) -> None:
    client = server_project.client
    await server_project.workflow(CHILD, "Double")
    plain = {"id": "m", "type": "map", "config": {"items": "{{ input }}", "workflow": "Double", "concurrency": 2}}
    given = {"id": "g", "type": "map", "config": {**plain["config"], "input": {"n": "{{ item.n + index }}"}}}
    path = await started(server_project, graph([plain, given]), [{"n": 1}, {"n": 2}, {"n": 3}])

    done = await ended(client, path, seconds=30)

    assert done["result"] == {"m": [{"a": 2}, {"a": 4}, {"a": 6}], "g": [{"a": 2}, {"a": 6}, {"a": 10}]}
    assert len((await client.get(server_project.runs)).json()["items"]) == 7
    await check_log(client, path)


@pytest.mark.spec("MAP-21", "MAP-17")
async def test_when_a_map_fails_its_child_runs_under_way_are_cancelled_and_a_retry_takes_them_up(
    server_project: Project, tmp_path: Path, trace: Trace
) -> None:
    client = server_project.client
    gate = tmp_path / "gate"
    child = graph(
        [trace.node("{{ input }}", "fail_unless", gate="{{ input }}") | {"id": "x"}, transform("ok", 1)], ("x", "ok")
    )
    await server_project.workflow(child, "Child")
    held = graph([{"id": "w", "type": "approval", "config": {}}])
    await server_project.workflow(held, "Held")
    which = "{{ 'Child' if index == 1 else 'Held' }}"
    config = {"items": "{{ input }}", "workflow": which}
    path = await started(server_project, graph([{"id": "m", "type": "map", "config": config}]), ["/", str(gate)])

    failed = await ended(client, path)

    assert failed["status"] == "FAILED"
    assert failed["error"]["message"].startswith("`m` failed: Item 1: The child run")
    runs = {run["workflow_name"]: run for run in (await client.get(server_project.runs)).json()["items"]}
    assert runs["Child"]["status"] == "FAILED"
    assert (await ended(client, f"{server_project.runs}/{runs['Held']['id']}"))["status"] == "CANCELLED"
    assert await stand(client, path) == {(0,): "CANCELLED", (1,): "FAILED"}
    gate.touch()
    await client.post(f"{path}/retry")
    held_run = f"{server_project.runs}/{runs['Held']['id']}"
    await in_status(client, held_run, "WAITING")
    await client.post(f"{held_run}/resume", json={"answer": "yes"})
    done = await ended(client, path)
    assert done["result"]["m"][1] == {"ok": 1}
    assert len((await client.get(server_project.runs)).json()["items"]) == 3


@pytest.mark.spec("MAP-14")
async def test_items_that_wait_for_a_moment_survive_a_crash(process: ServerProcess) -> None:
    async with httpx.AsyncClient(base_url=process.api, timeout=30) as client:
        project = await Project.make(client)
        waits = {"type": "approval", "config": {"prompt": "{{ item }}", "timeout": 8, "on_timeout": "late"}}
        path = await started(project, graph([mapping(waits)]), ["a", "b"])
        await in_status(client, path, "WAITING")
        before = await items(client, path)
        process.kill()
        await process.start()

        done = await ended(client, path, seconds=60)

        assert done["result"] == {"m": [{"answer": "late", "by": "timeout"}] * 2}
        assert [i["status"] for i in before] == ["WAITING", "WAITING"]
        assert [i["started_at"] for i in await items(client, path)] == [i["started_at"] for i in before]


@pytest.mark.spec("MAP-18")
async def test_a_run_that_stops_cancels_the_items_that_wait(
    server_project: Project, trace: Trace, tmp_path: Path
) -> None:
    client = server_project.client
    gate = tmp_path / "gate"
    held, bad = trace.node("held", "until", gate=str(gate)), trace.node("bad", "fail_unless", gate="/nothing")
    document = graph([mapping(asks()), held, bad], ("held", "bad"), settings={"on_failure": "stop"})
    path = await started(server_project, document, ["a"])
    await until(lambda: shows(client, path, (0,), "WAITING"))
    gate.touch()

    await ended(client, path)

    (item,) = await items(client, path)
    assert (item["status"], item["reason"]["code"]) == ("CANCELLED", "stopped_after_failure")
    await check_log(client, path)


@pytest.mark.spec("MAP-18", "MAP-17")
async def test_cancelling_a_run_that_waits_cancels_its_items(server_project: Project) -> None:
    client = server_project.client
    path = await started(server_project, graph([mapping(asks())]), ["a"])
    await in_status(client, path, "WAITING")

    await client.post(f"{path}/cancel")

    (item,) = await items(client, path)
    assert (item["status"], item["reason"]["code"]) == ("CANCELLED", "cancelled_by_user")


@pytest.mark.spec("MAP-10", "MAP-18")
async def test_the_timeout_of_a_map_counts_while_its_items_wait(server_project: Project) -> None:
    client = server_project.client
    path = await started(server_project, graph([{**mapping(asks()), "timeout": 2}]), ["a", "b"])
    run = await in_status(client, path, "WAITING")

    done = await ended(client, path)

    assert run["wake_at"] is not None
    assert (done["status"], done["error"]["type"]) == ("FAILED", "NodeTimeoutError")
    assert 2000 <= done["duration_ms"] < 10_000
    rows = await items(client, path)
    assert [(row["status"], row["reason"]["code"]) for row in rows] == [("CANCELLED", "timeout")] * 2
    await check_log(client, path)


@pytest.mark.spec("MAP-19", "MAP-22")
async def test_a_map_that_goes_on_says_so_and_tells_nothing_twice(server_project: Project, trace: Trace) -> None:
    client = server_project.client
    kind = {"type": "map", "config": {"items": "{{ item.ask }}", "node": asks()}}
    path = await started(server_project, graph([mapping(kind, concurrency=1)]), [{"ask": ["a"]}, {"ask": []}])
    await in_status(client, path, "WAITING")

    await client.post(f"{path}/resume", json={"item": [0, 0], "answer": 1})
    await ended(client, path)

    events = [e for e in await check_log(client, path) if e["node_id"] == "m"]
    told = [e["data"]["done"] for e in events if e["type"] == "workflow.node.progress"]
    assert told == sorted(set(told))
    assert (told[0], told[-1]) == (0, 2)
    assert [e["type"] for e in events].count("workflow.node.waiting") == 1


@pytest.mark.spec("RUN-52", "MAP-16")
async def test_child_runs_of_items_that_have_changed_are_replaced(server_project: Project) -> None:
    client = server_project.client
    ask = {"id": "ask", "type": "approval", "config": {}}
    await server_project.workflow(graph([ask, transform("out", "{{ input }}")], ("ask", "out")), "Child")
    over = {"id": "over", "type": "map", "config": {"items": "{{ list.output }}", "workflow": "Child"}}
    nodes = [transform("list", [1, 2]), over, transform("held", 1)]
    document = graph(nodes, ("list", "over"), ("list", "held"))
    path = await started(server_project, document, breakpoints=["held"])
    await in_status(client, path, "WAITING")
    before = await _children(client, server_project)

    await client.post(f"{path}/resume", json={"node_id": "held", "outputs": {"list": [1, 7]}})

    async def replaced() -> list[dict[str, Any]]:
        runs = await _children(client, server_project)
        waiting = [run for run in runs if run["status"] == "WAITING"]
        return waiting if (len(runs), len(waiting)) == (3, 2) else []

    for run in await until(replaced):
        await client.post(f"{server_project.runs}/{run['id']}/resume", json={"answer": True})
    assert (await ended(client, path))["result"] == {"over": [{"out": 1}, {"out": 7}], "held": 1}
    after = {run["id"]: run["status"] for run in await _children(client, server_project)}
    assert sorted(after[run["id"]] for run in before) == ["CANCELLED", "COMPLETED"]
    await check_log(client, path)


@pytest.mark.spec("RUN-48")
async def test_child_runs_of_items_are_cancelled_when_their_map_runs_out_of_time(server_project: Project) -> None:
    client = server_project.client
    ask = {"id": "ask", "type": "approval", "config": {}}
    await server_project.workflow(graph([ask]), "Child")
    config = {"items": [1, 2], "workflow": "Child"}
    over = {"id": "over", "type": "map", "config": config, "timeout": 2, "on_error": "continue"}
    path = await started(server_project, graph([over, {**ask, "id": "later"}], ("over", "later")))

    async def cancelled() -> bool:
        return [run["status"] for run in await _children(client, server_project)] == ["CANCELLED"] * 2

    await until(cancelled)
    await in_status(client, path, "WAITING")
    assert (await client.post(f"{path}/resume", json={"answer": True})).status_code == 202
    assert (await ended(client, path))["status"] == "COMPLETED"
    await check_log(client, path)


async def _children(client: httpx.AsyncClient, project: Project) -> list[dict[str, Any]]:
    return [run for run in (await client.get(project.runs)).json()["items"] if run["parent_run_id"]]
