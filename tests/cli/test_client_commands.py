import json
import signal

import pytest

from tests.cli.conftest import FAILING, Shell, line_with
from tests.support import DOUBLE, ServerProcess, waiting


@pytest.mark.spec("CLI-12")
async def test_a_workflow_is_made_started_followed_and_looked_at(remote: Shell) -> None:
    await remote.good("projects", "create", "Acme")
    workflow = (await remote.good("workflows", "create", remote.file("double.json", DOUBLE))).out.strip()
    assert f"{workflow}\tdouble\t1\t3" in (await remote.good("workflows", "list")).out
    assert "double\ttransform" in (await remote.good("workflows", "show", workflow)).out
    assert (await remote.good("workflows", "export", workflow)).value["nodes"][1]["id"] == "double"
    assert "data-quality" in (await remote.good("workflows", "templates")).out
    run = (await remote.good("runs", "create", workflow, "--data", '{"n": 21}')).out.strip()
    assert (await remote.good("runs", "show", run, "--json")).value["status"] == "PENDING"
    watched = await remote.good("runs", "start", run, "--watch")
    assert "double completed" in watched.err
    assert watched.value == (await remote.good("runs", "result", run)).value
    assert f"{run}\tdouble\tCOMPLETED\t100%" in (await remote.good("runs", "list")).out
    assert "double\t0\ttransform\tCOMPLETED" in (await remote.good("runs", "nodes", run)).out


@pytest.mark.spec("QUEUE-2")
async def test_a_run_is_made_with_a_priority(remote: Shell) -> None:
    await remote.good("projects", "create", "Acme")
    workflow = (await remote.good("workflows", "create", remote.file("double.json", DOUBLE))).out.strip()
    run = (await remote.good("runs", "create", workflow, "--data", '{"n": 1}', "--priority", "-7")).out.strip()
    assert (await remote.good("runs", "show", run, "--json")).value["priority"] == -7
    assert (await remote.run("runs", "create", workflow, "--priority", "101")).code == 2


@pytest.mark.spec("CLI-13")
async def test_watching_a_run_that_does_not_complete_ends_with_1(remote: Shell) -> None:
    await remote.good("projects", "create", "Acme")
    failing = (await remote.good("workflows", "create", remote.file("failing.json", FAILING))).out.strip()
    failed = await remote.run("runs", "create", failing, "--data", "{}", "--watch", "--json")
    assert failed.code == 1
    events = [json.loads(line) for line in failed.out.splitlines()]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert events[-1]["type"] == "workflow.run.failed"
    assert (await remote.run("runs", "retry", events[0]["run_id"], "--watch")).code == 1
    slow = (await remote.good("workflows", "create", remote.file("slow.json", waiting()))).out.strip()
    run = (await remote.good("runs", "create", slow, "--start")).out.strip()
    process = await remote.start("runs", "watch", run)
    await line_with(process.stderr, "wait started")
    await remote.good("runs", "cancel", run)
    await line_with(process.stderr, "run cancelled")
    assert await process.wait() == 1


@pytest.mark.spec("CLI-19")
async def test_a_run_is_stepped_through_and_answered(remote: Shell) -> None:
    await remote.good("projects", "create", "Acme")
    ask = {"id": "ask", "type": "approval"}
    workflow = (await remote.good("workflows", "create", remote.file("ask.json", {"nodes": [ask]}))).out.strip()
    run = (await remote.good("runs", "create", workflow)).out.strip()
    await remote.good("runs", "start", run, "--breakpoint", "ask")
    process = await remote.start("runs", "watch", run, "--json")
    await line_with(process.stdout, "workflow.run.waiting")
    await remote.good("runs", "resume", run)
    await line_with(process.stdout, "waiting_for_approval")
    await remote.good("runs", "resume", run, "--node", "ask", "--answer", '"yes"')
    assert await process.wait() == 0
    assert (await remote.good("runs", "result", run)).value["ask"]["answer"] == "yes"


