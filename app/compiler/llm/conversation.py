"""The conversation of one node with its model: rounds of answers and calls of tools until the last word."""

import json
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, cast

from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, InvalidToolCall, ToolCall
from langchain_core.messages.tool import invalid_tool_call, tool_call
from langchain_core.runnables import Runnable, RunnableConfig
from pydantic import JsonValue

from app import jsontext
from app.compiler.context import NodeContext
from app.compiler.failures import HardError, RetryableError
from app.compiler.llm import structured
from app.compiler.llm.belt import ToolBelt
from app.compiler.llm.faults import fault_of
from app.compiler.llm.providers import GUARDED, OpenModel
from app.compiler.llm.tokenstream import TokenStream
from app.compiler.llm.usage import counted

# The listener of the run would be told of each token, and has no use for them: the node tells watchers itself.
_UNHEARD: RunnableConfig = {"callbacks": []}
_ENDS = ("finish_reason", "stop_reason", "status")


@dataclass(slots=True)
class Conversation:
    """What was said, and which of it by the model; `value` is the structured answer."""

    messages: list[BaseMessage]
    answers: list[AIMessage] = field(default_factory=list)
    text: str = ""
    value: JsonValue = None


class Talker:
    """Asks one model for one node; `schema` asks for a structured answer."""

    def __init__(
        self, context: NodeContext, model: OpenModel, name: str, belt: ToolBelt, schema: Mapping[str, Any] | None
    ) -> None:
        self._context = context
        self._model = model
        self._name = name
        self._belt = belt
        self._schema = schema
        self._answer_name: str | None = None
        self._asked = self._bound()

    async def talk(self, messages: list[BaseMessage], rounds: int) -> Conversation:
        """Talk until the model calls no more tools, in at most so many rounds of calls.

        Raises HardError `tool_limit_exceeded`, RetryableError `invalid_structured_output`, and the provider's faults.
        """
        conversation = Conversation(messages)
        while True:
            answer = await self._ask(conversation.messages)
            conversation.answers.append(answer)
            conversation.messages.append(answer)
            if not self._wants_tools(answer):
                break
            if len(conversation.answers) > rounds:
                raise HardError(
                    f"{self._name} called tools in more than {rounds} rounds; raise `max_tool_rounds`, or tell it in "
                    "`system` when to stop.",
                    "tool_limit_exceeded",
                )
            conversation.messages += await self._belt.answer(answer)
        conversation.text = str(answer.text)
        if self._schema is not None:
            self._read_value(conversation, answer)
        elif structured.is_cut_off(answer):
            await self._context.log("The answer was cut off: it had used up its tokens.", "warning")
        return conversation

    def _bound(self) -> Runnable[Any, Any]:
        chat, specs = self._model.chat, self._belt.specs
        try:
            if self._schema is None:
                return chat.bind_tools(specs) if specs else chat
            if not specs:
                return structured.asked_for(chat, self._schema)
            # Not every provider takes tools and a schema together, but all take one more tool.
            self._answer_name = self._belt.free_name(structured.TITLE)
            last = structured.answer_spec(self._answer_name, self._schema)
            return chat.bind_tools([*specs, last], tool_choice="any")
        except NotImplementedError:
            raise HardError(
                f"{self._name} can neither call tools nor give structured answers.", "not_supported"
            ) from None

    def _wants_tools(self, answer: AIMessage) -> bool:
        if self._schema is not None and not self._belt.specs:
            return False
        calls = [call["name"] for call in answer.tool_calls]
        return bool(calls or answer.invalid_tool_calls) and (
            self._answer_name is None or self._answer_name not in calls
        )

    def _read_value(self, conversation: Conversation, answer: AIMessage) -> None:
        schema = cast(Mapping[str, Any], self._schema)
        conversation.value = structured.value_of(answer, self._answer_name)
        structured.check(conversation.value, schema, answer)
        if answer.tool_calls:
            # The call was a means only: nobody will answer it, and no provider takes a call without an answer.
            conversation.text = jsontext.dumps(conversation.value)
            conversation.messages[-1] = AIMessage(conversation.text)

    async def _ask(self, messages: list[BaseMessage]) -> AIMessage:
        try:
            return await self._answer(messages)
        except (HardError, RetryableError):
            raise
        except Exception as error:
            fault = fault_of(error, self._name, self._model.secret)
            if fault is error:
                raise
            # What the provider said may hold the key, so the stack shows it only where there is none.
            raise fault from (None if self._model.secret else error)

    async def _answer(self, messages: list[BaseMessage]) -> AIMessage:
        if not self._model.streams:
            return await self._answer_at_once(messages)
        chunks: list[AIMessageChunk] = []
        size = 0
        try:
            async with TokenStream(self._context.token) as tokens, aclosing(self._stream(messages)) as stream:
                async for chunk in stream:
                    chunks.append(chunk)
                    tokens.add(str(chunk.text))
                    size += len(str(chunk.content))
                    if size > self._context.resources.max_response_bytes:
                        raise HardError(f"The answer of {self._name} is too large.", "response_too_large")
        except ValueError as error:
            if chunks or isinstance(error, json.JSONDecodeError):
                raise
            # LangChain says so when there was no chunk: the server does not stream. It may still answer.
            answer = await self._answer_at_once(messages)
            self._model.streams = False
            return answer
        whole = cast(AIMessage, chunks[0] + chunks[1:] if len(chunks) > 1 else chunks[0])
        self._check_end(whole)
        return _settled(whole)

    def _stream(self, messages: list[BaseMessage]) -> Any:
        return self._asked.astream(messages, _UNHEARD)

    async def _answer_at_once(self, messages: list[BaseMessage]) -> AIMessage:
        answer = cast(AIMessage, await self._asked.ainvoke(messages, _UNHEARD))
        async with TokenStream(self._context.token) as tokens:
            tokens.add(str(answer.text))
        return answer

    def _check_end(self, answer: AIMessage) -> None:
        """A connection that ends without the mark of an end looks like a short answer."""
        facts = answer.response_metadata
        if self._model.provider in GUARDED and counted(answer) is None and not any(facts.get(name) for name in _ENDS):
            raise RetryableError(f"The answer of {self._name} ended before its end.", type="incomplete_answer")


def _settled(answer: AIMessage) -> AIMessage:
    """The answer without the marks of having come in pieces, as it is sent back to the provider."""
    calls, broken = _calls_of(answer)
    return AIMessage(
        content=answer.content,
        tool_calls=calls,
        invalid_tool_calls=broken,
        usage_metadata=answer.usage_metadata,
        response_metadata=answer.response_metadata,
        additional_kwargs=answer.additional_kwargs,
        id=answer.id,
    )


def _calls_of(answer: AIMessage) -> tuple[list[ToolCall], list[InvalidToolCall]]:
    """The calls of tools, read strictly: LangChain would complete arguments that break off, and 12 for 1200."""
    pieces = answer.tool_call_chunks if isinstance(answer, AIMessageChunk) else []
    if not pieces:
        return answer.tool_calls, answer.invalid_tool_calls
    calls: list[ToolCall] = []
    broken: list[InvalidToolCall] = []
    for piece in pieces:
        text = piece["args"] or "{}"
        try:
            args = jsontext.loads(text)
        except (ValueError, RecursionError):
            args = None
        if isinstance(args, dict):
            calls.append(tool_call(name=piece["name"] or "", args=args, id=piece["id"]))
        else:
            broken.append(invalid_tool_call(name=piece["name"], args=text, id=piece["id"], error=None))
    return calls, broken
