import asyncio
import random

import pytest

from app.compiler import WorkflowGraphCompiler, emit
from tests.compiler.flow import COMPILER, run
from tests.reference.generator import random_graph, random_input
from tests.reference.interpreter import interpret

CHUNK = 100


@pytest.mark.spec("LANG-1", "LANG-2", "LANG-4", "LANG-11", "LANG-13", "LANG-18")
@pytest.mark.parametrize("first", range(0, 600, CHUNK))
async def test_random_graphs_end_as_the_reference_interpreter_says(first: int) -> None:
    for seed in range(first, first + CHUNK):
        rng = random.Random(seed)
        document = random_graph(rng, loops=seed % 4, state=seed % 3 == 0)
        value = random_input(rng)
        expected = interpret(document, value)

        flow = await run(document, value)

        assert _outcomes(flow.outcomes) == {k: (o.status, o.output, o.reason) for k, o in expected.nodes.items()}, seed
        assert flow.status == expected.status, seed
        if expected.status == "COMPLETED":
            assert flow.result == expected.result, seed
            assert (flow.compiled.final_state(flow.context) or {}) == expected.state, seed


@pytest.mark.parametrize("first", range(0, 200, CHUNK))
async def test_a_run_resumed_at_any_point_ends_the_same_and_repeats_nothing(first: int) -> None:
    for seed in range(first, first + CHUNK):
        rng = random.Random(seed)
        document, value = random_graph(rng, loops=seed % 4, state=seed % 3 == 0), random_input(rng)
        whole = await run(document, value)
        turns = list(whole.outcomes)
        kept = {key: whole.outcomes[key] for key in turns[: rng.randint(0, len(turns))] if whole.outcomes[key].handled}

        again = await run(document, value, known=kept)

        assert not kept.keys() & again.outcomes.keys(), seed
        assert _outcomes({**again.outcomes, **kept}) == _outcomes(whole.outcomes), seed
        assert again.status == whole.status, seed


@pytest.mark.spec("LANG-18")
async def test_nodes_that_share_a_task_of_langgraph_end_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emit, "LARGE", 0)
    monkeypatch.setattr(emit, "SHARD", 3)
    compiler = WorkflowGraphCompiler(COMPILER.registry)
    for seed in range(150):
        rng = random.Random(5_000 + seed)
        document, value = random_graph(rng, loops=seed % 4, state=seed % 3 == 0), random_input(rng)
        expected = interpret(document, value)

        flow = await run(document, value, compiler=compiler)

        assert _outcomes(flow.outcomes) == {k: (o.status, o.output, o.reason) for k, o in expected.nodes.items()}, seed
        assert flow.status == expected.status, seed


@pytest.mark.spec("LANG-7")
async def test_stop_reaches_nodes_that_share_the_task_of_the_failed_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emit, "LARGE", 0)
    bad = {"id": "bad", "type": "tool", "config": {"tool": "ref.fail", "args": {"message": "no"}}}
    document = {
        "nodes": [bad, {"id": "slow", "type": "delay", "config": {"seconds": 30}}],
        "settings": {"on_failure": "stop"},
    }

    async with asyncio.timeout(10):
        flow = await run(document, compiler=WorkflowGraphCompiler(COMPILER.registry))

    assert flow.stopped
    assert ("end", "slow") not in flow.order


def _outcomes(outcomes):
    return {
        key: (o.status, o.output, (o.reason or {}).get("code") if o.status == "SKIPPED" else None)
        for key, o in outcomes.items()
    }