@pytest.mark.spec("CLI-20")
async def test_a_retry_is_foretold_and_a_run_forked(remote: Shell) -> None:
    await remote.good("projects", "create", "Acme")
    failing = (await remote.good("workflows", "create", remote.file("failing.json", FAILING))).out.strip()
    failed = (await remote.run("runs", "create", failing, "--data", "{}", "--watch")).err.split()[0]
    foretold = await remote.good("runs", "retry", failed, "--dry-run")
    assert "boom\t0\trun\tIt has failed." in foretold.out
    plan = (await remote.good("runs", "retry", failed, "--dry-run", "--from-node", "boom", "--json")).value
    assert (plan["runs"], plan["nodes"][0]["reason"]["code"]) == (["boom"], "requested")
    watched = await remote.good("runs", "fork", failed, "--output", 'boom={"x": "a=b"}', "--watch")
    assert watched.value == {"boom": {"x": "a=b"}}
    good = (await remote.good("runs", "fork", failed, "--from-node", "boom", "--input", '{"a": {"b": 1}}')).out.strip()
    assert (await remote.good("runs", "show", good, "--json")).value["input"] == {"a": {"b": 1}}
    refused = await remote.run("runs", "fork", failed, "--output", "boom")
    assert (refused.code, "NODE=JSON" in refused.err) == (1, True)


@pytest.mark.spec("CLI-14")
async def test_a_refusal_is_told_with_all_its_problems(remote: Shell) -> None:
    await remote.good("projects", "create", "Acme")
    bad = {"nodes": [{"id": "a", "type": "nonsense"}], "edges": [{"source": "a", "target": "nowhere"}]}
    done = await remote.run("workflows", "create", remote.file("bad.json", bad))
    assert (done.code, done.out) == (1, "")
    assert "unknown_node_type" in done.err
    assert "unknown_target" in done.err
    remote.environment["GRAPHWRIGHT_KEY"] = "wrong"
    assert "key" in (await remote.run("projects", "list")).err


@pytest.mark.spec("CLI-15")
async def test_the_project_is_the_only_one_or_has_to_be_named(remote: Shell) -> None:
    none = await remote.run("runs", "list")
    assert (none.code, "projects create" in none.err) == (1, True)
    first = (await remote.good("projects", "create", "First")).out.strip()
    await remote.good("runs", "list")
    await remote.good("projects", "create", "Second")
    several = await remote.run("runs", "list")
    assert (several.code, "--project" in several.err) == (1, True)
    await remote.good("runs", "list", "--project", first)
    remote.environment["GRAPHWRIGHT_PROJECT"] = "Second"
    await remote.good("runs", "list")


@pytest.mark.spec("CLI-16")
async def test_watching_goes_on_when_the_server_comes_back(shell: Shell, server_process: ServerProcess) -> None:
    shell.environment["GRAPHWRIGHT_URL"] = server_process.url
    await shell.good("projects", "create", "Acme")
    slow = (await shell.good("workflows", "create", shell.file("slow.json", waiting(300)))).out.strip()
    run = (await shell.good("runs", "create", slow, "--start")).out.strip()
    process = await shell.start("runs", "watch", run, "--json")
    seen = [json.loads(await line_with(process.stdout, "workflow.node.started"))["seq"]]
    server_process.signal(signal.SIGKILL)
    await line_with(process.stderr, "connection is lost")
    await server_process.start()
    await shell.good("runs", "cancel", run)
    out, _ = await process.communicate()
    events = [json.loads(line) for line in out.decode().splitlines()]
    seen += [event["seq"] for event in events]
    assert seen == list(range(seen[0], seen[0] + len(seen)))
    assert events[-1]["type"] == "workflow.run.cancelled"


@pytest.mark.spec("CLI-17")
async def test_a_server_that_does_not_answer_is_told_in_a_sentence(shell: Shell) -> None:
    shell.environment["GRAPHWRIGHT_URL"] = "http://127.0.0.1:1"
    done = await shell.run("projects", "list")
    assert done.code == 1
    assert "graphwright serve" in done.err
    assert "Traceback" not in done.err
