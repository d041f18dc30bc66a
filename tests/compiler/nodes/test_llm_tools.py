import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from app.compiler import NodeContext, Resources, tool
from app.compiler.failures import HardError, RetryableError
from app.compiler.guard import HttpGuard
from app.compiler.registry import Catalogue, collecting, snapshot
from tests.compiler.nodes.conftest import MakeVisit
from tests.compiler.nodes.visits import Visit
from tests.llm_server import Provider, calls, claude_says, provider, says

MOOD = {
    "type": "object",
    "properties": {"mood": {"$ref": "#/$defs/mood"}, "because": {"type": "array", "items": {"type": "string"}}},
    "required": ["mood"],
    "additionalProperties": False,
    "$defs": {"mood": {"enum": ["good", "bad"]}},
}


@pytest.fixture
def meetings() -> Iterator[Catalogue]:
    """Tools that only answer when they run at the same time, and one that fails."""
    both = asyncio.Barrier(2)
    with collecting() as catalogue:

        @tool(name="rooms.free", description="Which rooms are free.")
        async def free(day: str, seats: int = 2) -> list[str]:
            async with asyncio.timeout(5):
                await both.wait()
            return [f"{day}-{seats}"]

        @tool(name="rooms_free")
        async def taken(day: str, context: NodeContext) -> str:
            await context.log("Looking", day=day)
            async with asyncio.timeout(5):
                await both.wait()
            return "none"

        @tool(name="breaks")
        def breaks(x: int) -> None:
            raise RuntimeError(f"broke at {x}")

        yield catalogue


@pytest.fixture
def talk(make_visit: MakeVisit, meetings: Catalogue) -> Callable[..., Any]:
    visit = make_visit(registry=snapshot(meetings))

    async def run(server: Provider, **config: Any) -> Any:
        return await visit.run("llm", {"model": "openai:m", "prompt": "x", "base_url": server.url, **config})

    run.visit = visit  # type: ignore[attr-defined]
    return run


def logs(talk: Any) -> list[dict[str, Any]]:
    return [data for kind, data in talk.visit.reports if kind == "log"]


@pytest.mark.spec("LLM-10")
async def test_tools_run_side_by_side_and_the_model_gets_their_results_in_order(talk: Any) -> None:
    wanted = (("rooms_free_2", {"day": "Mon"}), ("rooms_free", {"day": "Tue", "seats": 4}))
    async with provider(calls(*wanted, text="Let me see."), says("Tuesday.")) as server:
        output = await talk(server, tools=["rooms.free", "rooms_free"])
    sent, again = (asked.body for asked in server.asked)
    functions = [entry["function"] for entry in sent["tools"]]
    assert [function["name"] for function in functions] == ["rooms_free", "rooms_free_2"]
    assert functions[0]["description"] == "Which rooms are free."
    assert functions[0]["parameters"]["required"] == ["day"]
    assert "context" not in functions[1]["parameters"]["properties"]
    results = [(message["tool_call_id"], message["content"]) for message in again["messages"][2:]]
    assert results == [("call_0", "none"), ("call_1", '["Tue-4"]')]
    assert output["text"] == "Tuesday."
    said = [str(data["text"]) for kind, data in talk.visit.reports if kind == "token"]
    assert "".join(said) == "Let me see.Tuesday."
    called = {line["fields"]["tool"]: line for line in logs(talk) if "tool" in line["fields"]}
    assert called["rooms.free"]["message"] == "The model called rooms.free."
    assert called["rooms.free"]["fields"]["result"] == '["Tue-4"]'


@pytest.mark.spec("LLM-11")
async def test_errors_of_tools_are_told_to_the_model_and_logged(talk: Any) -> None:
    wrong = (("breaks", {"x": 7}), ("breaks", {"x": "much"}), ("nothing", {}), ("breaks", '{"x": '))
    async with provider(calls(*wrong), says("Sorry.")) as server:
        output = await talk(server, tools=["breaks"])
    told = [message["content"] for message in server.asked[1].body["messages"] if message["role"] == "tool"]
    assert told[0] == "Error: RuntimeError: broke at 7"
    assert told[1].startswith("Error: invalid_arguments: ")
    assert told[2].startswith("Error: unknown_tool: There is no tool called nothing here. Known tools: breaks")
    assert told[3].startswith("The arguments of breaks are no JSON object")
    assert [line["level"] for line in logs(talk)] == ["warning"] * 4
    assert output["text"] == "Sorry."


