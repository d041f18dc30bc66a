import json

import httpx
import pytest
from fastapi import FastAPI

from app.config import Settings
from app.db import Database
from app.services.pruning import only_pruner
from app.worker.pruner import Pruner
from tests.cli.conftest import Shell, local, shell
from tests.retention.keeping import age, finished, rows_of
from tests.support import DOUBLE, Project, ThreadServer, client_of, until

__all__ = ["local", "shell"]


def counts(report: dict) -> dict[str, int]:
    return {row["table"]: row["rows"] for row in report["deleted"]}


@pytest.mark.spec("KEEP-17")
async def test_a_dry_run_says_what_the_next_pass_deletes(
    server_project: Project, database: Database, local: Shell
) -> None:
    old, middle, new = [await finished(server_project, DOUBLE, {"n": 1}) for _ in range(3)]
    await age(database, 31, [old])
    await age(database, 8, [middle])
    policy = {"KEEP_RUNS_DAYS": "30", "KEEP_EVENTS_DAYS": "7", "KEEP_CHECKPOINTS_SECONDS": "1e9"}
    local.environment |= {f"GRAPHWRIGHT_{name}": value for name, value in policy.items()}
    before = [await rows_of(database, run) for run in (old, middle, new)]

    told = (await local.good("prune", "--dry-run", "--json")).value

    assert [await rows_of(database, run) for run in (old, middle, new)] == before
    wanted = dict(before[0])
    wanted["run_events"] += before[1]["run_events"]
    assert counts(told) == wanted
    done = (await local.good("prune", "--json")).value
    assert counts(done) == wanted
    assert (told["dry_run"], done["dry_run"]) == (True, False)
    assert 0 < done["bytes"] < done["database_bytes"]
    assert "run_events" not in await rows_of(database, middle)
    assert await rows_of(database, old) == {}
    assert counts((await local.good("prune", "--json")).value) == {}


@pytest.mark.spec("KEEP-18")
async def test_prune_deletes_what_is_older_than_somebody_says(
    server_project: Project, database: Database, local: Shell
) -> None:
    other = await Project.make(server_project.client, "Other")
    old, new = [await finished(server_project, DOUBLE, {"n": 1}) for _ in range(2)]
    foreign = await finished(other, DOUBLE, {"n": 1})
    await age(database, 3, [old, foreign])
    prune = ("prune", "--older-than", "2d", "--project", server_project.id, "--json")
    assert set(counts((await local.good(*prune, "--dry-run")).value)) >= {"runs", "run_events", "checkpoints"}

    assert set(counts((await local.good(*prune, "--events-only")).value)) == {"run_events"}
    assert set(await rows_of(database, old)) >= {"runs", "node_states", "checkpoints"}
    assert counts((await local.good(*prune)).value)["runs"] == 1
    assert (await rows_of(database, old), len(await rows_of(database, new)) > 4) == ({}, True)
    only = ("prune", "--older-than", "0s", "--checkpoints-only", "--project", "Other")
    text = await local.good(*only)
    assert "checkpoint_writes\t" in text.out
    assert "MB" in text.err
    assert set(await rows_of(database, foreign)) == {"runs", "node_states", "run_events"}
    for wrong in (["--older-than", "soon"], ["--project", "Nobody"], ["--events-only", "--checkpoints-only"]):
        assert (await local.run("prune", *wrong)).code == 1


@pytest.mark.spec("KEEP-15")
async def test_one_process_at_a_time_prunes_and_not_too_often(database: Database, settings: Settings) -> None:
    pruner, other = Pruner(database, settings), Pruner(database, settings)
    async with only_pruner(database.url) as alone:
        assert alone is not None
        async with only_pruner(database.url) as second:
            assert second is None
        assert await pruner.look() is None

    assert await pruner.look() == {}
    assert await other.look() is None

    async with database.pool.connection() as connection:
        await connection.execute("update prunes set started_at = started_at - interval '3601 seconds'")
    assert await other.look() == {}


@pytest.mark.parametrize("policy", [{"prune_every_seconds": 0.2, "keep_runs_days": 0.5}])
@pytest.mark.spec("KEEP-16", "KEEP-19")
async def test_a_server_prunes_by_itself_and_tells_of_it(
    server: ThreadServer, server_project: Project, database: Database
) -> None:
    client = server_project.client
    run = await finished(server_project, DOUBLE, {"n": 1})
    await age(database, 1)

    async def pruned() -> dict | None:
        last = (await client.get("/stats")).json()["storage"]["last_prune"]
        return last if last and last["finished_at"] and last["deleted"].get("runs") else None

    last = await until(pruned)

    assert last["deleted"]["runs"] == 1
    assert await rows_of(database, run) == {}
    storage = (await client.get("/stats")).json()["storage"]
    assert storage["oldest_run_at"] is None
    assert storage["database_bytes"] > sum(table["bytes"] for table in storage["tables"]) > 0
    assert {"runs", "run_events", "checkpoints", "procrastinate_jobs"} <= {one["name"] for one in storage["tables"]}
    async with httpx.AsyncClient() as plain:
        metrics = (await plain.get(f"{server.url}/metrics")).text
    assert "graphwright_database_bytes " in metrics
    assert 'graphwright_table_bytes{table="runs"} ' in metrics


@pytest.mark.spec("KEEP-19")
async def test_a_key_of_a_project_is_not_told_of_the_storage(
    app: FastAPI, client: httpx.AsyncClient, project: Project
) -> None:
    key = (await client.post(f"/projects/{project.id}/keys", json={"name": "k", "role": "admin"})).json()["secret"]

    async with client_of(app, key) as theirs:
        assert (await theirs.get("/stats")).json()["storage"] is None
    whole = (await client.get("/stats")).json()["storage"]
    assert json.dumps(whole["last_prune"]) == "null"
    assert whole["events"] >= 0
