"""Runs that go on many times: what a visit costs does not depend on how many there were before."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import pytest

from app.compiler import Resources, RunContext, RunInfo
from app.compiler.waiting import Place, Signal, Waits
from app.db import Database
from app.events.wakeups import Wakeups
from app.services import node_views, run_views
from app.services.work import Work, unit_of_work
from app.worker.entries import RunLog
from app.worker.memory import recall
from tests.compiler.flow import COMPILER
from tests.support import Project, ended, until
from tests.worker.conftest import check_log
from tests.worker.runs import graph, in_status, started, transform

INNER, OUTER = 3, 4
STATE = {
    "total": {"reducer": "add", "default": 0},
    "seen": {"reducer": "append", "default": []},
    "last": {"default": None},
}
COUNT = transform("count", 1, writes={"total": "{{ output }}", "seen": "{{ loop.iteration }}"})
NOTE = transform("note", "{{ state.total }}", writes={"last": "{{ output }}"})
ASK = {"id": "ask", "type": "approval", "config": {}}


def looped(laps: int, **settings: Any) -> dict[str, Any]:
    """A loop that asks in each lap."""
    return graph(
        [COUNT, NOTE, ASK, transform("end", "{{ state }}")],
        ("count", "note"),
        ("note", "ask"),
        ("ask", "count", {"condition": f"state.total < {laps}"}),
        ("ask", "end", {"condition": "else"}),
        state=STATE,
        entry="count",
        settings={"max_iterations": 1000, **settings},
    )


def nested() -> dict[str, Any]:
    """A loop that asks in each lap, in a loop whose other node reads what the inner one left in the lap before."""
    return graph(
        [
            transform(
                "first", "{{ nodes.ask.output.answer if loop.iteration else -1 }}", writes={"seen": "{{ output }}"}
            ),
            COUNT,
            NOTE,
            ASK,
            transform("after", "{{ ask.output.answer }}", writes={"last": "{{ output }}"}),
            transform("end", "{{ state }}"),
        ],
        ("first", "count"),
        ("count", "note"),
        ("note", "ask"),
        ("ask", "count", {"condition": f"state.total % {INNER} != 0"}),
        ("ask", "after", {"condition": "else"}),
        ("after", "first", {"condition": f"state.total < {INNER * OUTER}"}),
        ("after", "end", {"condition": "else"}),
        state=STATE,
        entry="first",
    )


async def asked(project: Project, path: str, number: int) -> None:
    """Return when the run waits for the answer of its turn `number`."""

    async def there() -> bool:
        turns = (await project.client.get(f"{path}/nodes/ask", params={"limit": 200})).json()["items"]
        return len(turns) == number + 1 and turns[-1]["status"] == "WAITING"

    await until(there, seconds=30)
    await in_status(project.client, path, "WAITING")


async def answer(project: Project, path: str, value: Any) -> None:
    said = await project.client.post(f"{path}/resume", json={"node_id": "ask", "answer": value})
    assert said.status_code == 202, said.text


async def answered(project: Project, path: str, first: int, last: int) -> None:
    """Answer the turns `first` to `last` with their numbers; the run waits for the next one afterwards."""
    for number in range(first, last + 1):
        await asked(project, path, number)
        await answer(project, path, number)
    await asked(project, path, last + 1)


class Told(Waits):
    """Counts the signals that a run which goes on is told of again."""

    number = 0

    def remember(self, signals: Mapping[Place, Sequence[Signal]]) -> None:
        self.number = sum(map(len, signals.values()))


async def read_by_a_visit(database: Database, path: str, document: dict[str, Any]) -> dict[str, int]:
    """What a run reads that goes on now: turns of nodes, writes of laps that have ended, and signals."""
    run_id, told = UUID(path.rsplit("/", 1)[1]), Told()
    resources = Resources(registry=COMPILER.registry)
    context = RunContext(RunInfo(str(run_id), "", "", 1, None), resources, waits=told)
    log = RunLog(run_id, run_id, -1, 0, lambda: None)
    waiting = await recall(database.pool, log, context, COMPILER.compile(document))
    await resources.aclose()
    writes = sum(len(passed.writes) for passed in context.passed.values())
    return {"turns": len(context.known) + len(waiting), "signals": told.number, "writes": writes}


async def checkpoints(database: Database, path: str) -> int:
    async with database.pool.connection() as connection:
        cursor = await connection.execute(
            "select count(*) from checkpoints where thread_id = %s", (path.rsplit("/", 1)[1],)
        )
        return int((await cursor.fetchone() or {})["count"])


@pytest.mark.spec("RUN-80")
async def test_a_visit_reads_and_writes_as_much_after_many_laps_as_after_few(
    server_project: Project, database: Database
) -> None:
    document = looped(100)
    path = await started(server_project, document)
    read, written = [], []
    for number in (3, 23):
        await answered(server_project, path, 0 if number == 3 else 4, number - 1)
        read.append(await read_by_a_visit(database, path, document))
        before = await checkpoints(database, path)
        await answered(server_project, path, number, number)
        written.append(await checkpoints(database, path) - before)

    # Two keys of the state need each write of each lap, the third one the last.
    assert [of.pop("writes") for of in read] == [2 * 3 + 1, 2 * 23 + 1]
    assert read[0] == read[1] == {"turns": 3 + 3, "signals": 0}
    assert written[0] == written[1]


@pytest.mark.spec("RUN-81")
async def test_a_run_that_waits_in_each_lap_ends_as_if_it_had_never_waited(server_project: Project) -> None:
    path = await started(server_project, nested())
    last = INNER * OUTER - 1

    await answered(server_project, path, 0, last - 1)
    await answer(server_project, path, last)
    run = await ended(server_project.client, path)

    seen = [said for lap in range(OUTER) for said in (lap * INNER - 1, *range(INNER))]
    assert run["result"] == {"end": {"total": last + 1, "seen": seen, "last": last}}
    events = await check_log(server_project.client, path)
    turns = [(e["node_id"], e["data"]["iteration"]) for e in events if e["type"] == "workflow.node.started"]
    assert len(turns) == len(set(turns)) == 2 * OUTER + 3 * INNER * OUTER + 1


@pytest.mark.spec("RUN-82")
async def test_what_ended_laps_have_done_stays_when_a_run_that_waits_is_ended(server_project: Project) -> None:
    client = server_project.client
    path = await started(server_project, looped(100, timeout=7))

    await answered(server_project, path, 0, 1)
    run = await ended(client, path)

    nodes = (await client.get(f"{path}/nodes", params={"limit": 200})).json()["items"]
    ends = {(node["node_id"], node["iteration"]): node["status"] for node in nodes}
    assert (run["status"], run["error"]["type"]) == ("FAILED", "timeout")
    assert ends.pop(("ask", 2)) == "CANCELLED"
    assert ends.pop(("end", 0)) == "CANCELLED"
    assert ends == {
        (name, lap): "COMPLETED" for name in ("count", "note", "ask") for lap in range(3) if (name, lap) != ("ask", 2)
    }


async def rows_read(work: Work) -> int:
    """How many rows of nodes' states this transaction has read so far."""
    found = await work.first(
        "select idx_tup_fetch + seq_tup_read as number from pg_stat_xact_user_tables where relname = 'node_states'"
    )
    assert found is not None
    return int(found["number"])


