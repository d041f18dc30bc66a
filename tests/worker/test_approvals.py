import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from tests.support import Project, ServerProcess, ended, until
from tests.worker.conftest import Trace, check_log
from tests.worker.runs import graph, in_status, node, started, statuses, transform

SCHEMA = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}


def approval(name: str = "ask", **config: Any) -> dict[str, Any]:
    return {"id": name, "type": "approval", "config": {"prompt": "May {{ input.who }} pass?", **config}}


async def asking(project: Project, document: Any) -> str:
    return await started(project, document, {"who": "Ann"})


@pytest.mark.spec("RUN-40", "NODE-40")
async def test_an_approval_waits_without_a_worker_and_goes_on_with_its_answer(server_project: Project) -> None:
    client = server_project.client
    after = transform("after", "{{ ask.output.answer.ok }}")
    path = await asking(server_project, graph([approval(schema=SCHEMA), after], ("ask", "after")))

    run = await in_status(client, path, "WAITING")
    waiting = await node(client, path, "ask")
    answer = await client.post(f"{path}/resume", json={"node_id": "ask", "answer": {"ok": True}})
    done = await ended(client, path)

    assert run["reason"]["code"] == "waiting_for_approval"
    assert (waiting["status"], waiting["reason"]["prompt"]) == ("WAITING", "May Ann pass?")
    assert waiting["reason"]["schema"] == SCHEMA
    assert answer.status_code == 202
    assert (done["status"], done["result"]) == ("COMPLETED", {"after": True})
    assert (await node(client, path, "ask"))["output"] == {"answer": {"ok": True}, "by": "anybody"}
    types = [e["type"] for e in await check_log(client, path) if e["node_id"] == "ask"]
    assert types == ["workflow.node.started", "workflow.node.waiting", "workflow.node.completed"]


@pytest.mark.spec("RUN-41")
async def test_an_answer_that_does_not_fit_or_comes_twice_or_where_nobody_waits_is_refused(
    server_project: Project,
) -> None:
    client = server_project.client
    path = await asking(server_project, graph([approval(schema=SCHEMA), transform("z", 1)]))
    await in_status(client, path, "WAITING")

    async def said(**body: Any) -> tuple[int, str]:
        answer = await client.post(f"{path}/resume", json=body)
        return answer.status_code, answer.json().get("code", "")

    misfit = await client.post(f"{path}/resume", json={"node_id": "ask", "answer": {"ok": "yes"}})
    assert misfit.status_code == 422
    assert misfit.json()["code"] == "invalid_answer"
    assert misfit.json()["errors"][0]["pointer"] == "/answer/ok"
    assert await said(node_id="ask") == (422, "answer_missing")
    assert await said(node_id="nobody", answer=1) == (422, "unknown_node")
    assert await said(node_id="z", answer=1) == (409, "not_waiting")
    both = await asyncio.gather(*(said(node_id="ask", answer={"ok": True}) for _ in range(8)))
    assert sorted(status for status, _ in both) == [202] + [409] * 7
    await ended(client, path)
    assert await said(node_id="ask", answer={"ok": True}) == (409, "not_waiting")
    await check_log(client, path)


@pytest.mark.spec("RUN-42", "LANG-5")
async def test_an_answer_is_heard_while_other_branches_of_the_run_still_work(
    server_project: Project, trace: Trace
) -> None:
    client = server_project.client
    document = graph([approval(), trace.node("after"), trace.node("long", "hold")], ("ask", "after"))
    path = await asking(server_project, document)
    await until(lambda: _traced(trace, "long"))

    async def waits() -> bool:
        return (await node(client, path, "ask"))["status"] == "WAITING"

    await until(waits)
    assert (await client.get(path)).json()["status"] == "RUNNING"
    assert (await client.post(f"{path}/resume", json={"node_id": "ask", "answer": 1})).status_code == 202

    await until(lambda: _traced(trace, "after"))
    assert (await client.get(path)).json()["status"] == "RUNNING"
    await client.post(f"{path}/cancel")
    await check_log(client, path)


@pytest.mark.spec("RUN-40")
@pytest.mark.parametrize("concurrency", [1])
async def test_a_waiting_run_holds_none_of_the_workers_slots(server_project: Project, concurrency: int) -> None:
    client = server_project.client
    paths = [await asking(server_project, graph([approval()])) for _ in range(5)]
    for path in paths:
        await in_status(client, path, "WAITING")
    for path in paths:
        await client.post(f"{path}/resume", json={"answer": True})
    for path in paths:
        assert (await ended(client, path))["status"] == "COMPLETED"


