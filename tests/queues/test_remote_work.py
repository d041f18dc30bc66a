"""Nodes that another worker runs: what they give, show and say."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.queues.elsewhere import Site, a_site, kinds, tool
from tests.support import Project, ended, until
from tests.worker.conftest import Trace, check_log
from tests.worker.runs import graph, in_status, node, started, transform


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with a_site(tmp_path_factory.mktemp("site")) as site:
        yield site


@pytest.fixture
async def project(site: Site) -> AsyncIterator[Project]:
    if not await site.workers.count("gpu"):
        await site.workers.start("gpu", GRAPHWRIGHT_SECRET_TOKEN="remote-secret")
    async with httpx.AsyncClient(base_url=site.server.api, timeout=30) as client:
        yield await Project.make(client)


@pytest.mark.spec("QUEUE-30")
async def test_a_node_runs_on_a_worker_that_serves_its_queue_and_sees_what_it_sees_at_home(
    site: Site, project: Project
) -> None:
    document = graph(
        [transform("before", "{{ input.n + 1 }}"), tool("far", "seen"), transform("behind", "{{ far.output.node }}")],
        ("before", "far"),
        ("far", "behind"),
    )

    path = await started(project, document, {"n": 1})
    run = await ended(project.client, path)

    far = (await node(project.client, path, "far"))["output"]
    assert run["status"] == "COMPLETED"
    assert run["result"] == {"behind": "far"}
    assert far.pop("pid") == site.remote_pid
    run_id = path.rsplit("/", 1)[1]
    assert far == {
        "run": run_id,
        "input": {"n": 1},
        "node": "far",
        "iteration": 0,
        "attempt": 1,
        "key": f"{run_id}/far/0",
        "taken": {"before": 2},
        "path": [],
    }
    events = await check_log(project.client, path)
    assert kinds(events, "far") == ["waiting", "started", "completed"]


@pytest.mark.spec("QUEUE-31")
async def test_nodes_that_only_direct_the_run_and_maps_themselves_run_in_place(project: Project) -> None:
    nodes: list[dict[str, Any]] = [
        {"id": "in", "type": "input", "queue": "nobody"},
        {
            "id": "choose",
            "type": "condition",
            "queue": "nobody",
            "config": {"branches": [{"name": "a", "when": "true"}]},
        },
        {"id": "wait", "type": "delay", "queue": "nobody", "config": {"seconds": 0.01}},
        {
            "id": "each",
            "type": "map",
            "queue": "nobody",
            "config": {"items": [1], "node": {"type": "delay", "config": {"seconds": 0}}},
        },
        {"id": "out", "type": "output", "queue": "nobody", "config": {"value": "{{ each.output }}"}},
    ]
    edges = [("in", "choose"), ("choose", "wait", {"branch": "a"}), ("wait", "each"), ("each", "out")]

    run = await ended(project.client, await started(project, graph(nodes, *edges)))

    assert (run["status"], run["result"]) == ("COMPLETED", [None])


@pytest.mark.spec("QUEUE-32")
async def test_a_node_whose_queue_nobody_serves_waits_and_says_so_and_other_branches_go_on(
    site: Site, project: Project
) -> None:
    path = await started(project, graph([tool("far", "seen", "tpu"), transform("near", 1)]))
    run = await in_status(project.client, path, "WAITING")

    far, near = await node(project.client, path, "far"), await node(project.client, path, "near")
    assert run["reason"]["code"] == "waiting_for_worker"
    assert near["status"] == "COMPLETED"
    assert (far["status"], far["reason"]["code"], far["reason"]["queue"]) == ("WAITING", "waiting_for_worker", "tpu")
    assert "No living worker serves the queue `tpu`" in far["reason"]["message"]
    # One that serves it has come, and is busy for good.
    await site.workers.rows(
        """insert into workers (id, hostname, pid, queues, concurrency, started_at, heartbeat_at, lost_seconds)
           values (gen_random_uuid(), 'far away', 1, '{tpu}', 1, now(), now() + interval '1 hour', 1e6) returning id"""
    )

    async def served() -> bool:
        return "waits for a worker" in (await node(project.client, path, "far"))["reason"]["message"]

    await until(served)
    await site.workers.rows("delete from workers where pid = 1 returning id")

    cancelled = await project.client.post(f"{path}/cancel")
    assert cancelled.status_code == 202
    assert (await node(project.client, path, "far"))["status"] == "CANCELLED"
    assert not await site.workers.rows("select 1 from procrastinate_jobs where queue_name = 'tpu'")


@pytest.mark.spec("QUEUE-33")
async def test_a_run_parks_while_a_node_works_elsewhere_and_the_stream_is_live_all_the_same(
    site: Site, project: Project, trace: Trace
) -> None:
    args = {"path": str(trace.path), "name": "far", "steps": 12, "seconds": 0.3}
    path = await started(project, graph([tool("far", "talk", **args)]))
    seen: list[dict[str, Any]] = []

    async def follow() -> None:
        nonlocal seen
        async with project.client.stream("GET", f"{path}/events", headers={"Accept": "text/event-stream"}) as answer:
            async for line in answer.aiter_lines():
                if line.startswith("data:"):
                    seen += [json.loads(line[5:])]

    following = asyncio.create_task(follow())
    run = await in_status(project.client, path, "WAITING")
    far = await node(project.client, path, "far")
    assert (far["status"], far["reason"], run["reason"]["code"]) == ("RUNNING", None, "working_elsewhere")
    parked = len(seen)
    said = await until(lambda: _more(seen, parked, 3))
    await in_status(project.client, path, "WAITING")
    assert said

    run = await ended(project.client, path)
    await following

    logs = [event["data"]["message"] for event in seen if event["type"] == "workflow.node.log"]
    text = "".join(event["data"]["text"] for event in seen if event["type"] == "workflow.node.token")
    done = [event["data"]["done"] for event in seen if event["type"] == "workflow.node.progress"]
    assert run["status"] == "COMPLETED"
    assert logs == [f"step {step}" for step in range(12)]
    assert text == "".join(f"{step} " for step in range(12))
    assert done == sorted(set(done))
    assert done[-1] == 12
    assert (await node(project.client, path, "far"))["progress"] == {"done": 12, "total": 12, "message": None}
    assert [event["seq"] for event in seen] == list(range(1, run["last_seq"] + 1))
    assert run["result"]["far"] == site.remote_pid


async def _more(seen: list[Any], before: int, count: int) -> bool:
    return len(seen) >= before + count


@pytest.mark.spec("QUEUE-34")
async def test_errors_retries_and_writes_are_those_of_a_node_at_home(
    project: Project, trace: Trace, tmp_path: Path
) -> None:
    args = {"path": str(trace.path), "name": "x", "gate": str(tmp_path / "gate")}
    retry = {"max_attempts": 3, "initial_interval": 0.05, "jitter": False}
    document = graph(
        [
            tool("flaky", "flaky_unless", retry=retry, **args),
            tool("hard", "fail_unless", retry=retry, on_error="continue", **args),
            tool("writes", "give", path=str(trace.path), name="w", value=5, writes={"total": "{{ output }}"}),
            transform("rescue", "{{ flaky.error.type }}"),
        ],
        ("flaky", "rescue", {"on": "error"}),
        state={"total": {"reducer": "add", "default": 1}},
    )

    path = await started(project, document)
    run = await ended(project.client, path)

    flaky, hard = await node(project.client, path, "flaky"), await node(project.client, path, "hard")
    assert (run["status"], run["state"]) == ("COMPLETED", {"total": 6})
    assert (flaky["status"], flaky["attempt"]) == ("FAILED", 3)
    assert (flaky["error"]["type"], flaky["error"]["retryable"]) == ("RetryableError", True)
    assert (hard["status"], hard["attempt"], hard["output"]) == ("COMPLETED", 1, None)
    assert (hard["error"]["type"], hard["error"]["message"]) == ("ValueError", "the gate is closed")
    assert 'raise ValueError("the gate is closed")' in hard["error"]["stack"]
    assert run["result"]["rescue"] == "RetryableError"
    events = await check_log(project.client, path)
    each = ["waiting", "started"]
    assert kinds(events, "flaky") == [*each, "retrying", *each, "retrying", *each, "failed"]
    assert [e["data"]["attempt"] for e in events if e["type"].endswith("started") and e["node_id"] == "flaky"] == [
        1,
        2,
        3,
    ]


@pytest.mark.spec("QUEUE-35")
async def test_the_timeout_counts_from_the_begin_of_the_work_and_not_in_the_queue(
    site: Site, project: Project, trace: Trace
) -> None:
    held = {"path": str(trace.path), "name": "held"}
    short = {"path": str(trace.path), "name": "short", "seconds": 0.2}
    path = await started(
        project, graph([tool("slow", "hold", timeout=0.4, **held), tool("late", "mark", "later", timeout=1.0, **short)])
    )

    async def failed() -> bool:
        return bool((await node(project.client, path, "slow"))["status"] == "FAILED")

    await until(failed)
    slow = await node(project.client, path, "slow")
    assert (slow["error"]["type"], slow["reason"]["code"]) == ("NodeTimeoutError", "timeout")
    assert "cancelled held" in trace.lines()

    async def waited() -> bool:
        rows = await site.workers.rows(
            "select 1 from node_calls where queue = 'later' and created_at < clock_timestamp() - interval '1.1 s'"
        )
        return bool(rows)

    await until(waited)
    worker = await site.workers.start("later")
    run = await ended(project.client, path)
    assert run["status"] == "FAILED"
    assert (await node(project.client, path, "late"))["status"] == "COMPLETED"
    worker.signal(9)


@pytest.mark.spec("QUEUE-36")
async def test_a_cancelled_run_cancels_the_code_on_the_other_worker_at_once(project: Project, trace: Trace) -> None:
    path = await started(project, graph([tool("far", "hold", path=str(trace.path), name="far")]))
    await until(lambda: _traced(trace, "start far"))
    await in_status(project.client, path, "WAITING")

    before = time.monotonic()
    answer = await project.client.post(f"{path}/cancel")
    await until(lambda: _traced(trace, "cancelled far"))
    assert time.monotonic() - before < 1.0
    assert answer.status_code == 202
    assert (await project.client.get(path)).json()["status"] == "CANCELLED"
    await check_log(project.client, path)


async def _traced(trace: Trace, line: str) -> bool:
    return line in trace.lines()


@pytest.mark.spec("QUEUE-37")
async def test_secrets_are_those_of_the_worker_that_runs_the_node_and_are_stored_nowhere(
    site: Site, project: Project, trace: Trace, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    args = {"path": str(trace.path), "name": "got {{ secrets.token }}!", "gate": str(gate)}
    path = await started(project, graph([transform("n", "five"), tool("far", "until", **args)], ("n", "far")))
    await until(lambda: _traced(trace, "start got remote-secret!"))

    rows = await site.workers.rows(
        "select row_to_json(c)::text as text from node_calls c where run_id = %s", path.rsplit("/", 1)[1]
    )
    assert len(rows) == 1
    assert "remote-secret" not in rows[0]["text"]
    gate.touch()
    assert (await ended(project.client, path))["status"] == "COMPLETED"
    far = await node(project.client, path, "far")
    assert far["input"] is None or "remote-secret" not in json.dumps(far["input"])


@pytest.mark.spec("QUEUE-38")
async def test_a_type_of_ones_own_evaluates_its_expressions_elsewhere(site: Site, project: Project) -> None:
    judge = {
        "id": "judge",
        "type": "probe.judge",
        "queue": "gpu",
        "config": {"when": "n.output > 3 and secrets.token == 'remote-secret'", "text": "{{ n.output }}{{ input.t }}"},
    }
    path = await started(project, graph([transform("n", 12), judge], ("n", "judge")), {"t": "abc"})

    run = await ended(project.client, path)

    assert run["status"] == "COMPLETED", run["error"]
    assert run["result"] == {"judge": {"value": True, "length": 5, "pid": site.remote_pid}}


@pytest.mark.spec("QUEUE-39")
async def test_two_hundred_items_of_a_map_run_on_another_worker(site: Site, project: Project, trace: Trace) -> None:
    inner = {
        "type": "tool",
        "queue": "gpu",
        "config": {"tool": "probe.pid", "args": {"path": str(trace.path), "name": "item {{ index }}", "seconds": 0.01}},
    }
    each = {"id": "each", "type": "map", "config": {"items": "{{ range(200) }}", "concurrency": 20, "node": inner}}

    path = await started(project, graph([each]))
    run = await ended(project.client, path, seconds=60)

    assert run["status"] == "COMPLETED", run["error"]
    assert run["result"] == {"each": [site.remote_pid] * 200}
    assert sorted(trace.lines()) == sorted(f"start item {n}" for n in range(200))
    items = (await project.client.get(f"{path}/items", params={"limit": 200})).json()["items"]
    assert {item["status"] for item in items} == {"COMPLETED"}
    await check_log(project.client, path)


@pytest.mark.spec("QUEUE-39")
async def test_the_first_item_that_fails_cancels_the_others_on_the_other_worker(project: Project, trace: Trace) -> None:
    inner = {
        "type": "tool",
        "config": {
            "tool": "probe.first_fails",
            "args": {"path": str(trace.path), "name": "item {{ index }}", "fails": "{{ index == 2 }}"},
        },
    }
    config = {"items": "{{ range(5) }}", "concurrency": 5, "node": inner}
    path = await started(project, graph([{"id": "each", "type": "map", "queue": "gpu", "config": config}]))

    run = await ended(project.client, path)

    assert (run["status"], run["error"]["type"]) == ("FAILED", "ValueError")
    await until(lambda: _all_traced(trace, [f"cancelled item {n}" for n in (0, 1, 3, 4)]))


async def _all_traced(trace: Trace, lines: list[str]) -> bool:
    return set(lines) <= set(trace.lines())


@pytest.mark.spec("QUEUE-40")
async def test_each_lap_of_a_loop_runs_its_node_elsewhere(project: Project, trace: Trace) -> None:
    args = {"path": str(trace.path), "name": "lap {{ loop.iteration }}", "value": "{{ loop.iteration }}"}
    document = graph(
        [transform("x", "{{ loop.iteration }}"), tool("far", "give", **args), transform("end", "{{ far.output }}")],
        ("x", "far"),
        ("far", "x", {"condition": "loop.iteration < 4"}),
        ("far", "end", {"condition": "else"}),
        entry="x",
    )
    path = await started(project, document)

    run = await ended(project.client, path)

    assert (run["status"], run["result"]) == ("COMPLETED", {"end": 4})
    assert trace.lines() == [f"start lap {lap}" for lap in range(5)]
    events = await check_log(project.client, path)
    assert [e["data"]["path"] for e in events if e["node_id"] == "far" and e["type"].endswith("started")] == [
        [lap] for lap in range(5)
    ]


@pytest.mark.spec("QUEUE-41")
async def test_two_nodes_on_two_queues_work_at_the_same_time(site: Site, project: Project, trace: Trace) -> None:
    other = await site.workers.start("cpu")
    args = {"path": str(trace.path), "seconds": 0.5}
    path = await started(
        project, graph([tool("one", "pid", "gpu", name="one", **args), tool("two", "pid", "cpu", name="two", **args)])
    )
    run = await ended(project.client, path)
    pid = other.process.pid if other.process else 0

    assert run["result"] == {"one": site.remote_pid, "two": pid}
    begun = [await node(project.client, path, name) for name in ("one", "two")]
    assert max(n["started_at"] for n in begun) < min(n["finished_at"] for n in begun)
    other.signal(9)


@pytest.mark.spec("QUEUE-42")
async def test_names_of_queues_that_no_worker_can_have_are_refused_with_their_place(project: Project) -> None:
    names = ["", "a" * 41, "gpu,cpu", "ü", " gpu"]
    nodes = [{**transform(f"n{n}", 1), "queue": name} for n, name in enumerate(names)]
    inner = {"type": "transform", "queue": "a b", "config": {"value": 1}}
    nodes.append({"id": "each", "type": "map", "config": {"items": [], "node": inner}})

    answer = await project.client.post(f"{project.workflows}/validate", json={"graph": graph(nodes)})

    problems = answer.json()["problems"]
    assert [problem["pointer"] for problem in problems if problem["pointer"].endswith("/queue")] == [
        *(f"/nodes/{n}/queue" for n in range(len(names))),
        "/nodes/5/config/node/queue",
    ]
    assert all(problem["code"] == "invalid_config" for problem in problems)


@pytest.mark.spec("QUEUE-43")
async def test_nothing_is_left_of_calls_when_their_run_has_ended(site: Site, project: Project, trace: Trace) -> None:
    document = graph([tool("far", "give", path=str(trace.path), name="far", value="x" * 100_000)])
    path = await started(project, document)
    assert (await ended(project.client, path))["result"] == {"far": "x" * 100_000}
    run_id = path.rsplit("/", 1)[1]

    async def gone() -> bool:
        return not await site.workers.rows("select 1 from node_calls where run_id = %s", run_id)

    await until(gone)
