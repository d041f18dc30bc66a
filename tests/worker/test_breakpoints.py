import httpx
import pytest

from tests.support import Project, ServerProcess, ended, until
from tests.worker.conftest import Trace, check_log
from tests.worker.runs import graph, in_status, node, started, statuses, transform

CHAIN = graph(
    [
        transform("a", "{{ input.n }}"),
        transform("b", "{{ a.output + 1 }}"),
        transform("c", "{{ b.output * 10 }}"),
    ],
    ("a", "b"),
    ("b", "c"),
)


@pytest.mark.spec("RUN-45")
async def test_a_run_stops_before_the_node_at_a_breakpoint_and_shows_its_input(server_project: Project) -> None:
    client = server_project.client
    path = await started(server_project, CHAIN, {"n": 1}, breakpoints=["b"])

    run = await in_status(client, path, "WAITING")
    held = await node(client, path, "b")
    assert run["reason"]["code"] == "breakpoint"
    assert (held["status"], held["reason"]["code"], held["input"]) == ("WAITING", "breakpoint", {"value": 2})
    assert held["started_at"] is None
    assert await statuses(client, path) == {"a": "COMPLETED", "b": "WAITING", "c": "PENDING"}

    assert (await client.post(f"{path}/resume", json={"node_id": "b"})).status_code == 202
    assert (await ended(client, path))["result"] == {"c": 20}
    types = [e["type"].rsplit(".", 1)[1] for e in await check_log(client, path) if e["node_id"] == "b"]
    assert types == ["waiting", "started", "completed"]


@pytest.mark.spec("RUN-46")
async def test_step_mode_stops_before_every_node_and_each_resume_is_one_step(server_project: Project) -> None:
    client = server_project.client
    path = await started(server_project, CHAIN, {"n": 1}, mode="step")
    for name in ("a", "b", "c"):
        await until(lambda name=name: _held(client, path, name))
        await in_status(client, path, "WAITING")
        assert (await client.post(f"{path}/resume")).status_code == 202
    assert (await ended(client, path))["result"] == {"c": 20}
    assert (await client.post(f"{path}/resume")).json()["code"] == "not_waiting"
    await check_log(client, path)


@pytest.mark.spec("RUN-46")
async def test_the_mode_can_be_changed_at_a_stop(server_project: Project) -> None:
    client = server_project.client
    path = await started(server_project, CHAIN, {"n": 1}, mode="step")
    await in_status(client, path, "WAITING")
    await client.post(f"{path}/resume", json={"mode": "run"})
    assert (await ended(client, path))["result"] == {"c": 20}

    other = await started(server_project, CHAIN, {"n": 1}, breakpoints=["a"])
    await in_status(client, other, "WAITING")
    await client.post(f"{other}/resume", json={"mode": "step"})
    await until(lambda: _held(client, other, "b"))
    await client.post(f"{other}/cancel")


@pytest.mark.spec("RUN-47")
async def test_values_can_be_overridden_at_a_stop(server_project: Project) -> None:
    client = server_project.client
    path = await started(server_project, CHAIN, {"n": 1}, breakpoints=["b", "c"])
    await in_status(client, path, "WAITING")

    await client.post(f"{path}/resume", json={"node_id": "b", "outputs": {"a": 5}})
    await until(lambda: _held(client, path, "c"))
    await in_status(client, path, "WAITING")
    assert (await node(client, path, "b"))["output"] == 6
    assert (await node(client, path, "c"))["input"] == {"value": 60}
    await client.post(f"{path}/resume", json={"node_id": "c", "outputs": {"c": "mine"}})

    assert (await ended(client, path))["result"] == {"c": "mine"}
    events = await check_log(client, path)
    overridden = [e for e in events if e["data"].get("overridden")]
    assert [(e["node_id"], e["data"]["output"]) for e in overridden] == [("a", 5)]


@pytest.mark.spec("RUN-47")
async def test_the_input_of_a_node_can_be_overridden_before_it_runs(server_project: Project) -> None:
    client = server_project.client
    path = await started(server_project, CHAIN, {"n": 1}, breakpoints=["b"])
    await in_status(client, path, "WAITING")

    wrong = await client.post(f"{path}/resume", json={"node_id": "a", "input": {"value": 1}})
    await client.post(f"{path}/resume", json={"node_id": "b", "input": {"value": 7}})

    assert wrong.json()["code"] == "not_waiting"
    assert (await ended(client, path))["result"] == {"c": 70}
    assert (await node(client, path, "b"))["input"] == {"value": 7}


