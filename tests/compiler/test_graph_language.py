import asyncio

import pytest

from app.compiler import HardError, RetryableError, tool
from app.compiler.compiler import WorkflowGraphCompiler
from app.compiler.discovery import load_registry
from tests.compiler.flow import graph, node, run

gates: dict[str, asyncio.Event] = {}
calls: dict[str, int] = {}


@tool(name="flow.gate")
async def gate(name: str) -> str:
    async with asyncio.timeout(10):
        await gates[name].wait()
    return name


@tool(name="flow.open")
async def open_gate(name: str) -> str:
    gates[name].set()
    return name


@tool(name="flow.flaky")
async def flaky(name: str, failures: int, hard: bool = False) -> int:
    calls[name] = calls.get(name, 0) + 1
    if calls[name] <= failures:
        raise HardError("no") if hard else RetryableError("not yet")
    return calls[name]


COMPILER = WorkflowGraphCompiler(load_registry())


def call(name: str, function: str, /, **args):
    return {"id": name, "type": "tool", "config": {"tool": function, "args": args}}


def fail(name: str, **more):
    return {"id": name, "type": "tool", "config": {"tool": "ref.fail", "args": {"message": "boom"}}, **more}


@pytest.mark.spec("LANG-5")
async def test_a_node_starts_while_an_unrelated_branch_still_runs() -> None:
    # `slow` ends only when `late`, two levels down another branch, has run.
    gates["a"] = asyncio.Event()
    document = graph(
        [node("start"), call("slow", "flow.gate", name="a"), node("mid"), call("late", "flow.open", name="a")],
        ("start", "slow"),
        ("start", "mid"),
        ("mid", "late"),
    )

    flow = await run(document, compiler=COMPILER)

    assert flow.statuses() == dict.fromkeys(["start", "slow", "mid", "late"], "COMPLETED")
    assert flow.order.index(("end", "late")) < flow.order.index(("end", "slow"))


@pytest.mark.spec("LANG-4")
async def test_a_first_join_runs_once_and_does_not_wait_for_the_rest() -> None:
    gates["b"] = asyncio.Event()
    document = graph(
        [node("quick"), call("slow", "flow.gate", name="b"), {**call("join", "flow.open", name="b"), "join": "first"}],
        ("quick", "join"),
        ("slow", "join"),
    )

    flow = await run(document, compiler=COMPILER)

    assert flow.order.count(("start", "join")) == 1
    assert flow.order.index(("end", "join")) < flow.order.index(("end", "slow"))


@pytest.mark.spec("LANG-3")
async def test_a_condition_that_cannot_be_evaluated_fails_its_node() -> None:
    flow = await run(graph([node("a"), node("b")], ("a", "b", {"condition": "output.missing > 1"})))

    assert flow.statuses() == {"a": "FAILED", "b": "SKIPPED"}
    assert "missing" in flow.outcomes["a", 0].error["message"]


@pytest.mark.spec("LANG-6")
async def test_an_error_edge_handles_a_failure_and_the_run_goes_on() -> None:
    flow = await run(graph([fail("a"), node("b"), node("c")], ("a", "b"), ("a", "c", {"on": "error"})))

    assert flow.status == "COMPLETED"
    assert flow.statuses() == {"a": "FAILED", "b": "SKIPPED", "c": "COMPLETED"}


@pytest.mark.spec("LANG-6")
async def test_on_error_continue_completes_with_null_and_a_readable_error() -> None:
    read = node("b", config={"value": ["{{ a.output }}", "{{ a.error.type }}", "{{ a.status }}"]})

    flow = await run(graph([fail("a", on_error="continue"), read], ("a", "b")))

    output = flow.outcomes["b", 0].output
    assert (output[0], output[2]) == (None, "COMPLETED")
    assert output[1]


@pytest.mark.spec("LANG-7")
async def test_finish_branches_lets_the_others_end_and_stop_does_not() -> None:
    gates["c"] = asyncio.Event()
    nodes = [node("a"), fail("bad"), call("wait", "flow.gate", name="c")]
    stopped = await run(graph(nodes, ("a", "bad"), ("a", "wait"), settings={"on_failure": "stop"}), compiler=COMPILER)
    finished = await run(graph([node("a"), fail("bad"), node("b"), node("c")], ("a", "bad"), ("bad", "c"), ("a", "b")))

    assert stopped.stopped
    assert ("end", "wait") not in stopped.order
    assert finished.statuses() == {"a": "COMPLETED", "bad": "FAILED", "b": "COMPLETED", "c": "SKIPPED"}


@pytest.mark.spec("LANG-8")
async def test_retryable_errors_are_tried_again_and_hard_ones_are_not() -> None:
    calls.clear()
    retry = {"max_attempts": 3, "initial_interval": 0, "jitter": False}
    document = graph(
        [
            {**call("soft", "flow.flaky", name="soft", failures=2), "retry": retry},
            {**call("hard", "flow.flaky", name="hard", failures=2, hard=True), "retry": retry},
            {**call("short", "flow.flaky", name="short", failures=5), "retry": retry},
        ]
    )

    flow = await run(document, compiler=COMPILER)

    assert flow.outcomes["soft", 0].output == 3
    assert calls == {"soft": 3, "hard": 1, "short": 3}
    assert flow.outcomes["short", 0].attempt == 3


