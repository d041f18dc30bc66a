"""The same graph ends the same, whatever takes how long."""

import random

import pytest

from tests.compiler.executions import compiler_with, shaken
from tests.compiler.flow import run
from tests.reference.agreement import comparable, expected_turns, found_turns
from tests.reference.generator import random_graph, random_input
from tests.reference.interpreter import interpret

GRAPHS, CHUNK, TIMES = 200, 50, 3


@pytest.mark.spec("LANG-32")
@pytest.mark.parametrize("first", range(0, GRAPHS, CHUNK))
async def test_what_a_run_ends_with_does_not_depend_on_how_long_its_nodes_take(first: int) -> None:
    for seed in range(40_000 + first, 40_000 + first + CHUNK):
        rng = random.Random(seed)
        document = random_graph(rng, loops=seed % 4, state=seed % 2 == 0, maps=True)
        value = random_input(rng)
        expected = interpret(document, value)
        compiler = compiler_with(shaken(rng, 0.003))
        for time in range(TIMES):
            flow = await run(document, value, compiler=compiler)

            assert found_turns(flow.outcomes) == expected_turns(expected), (seed, time)
            assert flow.status == expected.status, (seed, time)
            if expected.status == "COMPLETED":
                assert comparable(flow.result) == comparable(expected.result), (seed, time)
                state = flow.compiled.final_state(flow.context) or {}
                assert comparable(state) == comparable(expected.state), (seed, time)