@pytest.mark.spec("NODE-41")
@pytest.mark.parametrize(
    ("on_timeout", "status", "output"),
    [
        ("fail", "FAILED", None),
        ("continue", "COMPLETED", {"answer": None, "by": "timeout"}),
        ({"ok": False}, "COMPLETED", {"answer": {"ok": False}, "by": "timeout"}),
    ],
)
async def test_an_approval_that_nobody_answers_does_in_time_what_it_says(
    server_project: Project, on_timeout: Any, status: str, output: Any
) -> None:
    client = server_project.client
    path = await asking(server_project, graph([approval(timeout=0.4, on_timeout=on_timeout, schema=SCHEMA)]))

    done = await ended(client, path)
    asked = await node(client, path, "ask")

    assert (done["status"], asked["output"]) == (status, output)
    if status == "FAILED":
        assert asked["error"]["type"] == "approval_timeout"
    await check_log(client, path)


@pytest.mark.spec("NODE-40")
async def test_an_answer_for_the_timeout_that_does_not_fit_the_schema_is_refused(server_project: Project) -> None:
    document = graph([approval(schema=SCHEMA, on_timeout={"ok": 3}), approval("other", schema={"type": "nothing"})])
    answer = await server_project.client.post(
        f"/projects/{server_project.id}/workflows", json={"name": "x", "graph": document}
    )
    assert answer.status_code == 422
    assert [p["pointer"] for p in answer.json()["errors"]] == ["/nodes/0/config/on_timeout", "/nodes/1/config/schema"]


@pytest.mark.spec("RUN-40", "RUN-43")
async def test_a_waiting_run_survives_the_death_of_its_process_and_a_cancel_ends_it(
    process: ServerProcess, client: httpx.AsyncClient, trace: Trace
) -> None:
    project = await Project.make(client)
    document = graph([trace.node("first"), approval(), trace.node("last")], ("first", "ask"), ("ask", "last"))
    answered, cancelled = [await asking(project, document) for _ in range(2)]
    for path in (answered, cancelled):
        await in_status(project.client, path, "WAITING")

    process.kill()
    await process.start()
    await project.client.post(f"{answered}/resume", json={"node_id": "ask", "answer": "yes"})
    await project.client.post(f"{cancelled}/cancel")

    assert (await ended(project.client, answered))["status"] == "COMPLETED"
    assert (await ended(project.client, cancelled))["status"] == "CANCELLED"
    assert sorted(line for line in trace.lines() if line.startswith("start")) == ["start first"] * 2 + ["start last"]
    for path in (answered, cancelled):
        await check_log(project.client, path)


@pytest.mark.spec("RUN-95")
async def test_a_run_that_is_queued_again_shows_why(
    process: ServerProcess, client: httpx.AsyncClient, trace: Trace
) -> None:
    project = await Project.make(client)
    answered = await asking(project, graph([approval()]))
    handed_back = await asking(project, graph([trace.node("long", "hold")]))
    await in_status(client, answered, "WAITING")
    await until(lambda: _traced(trace, "long"))

    process.stop()
    await process.start("--no-worker")
    await client.post(f"{answered}/resume", json={"node_id": "ask", "answer": "yes"})

    for path, code in ((answered, "signalled"), (handed_back, "worker_stopped")):
        run = await in_status(client, path, "QUEUED")
        page = await client.get(
            f"{path}/events", params={"after": run["last_seq"] - 1}, headers={"Accept": "application/json"}
        )
        (queued,) = page.json()["items"]
        assert run["reason"] == queued["data"]["reason"]
        assert run["reason"]["code"] == code
    process.stop()
    await process.start()
    assert (await ended(client, answered))["reason"] is None
    assert (await in_status(client, handed_back, "RUNNING"))["reason"] is None


@pytest.mark.spec("RUN-42")
async def test_two_approvals_side_by_side_are_answered_one_by_one_and_said_once_each(server_project: Project) -> None:
    client = server_project.client
    end = {"id": "end", "type": "output", "join": "all"}
    path = await asking(server_project, graph([approval("a"), approval("b"), end], ("a", "end"), ("b", "end")))
    await in_status(client, path, "WAITING")

    ambiguous = await client.post(f"{path}/resume", json={"answer": 1})
    await client.post(f"{path}/resume", json={"node_id": "b", "answer": 2})
    await until(lambda: _completed(client, path, "b"))
    await in_status(client, path, "WAITING")
    await client.post(f"{path}/resume", json={"node_id": "a", "answer": 1})
    done = await ended(client, path)

    assert (ambiguous.status_code, ambiguous.json()["code"]) == (422, "ambiguous_answer")
    assert {name: value["answer"] for name, value in done["result"].items()} == {"a": 1, "b": 2}
    events = await check_log(client, path)
    assert [e["node_id"] for e in events if e["type"] == "workflow.node.waiting"].count("a") == 1
    assert [e["node_id"] for e in events if e["type"] == "workflow.node.started"].count("a") == 1


