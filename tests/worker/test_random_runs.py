"""Random graphs in the service itself, whose process is killed while it runs them."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, LiteralString

import httpx
import psycopg
import pytest

from tests.reference.agreement import comparable, expected_turns, found_turns
from tests.reference.generator import random_answers, random_graph, random_input
from tests.reference.interpreter import Outcome, interpret
from tests.reference.nodetypes import Answers
from tests.support import ROOT, Project, ServerProcess, ended, until
from tests.worker.conftest import check_log
from tests.worker.test_lifecycle import all_nodes

RUNS, KILLS, AT_ONCE, LOOPS = 120, 2, 8, 40
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


@dataclass
class Story:
    """One random graph, what the reference says of it, and the run of it."""

    document: dict[str, Any]
    value: Any
    answers: Answers
    expected: Outcome
    run_id: str = ""

    @classmethod
    def draw(cls, seed: int, **kind: Any) -> "Story":
        rng = random.Random(seed)
        kinds = {"loops": seed % 4, "state": seed % 3 == 0, "maps": True, "waits": seed % 3 > 0, **kind}
        document = random_graph(rng, **kinds)
        value, answers = random_input(rng), random_answers(seed)
        return cls(document, value, answers, interpret(document, value, answers))

    async def begin(self, project: Project) -> None:
        workflow = await project.workflow(self.document)
        self.run_id = (await project.run(workflow["id"], self.value))["id"]

    async def check(self, project: Project) -> None:
        client, path, expected = project.client, f"{project.runs}/{self.run_id}", self.expected
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


@pytest.mark.spec("LANG-33")
@pytest.mark.timeout(240)
async def test_random_graphs_end_as_the_reference_says_though_the_server_is_killed(
    process: ServerProcess, calls: Calls
) -> None:
    rng = random.Random(33)
    stories = [Story.draw(50_000 + seed) for seed in range(RUNS)]
    async with httpx.AsyncClient(base_url=process.api, timeout=60) as client:
        project = await Project.make(client)
        await _each(stories, lambda story: story.begin(project))
        answering = asyncio.create_task(_answer(process, project, {story.run_id: story for story in stories}))
        await _each(stories, lambda story: client.post(f"{project.runs}/{story.run_id}/execute"))
        done: list[tuple[set[Place], Counter[Place]]] = []
        for _ in range(KILLS):
            enough = calls.count().total() + rng.randint(20, 100)
            await until(lambda enough=enough: calls.more_than(enough), seconds=60)
            process.kill()
            done.append((await _ended(process), calls.count()))
            await process.start()
        await _each(stories, lambda story: story.check(project))
        answering.cancel()

    # What was under way at a kill, and nothing else, was called once more.
    cut_off = Counter(place for places, before in done for place in before if place not in places)
    extra = {place: number - 1 for place, number in calls.count().items() if number > 1}
    assert not {place: number for place, number in extra.items() if number > cut_off[place]}
    assert extra, "the kills came too early or too late"


@pytest.mark.spec("RUN-81")
@pytest.mark.timeout(120)
async def test_random_loops_that_wait_and_write_in_their_laps_end_as_the_reference_says(
    process: ServerProcess, calls: Calls
) -> None:
    stories = [Story.draw(70_000 + seed, loops=1 + seed % 3, state=True, waits=True) for seed in range(LOOPS)]
    async with httpx.AsyncClient(base_url=process.api, timeout=60) as client:
        project = await Project.make(client)
        await _each(stories, lambda story: story.begin(project))
        answering = asyncio.create_task(_answer(process, project, {story.run_id: story for story in stories}))
        await _each(stories, lambda story: client.post(f"{project.runs}/{story.run_id}/execute"))
        await _each(stories, lambda story: story.check(project))
        answering.cancel()

    assert not [place for place, number in calls.count().items() if number > 1]


async def _each(stories: list[Story], work: Callable[[Story], Awaitable[Any]]) -> None:
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(story: Story) -> None:
        async with slots:
            await work(story)

    await asyncio.gather(*(one(story) for story in stories))


async def _ended(process: ServerProcess) -> set[Place]:
    """The turns and items that the database knows to have ended; failed items run again with their map."""
    return await _places(process, "status in ('COMPLETED', 'FAILED')", "status = 'COMPLETED'")


async def _asking(process: ServerProcess) -> set[Place]:
    """The approvals that wait for an answer."""
    # A map tells as its own what its items wait for, and names one of them.
    waits: LiteralString = (
        "status = 'WAITING' and reason ->> 'code' = 'waiting_for_approval' and reason -> 'item' is null"
    )
    return await _places(process, waits, waits)


async def _places(process: ServerProcess, turns: LiteralString, items: LiteralString) -> set[Place]:
    async with await psycopg.AsyncConnection.connect(process.database_url or "") as connection:
        cursor = await connection.execute(
            f"""select run_id::text, node_id, iteration, '{{}}'::integer[] from node_states where {turns}
                union all select run_id::text, node_id, iteration, path from map_items where {items}"""
        )
        return {(run, node, iteration, tuple(path)) for run, node, iteration, path in await cursor.fetchall()}


async def _answer(process: ServerProcess, project: Project, stories: dict[str, Story]) -> None:
    """Answer whatever is asked, until cancelled; while the server is dead nobody hears it."""
    while True:
        await asyncio.sleep(0.05)
        for run_id, node, iteration, path in await _asking(process):
            answer = stories[run_id].answers((node, iteration, path))
            said = {"node_id": node, "iteration": iteration, "answer": answer} | ({"item": list(path)} if path else {})
            try:
                heard = await project.client.post(f"{project.runs}/{run_id}/resume", json=said)
            except httpx.TransportError:
                break
            assert heard.status_code in (202, 409), heard.text
