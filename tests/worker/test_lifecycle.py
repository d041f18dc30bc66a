import asyncio
import random
from pathlib import Path

import httpx
import pytest
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver

from app.db import Database
from tests.reference.generator import random_graph, random_input
from tests.reference.interpreter import interpret
from tests.support import Project, ended, until
from tests.worker.conftest import Trace, check_log


def graph(nodes, *edges, **more):
    return {"nodes": nodes, "edges": [{"source": a, "target": b} for a, b in edges], **more}


@pytest.mark.spec("RUN-1")
async def test_of_a_hundred_concurrent_executes_exactly_one_wins(server_project: Project) -> None:
    workflow = await server_project.workflow(graph([{"id": "a", "type": "transform", "config": {"value": 1}}]))
    path = f"{server_project.runs}/{(await server_project.run(workflow['id']))['id']}"

    answers = await asyncio.gather(*(server_project.client.post(f"{path}/execute", timeout=60) for _ in range(100)))

    assert sorted(a.status_code for a in answers) == [202] + [409] * 99
    assert (await ended(server_project.client, path))["status"] == "COMPLETED"
    await check_log(server_project.client, path)


@pytest.mark.spec("RUN-2", "RUN-3")
@pytest.mark.timeout(300)
async def test_200_random_graphs_end_as_the_reference_interpreter_says(server_project: Project) -> None:
    client = server_project.client
    slots = asyncio.Semaphore(8)

    async def one(seed: int) -> None:
        rng = random.Random(10_000 + seed)
        document, value = random_graph(rng, loops=seed % 4, state=seed % 3 == 0), random_input(rng)
        expected = interpret(document, value)
        async with slots:
            workflow = await server_project.workflow(document)
            run = await server_project.run(workflow["id"], value, execute=True)
            path = f"{server_project.runs}/{run['id']}"
            done = await ended(client, path, seconds=60)
            nodes = await all_nodes(client, path)
        said = {(n["node_id"], n["iteration"]): (n["status"], n["output"]) for n in nodes}
        assert said == {key: (o.status, o.output) for key, o in expected.nodes.items()}, seed
        assert done["status"] == expected.status, seed
        if expected.status == "COMPLETED":
            assert done["result"] == expected.result, seed
        else:
            assert done["reason"]["code"] in expected.reasons, seed
        await check_log(client, path) if len(nodes) < 150 else None

    await asyncio.gather(*(one(seed) for seed in range(200)))


async def all_nodes(client: httpx.AsyncClient, path: str) -> list[dict]:
    items, cursor = [], None
    while True:
        page = (
            await client.get(f"{path}/nodes", params={"limit": 200} | ({"cursor": cursor} if cursor else {}))
        ).json()
        items += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return items


@pytest.mark.spec("RUN-4")
async def test_a_cancel_reaches_the_running_code_and_nothing_starts_after_it(
    server_project: Project, trace: Trace
) -> None:
    client = server_project.client
    document = graph([trace.node("held", "hold"), trace.node("next")], ("held", "next"))
    workflow = await server_project.workflow(document)
    path = f"{server_project.runs}/{(await server_project.run(workflow['id'], execute=True))['id']}"
    await until(lambda: _lines(trace, 1))

    answer = await client.post(f"{path}/cancel")
    run = answer.json()

    assert (answer.status_code, run["status"], run["reason"]["code"]) == (202, "CANCELLED", "cancelled_by_user")
    await until(lambda: _lines(trace, 2), seconds=1)
    assert trace.lines() == ["start held", "cancelled held"]
    nodes = (await client.get(f"{path}/nodes")).json()["items"]
    assert [(n["node_id"], n["status"], n["reason"]["code"]) for n in nodes] == [
        ("held", "CANCELLED", "cancelled_by_user"),
        ("next", "CANCELLED", "cancelled_by_user"),
    ]
    assert (await client.post(f"{path}/cancel")).json()["code"] == "cannot_cancel"
    events = await check_log(client, path)
    assert [e["type"].rsplit(".", 1)[1] for e in events[-3:]] == ["cancelled"] * 3


