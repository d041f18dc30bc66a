import asyncio
import signal
import socket
import time

import httpx
import pytest
from pydantic import SecretStr

from app.cli.configuration import SettingsProblemError, settings_with
from app.config import Settings
from app.db import Database
from tests.cli.conftest import FAILING, Shell, line_with
from tests.support import DOUBLE, ServerProcess, ThreadServer, ended, waiting


@pytest.mark.spec("CLI-1")
async def test_help_names_every_command_and_loads_nothing_heavy(shell: Shell) -> None:
    shell.environment["PYTHONPROFILEIMPORTTIME"] = "1"
    done = await shell.good("--help")
    for name in ("serve", "worker", "migrate", "workers", "validate", "export", "run", "projects", "workflows", "runs"):
        assert f"  {name} " in done.out
    loaded = {line.split("|")[-1].strip().split(".")[0] for line in done.err.splitlines() if "|" in line}
    assert loaded & {"typer", "langgraph", "langchain_core", "sqlalchemy", "fastapi", "psycopg", "httpx"} == {"typer"}


@pytest.mark.spec("CLI-2")
async def test_validate_tells_all_problems_with_code_and_place(shell: Shell) -> None:
    bad = {"nodes": [{"id": "a", "type": "nonsense"}], "edges": [{"source": "a", "target": "nowhere"}]}
    done = await shell.run("validate", shell.file("bad.json", bad))
    assert done.code == 1
    assert {line.split(":")[0] for line in done.out.splitlines()} == {
        "unknown_node_type /nodes/0/type",
        "unknown_target /edges/0/target",
    }
    told = await shell.run("validate", "-", "--json", stdin='{"nodes": 7}')
    assert told.code == 1
    assert told.value["valid"] is False
    assert (await shell.good("validate", shell.file("good.json", DOUBLE))).out.startswith("valid: 3 nodes, 2 edges")


@pytest.mark.spec("CLI-30")
async def test_validate_tells_how_a_graph_would_run(shell: Shell) -> None:
    transform = {"type": "transform", "config": {"value": 1}}
    graph = {
        "nodes": [{"id": name, **transform} for name in "abcd"],
        "edges": [
            {"source": "a", "target": "b"},
            {"source": "a", "target": "c"},
            {"source": "c", "target": "d"},
            {"source": "d", "target": "c", "condition": "loop.iteration < 2"},
        ],
    }
    assert (await shell.good("validate", shell.file("graph.json", graph))).out.splitlines() == [
        "valid: 4 nodes, 4 edges, 1 loops, depth 3",
        "begins with: a",
        "longest chain: a → c → d",
        "at most 2 side by side: b, c",
        "loop of c: c, d; at most 100 laps",
    ]


@pytest.mark.spec("EXPORT-16")
async def test_a_graph_file_is_written_in_other_forms(shell: Shell) -> None:
    file = shell.file("double.json", DOUBLE)
    program = (await shell.good("export", file)).out
    assert program.startswith('"""double.\n')
    assert "async def double(see: See) -> Any:" in program
    assert (await shell.good("export", file, "--format", "mermaid")).out.startswith("flowchart TD\n")
    assert (await shell.good("export", file, "--format", "json")).value["nodes"][0]["id"] == "start"
    refused = await shell.run("export", shell.file("bad.json", {"nodes": []}))
    assert (refused.code, "no_entry" in refused.err) == (1, True)


@pytest.mark.spec("CLI-3")
async def test_a_file_that_is_no_json_or_not_there_is_told_in_a_sentence(shell: Shell) -> None:
    for done in (await shell.run("validate", shell.file("x", "{nodes")), await shell.run("validate", "/not/there")):
        assert done.code == 1
        assert "Traceback" not in done.err
        assert len(done.err.splitlines()) == 1
    assert (await shell.run("run", "/not/there")).code == 2


