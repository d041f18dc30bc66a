from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from app.worker import sweeper
from tests.support import Project, ServerProcess, ended
from tests.worker.conftest import Trace, check_log
from tests.worker.runs import graph, in_status, node, statuses
from tests.worker.runs import started as start
from tests.worker.upgrades import events_after


def resuming(trace: Trace, gate: Path, *, after: float, most: int = 5, **settings: Any) -> dict[str, Any]:
    """A graph whose second node fails with an error that may pass, until the gate is open."""
    nodes = [trace.node("first"), trace.node("flaky", "flaky_unless", gate=str(gate)), trace.node("last")]
    resume = {"after": after, "max_attempts": most}
    return graph(nodes, ("first", "flaky"), ("flaky", "last"), settings={"resume": resume, **settings})


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [e["type"].rsplit(".", 1)[1] for e in events if e["type"].startswith("workflow.run.")]


def begun(trace: Trace) -> list[str]:
    return [line.split()[1] for line in trace.lines() if line.startswith("start")]


@pytest.mark.spec("RUN-37")
async def test_a_run_that_failed_for_the_moment_goes_on_by_itself(
    server_project: Project, trace: Trace, tmp_path: Path
) -> None:
    client, gate = server_project.client, tmp_path / "gate"
    path = await start(server_project, resuming(trace, gate, after=1.5))

    run = await in_status(client, path, "RETRYING")
    gate.touch()
    wake_at = datetime.fromisoformat(run["wake_at"])
    assert datetime.now(UTC) < wake_at < datetime.now(UTC) + timedelta(seconds=1.6)
    assert run["error"]["node_id"] == "flaky"
    assert (run["reason"]["code"], run["attempt"], run["finished_at"]) == ("node_failed", 1, None)
    done = await ended(client, path)

    assert (done["status"], done["attempt"], done["wake_at"], done["error"]) == ("COMPLETED", 2, None, None)
    assert begun(trace) == ["first", "flaky", "flaky", "last"]
    events = await check_log(client, path)
    assert kinds(events) == ["created", "queued", "started", "retrying", "resumed", "completed"]
    told = next(e for e in events if e["type"] == "workflow.run.retrying")["data"]
    assert datetime.fromisoformat(told["wake_at"]) == wake_at
    assert (told["status"], told["error"]["retryable"]) == ("RETRYING", True)


@pytest.mark.spec("RUN-38")
async def test_a_run_goes_on_by_itself_as_often_as_it_may_and_then_fails(
    server_project: Project, trace: Trace, tmp_path: Path
) -> None:
    client, gate = server_project.client, tmp_path / "gate"
    path = await start(server_project, resuming(trace, gate, after=0.05, most=2))

    failed = await ended(client, path)

    assert (failed["status"], failed["attempt"], failed["reason"]["code"]) == ("FAILED", 3, "node_failed")
    assert begun(trace) == ["first", "flaky", "flaky", "flaky"]
    events = await check_log(client, path)
    assert kinds(events)[2:] == ["started", "retrying", "resumed", "retrying", "resumed", "failed"]

    await client.post(f"{path}/retry")
    again = await ended(client, path)
    assert (again["status"], again["attempt"]) == ("FAILED", 6)


@pytest.mark.spec("RUN-38")
async def test_an_error_that_will_not_pass_ends_the_run_at_once_whichever_comes_first(
    server_project: Project, trace: Trace, tmp_path: Path
) -> None:
    client, gate = server_project.client, tmp_path / "gate"
    for order in (("flaky", "hard"), ("hard", "flaky")):
        flaky, late = trace.node("flaky", "flaky_unless", gate=str(gate)), trace.node("late", seconds=0.2)
        hard = {"id": "hard", "type": "tool", "config": {"tool": "ref.fail", "args": {"message": "no"}}}
        edges = [("late", order[1])]
        settings = {"resume": {"after": 60}}
        path = await start(server_project, graph([flaky, hard, late], *edges, settings=settings))
        failed = await ended(client, path)
        assert (failed["status"], failed["error"]["node_id"]) == ("FAILED", "hard")


