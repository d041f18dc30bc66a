import asyncio
import random

import pytest

from app.compiler import WorkflowGraphCompiler, emit
from tests.compiler.flow import COMPILER, run
from tests.reference.agreement import comparable, expected_turns, found_turns
from tests.reference.generator import random_graph, random_input
from tests.reference.interpreter import interpret

GRAPHS, CHUNK, AT_ONCE = 2000, 100, 8


@pytest.mark.spec("LANG-1", "LANG-2", "LANG-4", "LANG-6", "LANG-11", "LANG-13", "LANG-18")
@pytest.mark.parametrize("first", range(0, GRAPHS, CHUNK))
async def test_random_graphs_end_as_the_reference_interpreter_says(first: int) -> None:
    slots = asyncio.Semaphore(AT_ONCE)

    async def one(seed: int) -> None:
        async with slots:
            await compare(seed)

    await asyncio.gather(*(one(seed) for seed in range(first, first + CHUNK)))


async def compare(seed: int, compiler: WorkflowGraphCompiler = COMPILER) -> None:
    rng = random.Random(seed)
    # A few large graphs; most of what can go wrong shows in small ones.
    size = rng.randint(40, 90) if seed % 50 == 0 else None
    document = random_graph(rng, size=size, loops=seed % 4, state=seed % 3 == 0, maps=seed % 5 > 0)
    value = random_input(rng)
    expected = interpret(document, value)

    flow = await run(document, value, compiler=compiler)

    assert found_turns(flow.outcomes) == expected_turns(expected), seed
    assert flow.status == expected.status, seed
    if expected.status == "COMPLETED":
        assert comparable(flow.result) == comparable(expected.result), seed
        assert (flow.compiled.final_state(flow.context) or {}) == comparable(expected.state), seed


@pytest.mark.spec("LANG-18")
async def test_nodes_that_share_a_task_of_langgraph_end_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emit, "FEW", 0)
    monkeypatch.setattr(emit, "SHARD", 3)
    compiler = WorkflowGraphCompiler(COMPILER.registry)
    for seed in range(5_000, 5_150):
        await compare(seed, compiler)


@pytest.mark.spec("LANG-7")
async def test_stop_reaches_nodes_that_share_the_task_of_the_failed_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emit, "FEW", 0)
    bad = {"id": "bad", "type": "tool", "config": {"tool": "ref.fail", "args": {"message": "no"}}}
    document = {
        "nodes": [bad, {"id": "slow", "type": "delay", "config": {"seconds": 30}}],
        "settings": {"on_failure": "stop"},
    }

    async with asyncio.timeout(10):
        flow = await run(document, compiler=WorkflowGraphCompiler(COMPILER.registry))

    assert flow.stopped
    assert ("end", "slow") not in flow.order
