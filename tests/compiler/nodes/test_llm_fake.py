import asyncio
from typing import Any

import pytest

from app.compiler.failures import HardError, RetryableError
from app.compiler.jsonschemas import misfits
from app.compiler.llm.samples import sample
from tests.compiler.flow import graph, node, run
from tests.compiler.nodes.visits import Visit


def script(*responses: Any, **more: Any) -> dict[str, Any]:
    return {"model": "fake:script", "prompt": "x", "options": {"responses": list(responses)}, **more}


@pytest.mark.spec("LLM-24")
async def test_the_echo_repeats_the_last_text_of_the_user_word_by_word(visit: Visit) -> None:
    text = "  Two words,\n\n and   three more "
    begin = asyncio.get_running_loop().time()
    config = {"model": "fake:echo", "prompt": text, "options": {"delay": 0.04}}
    output = await visit.run("llm", config)
    assert output["text"] == text
    assert asyncio.get_running_loop().time() - begin > 0.2
    pieces = [data["text"] for kind, data in visit.reports if kind == "token"]
    assert len(pieces) > 1
    assert output["usage"] == {"input_tokens": 5, "output_tokens": 5, "total_tokens": 10, "cost": None}
    assert (await visit.run("llm", {"model": "fake:echo", "prompt": ""}))["text"] == ""


@pytest.mark.spec("LLM-25")
async def test_the_script_gives_its_answers_in_order(visit: Visit) -> None:
    answers = ("One.", {"text": "Now.", "tool_calls": [{"name": "ref_echo", "args": {"value": 4}}]}, "Three.")
    first = await visit.run("llm", script(*answers))
    second = await visit.run("llm", script(*answers, tools=["ref.echo"], messages=first["messages"]))
    assert (first["text"], second["text"]) == ("One.", "Three.")
    assert [message["content"] for message in second["messages"]] == ["x", "One.", "x", "Now.", "4", "Three."]
    with pytest.raises(HardError) as caught:
        await visit.run("llm", script("One.", messages=first["messages"]))
    assert caught.value.type == "script_ended"


@pytest.mark.spec("LLM-25")
async def test_the_script_gives_structured_answers_that_are_checked_like_any(visit: Visit) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 3}}, "required": ["n"]}
    assert (await visit.run("llm", script({"structured": {"n": 5}}, schema=schema)))["structured"] == {"n": 5}
    assert (await visit.run("llm", script("", schema=schema)))["structured"] == {"n": 3}
    with pytest.raises(RetryableError):
        await visit.run("llm", script({"structured": {"n": 1}}, schema=schema))
    both = ({"tool_calls": [{"name": "ref_echo", "args": {"value": 1}}]}, {"structured": {"n": 9}})
    output = await visit.run("llm", script(*both, schema=schema, tools=["ref.echo"]))
    assert (output["structured"], len(output["messages"])) == ({"n": 9}, 4)


@pytest.mark.spec("LLM-25")
@pytest.mark.parametrize(
    "config",
    [
        {"model": "fake:parrot"},
        {"model": "fake:echo", "options": {"delay": 60}},
        {"model": "fake:script", "options": {"responses": [{"txt": "x"}]}},
        {"model": "fake:script", "options": {"answers": []}},
    ],
)
async def test_a_wrong_option_of_a_fake_is_refused(visit: Visit, config: dict[str, Any]) -> None:
    with pytest.raises(HardError) as caught:
        await visit.run("llm", {"prompt": "x", **config})
    assert caught.value.type == "invalid_model"


@pytest.mark.spec("LLM-26")
@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object"},
        {"type": "object", "properties": {"a": {"type": "string", "minLength": 3}, "b": {}}, "required": ["a", "b"]},
        {"type": "array", "minItems": 2, "items": {"type": "integer", "minimum": 4}},
        {"type": "array", "prefixItems": [{"const": 1}, {"type": "boolean"}], "minItems": 3},
        {"type": "integer", "exclusiveMinimum": 4, "multipleOf": 3},
        {"type": "integer", "exclusiveMinimum": 0},
        {"type": "number", "maximum": -2.5},
        {"type": "integer", "minimum": -5, "maximum": -2},
        {"type": "integer", "exclusiveMaximum": 0},
        {"type": "string", "format": "date-time"},
        {"type": ["null", "string"]},
        {"anyOf": [{"type": "null"}, {"type": "string"}]},
        {"anyOf": [{"$ref": "#/$defs/x"}, {"type": "string"}], "$defs": {"x": {"enum": [3, 4]}}},
        {"oneOf": [{"type": "object", "required": ["k"], "properties": {"k": {"const": 1}}}, {"type": "null"}]},
        {"allOf": [{"properties": {"a": {"const": 1}}}, {"$ref": "#/$defs/r"}], "$defs": {"r": {"required": ["a"]}}},
        {"type": "object", "properties": {"next": {"$ref": "#"}}},
        {"default": {"x": 1}},
    ],
)
def test_the_smallest_value_fits_its_schema(schema: dict[str, Any]) -> None:
    assert misfits(schema, sample(schema)) == []


@pytest.mark.spec("LLM-26")
def test_a_schema_without_a_finite_value_ends_all_the_same() -> None:
    endless = {"type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["next"]}
    assert sample(endless) is not None


@pytest.mark.spec("LLM-24")
async def test_a_fake_runs_in_a_graph_and_never_needs_a_network() -> None:
    ask = node("ask", "llm", config={"model": "fake:echo", "prompt": "Analyze this: {{ start.output }}"})
    flow = await run(graph([node("start", "input"), ask], ("start", "ask")), "data")
    assert flow.result["ask"]["text"] == "Analyze this: data"
