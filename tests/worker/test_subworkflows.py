import httpx
import pytest

from app.services.moves import Moved
from app.worker.sweeper import Sweeper
from tests.support import Project, ServerProcess, ended, until
from tests.worker.conftest import Trace, check_log
from tests.worker.runs import graph, in_status, node, started, transform

DOUBLE = graph(
    [
        {"id": "in", "type": "input", "config": {"schema": {"type": "object", "required": ["n"]}}},
        {"id": "out", "type": "output", "config": {"value": "{{ input.n * 2 }}"}},
    ],
    ("in", "out"),
)


def call(workflow: str, value: object = None, name: str = "call", **more: object) -> dict:
    return {"id": name, "type": "subworkflow", "config": {"workflow": workflow, "input": value}, **more}


async def child_of(client: httpx.AsyncClient, project: Project, path: str) -> dict:
    """The newest run of the project that is not the run at the path."""

    async def look():
        runs = (await client.get(project.runs)).json()["items"]
        return next((run for run in runs if not path.endswith(run["id"])), None)

    return await until(look)


@pytest.mark.spec("NODE-42")
@pytest.mark.parametrize("by", ["id", "name"])
async def test_a_subworkflow_is_a_run_of_its_own_and_gives_its_result(server_project: Project, by: str) -> None:
    client = server_project.client
    child = await server_project.workflow(DOUBLE, "Double")
    after = transform("after", "{{ call.output + 1 }}")
    document = graph([call(child[by], {"n": "{{ input.n }}"}), after], ("call", "after"))
    path = await started(server_project, document, {"n": 20})

    done = await ended(client, path)

    assert (done["status"], done["result"]) == ("COMPLETED", {"after": 41})
    run = await child_of(client, server_project, path)
    assert (run["workflow_name"], run["status"], run["parent_run_id"]) == ("Double", "COMPLETED", done["id"])
    waited = [e for e in await check_log(client, path) if e["type"] == "workflow.node.waiting"]
    assert [e["data"]["reason"]["run_id"] for e in waited] == [run["id"]]
    await check_log(client, f"{server_project.runs}/{run['id']}")


@pytest.mark.spec("NODE-42")
async def test_the_version_of_a_subworkflow_can_be_pinned(server_project: Project) -> None:
    client = server_project.client
    child = await server_project.workflow(graph([transform("a", 1)]), "Child")
    await client.put(f"{server_project.workflows}/{child['id']}", json={"graph": graph([transform("a", 2)])})
    pinned = {"id": "old", "type": "subworkflow", "config": {"workflow": "Child", "version": 1}}
    path = await started(server_project, graph([call("Child", name="new"), pinned]))
    assert (await ended(client, path))["result"] == {"new": {"a": 2}, "old": {"a": 1}}


@pytest.mark.spec("RUN-48")
async def test_cancelling_the_parent_cancels_the_child_and_its_code(server_project: Project, trace: Trace) -> None:
    client = server_project.client
    await server_project.workflow(graph([trace.node("held", "hold")]), "Child")
    await server_project.workflow(graph([call("Child")]), "Middle")
    path = await started(server_project, graph([call("Middle")]))
    await until(lambda: _traced(trace, "start held"))

    assert (await client.post(f"{path}/cancel")).status_code == 202

    await until(lambda: _traced(trace, "cancelled held"))
    runs = (await client.get(server_project.runs)).json()["items"]
    assert [(run["status"], run["reason"]["code"]) for run in runs] == [
        ("CANCELLED", "parent_ended"),
        ("CANCELLED", "parent_ended"),
        ("CANCELLED", "cancelled_by_user"),
    ]
    for run in runs:
        await check_log(client, f"{server_project.runs}/{run['id']}")