@pytest.mark.spec("CLI-4")
async def test_run_prints_the_result_and_tells_what_happens_elsewhere(local: Shell) -> None:
    file = local.file("double.json", DOUBLE)
    done = await local.good("run", file, "--input", local.file("input.json", {"n": 21}))
    assert done.value == 42
    assert "double completed" in done.err
    whole = await local.good("run", file, "--data", '{"n": 4}', "--json")
    assert whole.value["status"] == "COMPLETED"


@pytest.mark.spec("CLI-5")
async def test_run_fails_with_the_run_and_is_refused_with_its_graph_or_input(local: Shell) -> None:
    failed = await local.run("run", local.file("failing.json", FAILING), "--data", "{}")
    assert (failed.code, failed.out) == (1, "")
    assert "FAILED" in failed.err
    refused = await local.run("run", local.file("bad.json", {"nodes": [{"id": "a", "type": "nonsense"}]}))
    assert refused.code == 2
    assert "unknown_node_type /nodes/0/type" in refused.err
    unfit = await local.run("run", local.file("double.json", DOUBLE), "--data", "{}")
    assert unfit.code == 2


@pytest.mark.spec("CLI-18")
async def test_run_answers_approvals_as_it_is_told_or_says_that_nobody_is_there(local: Shell) -> None:
    ask = {"id": "ask", "type": "approval", "config": {"prompt": "Go?", "schema": {"type": "boolean"}}}
    file = local.file("ask.json", {"nodes": [ask]})
    assert (await local.good("run", file, "--answer", "ask=true")).value == {
        "ask": {"answer": True, "by": "the command line"}
    }
    nobody = await local.run("run", file)
    assert (nobody.code, nobody.out) == (1, "")
    assert "`ask` waits for an answer; give one with --answer 'ask=JSON'" in nobody.err
    odd = await local.run("run", file, "--answer", "ask")
    assert odd.code == 2


@pytest.mark.spec("QUEUE-60")
async def test_a_run_of_a_command_that_has_ended_goes_on_over_the_api(local: Shell, server: ThreadServer) -> None:
    failed = await local.run("run", local.file("failing.json", FAILING), "--data", "{}", "--json")
    async with httpx.AsyncClient(base_url=server.api) as client:
        projects = (await client.get("/projects")).json()["items"]
        (project,) = [one["id"] for one in projects if one["name"] == "local"]
        runs = f"/projects/{project}/workflows/runs"
        path = f"{runs}/{failed.value['run_id']}"
        fork = (await client.post(f"{path}/fork", params={"execute": "true"}, json={})).json()
        assert (await client.post(f"{path}/retry")).status_code == 202
        for one in (f"{runs}/{fork['id']}", path):
            run = await ended(client, one)
            assert (run["status"], run["queue"]) == ("FAILED", "default")


@pytest.mark.spec("CLI-6")
async def test_an_interrupt_cancels_the_run(local: Shell, database: Database) -> None:
    process = await local.start("run", local.file("waiting.json", waiting()))
    await line_with(process.stderr, "wait started")
    process.send_signal(signal.SIGINT)
    await line_with(process.stderr, "run cancelled")
    async with asyncio.timeout(15):
        assert await process.wait() == 130
    async with database.pool.connection() as connection:
        rows = await (await connection.execute("select status from runs")).fetchall()
    assert [row["status"] for row in rows] == ["CANCELLED"]


@pytest.mark.spec("CLI-7")
async def test_migrate_makes_the_tables_and_workers_lists_who_works(shell: Shell, empty_database_url: str) -> None:
    shell.environment["DATABASE_URL"] = empty_database_url
    early = await shell.run("workers")
    assert early.code == 1
    assert "graphwright migrate" in early.err
    assert "revision" in (await shell.good("migrate")).out
    assert (await shell.good("workers", "--json")).value == []
    process = await shell.start("worker", "--queues", "default,gpu", "--concurrency", "3")
    await line_with(process.stdout, "serves default, gpu")
    (row,) = (await shell.good("workers", "--json")).value
    assert (row["queues"], row["concurrency"], row["alive"]) == (["default", "gpu"], 3, True)
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(15):
        assert await process.wait() == 0
    assert (await shell.good("workers", "--json")).value == []