@pytest.mark.spec("LLM-12")
async def test_a_model_that_calls_tools_again_and_again_is_stopped(talk: Any) -> None:
    async with provider(calls(("breaks", {"x": 1}))) as server:
        with pytest.raises(HardError, match="more than 3 rounds") as caught:
            await talk(server, tools=["breaks"], max_tool_rounds=3)
    assert (caught.value.type, len(server.asked)) == ("tool_limit_exceeded", 4)


@pytest.mark.spec("LLM-12")
async def test_a_worker_without_the_tool_says_so(visit: Visit) -> None:
    with pytest.raises(HardError) as caught:
        await visit.run("llm", {"model": "fake:echo", "prompt": "x", "tools": ["gone"]})
    assert caught.value.type == "unknown_tool"


@pytest.mark.spec("LLM-10")
async def test_a_cancelled_node_cancels_its_tools(meetings: Catalogue) -> None:
    began, ended = asyncio.Event(), asyncio.Event()
    with collecting() as catalogue:

        @tool(name="endless")
        async def endless() -> None:
            began.set()
            try:
                await asyncio.Event().wait()
            finally:
                ended.set()

    visit = Visit(Resources(registry=snapshot(catalogue), http_guard=HttpGuard(allow_loopback=True)))
    async with provider(calls(("endless", {}))) as server:
        config = {"model": "openai:m", "prompt": "x", "base_url": server.url, "tools": ["endless"]}
        task = asyncio.create_task(visit.run("llm", config))
        await began.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert ended.is_set()
    await visit.resources.aclose()


@pytest.mark.spec("LLM-13")
async def test_an_answer_is_given_as_a_value_that_fits_the_schema(talk: Any) -> None:
    async with provider(says('{"mood": "good"}')) as server:
        output = await talk(server, schema=MOOD)
        asked = server.asked[0].body["response_format"]["json_schema"]["schema"]
        server.script = [says('Here:\n```json\n{"mood": "bad", "because": []}\n```'.removeprefix("Here:\n"))]
        fenced = await talk(server, schema=MOOD)
    assert (output["structured"], output["text"]) == ({"mood": "good"}, '{"mood": "good"}')
    assert asked == MOOD
    assert output["usage"]["total_tokens"] == 18
    assert fenced["structured"] == {"mood": "bad", "because": []}


@pytest.mark.spec("LLM-13")
async def test_a_model_of_anthropic_gives_structured_answers(visit: Visit) -> None:
    async with provider(claude_says("", call=("answer", {"mood": "bad"}))) as server:
        config = {"model": "anthropic:m", "prompt": "x", "base_url": server.origin, "schema": MOOD}
        output = await visit.run("llm", config)
    assert (output["structured"], output["text"]) == ({"mood": "bad"}, '{"mood":"bad"}')
    assert output["messages"][-1] == {"role": "assistant", "content": '{"mood":"bad"}'}


@pytest.mark.spec("LLM-13")
@pytest.mark.parametrize("last", [calls(("answer", {"mood": "good"})), says('{"mood": "good"}')])
async def test_a_structured_answer_may_follow_calls_of_tools(talk: Any, last: Any) -> None:
    async with provider(calls(("breaks", {"x": 1})), last) as server:
        output = await talk(server, tools=["breaks"], schema=MOOD)
    body = server.asked[0].body
    assert [entry["function"]["name"] for entry in body["tools"]] == ["breaks", "answer"]
    assert body["tool_choice"] == "required"
    assert output["structured"] == {"mood": "good"}
    assert output["messages"][-1]["role"] == "assistant"
    assert "tool_calls" not in output["messages"][-1]


@pytest.mark.spec("LLM-14")
@pytest.mark.parametrize(
    ("said", "place"),
    [
        ('{"mood": "great"}', "/mood: 'great' is not one of"),
        ('{"mood": "good", "because": ["x", 1]}', "/because/1: 1 is not of type 'string'"),
        ("{}", "/: 'mood' is a required property"),
        ("I feel good.", "it is no JSON"),
        ('{"mood": NaN}', "it is no JSON"),
    ],
)
async def test_an_answer_that_does_not_fit_is_tried_again_and_names_the_places(
    talk: Any, said: str, place: str
) -> None:
    async with provider(says(said)) as server:
        with pytest.raises(RetryableError) as caught:
            await talk(server, schema=MOOD)
    assert caught.value.type == "invalid_structured_output"
    assert place in caught.value.message


@pytest.mark.spec("LLM-14")
async def test_a_structured_answer_that_was_cut_off_is_not_tried_again(talk: Any, visit: Visit) -> None:
    async with provider(says('{"mood": "go', finish="length")) as server:
        with pytest.raises(HardError) as caught:
            await talk(server, schema=MOOD)
    assert caught.value.type == "answer_cut_off"