@pytest.mark.spec("RUN-49")
async def test_a_failed_child_fails_its_node_and_a_retry_of_the_parent_goes_on_with_the_child(
    server_project: Project, trace: Trace
) -> None:
    client = server_project.client
    gate = trace.path.with_name("gate")
    await server_project.workflow(
        graph([trace.node("first"), trace.node("bad", "fail_unless", gate=str(gate))], ("first", "bad")), "Child"
    )
    path = await started(server_project, graph([call("Child")]))
    failed = await ended(client, path)
    assert failed["status"] == "FAILED"
    assert (await node(client, path, "call"))["error"]["type"] == "child_failed"

    gate.touch()
    await client.post(f"{path}/retry")
    done = await ended(client, path)

    assert (done["status"], done["result"]) == ("COMPLETED", {"call": {"bad": "bad"}})
    assert [line for line in trace.lines() if line.startswith("start")] == ["start first", "start bad", "start bad"]
    assert len((await client.get(server_project.runs)).json()["items"]) == 2
    await check_log(client, path)


@pytest.mark.spec("RUN-49")
async def test_a_retry_from_the_node_begins_a_child_of_its_own(server_project: Project, trace: Trace) -> None:
    client = server_project.client
    gate = trace.path.with_name("gate")
    await server_project.workflow(graph([trace.node("work")]), "Child")
    bad = trace.node("bad", "fail_unless", gate=str(gate))
    path = await started(server_project, graph([call("Child"), bad], ("call", "bad")))
    await ended(client, path)
    gate.touch()
    await client.post(f"{path}/retry", json={"from_node": "call"})
    assert (await ended(client, path))["status"] == "COMPLETED"
    assert [line for line in trace.lines() if line == "start work"] == ["start work"] * 2
    assert len((await client.get(server_project.runs)).json()["items"]) == 3


@pytest.mark.spec("NODE-43")
async def test_a_workflow_that_calls_itself_comes_to_an_end(server_project: Project) -> None:
    client = server_project.client
    path = await started(server_project, graph([call("A workflow")]))
    done = await ended(client, path, seconds=60)
    runs = (await client.get(server_project.runs)).json()["items"]
    assert done["status"] == "FAILED"
    assert {run["status"] for run in runs} == {"FAILED"}
    assert len(runs) == 11
    deepest = f"{server_project.runs}/{runs[0]['id']}"
    assert (await node(client, deepest, "call"))["error"]["type"] == "too_deep"


@pytest.mark.spec("NODE-43")
@pytest.mark.parametrize(
    ("config", "kind"),
    [
        ({"workflow": "Nobody"}, "unknown_workflow"),
        ({"workflow": "Double", "version": 7}, "unknown_workflow"),
        ({"workflow": "Double", "input": {}}, "invalid_input"),
    ],
)
async def test_a_child_that_cannot_be_made_fails_its_node(server_project: Project, config: dict, kind: str) -> None:
    await server_project.workflow(DOUBLE, "Double")
    path = await started(server_project, graph([{"id": "call", "type": "subworkflow", "config": config}]))
    await ended(server_project.client, path)
    assert (await node(server_project.client, path, "call"))["error"]["type"] == kind


@pytest.mark.spec("RUN-48")
async def test_a_child_is_cancelled_when_its_node_runs_out_of_time(server_project: Project, trace: Trace) -> None:
    client = server_project.client
    await server_project.workflow(graph([trace.node("held", "hold")]), "Child")
    path = await started(server_project, graph([call("Child", timeout=1.0)]))
    done = await ended(client, path)
    assert (done["status"], (await node(client, path, "call"))["reason"]["code"]) == ("FAILED", "timeout")
    await until(lambda: _traced(trace, "cancelled held"))
    child = await child_of(client, server_project, path)
    await in_status(client, f"{server_project.runs}/{child['id']}", "CANCELLED")


@pytest.mark.spec("NODE-42")
@pytest.mark.parametrize("concurrency", [1])
async def test_parents_and_children_share_one_slot_without_waiting_for_each_other(
    server_project: Project, concurrency: int
) -> None:
    child = await server_project.workflow(DOUBLE, "Double")
    paths = [await started(server_project, graph([call(child["id"], {"n": n})]), {"n": n}) for n in range(5)]
    for n, path in enumerate(paths):
        assert (await ended(server_project.client, path))["result"] == {"call": n * 2}


