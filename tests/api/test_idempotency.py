import asyncio

import httpx
import pytest

from tests.support import DOUBLE, Project


@pytest.mark.spec("API-10")
async def test_the_same_key_and_body_give_the_first_answer_again(project: Project) -> None:
    workflow = await project.workflow(DOUBLE)
    headers = {"Idempotency-Key": "once"}
    first = await project.client.post(
        project.runs, json={"workflow_id": workflow["id"], "input_data": {"n": 1}}, headers=headers
    )
    again = await project.client.post(
        project.runs,
        content=b'{ "input_data": {"n": 1},  "workflow_id": "%s"}' % workflow["id"].encode(),
        headers={**headers, "Content-Type": "application/json"},
    )
    assert first.status_code == again.status_code == 201
    assert again.json() == first.json()
    assert again.headers["location"] == first.headers["location"]
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert len((await project.client.get(project.runs)).json()["items"]) == 1


@pytest.mark.spec("API-11")
async def test_the_same_key_with_another_request_gets_422(project: Project) -> None:
    workflow = await project.workflow(DOUBLE)
    headers = {"Idempotency-Key": "once"}
    body = {"workflow_id": workflow["id"], "input_data": {"n": 1}}
    assert (await project.client.post(project.runs, json=body, headers=headers)).status_code == 201
    for changed, params in (({**body, "input_data": {"n": 2}}, {}), (body, {"execute": "true"})):
        answer = await project.client.post(project.runs, json=changed, params=params, headers=headers)
        assert answer.status_code == 422
        assert answer.json()["code"] == "idempotency_key_reused"


@pytest.mark.spec("API-12")
async def test_of_concurrent_duplicates_one_works_and_all_get_its_answer(project: Project) -> None:
    workflow = await project.workflow(DOUBLE)
    body = {"workflow_id": workflow["id"], "input_data": {"n": 1}}

    async def send() -> httpx.Response:
        return await project.client.post(
            project.runs, json=body, params={"execute": "true"}, headers={"Idempotency-Key": "many"}
        )

    answers = await asyncio.gather(*(send() for _ in range(25)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert sum("idempotent-replayed" not in answer.headers for answer in answers) == 1
    assert len((await project.client.get(project.runs)).json()["items"]) == 1


@pytest.mark.spec("API-13")
async def test_a_failure_is_not_kept(project: Project) -> None:
    workflow = await project.workflow(DOUBLE)
    headers = {"Idempotency-Key": "later"}
    run = await project.run(workflow["id"], {"n": 1})
    path = f"{project.workflows}/{workflow['id']}"
    await project.client.patch(path, json={"active": False})
    execute = f"{project.runs}/{run['id']}/execute"
    assert (await project.client.post(execute, headers=headers)).status_code == 409
    await project.client.patch(path, json={"active": True})
    assert (await project.client.post(execute, headers=headers)).status_code == 202
    replayed = await project.client.post(execute, headers=headers)
    assert replayed.status_code == 202
    assert replayed.json()["status"] == "QUEUED"


@pytest.mark.spec("API-14")
async def test_keys_of_other_routes_and_projects_are_other_keys(client: httpx.AsyncClient, project: Project) -> None:
    headers = {"Idempotency-Key": "same"}
    other = await Project.make(client, "Other")
    body = {"name": "x", "graph": DOUBLE}
    made = [await client.post(path, json=body, headers=headers) for path in (project.workflows, other.workflows)]
    assert [answer.status_code for answer in made] == [201, 201]
    assert made[0].json()["id"] != made[1].json()["id"]
    assert (await client.post("/projects", json={"name": "x"}, headers=headers)).status_code == 201


@pytest.mark.spec("API-11")
async def test_an_empty_or_endless_key_is_refused(client: httpx.AsyncClient) -> None:
    for key in (" ", "", "x" * 256):
        answer = await client.post("/projects", json={"name": "x"}, headers={"Idempotency-Key": key})
        assert answer.status_code == 422, key