@pytest.mark.spec("RUN-83")
async def test_what_is_read_to_show_a_run_does_not_grow_with_its_laps(
    server_project: Project, database: Database, database_url: str
) -> None:
    path = await started(server_project, looped(1))
    await asked(server_project, path, 0)
    await answer(server_project, path, 0)
    before = await ended(server_project.client, path)
    project, run = UUID(server_project.id), UUID(path.rsplit("/", 1)[1])
    async with database.pool.connection() as connection:
        await connection.execute(
            """insert into node_states (run_id, node_id, iteration, project_id, path, status, attempt, handled)
               select run_id, node_id, lap, project_id, array[lap], 'COMPLETED', 1, true
               from node_states, generate_series(1, 2000) as lap where run_id = %s and node_id <> 'end'""",
            (run,),
        )
        await connection.execute("update runs set last_seq = 12000 where id = %s", (run,))
    async with database.pool.connection() as connection:
        await connection.execute("analyze node_states")

    read = []
    async with unit_of_work(database, Wakeups(database_url)) as work:
        shown = await run_views.get(work, project, run)
        read.append(await rows_read(work))
        page = await node_views.list_nodes(work, project, run, 50, None)
        read.append(await rows_read(work) - read[0])

    assert shown["progress"] == before["progress"]
    assert [(turn["node_id"], turn["iteration"]) for turn in page["items"]] == [("count", lap) for lap in range(50)]
    assert read[0] < 30
    assert read[1] < 51 * 5
