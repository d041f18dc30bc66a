"""Nodes that speak quickly: their tokens are put together, and the whole text arrives in order."""

from collections import defaultdict
from typing import Any

import pytest

from app import jsontext
from app.services.moves import EVENT_BYTES
from tests.support import Project, ended
from tests.worker.bench import Bench
from tests.worker.conftest import check_log
from tests.worker.runs import graph, started

KIND, LOG = "workflow.node.token", "workflow.node.log"


def about(**more: Any) -> str:
    return jsontext.dumps({"iteration": 0, "attempt": 1, "path": [], **more})


async def told(bench: Bench, run: Any) -> list[tuple[str, str, Any]]:
    """Type, node and text of what the journal has written; what it holds first becomes one flush."""
    before = run.last_seq
    assert await bench.journal.written(run)
    rows = await bench.rows(
        "select seq, type, node_id, data from run_events where run_id = %s order by seq", run.run_id
    )
    assert [row["seq"] for row in rows] == list(range(1, before + 1))
    return [(row["type"], row["node_id"], row["data"].get("text")) for row in rows if row["node_id"]]


def counting(name: str, to: int, **args: Any) -> dict[str, Any]:
    return {"id": name, "type": "tool", "config": {"tool": "probe.count", "args": {"to": to, **args}}}


@pytest.mark.spec("STREAM-72")
async def test_nodes_that_speak_in_turn_have_one_event_each_in_a_flush(bench: Bench) -> None:
    run = await bench.claimed()
    for number in range(1000):
        for node in "ab":
            bench.journal.token(run, node, about(), jsontext.dumps(f"{node}{number} "))

    assert await told(bench, run) == [
        (KIND, node, "".join(f"{node}{number} " for number in range(1000))) for node in "ab"
    ]


@pytest.mark.spec("STREAM-72")
async def test_attempts_items_and_runs_speak_for_themselves(bench: Bench) -> None:
    run, other = await bench.claimed(), await bench.claimed()
    for piece in ("x", "y"):
        for said in (about(), about(attempt=2), about(item=[0]), about(item=[1])):
            bench.journal.token(run, "a", said, jsontext.dumps(piece))
        bench.journal.token(other, "a", about(), jsontext.dumps(piece))

    assert await told(bench, run) == [(KIND, "a", "xy")] * 4
    assert await told(bench, other) == [(KIND, "a", "xy")]


@pytest.mark.spec("STREAM-72")
@pytest.mark.parametrize("between", ["a", None])
async def test_nothing_said_after_another_event_is_put_before_it(bench: Bench, between: str | None) -> None:
    run = await bench.claimed()
    for number in range(4):
        bench.journal.token(run, "a", about(), f'"{number}"')
        if number == 1:
            bench.journal.event(run, LOG, "b", "{}")
        if number == 2:
            bench.journal.event(run, LOG, between, "{}")

    said = [text for kind, _, text in await told(bench, run) if kind == KIND]
    assert said == ["012", "3"]


@pytest.mark.spec("STREAM-72")
async def test_a_long_text_becomes_several_events_and_keeps_every_sign(bench: Bench) -> None:
    run = await bench.claimed()
    pieces = ['"', "\\", "\n", "\x00", "\ud83d", "é", "😀", "", "x" * 40_000] * 5
    for piece in pieces:
        bench.journal.token(run, "a", about(), jsontext.dumps(piece))

    rows = await bench.rows(
        "select data::text as data from run_events where run_id = %s and node_id = 'a' order by seq", run.run_id
    )
    assert rows == []
    assert await bench.journal.written(run)
    rows = await bench.rows(
        "select data::text as data from run_events where run_id = %s and node_id = 'a' order by seq", run.run_id
    )
    assert len(rows) == 5
    assert all(len(row["data"]) < EVENT_BYTES + 100 for row in rows)
    assert "".join(jsontext.loads(row["data"])["text"] for row in rows) == "".join(pieces)


@pytest.mark.spec("STREAM-72")
async def test_ten_thousand_tokens_are_few_events_and_the_whole_text(server_project: Project) -> None:
    path = await started(server_project, graph([counting("a", 10_000), counting("b", 500, yields=1)]))

    run = await ended(server_project.client, path, seconds=60)

    said: dict[str, list[str]] = defaultdict(list)
    for event in await check_log(server_project.client, path):
        if event["type"] == KIND:
            said[event["node_id"]].append(event["data"]["text"])
    assert run["result"] == {name: "".join(texts) for name, texts in said.items()}
    assert len(said["a"]) < 2000
