import asyncio

import pytest

from tests.support import DOUBLE, Project, ended


async def completed(project: Project) -> str:
    workflow = await project.workflow(DOUBLE)
    run = await project.run(workflow["id"], {"n": 1}, execute=True)
    path = f"{project.runs}/{run['id']}"
    await ended(project.client, path)
    return path


@pytest.mark.spec("API-53")
async def test_a_fork_is_made_once_per_idempotency_key(server_project: Project) -> None:
    client = server_project.client
    source = await completed(server_project)
    body, headers = {"from_node": "double", "input_data": {"n": 4}}, {"Idempotency-Key": "fork"}

    answers = await asyncio.gather(
        *(
            client.post(f"{source}/fork", params={"execute": "true"}, json=body, headers=headers, timeout=30)
            for _ in range(5)
        )
    )

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    made = answers[0].json()
    assert (made["status"], made["forked_from"], made["metadata"]) == ("QUEUED", source.rsplit("/", 1)[1], {})
    assert all(answer.headers["location"].endswith(made["id"]) for answer in answers)
    other = await client.post(f"{source}/fork", params={"execute": "true"}, json={}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert (await ended(client, f"{server_project.runs}/{made['id']}"))["result"] == 8
    assert len((await client.get(server_project.runs)).json()["items"]) == 2


@pytest.mark.spec("API-25")
async def test_no_fork_is_made_of_an_inactive_workflow(server_project: Project) -> None:
    client = server_project.client
    source = await completed(server_project)
    workflow = (await client.get(source)).json()["workflow_id"]
    await client.patch(f"{server_project.workflows}/{workflow}", json={"active": False})
    answer = await client.post(f"{source}/fork")
    assert (answer.status_code, answer.json()["code"]) == (409, "workflow_inactive")


@pytest.mark.spec("API-54")
async def test_a_run_names_its_parent_and_the_child_runs_of_a_run_are_listed(server_project: Project) -> None:
    client = server_project.client
    child = await server_project.workflow(DOUBLE, name="Child")
    call = {"id": "call", "type": "subworkflow", "config": {"workflow": child["id"], "input": {"n": 3}}}
    parent = await server_project.workflow({"nodes": [call], "edges": []})
    run = await server_project.run(parent["id"], execute=True)
    await ended(client, f"{server_project.runs}/{run['id']}")

    found = (await client.get(server_project.runs, params={"parent_run_id": run["id"]})).json()["items"]
    other = await client.get(server_project.runs, params={"parent_run_id": run["id"], "parent_node_id": "other"})
    assert other.json()["items"] == []

    assert [(one["workflow_id"], one["status"]) for one in found] == [(child["id"], "COMPLETED")]
    named = {name: found[0][name] for name in ("parent_run_id", "parent_node_id", "parent_iteration", "depth")}
    assert named == {"parent_run_id": run["id"], "parent_node_id": "call", "parent_iteration": 0, "depth": 1}
    above = (await client.get(f"{server_project.runs}/{run['id']}")).json()
    assert (above["parent_run_id"], above["parent_node_id"], above["depth"], above["forked_from"]) == (
        None,
        None,
        0,
        None,
    )
