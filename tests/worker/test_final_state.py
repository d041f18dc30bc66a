import pytest

from tests.support import Project, ended
from tests.worker.runs import graph, started


@pytest.mark.spec("API-104")
async def test_a_run_shows_the_shared_state_at_its_end(server_project: Project) -> None:
    nodes = [
        {"id": name, "type": "transform", "config": {"value": value}, "writes": {"all": "{{ output }}", "sum": 1}}
        for name, value in (("a", "A"), ("b", "B"))
    ]
    state = {"all": {"reducer": "append", "default": []}, "sum": {"reducer": "add", "default": 10}}
    path = await started(server_project, graph(nodes, ("a", "b"), state=state))
    run = await ended(server_project.client, path)
    assert (run["status"], run["state"]) == ("COMPLETED", {"all": ["A", "B"], "sum": 12})


@pytest.mark.spec("API-104")
async def test_a_run_without_shared_state_shows_null(server_project: Project) -> None:
    path = await started(server_project, graph([{"id": "a", "type": "transform", "config": {"value": 1}}]))
    assert (await ended(server_project.client, path))["state"] is None


@pytest.mark.spec("API-104")
async def test_a_run_that_failed_shows_the_state_as_it_has_left_it(server_project: Project) -> None:
    nodes = [
        {"id": "a", "type": "transform", "config": {"value": "A"}, "writes": {"all": "{{ output }}"}},
        {"id": "b", "type": "tool", "config": {"tool": "ref.fail", "args": {"message": "no"}}},
    ]
    path = await started(server_project, graph(nodes, ("a", "b"), state={"all": {"reducer": "append", "default": []}}))
    run = await ended(server_project.client, path)
    assert (run["status"], run["state"]) == ("FAILED", {"all": ["A"]})