@pytest.mark.spec("RUN-43")
async def test_a_parent_and_its_child_survive_the_death_of_their_process(
    process: ServerProcess, client: httpx.AsyncClient, trace: Trace
) -> None:
    project = await Project.make(client)
    gate = trace.path.with_name("gate")
    await project.workflow(graph([trace.node("wait", "until", gate=str(gate))]), "Child")
    path = await started(project, graph([trace.node("before"), call("Child")], ("before", "call")))
    await until(lambda: _traced(trace, "start wait"))
    process.kill()
    gate.touch()
    await process.start()
    assert (await ended(client, path, seconds=30))["result"] == {"call": {"wait": "wait"}}
    assert [line for line in trace.lines() if "before" in line] == ["start before", "end before"]
    assert len((await client.get(project.runs)).json()["items"]) == 2
    await check_log(client, path)


async def _reaches(looks: list[int], count: int) -> bool:
    return len(looks) >= count


async def _traced(trace: Trace, line: str) -> bool:
    return line in trace.lines()


@pytest.mark.spec("RUN-51")
async def test_a_child_that_is_retried_by_hand_after_its_parent_has_ended_runs_to_its_end(
    server_project: Project, trace: Trace, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = server_project.client
    looks: list[int] = []
    sweep = Sweeper.sweep

    async def counted(sweeper: Sweeper) -> list[Moved]:
        moves = await sweep(sweeper)
        looks.append(len(moves))
        return moves

    monkeypatch.setattr(Sweeper, "sweep", counted)
    gate, second = trace.path.with_name("gate"), trace.path.with_name("second")
    work, rest = trace.node("work", "flaky_unless", gate=str(gate)), trace.node("rest", "until", gate=str(second))
    await server_project.workflow(graph([work, rest], ("work", "rest")), "Child")
    path = await started(server_project, graph([call("Child")]))
    assert (await ended(client, path))["status"] == "FAILED"
    child = f"{server_project.runs}/{(await child_of(client, server_project, path))['id']}"
    gate.touch()

    assert (await client.post(f"{child}/retry")).status_code == 202
    await until(lambda: _traced(trace, "start rest"))
    before = len(looks)
    await until(lambda: _reaches(looks, before + 3))
    assert (await client.get(child)).json()["status"] == "RUNNING"

    # A retry of the parent waits for the child that is at work, and hears of its end.
    await client.post(f"{path}/retry")
    await in_status(client, path, "WAITING")
    second.touch()
    assert (await ended(client, path))["result"] == {"call": {"rest": "rest"}}
    assert (await client.get(child)).json()["status"] == "COMPLETED"
    assert len((await client.get(server_project.runs)).json()["items"]) == 2
    await check_log(client, path)
    await check_log(client, child)


@pytest.mark.spec("RUN-53")
async def test_a_child_that_ran_out_of_time_goes_on_with_the_next_attempt_after_a_restart(
    process: ServerProcess, client: httpx.AsyncClient, trace: Trace
) -> None:
    project = await Project.make(client)
    gate = trace.path.with_name("gate")
    await project.workflow(graph([trace.node("wait", "until", gate=str(gate))]), "Child")
    retry = {"max_attempts": 3, "initial_interval": 600, "max_interval": 600}
    path = await started(project, graph([call("Child", timeout=1.0, retry=retry)]))
    await until(lambda: _is_tried_again(client, path))
    gate.touch()

    process.stop()
    await process.start()

    done = await ended(client, path, seconds=30)
    assert (done["status"], done["result"]) == ("COMPLETED", {"call": {"wait": "wait"}})
    assert len((await client.get(project.runs)).json()["items"]) == 2
    await check_log(client, path)


async def _is_tried_again(client: httpx.AsyncClient, path: str) -> bool:
    return (await node(client, path, "call"))["status"] == "RETRYING"
