import httpx
import pytest

from tests.support import DOUBLE, Project, ServerProcess, ended


@pytest.mark.spec("API-67")
async def test_a_killed_server_comes_back_with_everything_it_promised(server_process: ServerProcess) -> None:
    async with httpx.AsyncClient(base_url=server_process.api) as client:
        project = await Project.make(client)
        workflow = await project.workflow(DOUBLE)
        run = await project.run(workflow["id"], {"n": 2}, execute=True)
        server_process.kill()
        await server_process.start()
        done = await ended(client, f"{project.runs}/{run['id']}", seconds=60)
        assert (done["status"], done["result"]) == ("COMPLETED", 4)
