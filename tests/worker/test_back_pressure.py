"""A database that is slower than the runs: what waits for it is bounded, and nothing is lost."""

from pathlib import Path
from sys import getsizeof
from typing import Any

import psycopg
import pytest

from app.compiler.items import ItemState
from app.main import create_app
from app.worker import journal, process
from app.worker.entries import NodeRow
from app.worker.journal import Journal
from tests.support import Project, client_of, ended, running, settings_for, until
from tests.worker.bench import Bench
from tests.worker.conftest import TOOLS, check_log
from tests.worker.runs import graph, started

MAX_BYTES = 1_000_000
SIZE = 20_000


def tool(name: str, function: str, **args: Any) -> dict[str, Any]:
    return {"id": name, "type": "tool", "config": {"tool": f"probe.{function}", "args": args}}


CHAIN = graph([tool(f"n{i}", "produce", size=SIZE) for i in range(100)], *((f"n{i}", f"n{i + 1}") for i in range(99)))
FAN = graph([tool(f"n{i}", "produce", size=SIZE) for i in range(40)])
TALK = graph([tool("talk", "chatter", count=6000, size=500)])
MAP = graph(
    [
        {
            "id": "map",
            "type": "map",
            "config": {
                "items": "{{ range(400) | list }}",
                "concurrency": 20,
                "node": {"type": "tool", "config": {"tool": "probe.produce", "args": {"size": SIZE}}},
            },
        }
    ]
)


class Watched(Journal):
    """A journal that can be found by its test."""

    found: "Watched"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        Watched.found = self


@pytest.mark.spec("SAVE-7")
async def test_what_waits_for_a_slow_database_is_bounded_and_nothing_is_lost(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "MAX_BYTES", MAX_BYTES)
    monkeypatch.setattr(process, "Journal", Watched)
    app = create_app(settings_for(database_url, tmp_path, workflows=(TOOLS,)))
    async with running(app), client_of(app) as client:
        project = await Project.make(client)
        async with await psycopg.AsyncConnection.connect(database_url) as holder:
            # Runs are taken up, and nothing of what their nodes say can be written.
            await holder.execute("lock table node_states in exclusive mode")
            paths = [await started(project, document) for document in (CHAIN, FAN, TALK, MAP)]
            held = await _settled()
            await holder.rollback()
        runs = [await ended(client, path, seconds=60) for path in paths]
        logs = [await check_log(client, path) for path in paths]

    burst = 40 * SIZE + 20 * SIZE  # what nodes gave that ended at once
    assert MAX_BYTES < held < 2 * MAX_BYTES + 2 * burst
    assert [run["status"] for run in runs] == ["COMPLETED"] * 4
    said = [event["data"]["text"] for event in logs[2] if event["type"] == "workflow.node.token"]
    assert "".join(said) == "x" * 6000 * 500
    assert [len(text) for text in runs[3]["result"]["map"]] == [SIZE] * 400


async def _settled() -> int:
    """What the journal holds once it holds no more for a while."""
    held, same = 0, 0

    async def quiet() -> bool:
        nonlocal held, same
        now = Watched.found.held
        same = same + 1 if now == held and now > MAX_BYTES else 0
        held = now
        return same > 25

    await until(quiet, seconds=30)
    return held


@pytest.mark.spec("SAVE-7")
async def test_all_that_the_journal_holds_is_counted(bench: Bench) -> None:
    run, texts = await bench.claimed(), [chr(97 + i) * 1000 for i in range(9)]
    await bench.journal.stop()
    bench.journal.event(run, "workflow.node.completed", "a", texts[0])
    row = NodeRow("a", 0, [], "RUNNING", 1, input=texts[1], output=texts[2], error=texts[3], reason=texts[4])
    bench.journal.state(run, row)
    item = ItemState(("m", 0, (0,)), "COMPLETED", 1, b"print", output=texts[5], error={"message": texts[6]})
    bench.journal.item(run, item)
    bench.journal.checkpoint(run, [("t", "", "c", "1", "msgpack", b"b" * 1000)], ("t", "", "1", None, "{}", "{}"))
    bench.journal.pending_writes(run, [("t", "", "1", "task", "", 0, "c", "msgpack", b"w" * 1000)])
    held = bench.journal.held

    bench.journal.state(run, row)
    bench.journal.item(run, item)

    assert held > 9 * getsizeof(texts[0])
    assert bench.journal.held == held


@pytest.mark.spec("SAVE-7")
async def test_rows_of_more_than_a_statement_should_hold_are_written_in_parts(bench: Bench) -> None:
    run = await bench.claimed()
    for number in range(9):
        bench.journal.state(run, NodeRow("a", number, [], "COMPLETED", 1, output=f'"{"x" * 1_000_000}"'))
        bench.journal.event(run, "workflow.node.completed", "a", "{}")
        bench.journal.pending_writes(run, [("t", "", "1", "task", "", number, "c", "msgpack", b"w" * 500_000)])

    assert await bench.journal.written(run)

    states = await bench.rows("select length(output::text) as size from node_states where run_id = %s", run.run_id)
    assert [row["size"] for row in states] == [1_000_002] * 9
    assert len(await bench.rows("select 1 from run_events where run_id = %s", run.run_id)) == 12