@pytest.mark.spec("QUEUE-61")
async def test_a_worker_refuses_queues_that_no_node_can_name(local: Shell) -> None:
    for queues in ("a b", "gpu,ü", "x" * 41, ""):
        refused = await local.run("worker", "--queues", queues)
        assert (refused.code, refused.out) == (1, "")
        assert "queues: " in refused.err
        assert "at most 40 letters" in refused.err


@pytest.mark.spec("CLI-8")
async def test_a_database_that_cannot_be_reached_is_told_in_a_sentence(shell: Shell) -> None:
    shell.environment["DATABASE_URL"] = "postgresql://nobody@127.0.0.1:1/nothing"
    done = await shell.run("migrate")
    assert done.code == 1
    assert "DATABASE_URL" in done.err
    assert "Traceback" not in done.err


@pytest.mark.spec("CLI-95")
@pytest.mark.parametrize("url", ["sqlite:///s3cret.db", "host=s3cret dbname=x", "s3cret:5432/x", "://s3cret"])
@pytest.mark.parametrize("name", ["DATABASE_URL", "GRAPHWRIGHT_DIRECT_URL"])
def test_an_address_of_no_postgresql_server_is_refused(monkeypatch: pytest.MonkeyPatch, name: str, url: str) -> None:
    monkeypatch.setenv(name, url)
    with pytest.raises(SettingsProblemError, match="postgresql://user:password@host/database") as refused:
        settings_with()
    assert name.removeprefix("GRAPHWRIGHT_").lower() in refused.value.message.lower()
    assert "s3cret" not in refused.value.message


@pytest.mark.spec("CLI-95")
@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg", "postgresql+asyncpg"])
def test_any_address_of_a_postgresql_server_will_do(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    monkeypatch.setenv("DATABASE_URL", f"{scheme}://u@h/d")
    assert settings_with().database_url == SecretStr(f"{scheme}://u@h/d")


@pytest.mark.spec("CLI-95")
def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    fields = Settings.model_fields
    names = ["DATABASE_URL", *(f"GRAPHWRIGHT_{field.upper()}" for field in fields if field != "database_url")]
    for name in names:
        monkeypatch.delenv(name, raising=False)
    unset = Settings()
    for name in names:
        monkeypatch.setenv(name, "")
    assert Settings() == unset


@pytest.mark.spec("CLI-9")
async def test_serve_says_where_it_is_and_that_it_is_open(local: Shell) -> None:
    process = await local.start("serve", "--port", "0")
    address = (await line_with(process.stdout, "ready at")).split()[-1]
    await line_with(process.stdout, "open")
    await line_with(process.stdout, "curl")
    async with httpx.AsyncClient() as client:
        assert (await client.get(f"{address}/readyz")).status_code == 200
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(20):
        assert await process.wait() == 0


@pytest.mark.spec("CLI-10")
async def test_serve_refuses_a_port_in_use_and_to_be_open_to_others(shell: Shell) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = await shell.run("serve", "--port", port)
    assert done.code == 1
    assert f"Port {port} of 127.0.0.1 is in use" in done.err
    done = await shell.run("serve", "--host", "0.0.0.0", "--port", "0")
    assert done.code == 1
    assert "GRAPHWRIGHT_ADMIN_KEY" in done.err


@pytest.mark.spec("CLI-11")
async def test_open_streams_do_not_hold_up_the_end_of_the_server(server_process: ServerProcess) -> None:
    async with httpx.AsyncClient(base_url=server_process.api, timeout=20) as client:
        project = (await client.post("/projects", json={"name": "p"})).json()["id"]
        place = f"/projects/{project}/workflows"
        workflow = (await client.post(place, json={"name": "w", "graph": waiting()})).json()["id"]
        run = (await client.post(f"{place}/runs", json={"workflow_id": workflow})).json()["id"]
        async with client.stream("GET", f"{place}/runs/{run}/events") as answer:
            lines = answer.aiter_lines()
            assert await anext(lines) is not None
            began = time.monotonic()
            await asyncio.to_thread(server_process.stop)
            assert time.monotonic() - began < 5