@pytest.mark.spec("RUN-45")
async def test_a_breakpoint_that_names_no_node_is_refused(server_project: Project) -> None:
    workflow = await server_project.workflow(CHAIN)
    run = await server_project.run(workflow["id"], {"n": 1})
    answer = await server_project.client.post(
        f"{server_project.runs}/{run['id']}/execute", json={"breakpoints": ["a", "nobody"]}
    )
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/breakpoints/1")


@pytest.mark.spec("RUN-45")
async def test_a_step_answers_no_approval_and_an_answer_steps_nowhere(server_project: Project) -> None:
    client = server_project.client
    document = graph([transform("held", 1), {"id": "ask", "type": "approval"}])
    path = await started(server_project, document, breakpoints=["held"])
    await in_status(client, path, "WAITING")

    assert (await client.post(f"{path}/resume", json={"answer": "yes"})).status_code == 202
    await until(lambda: _completed(client, path, "ask"))
    assert (await node(client, path, "held"))["status"] == "WAITING"
    await in_status(client, path, "WAITING")
    assert (await client.post(f"{path}/resume", json={"answer": "yes"})).json()["code"] == "not_waiting"
    await client.post(f"{path}/resume")

    assert (await ended(client, path))["result"]["held"] == 1
    await check_log(client, path)


@pytest.mark.spec("RUN-45", "LANG-5")
async def test_other_branches_go_on_while_a_node_stands_at_a_breakpoint(server_project: Project, trace: Trace) -> None:
    client = server_project.client
    document = graph([trace.node("held"), trace.node("x"), trace.node("y")], ("x", "y"))
    path = await started(server_project, document, breakpoints=["held"])
    await in_status(client, path, "WAITING")
    assert await statuses(client, path) == {"held": "WAITING", "x": "COMPLETED", "y": "COMPLETED"}
    await client.post(f"{path}/resume")
    await ended(client, path)
    assert sorted(line for line in trace.lines() if line.startswith("start")) == ["start held", "start x", "start y"]


@pytest.mark.spec("RUN-46")
async def test_step_mode_begins_at_once_while_other_branches_work(server_project: Project, trace: Trace) -> None:
    client, gate = server_project.client, trace.path.with_name("gate")
    document = graph([*CHAIN["nodes"], trace.node("slow", "until", gate=str(gate))], ("a", "b"), ("b", "c"))
    path = await started(server_project, document, {"n": 1}, breakpoints=["b"])
    await until(lambda: _held(client, path, "b"))

    await client.post(f"{path}/resume", json={"node_id": "b", "mode": "step"})

    await until(lambda: _held(client, path, "c"))
    assert (await client.get(path)).json()["status"] == "RUNNING"
    gate.touch()
    await client.post(f"{path}/resume", json={"mode": "run"})
    assert (await ended(client, path))["status"] == "COMPLETED"
    await check_log(client, path)


@pytest.mark.spec("RUN-45")
async def test_a_breakpoint_in_a_loop_stops_every_lap(server_project: Project) -> None:
    client = server_project.client
    document = graph(
        [transform("start", 0), transform("count", "{{ loop.iteration }}")],
        ("start", "count"),
        ("count", "count", {"condition": "count.output < 2"}),
    )
    path = await started(server_project, document, breakpoints=["count"])
    for lap in range(3):
        await until(lambda lap=lap: _held(client, path, "count", lap))
        await client.post(f"{path}/resume")
    assert (await ended(client, path))["result"] == {"count": 2}
    await check_log(client, path)


@pytest.mark.spec("RUN-45", "RUN-43")
async def test_a_run_at_a_breakpoint_survives_the_death_of_its_process(
    process: ServerProcess, client: httpx.AsyncClient, trace: Trace
) -> None:
    project = await Project.make(client)
    path = await started(project, graph([trace.node("a"), trace.node("b")], ("a", "b")), breakpoints=["b"])
    await in_status(client, path, "WAITING")
    process.kill()
    await process.start()
    await client.post(f"{path}/resume")
    assert (await ended(client, path))["status"] == "COMPLETED"
    assert [line for line in trace.lines() if line.startswith("start")] == ["start a", "start b"]
    await check_log(client, path)


async def _completed(client: httpx.AsyncClient, path: str, name: str) -> bool:
    return (await node(client, path, name))["status"] == "COMPLETED"


async def _held(client: httpx.AsyncClient, path: str, name: str, lap: int = 0) -> bool:
    turn = await node(client, path, name)
    return turn["status"] == "WAITING" and turn["iteration"] == lap
