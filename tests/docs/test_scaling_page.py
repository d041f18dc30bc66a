import re

import httpx
import psycopg
import pytest

from tests.support import ROOT, Project, ended
from tests.worker.conftest import check_log
from tests.worker.runs import started, transform

PAGE = (ROOT / "docs" / "scaling.md").read_text()
GRAPH = {"nodes": [transform("only", 1)], "edges": []}


def statements() -> list[str]:
    """The blocks of SQL, in their order."""
    found = re.findall(r"```sql\n(.*?)```", PAGE, re.DOTALL)
    assert len(found) == 2
    return found


async def carry_out(url: str, script: str) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute(script.encode())


@pytest.mark.spec("DOC-21")
async def test_events_can_be_put_in_parts_and_a_part_be_dropped(
    server_client: httpx.AsyncClient, database_url: str
) -> None:
    project = await Project.make(server_client)
    split, drop = statements()
    before = await started(project, GRAPH)
    await ended(server_client, before)

    await carry_out(database_url, split)
    after = await started(project, GRAPH)
    await ended(server_client, after)
    for path in (before, after):
        assert len(await check_log(server_client, path)) > 3

    await carry_out(database_url, drop)
    gone = await server_client.get(f"{before}/events", headers={"Accept": "application/json"})
    assert (gone.status_code, gone.json()["code"]) == (410, "events_pruned")
    assert (await server_client.get(before)).json()["status"] == "COMPLETED"
    later = await started(project, GRAPH)
    assert (await ended(server_client, later))["status"] == "COMPLETED"


@pytest.mark.spec("DOC-21")
async def test_a_part_with_a_run_that_has_not_ended_is_not_dropped(
    server_client: httpx.AsyncClient, database_url: str
) -> None:
    project = await Project.make(server_client)
    path = await started(project, {"nodes": [{"id": "wait", "type": "delay", "config": {"seconds": 60}}], "edges": []})
    split, drop = statements()
    await carry_out(database_url, split)

    with pytest.raises(psycopg.errors.RaiseException, match="have not ended"):
        await carry_out(database_url, drop)

    await server_client.post(f"{path}/cancel")
    assert (await ended(server_client, path))["status"] == "CANCELLED"
    await check_log(server_client, path)