@pytest.mark.spec("LANG-8")
async def test_a_node_that_passes_its_timeout_fails_with_that_reason() -> None:
    flow = await run(graph([{**node("a", "delay", config={"seconds": 30}), "timeout": 0.01}]))

    assert flow.outcomes["a", 0].reason["code"] == "timeout"


def loop(limit: int, **more):
    body = node("count", config={"value": {"n": "{{ loop.iteration }}", "before": "{{ count.output }}"}}, **more)
    return graph(
        [node("start"), body, node("after", config={"value": "{{ count.output.n }}"})],
        ("start", "count"),
        ("count", "count", {"condition": f"output.n < {limit}"}),
        ("count", "after", {"condition": "else"}),
    )


@pytest.mark.spec("LANG-9", "LANG-11")
async def test_a_loop_repeats_until_its_back_edge_is_dead_and_sees_the_lap_before() -> None:
    flow = await run(loop(2))

    assert [key for key in flow.outcomes if key[0] == "count"] == [("count", 0), ("count", 1), ("count", 2)]
    assert flow.outcomes["count", 0].output == {"n": 0, "before": None}
    assert flow.outcomes["count", 1].output == {"n": 1, "before": {"n": 0, "before": None}}
    assert flow.result == {"after": 2}


@pytest.mark.spec("LANG-10")
async def test_a_loop_past_its_limit_fails_the_run() -> None:
    flow = await run(loop(99, max_iterations=3))

    assert flow.status == "FAILED"
    assert "3 iterations" in flow.context.limit
    assert flow.statuses()["after"] == "SKIPPED"
    assert len([key for key in flow.outcomes if key[0] == "count"]) == 3


@pytest.mark.spec("LANG-12")
async def test_the_runs_input_and_a_node_called_input_are_both_reachable() -> None:
    read = node("b", config={"value": ['{{ nodes["input"].output }}', "{{ input.x }}"]})

    flow = await run(graph([node("input"), read], ("input", "b")), {"x": 7, "b": "hidden"})

    assert flow.outcomes["b", 0].output == ["input", 7]


@pytest.mark.spec("LANG-14")
async def test_the_result_is_what_the_output_nodes_say() -> None:
    one = await run(graph([node("a"), node("o", "output")], ("a", "o")))
    two = await run(graph([node("a"), node("o", "output"), node("p", "output", config={"value": 1})], ("a", "o")))
    none = await run(graph([node("a"), node("b"), node("c")], ("a", "b"), ("a", "c", {"condition": "false"})))

    assert one.result == {"a": "a"}
    assert two.result == {"o": {"a": "a"}, "p": 1}
    assert none.result == {"b": "b"}


@pytest.mark.spec("LANG-16")
@pytest.mark.parametrize(
    "odd",
    [
        ":",
        "|",
        "a:b|c",
        "__start__",
        "__end__",
        "~node0",
        "~close",
        "é",
        "日本",
        " ",
        "input",
        "outputs",
        "n5",
        '"',
        "\\",
        "a'b",
    ],
)
async def test_odd_ids_run(odd: str) -> None:
    quoted = odd.replace("\\", "\\\\").replace('"', '\\"')
    read = node("reader", config={"value": f'{{{{ nodes["{quoted}"].output }}}}'})

    flow = await run(graph([node(odd), read], (odd, "reader")))

    assert flow.result == {"reader": odd}


@pytest.mark.spec("LANG-17")
async def test_other_forms_of_a_document_become_the_normal_form() -> None:
    nodes = [{"id": "input", "handler": "input", "dependencies": []}]
    nodes.append(
        {"id": "get", "handler": "call_external_service", "dependencies": ["input"], "config": {"url": "http://x"}}
    )
    seed = COMPILER.inspect({"name": "n", "dag": {"nodes": nodes}})
    aliases = [{"from": "a", "to": "b"}, {"from_node_id": "a", "to_node_id": "b"}]
    other = COMPILER.inspect({"nodes": [node("a"), node("b")], "edges": aliases})

    assert seed.problems == other.problems == []
    assert seed.graph["edges"] == [{"source": "input", "target": "get"}]
    assert [n["type"] for n in seed.graph["nodes"]] == ["input", "http"]
    assert other.graph["edges"] == [{"source": "a", "target": "b"}] * 2
    assert COMPILER.inspect(seed.graph).graph == seed.graph


@pytest.mark.spec("LANG-19")
async def test_a_secret_reaches_the_node_and_is_masked_in_what_is_kept_of_its_config() -> None:
    read = node("a", config={"value": ["{{ secrets.token }}", "{{ input.x }}"]})

    flow = await run(graph([read]), {"x": 1}, secrets={"token": "hush"})

    assert flow.outcomes["a", 0].output == ["hush", 1]
    assert flow.outcomes["a", 0].input == {"value": ["***", 1]}
