import asyncio
from typing import Any

import pytest

from app.compiler.failures import HardError, RetryableError
from app.compiler.guard import HttpGuard
from tests.compiler.flow import graph, node, run
from tests.compiler.nodes.conftest import MakeVisit
from tests.compiler.nodes.visits import Visit
from tests.llm_server import Line, breaks_off, calls, claude_says, fails, holds, provider, says

KEY = "sk-very-secret"


@pytest.fixture(autouse=True)
def _no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI", "ANTHROPIC"):
        for kind in ("API_KEY", "BASE_URL", "API_BASE", "API_URL"):
            monkeypatch.delenv(f"{name}_{kind}", raising=False)


def config(server: Any, model: str = "openai:m", **more: Any) -> dict[str, Any]:
    address = server.url if model.startswith("openai") else server.origin
    return {"model": model, "prompt": "x", "base_url": address, "api_key": KEY, **more}


@pytest.mark.spec("LLM-15")
@pytest.mark.parametrize("model", ["openai:m", "anthropic:m"])
@pytest.mark.parametrize(
    ("status", "kind"),
    [(429, "rate_limited"), (408, "model_unavailable"), (500, "model_unavailable"), (529, "model_unavailable")],
)
async def test_statuses_that_may_pass_are_retryable(visit: Visit, model: str, status: int, kind: str) -> None:
    async with provider(fails(status, "slow down", {"Retry-After": "7"})) as server:
        with pytest.raises(RetryableError, match=f"answered {status}: .*slow down") as caught:
            await visit.run("llm", config(server, model))
        assert len(server.asked) == 1
    assert (caught.value.type, caught.value.retry_after) == (kind, 7)


@pytest.mark.spec("LLM-17")
@pytest.mark.parametrize("model", ["openai:m", "anthropic:m"])
@pytest.mark.parametrize(
    ("status", "kind"), [(400, "invalid_request"), (401, "authentication_failed"), (404, "model_not_found")]
)
async def test_other_statuses_are_hard_and_never_show_the_key(visit: Visit, model: str, status: int, kind: str) -> None:
    async with provider(fails(status, f"you sent {KEY}")) as server:
        with pytest.raises(HardError, match=f"answered {status}: .*you sent") as caught:
            await visit.run("llm", config(server, model))
        assert len(server.asked) == 1
    assert caught.value.type == kind
    assert KEY not in caught.value.message
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.spec("LLM-16")
@pytest.mark.parametrize("model", ["openai:m", "anthropic:m"])
async def test_connections_that_break_and_silence_are_retryable(visit: Visit, model: str) -> None:
    async def hang_up(line: Line, _asked: Any) -> None:
        line.hang_up()

    async def hang_up_later(line: Line, _asked: Any) -> None:
        await line.begin()
        await line.event({"type": "ping"}, "ping")
        line.hang_up()

    async def hold(line: Line, _asked: Any) -> None:
        await line.begin()
        await line.until_gone()

    async def fault(**more: Any) -> str | None:
        with pytest.raises(RetryableError) as caught:
            await visit.run("llm", config(server, model, **more))
        return caught.value.type

    async with provider(hang_up) as server:
        assert await fault() == "connection_failed"
        server.script = [breaks_off("Well then") if model == "openai:m" else hang_up_later]
        assert await fault() == "connection_failed"
        server.script = [holds("Well") if model == "openai:m" else hold]
        assert await fault(timeout=0.2) == "model_timeout"
    assert await fault() == "connection_failed"


@pytest.mark.spec("LLM-16")
@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"message": "busy", "type": "server_error"}, "model_unavailable"),
        ({"message": "busy", "type": "x", "code": "rate_limit_exceeded"}, "rate_limited"),
        ({"message": "too long", "type": "invalid_request_error", "code": "context_length_exceeded"}, None),
    ],
)
async def test_an_error_inside_the_stream_is_retryable_unless_it_is_final(
    visit: Visit, error: dict[str, str], kind: str | None
) -> None:
    async with provider(breaks_off("Well", error)) as server:
        with pytest.raises((RetryableError, HardError), match=error["message"]) as caught:
            await visit.run("llm", config(server))
    if kind is None:
        assert isinstance(caught.value, HardError)
    else:
        assert (type(caught.value), caught.value.type) == (RetryableError, kind)


@pytest.mark.spec("LLM-16")
async def test_overload_inside_the_stream_of_anthropic_is_retryable(visit: Visit) -> None:
    async def overloaded(line: Line, _asked: Any) -> None:
        await line.begin()
        error = {"type": "overloaded_error", "message": "Overloaded"}
        await line.event({"type": "error", "error": error}, "error")
        await line.end()

    async with provider(overloaded) as server:
        with pytest.raises(RetryableError, match="Overloaded"):
            await visit.run("llm", config(server, "anthropic:m"))


