import asyncio
import subprocess
import sys
from typing import Any

import pytest
from pydantic import ValidationError

from app.compiler import CompileError, Resources
from app.compiler.discovery import load_registry
from app.compiler.failures import HardError, RetryableError
from app.compiler.guard import HttpGuard
from app.compiler.llm.providers import CACHED, ModelChoice
from app.compiler.llm.tokenstream import TokenStream
from app.config import ModelPrice
from tests.compiler.flow import COMPILER
from tests.compiler.nodes.conftest import MakeVisit
from tests.compiler.nodes.visits import Visit, until
from tests.llm_server import Line, at_once, calls, claude_says, holds, provider, says

CONFIG = load_registry().node_types["llm"].config
PRICE = {"input": 2.0, "output": 10.0}


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI", "ANTHROPIC"):
        for kind in ("API_KEY", "BASE_URL", "API_BASE", "API_URL"):
            monkeypatch.delenv(f"{name}_{kind}", raising=False)


def texts(visit: Visit) -> list[str]:
    return [str(data["text"]) for kind, data in visit.reports if kind == "token"]


@pytest.mark.spec("LLM-1")
async def test_messages_and_prompt_go_to_the_model_under_the_system_text(visit: Visit) -> None:
    async with provider(says("All is well.")) as server:
        config = {
            "model": "openai:m",
            "system": "Be brief.",
            "messages": [
                {"role": "system", "content": "Be long."},
                {"role": "user", "content": "Hello"},
                {"role": "assistant", "content": "Yes?"},
            ],
            "prompt": "How is it?",
            "temperature": 0.5,
            "max_tokens": 100,
            "options": {"seed": 7},
            "base_url": server.url,
            "api_key": "my-key",
        }
        output = await visit.run("llm", config)
    said = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hello"},
        {"role": "assistant", "content": "Yes?"},
        {"role": "user", "content": "How is it?"},
    ]
    assert output["messages"] == [*said, {"role": "assistant", "content": "All is well."}]
    assert (output["text"], output["structured"], output["model"]) == ("All is well.", None, "openai:m")
    asked = server.asked[0]
    assert asked.path == "/v1/chat/completions"
    assert asked.headers["authorization"] == "Bearer my-key"
    assert sorted(asked.body["messages"], key=said.index) == said
    assert {name: asked.body[name] for name in ("model", "temperature", "max_completion_tokens", "seed")} == {
        "model": "m",
        "temperature": 0.5,
        "max_completion_tokens": 100,
        "seed": 7,
    }
    assert "idempotency-key" not in asked.headers


@pytest.mark.spec("LLM-1")
async def test_a_model_of_anthropic_answers_the_same_way(visit: Visit) -> None:
    async with provider(claude_says("I am here.")) as server:
        config = {"model": "claude-x", "system": "Be.", "prompt": "Hi", "base_url": server.origin, "api_key": "k"}
        output = await visit.run("llm", {**config, "prices": PRICE})
    assert output["text"] == "I am here."
    assert output["usage"] == {"input_tokens": 5, "output_tokens": 9, "total_tokens": 14, "cost": 0.0001}
    assert "".join(texts(visit)) == "I am here."
    assert (server.asked[0].path, server.asked[0].body["system"]) == ("/v1/messages", "Be.")


@pytest.mark.spec("LLM-1")
async def test_what_is_no_text_is_asked_as_json(visit: Visit) -> None:
    config = {"model": "fake:echo", "messages": [{"role": "user", "content": 3.5}], "prompt": {"a": [1, None]}}
    output = await visit.run("llm", config)
    assert [message["content"] for message in output["messages"]] == ["3.5", '{"a":[1,null]}', '{"a":[1,null]}']