@pytest.mark.spec("RUN-5")
async def test_a_run_can_be_cancelled_before_it_starts_and_not_after_it_ended(server_project: Project) -> None:
    client = server_project.client
    workflow = await server_project.workflow(graph([{"id": "a", "type": "transform", "config": {"value": 1}}]))
    pending = f"{server_project.runs}/{(await server_project.run(workflow['id']))['id']}"
    done = f"{server_project.runs}/{(await server_project.run(workflow['id'], execute=True))['id']}"
    await ended(client, done)

    assert (await client.post(f"{pending}/cancel")).json()["status"] == "CANCELLED"
    assert (await client.post(f"{pending}/execute")).status_code == 409
    assert (await client.post(f"{done}/cancel")).status_code == 409
    await check_log(client, pending)


@pytest.mark.spec("RUN-6")
@pytest.mark.timeout(400)
async def test_cancel_against_finish_a_thousand_times_has_one_winner(server_project: Project) -> None:
    client = server_project.client
    workflow = await server_project.workflow(graph([{"id": "a", "type": "transform", "config": {"value": 1}}]))
    rng = random.Random(1)
    seen = {"COMPLETED": 0, "CANCELLED": 0}

    async def many(count: int) -> None:
        for _ in range(count):
            path = f"{server_project.runs}/{(await server_project.run(workflow['id'], execute=True))['id']}"
            await asyncio.sleep(rng.uniform(0, 0.12))
            answer = await client.post(f"{path}/cancel", timeout=60)
            run = await ended(client, path)
            assert answer.status_code == (202 if run["status"] == "CANCELLED" else 409)
            await check_log(client, path)
            seen[run["status"]] += 1

    await asyncio.gather(*(many(200) for _ in range(5)))

    assert sum(seen.values()) == 1000
    assert min(seen.values()) > 10, seen


@pytest.mark.spec("RUN-11")
async def test_a_retry_runs_only_what_had_not_completed(server_project: Project, trace: Trace, tmp_path: Path) -> None:
    client = server_project.client
    gate = tmp_path / "gate"
    nodes = [trace.node("a"), trace.node("bad", "fail_unless", gate=str(gate)), trace.node("c"), trace.node("side")]
    workflow = await server_project.workflow(graph(nodes, ("a", "bad"), ("bad", "c"), ("a", "side")))
    path = f"{server_project.runs}/{(await server_project.run(workflow['id'], execute=True))['id']}"
    failed = await ended(client, path)
    gate.touch()

    answer = await client.post(f"{path}/retry", json={})
    done = await ended(client, path)

    assert (failed["status"], failed["reason"]["code"]) == ("FAILED", "node_failed")
    assert answer.status_code == 202
    assert (done["status"], done["attempt"]) == ("COMPLETED", 2)
    starts = sorted(line.split()[1] for line in trace.lines() if line.startswith("start"))
    assert starts == ["a", "bad", "bad", "c", "side"]
    await check_log(client, path)


@pytest.mark.spec("RUN-12")
async def test_a_long_delay_waits_without_a_worker_and_goes_on(server_project: Project, trace: Trace) -> None:
    client = server_project.client
    nodes = [{"id": "wait", "type": "delay", "config": {"seconds": 1.5}}, trace.node("side"), trace.node("after")]
    workflow = await server_project.workflow(graph(nodes, ("wait", "after")))
    path = f"{server_project.runs}/{(await server_project.run(workflow['id'], execute=True))['id']}"

    async def waiting() -> bool:
        return (await client.get(path)).json()["status"] == "WAITING"

    await until(waiting)
    assert (await client.get(f"{path}/nodes/wait")).json()["items"][0]["status"] == "WAITING"
    done = await ended(client, path)

    assert (done["status"], done["attempt"]) == ("COMPLETED", 1)
    assert sorted(trace.lines()) == ["end after", "end side", "start after", "start side"]
    await check_log(client, path)