@pytest.mark.spec("RUN-37")
async def test_a_run_in_retrying_can_be_cancelled(
    server_project: Project, database_url: str, trace: Trace, tmp_path: Path
) -> None:
    client, gate = server_project.client, tmp_path / "gate"
    path = await start(server_project, resuming(trace, gate, after=0.5))
    await in_status(client, path, "RETRYING")

    answer = await client.post(f"{path}/cancel")
    gate.touch()

    assert (answer.status_code, answer.json()["status"], answer.json()["wake_at"]) == (202, "CANCELLED", None)
    # Nothing is left in the queue by which it could go on.
    async with await psycopg.AsyncConnection.connect(database_url) as connection:
        assert await (await connection.execute("select id from procrastinate_jobs")).fetchall() == []
    assert (await client.get(path)).json()["status"] == "CANCELLED"
    assert begun(trace) == ["first", "flaky"]
    assert (await statuses(client, path))["last"] == "SKIPPED"
    await check_log(client, path)


@pytest.mark.spec("RUN-37")
async def test_a_run_in_retrying_can_be_told_to_go_on_at_once(
    server_project: Project, trace: Trace, tmp_path: Path
) -> None:
    client, gate = server_project.client, tmp_path / "gate"
    path = await start(server_project, resuming(trace, gate, after=600))
    await in_status(client, path, "RETRYING")
    gate.touch()

    assert (await client.post(f"{path}/resume", json={})).status_code == 202
    done = await ended(client, path)

    assert (done["status"], done["attempt"]) == ("COMPLETED", 2)
    assert begun(trace) == ["first", "flaky", "flaky", "last"]
    await check_log(client, path)


@pytest.mark.spec("RUN-37")
async def test_with_stop_what_was_cancelled_comes_again(server_project: Project, trace: Trace, tmp_path: Path) -> None:
    client, gate = server_project.client, tmp_path / "gate"
    document = resuming(trace, gate, after=0.4, on_failure="stop", timeout=5)
    document["nodes"].append(trace.node("side", "until", gate=str(gate)))
    path = await start(server_project, document)
    await in_status(client, path, "RETRYING")
    assert (await node(client, path, "side"))["status"] == "CANCELLED"
    gate.touch()

    assert (await ended(client, path))["status"] == "COMPLETED"
    assert (await node(client, path, "side"))["status"] == "COMPLETED"
    await check_log(client, path)


@pytest.mark.spec("RUN-27")
async def test_a_run_that_goes_on_by_itself_has_all_its_time_again(
    server_project: Project, trace: Trace, tmp_path: Path
) -> None:
    client, gate = server_project.client, tmp_path / "gate"
    path = await start(server_project, resuming(trace, gate, after=1.2, timeout=1))
    await in_status(client, path, "RETRYING")
    gate.touch()
    assert (await ended(client, path))["status"] == "COMPLETED"


@pytest.mark.spec("RUN-39")
async def test_a_run_in_retrying_outlives_its_server(
    process: ServerProcess, client: httpx.AsyncClient, trace: Trace, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    project = await Project.make(client)
    path = await start(project, resuming(trace, gate, after=2))
    before = await in_status(client, path, "RETRYING")
    process.kill()
    gate.touch()
    await process.start()

    done = await ended(client, path, seconds=40)

    assert (done["status"], done["attempt"]) == ("COMPLETED", 2)
    assert begun(trace) == ["first", "flaky", "flaky", "last"]
    since = await events_after(client, path, before["last_seq"])
    assert kinds(since) == ["resumed", "completed"]
    await check_log(client, path)


@pytest.mark.spec("RUN-37")
async def test_a_run_that_waits_to_go_on_and_loses_its_job_goes_on_all_the_same(
    server_project: Project, database_url: str, trace: Trace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeper, "STRANDED_SECONDS", 0.2)
    client, gate = server_project.client, tmp_path / "gate"
    path = await start(server_project, resuming(trace, gate, after=1.0))
    await in_status(client, path, "RETRYING")
    gate.touch()
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
        await connection.execute("delete from procrastinate_jobs")

    done = await ended(client, path)

    assert (done["status"], done["attempt"]) == ("COMPLETED", 2)
    assert begun(trace) == ["first", "flaky", "flaky", "last"]
    await check_log(client, path)
