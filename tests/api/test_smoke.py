from tests.support import DOUBLE, Project, ended


async def test_create_without_worker(project: Project) -> None:
    workflow = await project.workflow(DOUBLE)
    run = await project.run(workflow["id"], {"n": 21})
    assert run["status"] == "PENDING"
    answer = await project.client.post(f"{project.runs}/{run['id']}/execute")
    assert answer.status_code == 202, answer.text


async def test_a_run_goes_all_the_way(server_project: Project) -> None:
    workflow = await server_project.workflow(DOUBLE)
    run = await server_project.run(workflow["id"], {"n": 21}, execute=True)
    done = await ended(server_project.client, f"{server_project.runs}/{run['id']}")
    assert done["status"] == "COMPLETED", done
    assert done["result"] == 42
