import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest

from app.compiler import HardError, NodeContext, RetryableError, WorkflowGraphCompiler, tool
from app.compiler.discovery import load_registry
from tests.compiler import flow
from tests.compiler.flow import Flow, graph, node


@dataclass
class Calls:
    """What the tools of this module have seen."""

    seen: list[Any] = field(default_factory=list)
    under_way: int = 0
    most: int = 0
    cancelled: list[Any] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)


CALLS = Calls()


@tool(name="maps.work")
async def work(context: NodeContext, value: Any, seconds: float = 0.001, fail: str = "", tries: int = 0) -> Any:
    """Give the value; fail in the way that `fail` names, or until the call before the last of `tries`."""
    CALLS.seen.append(value)
    CALLS.keys.append(context.idempotency_key)
    CALLS.under_way += 1
    CALLS.most = max(CALLS.most, CALLS.under_way)
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        CALLS.cancelled.append(value)
        raise
    finally:
        CALLS.under_way -= 1
    if fail == "hard":
        raise HardError(f"no {value}", "refused")
    if fail == "later" or context.attempt < tries:
        raise RetryableError(f"not now {value}")
    return value


COMPILER = WorkflowGraphCompiler(load_registry())


@pytest.fixture(autouse=True)
def _fresh() -> None:
    CALLS.__init__()  # type: ignore[misc]  # the tools hold this one


async def run(document: Any, value: Any = None, **more: Any) -> Flow:
    return await flow.run(document, value, compiler=COMPILER, **more)


def each(inner: dict[str, Any], *, items: Any = "{{ input }}", **config: Any) -> dict[str, Any]:
    """A graph whose only node maps the run's input."""
    return graph([node("m", "map", config={"items": items, "node": inner, **config})])


def value(template: Any) -> dict[str, Any]:
    return {"type": "transform", "config": {"value": template}}


def working(*, config: dict[str, Any] | None = None, **args: Any) -> dict[str, Any]:
    return {"type": "tool", "config": {"tool": "maps.work", "args": {"value": "{{ item }}", **args}}, **(config or {})}


@pytest.mark.spec("MAP-1")
async def test_results_come_in_the_order_of_the_items_whatever_order_they_end_in() -> None:
    done = await run(each(working(seconds="{{ 0.03 - index * 0.01 }}")), ["a", "b", "c"])

    assert done.result == {"m": ["a", "b", "c"]}


@pytest.mark.spec("MAP-1")
@pytest.mark.parametrize("items", [[], [None], list(range(1234))])
async def test_a_map_of_any_number_of_items_gives_as_many_results(items: list[Any]) -> None:
    done = await run(each(value("{{ item }}")), items)

    assert done.result == {"m": items}


@pytest.mark.spec("MAP-2")
async def test_no_more_items_are_under_way_than_concurrency_says() -> None:
    await run(each(working(), concurrency=3), list(range(30)))
    assert CALLS.most == 3

    await run(each(working()), list(range(30)))
    assert CALLS.most == 10
    assert len(CALLS.seen) == 60


@pytest.mark.spec("MAP-3")
@pytest.mark.parametrize("items", [{"a": 1}, "text", 3, None, "{{ input }}"])
async def test_items_that_are_no_list_fail_the_node(items: Any) -> None:
    done = await run(each(value("{{ item }}"), items="{{ input.items }}"), {"items": items})

    assert done.outcomes["m", 0].error is not None
    assert done.outcomes["m", 0].error["type"] == "invalid_config"
    assert "items" in done.outcomes["m", 0].error["message"]


@pytest.mark.spec("MAP-4")
async def test_items_see_item_and_index_beside_everything_that_the_map_sees() -> None:
    inner = value(
        ["{{ item }}", "{{ index }}", "{{ input.list | length }}", "{{ a.output }}", '{{ nodes["b b"].output }}',
         "{{ state.n }}", "{{ loop.iteration }}", "{{ run.id }}", "{{ secrets.key }}"]
    )  # fmt: skip
    document = graph(
        [
            node("a", writes={"n": 5}),
            node("b b"),
            node(
                "m", "map", config={"items": "{{ input.list }}", "node": inner}, writes={"n": "{{ output | length }}"}
            ),
        ],
        ("a", "b b"),
        ("b b", "m"),
        state={"n": {"default": 0}},
    )

    done = await run(document, {"list": ["x", "y"]}, secrets={"key": "s3cret"})

    shared = [2, "a", "b b", 5, 0, "run", "s3cret"]
    assert done.outcomes["m", 0].output == [["x", 0, *shared], ["y", 1, *shared]]
    assert done.compiled.final_state(done.context) == {"n": 2}
    assert "s3cret" not in str(done.outcomes["m", 0].input)