@pytest.mark.spec("LANG-40")
async def test_every_lap_of_a_loop_asks_anew(server_project: Project) -> None:
    client = server_project.client
    document = graph(
        [approval(), transform("end", "{{ ask.output.answer }}")],
        ("ask", "end"),
        ("end", "ask", {"condition": "end.output != 'enough'"}),
        entry="ask",
    )
    path = await asking(server_project, document)
    for lap, said in enumerate(["more", "more", "enough"]):
        await until(lambda lap=lap: _waits_in(client, path, lap))
        await client.post(f"{path}/resume", json={"node_id": "ask", "answer": said})
    done = await ended(client, path)

    assert done["result"] == {"end": "enough"}
    turns = (await client.get(f"{path}/nodes/ask")).json()["items"]
    assert [turn["output"]["answer"] for turn in turns] == ["more", "more", "enough"]
    await check_log(client, path)


@pytest.mark.spec("RUN-44")
async def test_the_timeout_of_a_run_ends_it_while_it_waits(server_project: Project) -> None:
    client = server_project.client
    path = await asking(server_project, graph([approval()], settings={"timeout": 1.0}))
    run = await in_status(client, path, "WAITING")
    assert run["wake_at"] is not None
    done = await ended(client, path)
    assert (done["status"], done["reason"]["code"]) == ("FAILED", "timeout")
    await check_log(client, path)


@pytest.mark.spec("RUN-50")
async def test_what_has_completed_stays_so_when_a_run_that_waits_runs_out_of_time(server_project: Project) -> None:
    client = server_project.client
    nodes = [transform("before", 1), approval(), transform("after", 2)]
    document = graph(nodes, ("before", "ask"), ("ask", "after"), settings={"timeout": 1.0})
    path = await asking(server_project, document)

    assert (await ended(client, path))["status"] == "FAILED"

    assert await statuses(client, path) == {"before": "COMPLETED", "ask": "CANCELLED", "after": "CANCELLED"}
    assert (await node(client, path, "before"))["output"] == 1
    await check_log(client, path)


@pytest.mark.spec("RUN-40")
@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
async def test_an_approval_with_any_text_in_its_prompt_can_be_answered(server_project: Project, text: str) -> None:
    client = server_project.client
    document = graph([approval(prompt="{{ input.who[0] }}")])
    workflow = await server_project.workflow(document)
    body = json.dumps({"workflow_id": workflow["id"], "input_data": {"who": [text]}})
    made = await client.post(
        server_project.runs, content=body, params={"execute": True}, headers={"Content-Type": "application/json"}
    )
    path = f"{server_project.runs}/{made.json()['id']}"
    await in_status(client, path, "WAITING")
    assert (await client.post(f"{path}/resume", json={"answer": "yes"})).status_code == 202
    assert (await ended(client, path))["status"] == "COMPLETED"


@pytest.mark.spec("RUN-54")
async def test_moments_far_ahead_harm_nobody(server_project: Project) -> None:
    client = server_project.client
    far = {"id": "far", "type": "delay", "config": {"until": "9999-12-31T23:59:59-12:00"}, "timeout": 1e15}
    document = graph([far], settings={"timeout": 1e15, "resume": {"after": 1e15}})
    path = await started(server_project, document)

    run = await in_status(client, path, "WAITING")

    assert run["wake_at"] is not None
    assert (await client.get(server_project.runs)).status_code == 200
    assert (await node(client, path, "far"))["wake_at"] is not None
    assert (await client.post(f"{path}/cancel")).status_code == 202


@pytest.mark.spec("LANG-5", "NODE-17")
async def test_a_long_delay_ends_in_time_although_another_branch_still_works(
    server_project: Project, trace: Trace
) -> None:
    client = server_project.client
    pause = {"id": "pause", "type": "delay", "config": {"seconds": 0.8}}
    document = graph([pause, trace.node("after"), trace.node("long", "hold")], ("pause", "after"))
    begun = datetime.now(UTC)
    path = await asking(server_project, document)
    await until(lambda: _traced(trace, "after"))
    assert 0.8 < (datetime.now(UTC) - begun).total_seconds() < 5
    await client.post(f"{path}/cancel")


async def _traced(trace: Trace, name: str) -> bool:
    return any(name in line for line in trace.lines())


async def _completed(client: httpx.AsyncClient, path: str, name: str) -> bool:
    return (await node(client, path, name))["status"] == "COMPLETED"


async def _waits_in(client: httpx.AsyncClient, path: str, lap: int) -> bool:
    turn = await node(client, path, "ask")
    return turn["status"] == "WAITING" and turn["iteration"] == lap
