"""Random graphs in the service itself, whose process is killed while it runs them."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import psycopg
import pytest

from tests.reference.agreement import comparable, expected_turns, found_turns
from tests.reference.generator import random_graph, random_input
from tests.reference.interpreter import Outcome, interpret
from tests.support import ROOT, Project, ServerProcess, ended, until
from tests.worker.conftest import check_log
from tests.worker.test_lifecycle import all_nodes

RUNS, KILLS, AT_ONCE = 120, 2, 8
Place = tuple[str, str, int, tuple[int, ...]]


class Calls:
    """The file into which tools write their calls."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    def count(self) -> Counter[Place]:
        """Return how often each place of each run was called."""
        found: Counter[Place] = Counter()
        for line in self.path.read_text().splitlines():
            run, node, iteration, path = json.loads(line)
            found[run, node, iteration, tuple(path)] += 1
        return found

    async def more_than(self, number: int) -> bool:
        return self.count().total() > number


@pytest.fixture
def calls(tmp_path: Path) -> Calls:
    return Calls(tmp_path / "calls")


@pytest.fixture
async def process(database_url: str, tmp_path: Path, calls: Calls) -> AsyncIterator[ServerProcess]:
    environment = {
        "GRAPHWRIGHT_WORKFLOWS": str(ROOT / "tests" / "counting"),
        "GRAPHWRIGHT_HEARTBEAT_SECONDS": "0.2",
        "CALLS_FILE": str(calls.path),
    }
    process = await ServerProcess(tmp_path, database_url, environment).start()
    yield process
    process.kill()


@pytest.mark.spec("LANG-33")
@pytest.mark.timeout(240)
async def test_random_graphs_end_as_the_reference_says_though_the_server_is_killed(
    process: ServerProcess, calls: Calls
) -> None:
    rng = random.Random(33)
    stories = [_story(50_000 + seed) for seed in range(RUNS)]
    async with httpx.AsyncClient(base_url=process.api, timeout=60) as client:
        project = await Project.make(client)
        paths = await _each(stories, lambda story: _begin(project, *story[:2]))
        await _each(paths, lambda path: client.post(f"{path}/execute"))
        done: list[tuple[set[Place], Counter[Place]]] = []
        for _ in range(KILLS):
            enough = calls.count().total() + rng.randint(20, 120)
            await until(lambda enough=enough: calls.more_than(enough), seconds=60)
            process.kill()
            done.append((await _completed(process), calls.count()))
            await process.start()

        await _each(list(zip(paths, stories, strict=True)), lambda pair: _check(client, pair[0], pair[1][2]))

    at_end = calls.count()
    for completed, before in done:
        again = [place for place in completed if at_end[place] != before[place]]
        assert not again
    assert max(at_end.values()) <= KILLS + 1
    assert sum(number > 1 for number in at_end.values()) > KILLS, "the kills came too early or too late"


def _story(seed: int) -> tuple[dict[str, Any], Any, Outcome]:
    rng = random.Random(seed)
    document, value = random_graph(rng, loops=seed % 4, state=seed % 3 == 0, maps=True), random_input(rng)
    return document, value, interpret(document, value)


async def _each(things: list[Any], work: Any) -> list[Any]:
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(thing: Any) -> Any:
        async with slots:
            return await work(thing)

    return await asyncio.gather(*(one(thing) for thing in things))


async def _begin(project: Project, document: dict[str, Any], value: Any) -> str:
    workflow = await project.workflow(document)
    run = await project.run(workflow["id"], value)
    return f"{project.runs}/{run['id']}"


async def _completed(process: ServerProcess) -> set[Place]:
    """The turns and items that the database knows to be completed."""
    async with await psycopg.AsyncConnection.connect(process.database_url or "") as connection:
        turns = await connection.execute(
            "select run_id::text, node_id, iteration, '{}'::integer[] from node_states where status = 'COMPLETED'"
        )
        items = await connection.execute(
            "select run_id::text, node_id, iteration, path from map_items where status = 'COMPLETED'"
        )
        rows = [*await turns.fetchall(), *await items.fetchall()]
    return {(run, node, iteration, tuple(path)) for run, node, iteration, path in rows}


async def _check(client: httpx.AsyncClient, path: str, expected: Outcome) -> None:
    run = await ended(client, path, seconds=90)
    nodes = await all_nodes(client, path)
    outcomes = {(node["node_id"], node["iteration"]): _outcome(node) for node in nodes}
    assert found_turns(outcomes) == expected_turns(expected), path
    assert run["status"] == expected.status, path
    if expected.status == "COMPLETED":
        assert comparable(run["result"]) == comparable(expected.result), path
    if len(nodes) < 150:  # the check reads one page of nodes
        await check_log(client, path)


def _outcome(node: dict[str, Any]) -> SimpleNamespace:
    return SimpleNamespace(**{**node, "edges": {int(edge): state for edge, state in (node["edges"] or {}).items()}})