@pytest.mark.spec("MAP-5")
async def test_in_a_map_in_a_map_item_and_index_are_those_of_the_inner_one() -> None:
    inner = {"type": "map", "config": {"items": "{{ item }}", "node": value("{{ index }}:{{ item }}")}}

    done = await run(each(inner), [["a", "b"], [], ["c"]])

    assert done.result == {"m": [["0:a", "1:b"], [], ["0:c"]]}


@pytest.mark.spec("MAP-6")
async def test_the_first_item_that_fails_ends_the_map_and_cancels_the_others() -> None:
    inner = working(seconds="{{ 0.01 if item == 2 else 5 }}", fail="{{ 'hard' if item == 2 else '' }}")

    done = await run(each(inner, concurrency=4), list(range(100)))

    error = done.outcomes["m", 0].error
    assert error is not None
    assert (error["type"], error["message"], error["retryable"]) == ("refused", "Item 2: no 2", False)
    assert sorted(CALLS.seen) == [0, 1, 2, 3]
    assert sorted(CALLS.cancelled) == [0, 1, 3]


@pytest.mark.spec("MAP-6")
async def test_the_error_of_an_item_in_a_map_in_a_map_names_both_places() -> None:
    inner = {"type": "map", "config": {"items": "{{ item }}", "node": working(fail="hard")}}

    done = await run(each(inner, concurrency=1), [[], ["x"]])

    assert done.outcomes["m", 0].error is not None
    assert done.outcomes["m", 0].error["message"] == "Item 1: Item 0: no x"


@pytest.mark.spec("MAP-6")
async def test_a_map_that_failed_by_a_retryable_error_is_tried_again_without_the_items_that_completed() -> None:
    document = each(working(fail="{{ 'later' if item == 2 else '' }}"), concurrency=1)
    document["nodes"][0]["retry"] = {"max_attempts": 3, "initial_interval": 0.001}

    done = await run(document, [0, 1, 2, 3])

    assert done.outcomes["m", 0].error is not None
    assert done.outcomes["m", 0].error["retryable"]
    assert done.outcomes["m", 0].attempt == 3
    assert CALLS.seen == [0, 1, 2, 2, 2]


@pytest.mark.spec("MAP-7")
async def test_a_map_that_collects_runs_every_item_and_puts_errors_in_their_places() -> None:
    inner = working(fail="{{ 'hard' if item % 2 else '' }}")

    done = await run(each(inner, on_item_error="collect"), [0, 1, 2, 3])

    assert done.status == "COMPLETED"
    assert done.result == {
        "m": [
            0,
            {"error": {"type": "refused", "message": "no 1"}},
            2,
            {"error": {"type": "refused", "message": "no 3"}},
        ]
    }


@pytest.mark.spec("MAP-8")
async def test_an_item_whose_node_continues_on_errors_gives_null() -> None:
    inner = working(fail="{{ 'hard' if item == 1 else '' }}", config={"on_error": "continue"})

    done = await run(each(inner), [0, 1, 2])

    assert done.result == {"m": [0, None, 2]}


@pytest.mark.spec("MAP-9")
async def test_each_item_is_tried_again_by_itself() -> None:
    inner = working(
        tries="{{ 3 if item == 1 else 0 }}", config={"retry": {"max_attempts": 3, "initial_interval": 0.001}}
    )

    done = await run(each(inner), [0, 1, 2])

    assert done.result == {"m": [0, 1, 2]}
    assert sorted(CALLS.seen) == [0, 1, 1, 1, 2]


