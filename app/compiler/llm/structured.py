"""Answers in the form of a JSON Schema: how a model is asked for one, and whether it gave one."""

from collections.abc import Mapping
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables import Runnable, RunnableParallel, RunnableSequence
from pydantic import JsonValue

from app import jsontext
from app.compiler.failures import HardError, RetryableError
from app.compiler.jsonschemas import misfits
from app.compiler.llm.belt import function_spec

TITLE = "answer"
_SHOWN = 10


def answer_spec(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """A function that takes the answer; providers insist that an object has a list of properties."""
    return function_spec(name, "Give the final answer.", {"properties": {}, **schema})


def asked_for(chat: BaseChatModel, schema: Mapping[str, Any]) -> Runnable[Any, Any]:
    """The model bound so that it answers in the form of the schema, by the means that suit its provider best."""
    sequence = chat.with_structured_output(answer_spec(TITLE, schema)["function"], include_raw=True)
    # Only the part that asks is wanted: the parser behind it would read the text again with each token.
    if isinstance(sequence, RunnableSequence) and isinstance(sequence.first, RunnableParallel):
        return sequence.first.steps__["raw"]
    raise HardError(f"{type(chat).__name__} cannot give structured answers through LangChain.", "not_supported")


def value_of(message: AIMessage, name: str | None) -> JsonValue:
    """The value in an answer: the arguments of the call of that name (of any, if None), else its text as JSON.

    Raises RetryableError `invalid_structured_output` when it is none.
    """
    for call in message.tool_calls:
        if name in (None, call["name"]):
            return call["args"]
    text = str(message.text).strip()
    if text.startswith("```"):
        text = text.partition("\n")[2].rpartition("```")[0]
    try:
        return jsontext.loads(text)  # type: ignore[no-any-return]
    except (ValueError, RecursionError) as error:
        raise _unfit(f"it is no JSON ({error})", message) from None


def check(value: JsonValue, schema: Mapping[str, Any], message: AIMessage) -> None:
    """Raise RetryableError `invalid_structured_output` with the places where the value does not fit."""
    places = misfits(dict(schema), value)
    if places:
        said = "; ".join(f"{place or '/'}: {problem}" for place, problem in places[:_SHOWN])
        raise _unfit(said, message)


def is_cut_off(message: AIMessage) -> bool:
    """Whether the answer ended because it had used up its tokens."""
    facts = message.response_metadata
    return (
        "length" in (facts.get("finish_reason"), facts.get("done_reason")) or facts.get("stop_reason") == "max_tokens"
    )


def _unfit(what: str, message: AIMessage) -> Exception:
    if is_cut_off(message):
        return HardError("The answer did not fit into `max_tokens`; allow more of them.", "answer_cut_off")
    return RetryableError(f"The model's answer does not fit the schema: {what}.", type="invalid_structured_output")