@pytest.mark.spec("LLM-16", "LLM-21")
async def test_a_node_whose_connection_broke_succeeds_by_its_next_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    async with provider(breaks_off("Well then"), fails(503), says("Now it works.")) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        ask = node(
            "ask",
            "llm",
            config={"model": "gpt-4", "prompt": "{{ input }}"},
            retry={"max_attempts": 3, "initial_interval": 0.01},
        )
        flow = await run(graph([ask]), "Hello")
    assert (flow.status, flow.result["ask"]["text"]) == ("COMPLETED", "Now it works.")
    assert flow.outcomes["ask", 0].attempt == 3
    assert [asked.headers["authorization"] for asked in server.asked] == [f"Bearer {KEY}"] * 3


@pytest.mark.spec("LLM-18")
@pytest.mark.parametrize("name", ["openai", "anthropic"])
async def test_a_missing_key_says_where_to_put_it(visit: Visit, name: str) -> None:
    with pytest.raises(HardError) as caught:
        await visit.run("llm", {"model": f"{name}:m", "prompt": "x"})
    assert caught.value.type == "missing_api_key"
    for hint in (f"{{{{ secrets.{name} }}}}", f"{name.upper()}_API_KEY", f"GRAPHWRIGHT_SECRET_{name.upper()}"):
        assert hint in caught.value.message


@pytest.mark.spec("LLM-19")
@pytest.mark.parametrize("model", ["openai:m", "anthropic:m"])
async def test_an_address_of_a_document_passes_the_guard(make_visit: MakeVisit, model: str) -> None:
    async with provider(says("Never.")) as server, provider(says("Never.")) as other:

        async def redirect(line: Line, _asked: Any) -> None:
            await line.send(307, {}, {"Location": f"{other.origin}/v1/elsewhere"})

        with pytest.raises(HardError) as caught:
            await make_visit(HttpGuard()).run("llm", config(server, model))
        assert caught.value.type == "address_not_allowed"
        assert server.connections == 0
        server.script = [redirect]
        only = HttpGuard(allow=[server.origin.removeprefix("http://")])
        with pytest.raises(HardError):
            await make_visit(only).run("llm", config(server, model))
        assert (server.connections, other.connections) == (1, 0)


@pytest.mark.spec("LLM-19")
async def test_an_address_is_refused_where_it_could_not_be_guarded(visit: Visit) -> None:
    for model in ("ollama:m", "azure_openai:m", "a-model-of-nobody", "fake:echo"):
        with pytest.raises(HardError) as caught:
            await visit.run("llm", {"model": model, "prompt": "x", "base_url": "http://127.0.0.1:9"})
        assert caught.value.type == "base_url_not_supported"


@pytest.mark.spec("LLM-20")
@pytest.mark.parametrize("name", ["openai", "anthropic"])
async def test_the_key_of_the_environment_never_goes_to_an_address_of_a_document(
    visit: Visit, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(f"{name.upper()}_API_KEY", KEY)
    monkeypatch.setenv(f"{name.upper()}_BASE_URL", "http://127.0.0.1:9/v1")
    async with provider(says("Yes.") if name == "openai" else claude_says("Yes.")) as server:
        given = config(server, f"{name}:m")
        await visit.run("llm", {**given, "api_key": None})
        assert KEY not in str(server.asked[0].headers)
        monkeypatch.setenv(f"{name.upper()}_BASE_URL", f"{given['base_url']}/")
        await visit.run("llm", {**given, "api_key": None})
        assert KEY in str(server.asked[1].headers)


@pytest.mark.spec("LLM-21")
async def test_an_address_of_the_environment_may_be_private_and_only_that_one(
    make_visit: MakeVisit, monkeypatch: pytest.MonkeyPatch
) -> None:
    visit = make_visit(HttpGuard())
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    async with provider(says("Yes.")) as server, provider(says("Never.")) as other:

        async def redirect(line: Line, _asked: Any) -> None:
            await line.send(307, {}, {"Location": f"{other.origin}/v1/elsewhere"})

        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        assert (await visit.run("llm", {"model": "gpt-4", "prompt": "x"}))["text"] == "Yes."
        server.script = [redirect]
        with pytest.raises(HardError):
            await visit.run("llm", {"model": "gpt-4", "prompt": "x"})
        assert other.connections == 0
        with pytest.raises(HardError) as caught:
            await visit.run("http", {"url": server.url})
        assert caught.value.type == "address_not_allowed"


@pytest.mark.spec("LLM-17")
async def test_an_address_that_is_no_model_server_is_hard(visit: Visit) -> None:
    async def page(line: Line, _asked: Any) -> None:
        await line.begin()
        await line.event("<html>")
        await line.end()

    async with provider(page) as server:
        with pytest.raises(HardError) as caught:
            await visit.run("llm", config(server))
    assert caught.value.type == "bad_response"


@pytest.mark.spec("LLM-15")
async def test_a_fault_in_a_later_round_ends_the_node_too(visit: Visit) -> None:
    async with provider(calls(("ref_echo", {"value": 1})), fails(429)) as server, asyncio.timeout(10):
        with pytest.raises(RetryableError) as caught:
            await visit.run("llm", config(server, tools=["ref.echo"]))
    assert caught.value.type == "rate_limited"
