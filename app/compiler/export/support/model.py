"""Nodes that ask language models."""

import asyncio
import json
from collections.abc import Callable
from functools import partial
from typing import Any

from langchain.chat_models import init_chat_model
from langchain_core.messages import AIMessage, ToolMessage, convert_to_messages

from app.compiler.export.support.errors import RETRYABLE, HardError, RetryableError, told
from app.compiler.export.support.fake import Fake
from app.compiler.export.support.schema import check
from app.compiler.export.support.see import See
from app.compiler.export.support.tools import call

dumps = partial(json.dumps, ensure_ascii=False, separators=(",", ":"))
FINAL = {401: "authentication_failed", 403: "permission_denied", 404: "model_not_found"}


async def ask_model(
    see: See,
    model: str,
    *,
    prompt: Any = None,
    messages: list[dict[str, Any]] | None = None,
    system: Any = None,
    schema: dict[str, Any] | None = None,
    tools: dict[str, tuple[Callable[..., Any], dict[str, Any]]] | None = None,  #: model_tools
    max_tool_rounds: int = 10,  #: model_tools
    prices: dict[str, float] | None = None,
    options: dict[str, Any] | None = None,
    **settings: Any,
) -> dict[str, Any]:
    """Ask a language model: `{text, messages, usage, structured, model}`. It may call tools before it answers."""
    said = convert_to_messages(_opening(system, messages or [], prompt))
    chat: Any = None
    if model.startswith("fake:"):  #: fake
        chat = Fake(model, options)
    if chat is None:
        chat = init_chat_model(model, max_retries=0, **settings, **(options or {}))
    specs = [spec for _, spec in tools.values()] if tools else []  #: model_tools
    chat = chat.bind_tools(specs) if specs and not schema else chat  #: model_tools
    answers: list[AIMessage] = []
    value: Any = None
    while True:
        try:
            if schema:
                form: list[Any] = [{"type": "function", "function": {"name": "answer", "parameters": schema}}]
                form = [*specs, *form]  #: model_tools
                answer = await chat.bind_tools(form, tool_choice="any").ainvoke(said)
            else:
                answer = await chat.ainvoke(said)
        except Exception as error:
            raise _fault(error, model) from error
        answers.append(answer)
        said.append(answer)
        calls = [call for call in answer.tool_calls if call["name"] != "answer"]
        if not calls or len(calls) < len(answer.tool_calls):
            break
        if len(answers) > max_tool_rounds:  #: model_tools
            raise HardError(f"{model} called tools in more than {max_tool_rounds} rounds.", "tool_limit_exceeded")
        said += await asyncio.gather(*(_tool_answer(see, (tools or {}), call) for call in calls))  #: model_tools
    if schema:
        value = _value_of(answer, schema)
        said[-1] = AIMessage(dumps(value)) if answer.tool_calls else answer
    usage = _usage(answers, prices)
    return {
        "text": str(said[-1].text),
        "messages": list(map(_plain, said)),
        "usage": usage,
        "structured": value,
        "model": model,
    }


def _opening(system: Any, messages: list[dict[str, Any]], prompt: Any) -> list[dict[str, Any]]:
    """The conversation that the model is asked to go on with; `system` replaces what `messages` begin with."""
    said = list(messages)
    if system is not None:
        while said and said[0].get("role") == "system":
            said.pop(0)
        said.insert(0, {"role": "system", "content": system})
    said += [{"role": "user", "content": prompt}] if prompt is not None else []
    as_text = (str, list)
    return [
        {
            **message,
            "content": content if isinstance(content := message.get("content") or "", as_text) else dumps(content),
        }
        for message in said
    ]


def _plain(message: Any) -> dict[str, Any]:
    """A message as JSON."""
    role = {"human": "user", "ai": "assistant"}.get(message.type, message.type)
    plain = {"role": role, "content": str(message.text) if role == "assistant" else message.content}
    calls = getattr(message, "tool_calls", None)
    plain |= {"tool_calls": [{key: call[key] for key in ("id", "name", "args")} for call in calls]} if calls else {}
    plain |= {"tool_call_id": message.tool_call_id} if role == "tool" else {}
    return plain | ({"name": message.name} if message.name else {})


def _value_of(answer: Any, schema: dict[str, Any]) -> Any:
    """The structured value in an answer, which has to fit its schema."""
    calls = [call["args"] for call in answer.tool_calls if call["name"] == "answer"]
    try:
        value = calls[0] if calls else json.loads(str(answer.text).strip().removeprefix("```json").strip("`"))
        check(schema, value, "The model's answer")
    except ValueError as error:
        raise RetryableError(str(error), type="invalid_structured_output") from error
    return value


def _usage(answers: list[Any], prices: dict[str, float] | None) -> dict[str, Any]:
    """The tokens of all answers, and their cost where the price is known."""
    names = ("input_tokens", "output_tokens", "total_tokens")
    if not all(answer.usage_metadata for answer in answers):
        return dict.fromkeys((*names, "cost"))
    usage: dict[str, Any] = {name: sum(answer.usage_metadata[name] for answer in answers) for name in names}
    cost: float | None = None
    if prices:
        cost = round((usage["input_tokens"] * prices["input"] + usage["output_tokens"] * prices["output"]) / 1e6, 10)
    return {**usage, "cost": cost}


async def _tool_answer(see: See, tools: dict[str, Any], asked: Any) -> ToolMessage:  #: model_tools
    """What a tool says to a call of the model; its errors are for the model to read."""
    known = asked["name"] in tools
    status, text = "error", f"Error: unknown_tool: There is no tool called {asked['name']} here."
    try:
        result = await call(see, tools[asked["name"]][0], **asked["args"]) if known else text
        text = result if isinstance(result, str) else dumps(result)
        status = "success" if known else "error"
    except Exception as error:  # noqa: BLE001
        text = f"Error: {told(error)['type']}: {error}"
    return ToolMessage(text, tool_call_id=asked["id"], name=asked["name"], status=status)


def _fault(error: Exception, model: str) -> Exception:
    """A provider's error as one that says whether to try again."""
    status, name = getattr(error, "status_code", None), type(error).__name__
    if isinstance(error, HardError | RetryableError):
        return error
    if isinstance(status, int) and status in RETRYABLE:
        after = getattr(getattr(error, "response", None), "headers", {}).get("retry-after", "")
        kind = "rate_limited" if status == 429 else "model_unavailable"  # noqa: PLR2004
        return RetryableError(f"{model}: {error}", float(after) if after.isdigit() else None, type=kind)
    if isinstance(status, int):
        return HardError(f"{model}: {error}", FINAL.get(status, "invalid_request"))
    if "Timeout" in name:
        return RetryableError(f"{model}: {error}", type="model_timeout")
    return RetryableError(f"{model}: {error}", type="connection_failed") if "Connection" in name else error