@pytest.mark.spec("MAP-9")
async def test_the_timeout_of_the_inner_node_is_that_of_one_item() -> None:
    inner = working(seconds="{{ 5 if item == 1 else 0.001 }}", config={"timeout": 0.1})

    done = await run(each(inner, on_item_error="collect"), [0, 1, 2])

    assert done.result["m"][::2] == [0, 2]
    assert done.result["m"][1]["error"]["type"] == "NodeTimeoutError"


@pytest.mark.spec("MAP-9")
async def test_every_item_has_an_idempotency_key_of_its_own() -> None:
    inner = {"type": "map", "config": {"items": "{{ item }}", "node": working()}}

    await run(each(inner), [["a", "b"], ["c"]])

    assert sorted(CALLS.keys) == ["run/m/0/0/0", "run/m/0/0/1", "run/m/0/1/0"]


@pytest.mark.spec("MAP-10")
async def test_the_timeout_of_the_map_is_that_of_all_items_together() -> None:
    document = each(working(seconds=5), concurrency=2)
    document["nodes"][0]["timeout"] = 0.1

    done = await run(document, [0, 1, 2])

    assert done.outcomes["m", 0].error is not None
    assert done.outcomes["m", 0].error["type"] == "NodeTimeoutError"
    assert sorted(CALLS.cancelled) == [0, 1]


@pytest.mark.spec("MAP-11")
@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        ({"type": "condition", "config": {"branches": [{"name": "even", "when": "item % 2 == 0"}], "default": "odd"}},
         [{"branch": "even"}, {"branch": "odd"}]),
        ({"type": "delay", "config": {"seconds": "{{ item / 1000 }}"}}, [None, None]),
        ({"type": "tool", "config": {"tool": "ref.echo", "args": {"value": ["{{ item }}"]}}}, [[0], [1]]),
        (value("{{ item }}"), [0, 1]),
    ],
    ids=["condition", "delay", "tool", "transform"],
)  # fmt: skip
async def test_nodes_of_any_type_run_for_items(inner: dict[str, Any], expected: list[Any]) -> None:
    done = await run(each(inner), [0, 1])

    assert done.result == {"m": expected}


@pytest.mark.spec("MAP-12")
async def test_a_map_in_a_loop_runs_its_items_anew_in_every_lap() -> None:
    inner = working(value="{{ item * (loop.iteration + 1) }}")
    document = graph(
        [node("a"), node("m", "map", config={"items": [1, 2], "node": inner})],
        ("a", "m"),
        ("m", "a", {"condition": "loop.iteration < 2"}),
        entry="a",
    )  # fmt: skip

    done = await run(document)

    assert [done.outcomes["m", n].output for n in range(3)] == [[1, 2], [2, 4], [3, 6]]