@pytest.mark.spec("RUN-5")
async def test_a_waiting_run_can_be_cancelled(server_project: Project) -> None:
    client = server_project.client
    workflow = await server_project.workflow(graph([{"id": "wait", "type": "delay", "config": {"seconds": 500}}]))
    path = f"{server_project.runs}/{(await server_project.run(workflow['id'], execute=True))['id']}"

    async def waiting() -> bool:
        return (await client.get(path)).json()["status"] == "WAITING"

    await until(waiting)
    assert (await client.post(f"{path}/cancel")).json()["status"] == "CANCELLED"
    await check_log(client, path)


@pytest.mark.spec("RUN-17")
@pytest.mark.parametrize("count", [3, 60])
async def test_langgraphs_own_checkpointer_reads_the_thread_of_a_run(
    server_project: Project, database: Database, count: int
) -> None:
    nodes = [{"id": f"n{i}", "type": "transform", "config": {"value": i}} for i in range(count)]
    workflow = await server_project.workflow(graph(nodes, *((f"n{i}", f"n{i + 1}") for i in range(count - 1))))
    run = await server_project.run(workflow["id"], {"x": 1}, execute=True)
    await ended(server_project.client, f"{server_project.runs}/{run['id']}")

    found = await AsyncPostgresSaver(database.pool).aget_tuple({"configurable": {"thread_id": run["id"]}})

    assert found is not None
    values = found.checkpoint["channel_values"]
    assert values["input"] == {"x": 1}
    assert values["outputs"] == {f"n{i}": i for i in range(count)}


@pytest.mark.spec("RUN-13")
async def test_a_node_gets_its_idempotency_key(server_project: Project) -> None:
    document = graph([{"id": "k", "type": "tool", "config": {"tool": "probe.key", "args": {}}}])
    run = await server_project.run((await server_project.workflow(document))["id"], execute=True)

    done = await ended(server_project.client, f"{server_project.runs}/{run['id']}")

    assert done["result"] == {"k": f"{run['id']}/k/0"}


@pytest.mark.spec("RUN-14")
async def test_a_run_past_its_timeout_fails(server_project: Project, trace: Trace) -> None:
    document = graph([trace.node("held", "hold"), trace.node("b")], ("held", "b"), settings={"timeout": 0.3})
    run = await server_project.run((await server_project.workflow(document))["id"], execute=True)
    path = f"{server_project.runs}/{run['id']}"

    done = await ended(server_project.client, path)

    assert (done["status"], done["reason"]["code"]) == ("FAILED", "timeout")
    assert trace.lines() == ["start held", "cancelled held"]
    await check_log(server_project.client, path)


@pytest.mark.spec("LANG-7")
async def test_stop_cancels_what_runs_and_what_had_not_started(server_project: Project, trace: Trace) -> None:
    bad = {"id": "bad", "type": "tool", "config": {"tool": "ref.fail", "args": {"message": "no"}}}
    nodes = [trace.node("held", "hold"), trace.node("late"), {"id": "d", "type": "delay", "config": {"seconds": 0.3}}]
    edges = [("held", "late"), ("d", "bad"), ("bad", "behind")]
    document = graph([*nodes, bad, trace.node("behind")], *edges, settings={"on_failure": "stop"})
    run = await server_project.run((await server_project.workflow(document))["id"], execute=True)
    path = f"{server_project.runs}/{run['id']}"

    done = await ended(server_project.client, path)
    states = {n["node_id"]: n for n in (await server_project.client.get(f"{path}/nodes")).json()["items"]}

    assert done["status"] == "FAILED"
    assert {name: state["status"] for name, state in states.items()} == {
        "held": "CANCELLED", "late": "CANCELLED", "d": "COMPLETED", "bad": "FAILED", "behind": "CANCELLED",
    }  # fmt: skip
    assert {states[name]["reason"]["code"] for name in ("late", "behind")} == {"stopped_after_failure"}
    await check_log(server_project.client, path)


async def _lines(trace: Trace, count: int) -> bool:
    return len(trace.lines()) >= count