@pytest.mark.spec("LLM-2")
async def test_the_messages_of_one_node_are_messages_for_another(visit: Visit) -> None:
    visit_tools = {"model": "openai:m", "tools": ["ref.echo"], "prompt": "Echo 3"}
    script = (calls(("ref_echo", {"value": 3})), says("3 it is."), says("Twice."))
    async with provider(*script) as server:
        visit_tools["base_url"] = server.url
        first = await visit.run("llm", visit_tools)
        second = await visit.run("llm", {**visit_tools, "messages": first["messages"], "prompt": "Again"})
    assert [message["role"] for message in first["messages"]] == ["user", "assistant", "tool", "assistant"]
    assert first["messages"][1]["tool_calls"] == [{"id": "call_0", "name": "ref_echo", "args": {"value": 3}}]
    assert first["messages"][2] == {"role": "tool", "content": "3", "tool_call_id": "call_0", "name": "ref_echo"}
    assert second["messages"][:4] == first["messages"]
    sent = server.asked[2].body["messages"]
    assert sent[1]["tool_calls"][0]["function"] == {"name": "ref_echo", "arguments": '{"value": 3}'}
    assert sent[2]["tool_call_id"] == "call_0"


@pytest.mark.spec("LLM-2")
def test_messages_in_the_form_of_openai_are_read_and_broken_ones_refused() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}
    image = [{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {"url": "data:,x"}}]
    ok = [{"role": "user", "content": image}, {"role": "assistant", "content": None, "tool_calls": [call]}]
    CONFIG.model_validate({"model": "m", "messages": ok})
    for broken in (
        {"role": "tool", "content": "x"},
        {"role": "king", "content": "x"},
        {"role": "user", "tool_calls": [call]},
        {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f"}}]},
        {"role": "user", "content": "x", "mood": "good"},
    ):
        with pytest.raises(ValidationError):
            CONFIG.model_validate({"model": "m", "messages": [broken]})


def problems(**config: Any) -> list[tuple[str, str]]:
    document = {"nodes": [{"id": "ask", "type": "llm", "config": {"model": "fake:echo", **config}}], "edges": []}
    try:
        COMPILER.compile(document)
    except CompileError as error:
        return [(problem.code, problem.pointer.removeprefix("/nodes/0/config")) for problem in error.problems]
    return []


@pytest.mark.spec("LLM-3")
def test_what_cannot_work_is_refused_at_validation() -> None:
    assert problems() == [("invalid_config", "")]
    assert problems(prompt="x", tools=["ref.echo", "nope"]) == [("invalid_config", "/tools/1")]
    assert problems(prompt="x", colour="red") == [("invalid_config", "/colour")]
    assert problems(prompt="x", schema={"type": "objekt"}) == [("invalid_config", "/schema")]
    assert problems(prompt="x", schema={"type": "array"}) == [("invalid_config", "/schema")]
    assert problems(prompt="x", model="openai:m", base_url="ftp://x") == [("invalid_config", "/base_url")]
    assert problems(prompt="x", model="ollama:m", base_url="http://x") == [("invalid_config", "/base_url")]
    assert problems(prompt="x", model="{{ input.m }}", base_url="http://x") == []
    assert problems(prompt="x", max_tool_rounds=101) == [("invalid_config", "/max_tool_rounds")]
    assert problems(messages="{{ input.talk }}", temperature="{{ input.t }}", max_tokens="{{ input.n }}") == []
    schema = {"type": "object", "properties": {"a": {"const": "{{ no template }}"}}}
    assert problems(prompt="x", schema=schema, tools=["ref.echo"]) == []


@pytest.mark.spec("LLM-3")
@pytest.mark.parametrize(
    "name", ["openai_api_base", "anthropic_api_url", "openai_proxy", "azure_endpoint", "client_kwargs", "max_retries"]
)
def test_options_cannot_lead_elsewhere(name: str) -> None:
    assert problems(prompt="x", options={name: "x"}) == [("invalid_config", "/options")]


@pytest.mark.spec("LLM-3")
async def test_nothing_to_ask_is_an_error(visit: Visit) -> None:
    with pytest.raises(HardError) as caught:
        await visit.run("llm", {"model": "fake:echo", "messages": [], "system": "Be."})
    assert caught.value.type == "invalid_config"


@pytest.mark.spec("LLM-4")
@pytest.mark.parametrize(
    ("model", "name"),
    [("gpt-4", "openai"), ("o3-mini", "openai"), ("claude-x", "anthropic"), ("OpenAI:x", "openai"), ("llama", "")],
)
def test_the_provider_is_written_or_guessed(model: str, name: str) -> None:
    assert ModelChoice(model).provider == name


@pytest.mark.spec("LLM-4")
async def test_what_cannot_be_opened_says_what_to_do(visit: Visit, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fault(model: str, **more: Any) -> tuple[str | None, str]:
        with pytest.raises(HardError) as caught:
            await visit.run("llm", {"model": model, "prompt": "x", **more})
        return caught.value.type, caught.value.message

    kind, message = await fault("mistralai:x")
    assert (kind, "pip install langchain-mistralai" in message) == ("missing_package", True)
    kind, message = await fault("nobody:x")
    assert (kind, "nobody" in message) == ("invalid_model", True)
    kind, message = await fault("a-model-of-nobody")
    assert kind == "invalid_model"
    kind, message = await fault("openai:x", api_key="s3cret", options={"n": "s3cret many"})
    assert (kind, "s3cret" in message) == ("invalid_model", False)
    monkeypatch.setitem(sys.modules, "langchain_openai", None)
    kind, message = await fault("openai:y", api_key="k")
    assert (kind, "pip install 'graphwright[openai]'" in message) == ("missing_package", True)


@pytest.mark.spec("LLM-5")
async def test_usage_is_summed_over_all_rounds_and_priced_where_a_price_is_known(make_visit: MakeVisit) -> None:
    priced = ModelPrice(**PRICE)
    visit = make_visit(model_prices={"openai:dear": ModelPrice(input=1e6, output=0), "cheap": priced})
    config = {"prompt": "x", "tools": ["ref.echo"]}
    async with provider() as server:

        async def usage(**more: Any) -> Any:
            server.asked.clear()
            server.script = [calls(("ref_echo", {"value": 1})), says("Done.")]
            return (await visit.run("llm", {**config, "base_url": server.url, **more}))["usage"]

        tokens = {"input_tokens": 22, "output_tokens": 14, "total_tokens": 36}
        assert await usage(model="openai:m") == {**tokens, "cost": None}
        assert await usage(model="openai:cheap") == {**tokens, "cost": 0.000184}
        assert await usage(model="openai:dear") == {**tokens, "cost": 22.0}
        assert await usage(model="openai:dear", prices=PRICE) == {**tokens, "cost": 0.000184}


@pytest.mark.spec("LLM-5")
async def test_usage_that_a_provider_does_not_tell_is_null(visit: Visit) -> None:
    async with provider(calls(("ref_echo", {"value": 1})), says("Done.", usage=None)) as server:
        config = {"model": "openai:m", "prompt": "x", "tools": ["ref.echo"], "prices": PRICE, "base_url": server.url}
        usage = (await visit.run("llm", config))["usage"]
    assert set(usage.values()) == {None}


@pytest.mark.spec("LLM-6")
async def test_text_streams_in_pieces_while_the_model_speaks(visit: Visit) -> None:
    text = " ".join(f"word{number}" for number in range(200))
    async with provider(says(text, pause=0.001)) as server:
        loop = asyncio.get_running_loop()
        begin = loop.time()
        output = await visit.run("llm", {"model": "openai:m", "prompt": "x", "base_url": server.url})
        seconds = loop.time() - begin
    pieces = texts(visit)
    assert "".join(pieces) == output["text"] == text
    assert 2 <= len(pieces) <= 2 + seconds / 0.03


@pytest.mark.spec("LLM-6")
async def test_a_piece_is_not_held_back_until_the_next_one() -> None:
    sent: list[str] = []

    async def send(text: str) -> None:
        sent.append(text)

    async with TokenStream(send) as tokens:
        tokens.add("a")
        await until(lambda: sent == ["a"])
        tokens.add("b")
        tokens.add("")
        tokens.add("c")
        await until(lambda: sent == ["a", "bc"])
        tokens.add("d")
    assert sent == ["a", "bc", "d"]


@pytest.mark.spec("LLM-6")
async def test_what_was_said_before_an_error_is_sent_and_an_error_of_sending_is_raised() -> None:
    sent: list[str] = []

    async def send(text: str) -> None:
        sent.append(text)

    async def refuse(text: str) -> None:
        raise RuntimeError(text)

    async def speak(stream: TokenStream, error: Exception | None) -> None:
        async with stream as tokens:
            tokens.add("said")
            if error is not None:
                raise error

    with pytest.raises(ValueError, match="stop"):
        await speak(TokenStream(send), ValueError("stop"))
    assert sent == ["said"]
    with pytest.raises(RuntimeError, match="said"):
        await speak(TokenStream(refuse), None)


@pytest.mark.spec("LLM-7")
@pytest.mark.parametrize("model", ["openai:m", "anthropic:m"])
async def test_a_cancelled_node_hangs_up_on_the_provider(visit: Visit, model: str) -> None:
    async def hold(line: Line, _asked: Any) -> None:
        await line.begin()
        await line.event({"type": "ping"}, "ping")
        await line.until_gone()

    async with provider(holds("Well") if model == "openai:m" else hold) as server:
        address = server.url if model == "openai:m" else server.origin
        task = asyncio.create_task(visit.run("llm", {"model": model, "prompt": "x", "base_url": address}))
        await until(lambda: bool(server.asked) and (texts(visit) == ["Well"] or model != "openai:m"))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(5):
            await server.gone.wait()
    assert not [task for task in asyncio.all_tasks() if task.get_name() == "tokens"]


@pytest.mark.spec("LLM-8")
async def test_a_server_that_does_not_stream_is_understood(visit: Visit) -> None:
    async with provider(at_once("All of it.")) as server:
        output = await visit.run("llm", {"model": "openai:m", "prompt": "x", "base_url": server.url})
        assert (output["text"], texts(visit)) == ("All of it.", ["All of it."])
        assert (output["usage"]["total_tokens"], len(server.asked)) == (18, 2)
        server.script = [at_once('{"a": 1}')]
        schema = {"type": "object", "required": ["a"]}
        again = await visit.run("llm", {"model": "openai:m", "prompt": "x", "base_url": server.url, "schema": schema})
    assert (again["structured"], [asked.body.get("stream") for asked in server.asked]) == (
        {"a": 1},
        [True, False, False],
    )


@pytest.mark.spec("LLM-9")
async def test_an_answer_without_an_end_is_tried_again(visit: Visit) -> None:
    async with provider(says("Half of", finish=None, usage=None)) as server:
        with pytest.raises(RetryableError) as caught:
            await visit.run("llm", {"model": "openai:m", "prompt": "x", "base_url": server.url})
    assert caught.value.type == "incomplete_answer"


@pytest.mark.spec("LLM-9")
async def test_an_answer_past_the_limit_is_refused_and_one_cut_off_is_told_of(make_visit: MakeVisit) -> None:
    visit = make_visit(max_response_bytes=20)
    async with provider(says("word " * 10)) as server:
        with pytest.raises(HardError) as caught:
            await visit.run("llm", {"model": "openai:m", "prompt": "x", "base_url": server.url})
        assert caught.value.type == "response_too_large"
        server.script = [says("short", finish="length")]
        await visit.run("llm", {"model": "openai:m", "prompt": "x", "base_url": server.url})
    assert [data["level"] for kind, data in visit.reports if kind == "log"] == ["warning"]


@pytest.mark.spec("LLM-22")
async def test_models_share_connections_and_only_some_are_kept(visit: Visit) -> None:
    async with provider(says("Yes.")) as server:
        for key in ("a", "b", "a"):
            config = {"model": "openai:m", "prompt": "x", "base_url": server.url, "api_key": key}
            await visit.run("llm", config)
        assert (len(server.asked), server.connections) == (3, 1)
    models = visit.resources.models
    choice = ModelChoice("openai:m", base_url="http://10.0.0.1", api_key="a")
    assert await models.open(choice) is await models.open(choice)
    for number in range(CACHED + 3):
        await models.open(ModelChoice("openai:m", api_key=str(number), base_url="http://10.0.0.1"))
    assert len(models._open) == CACHED


@pytest.mark.spec("LLM-23")
def test_the_packages_of_providers_are_imported_by_their_first_node_only() -> None:
    program = (
        "import sys, app.main, app.compiler.discovery as d; d.load_registry(); "
        "print(sorted({'langchain_openai', 'openai', 'langchain_anthropic', 'anthropic'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.spec("LLM-7")
async def test_a_cancelled_node_does_not_take_the_model_from_another() -> None:
    resources = Resources(registry=load_registry(), http_guard=HttpGuard(allow_loopback=True))
    choice = ModelChoice("openai:m", api_key="k")
    first = asyncio.create_task(resources.models.open(choice))
    second = asyncio.create_task(resources.models.open(choice))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).provider == "openai"
    with pytest.raises(asyncio.CancelledError):
        await first
    await resources.aclose()