REFUSALS: list[tuple[str, dict[str, Any], list[tuple[str, str]]]] = [
    ("item outside", {"items": "{{ item }}", "node": value("{{ item }}")}, [("unknown_reference", "/items")]),
    ("unknown type", {"items": [], "node": {"type": "nothing"}}, [("unknown_node_type", "/node/type")]),
    ("no type", {"items": [], "node": {"config": {}}}, [("invalid_config", "/node/type")]),
    ("unknown field", {"items": [], "node": {**value(1), "id": "x"}}, [("invalid_config", "/node/id")]),
    ("edges", {"items": [], "node": {**value(1), "writes": {"a": 1}}}, [("invalid_config", "/node/writes")]),
    ("template in timeout", {"items": [], "node": {**value(1), "timeout": "{{ item }}"}},
     [("invalid_config", "/node/timeout")]),
    ("input", {"items": [], "node": {"type": "input"}}, [("invalid_config", "/node/type")]),
    ("output", {"items": [], "node": {"type": "output"}}, [("invalid_config", "/node/type")]),
    ("inner config", {"items": [], "node": {"type": "transform", "config": {"valu": 1}}},
     [("invalid_config", "/node/config/value"), ("invalid_config", "/node/config/valu")]),
    ("inner tool", {"items": [], "node": {"type": "tool", "config": {"tool": "nothing"}}},
     [("invalid_config", "/node/config/tool")]),
    ("inner template", {"items": [], "node": value(["{{ item }}", "{{ item +* }}"])},
     [("invalid_template", "/node/config/value/1")]),
    ("inner reference", {"items": [], "node": value({"a": "{{ nobody.output }}"})},
     [("unknown_reference", "/node/config/value/a")]),
    ("output in inner", {"items": [], "node": value("{{ output }}")}, [("unknown_reference", "/node/config/value")]),
    ("inner condition",
     {"items": [], "node": {"type": "condition", "config": {"branches": [{"name": "a", "when": "item +"}]}}},
     [("invalid_condition", "/node/config/branches/0/when")]),
    ("nested", {"items": [], "node": {"type": "map", "config": {"items": "{{ item }}", "node": value("{{ nobody }}")}}},
     [("unknown_reference", "/node/config/node/config/value")]),
    ("nested input", {"items": [], "node": {"type": "map", "config": {"items": [], "node": {"type": "input"}}}},
     [("invalid_config", "/node/config/node/type")]),
    ("neither", {"items": []}, [("invalid_config", "")]),
    ("both", {"items": [], "node": value(1), "workflow": "w"}, [("invalid_config", "")]),
    ("stray version", {"items": [], "node": value(1), "version": 2}, [("invalid_config", "/version")]),
    ("workflow input", {"items": [], "workflow": "w", "input": {"a": "{{ nobody }}"}},
     [("unknown_reference", "/input/a")]),
    ("workflow version", {"items": [], "workflow": "w", "version": 0}, [("invalid_config", "/version")]),
    ("workflow template", {"items": [], "workflow": "{{ item +* }}"}, [("invalid_template", "/workflow")]),
    ("no items", {"node": value(1)}, [("invalid_config", "/items")]),
    ("items no list", {"items": {"a": 1}, "node": value(1)}, [("invalid_config", "/items")]),
    ("concurrency", {"items": [], "node": value(1), "concurrency": 0}, [("invalid_config", "/concurrency")]),
]  # fmt: skip


@pytest.mark.spec("MAP-13")
@pytest.mark.parametrize(("config", "expected"), [case[1:] for case in REFUSALS], ids=[case[0] for case in REFUSALS])
def test_what_is_wrong_with_a_map_is_told_with_its_place(
    config: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    problems = COMPILER.inspect(graph([node("a"), node("m", "map", config=config)], ("a", "m"))).problems

    assert [(p.code, p.pointer) for p in problems] == [(code, f"/nodes/1/config{place}") for code, place in expected]
    assert all(p.node_id == "m" and p.message.endswith(".") for p in problems)


@pytest.mark.spec("MAP-13")
def test_all_problems_of_a_map_and_of_its_inner_node_are_told_at_once() -> None:
    config = {"items": "{{ nobody }}", "node": value(["{{ nobody }}", "{{ index.x", "{{ later.output }}"]), "wrong": 1}

    problems = COMPILER.inspect(graph([node("m", "map", config=config), node("later")], ("m", "later"))).problems

    assert {(p.code, p.pointer) for p in problems} == {
        ("unknown_reference", "/nodes/0/config/items"),
        ("invalid_template", "/nodes/0/config/node/config/value/1"),
        ("invalid_config", "/nodes/0/config/wrong"),
    }


@pytest.mark.spec("MAP-13")
def test_maps_are_nested_ten_deep_at_most() -> None:
    def nested(depth: int) -> dict[str, Any]:
        inner = value("{{ item }}")
        for _ in range(depth - 1):
            inner = {"type": "map", "config": {"items": ["{{ item }}"], "node": inner}}
        return each(inner)

    assert COMPILER.inspect(nested(10)).problems == []
    (problem,) = COMPILER.inspect(nested(11)).problems
    assert (problem.code, problem.pointer) == ("invalid_config", "/nodes/0" + "/config/node" * 11)


@pytest.mark.spec("MAP-4")
async def test_item_and_index_are_there_in_the_inner_config_only() -> None:
    document = each(value("{{ item }}"))
    document["nodes"][0]["writes"] = {"n": "{{ item }}"}
    document["state"] = {"n": {}}
    document["nodes"].append(node("z", config={"value": "{{ index }}"}))

    problems = COMPILER.inspect(document).problems

    assert [(p.code, p.pointer) for p in problems] == [
        ("unknown_reference", "/nodes/0/writes/n"),
        ("unknown_reference", "/nodes/1/config/value"),
    ]
