"""A chat model that is none: it answers from its settings, for demonstrations and tests without a network."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any, Literal

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk, BaseMessage, HumanMessage
from langchain_core.messages.ai import UsageMetadata
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from app import jsontext
from app.compiler.failures import HardError
from app.compiler.llm.samples import sample

LONGEST_DELAY = 10.0


class ScriptedCall(BaseModel):
    """A call of a tool that the script makes."""

    model_config = ConfigDict(extra="forbid")

    name: str
    args: dict[str, Any] = Field(default_factory=dict)


class ScriptedAnswer(BaseModel):
    """One answer of the script."""

    model_config = ConfigDict(extra="forbid")

    text: str = ""
    tool_calls: list[ScriptedCall] = Field(default_factory=list)
    structured: JsonValue = None


class FakeChatModel(BaseChatModel):
    """`echo` repeats the last text of the user; `script` gives `responses` in order, one for each answer so far.

    `delay` is the time between two words in seconds. Tokens are counted in words.
    """

    model_config = ConfigDict(extra="forbid")

    kind: Literal["echo", "script"]
    responses: list[str | ScriptedAnswer] = Field(default_factory=list)
    delay: float = Field(default=0.0, ge=0, le=LONGEST_DELAY)

    @property
    def _llm_type(self) -> str:
        return "fake"

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | None = None,
        **kwargs: Any,
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """The model with tools to call; with a `tool_choice` it must answer by calling the last of them."""
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools], tool_choice=tool_choice, **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,  # noqa: ARG002  # the base class names them
        run_manager: CallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,
    ) -> ChatResult:
        first, *rest = self._chunks(messages, **kwargs)
        whole: Any = first + rest
        message = AIMessage(
            content=whole.content,
            tool_calls=whole.tool_calls,
            usage_metadata=whole.usage_metadata,
            response_metadata=whole.response_metadata,
        )
        return ChatResult(generations=[ChatGeneration(message=message)])

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,  # noqa: ARG002  # the base class names them
        run_manager: AsyncCallbackManagerForLLMRun | None = None,  # noqa: ARG002
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        for chunk in self._chunks(messages, **kwargs):
            yield ChatGenerationChunk(message=chunk)
            # Without a delay, too, others have their turn: a network would let them.
            await asyncio.sleep(self.delay if chunk.content else 0)

    def _chunks(self, messages: list[BaseMessage], **kwargs: Any) -> Iterator[AIMessageChunk]:
        answer = self._answer(messages)
        forced = (kwargs.get("tools") or [None])[-1] if kwargs.get("tool_choice") else None
        if forced is not None and not answer.tool_calls:
            structured = answer.structured
            if structured is None:
                structured = sample(forced["function"]["parameters"])
            answer = ScriptedAnswer(tool_calls=[{"name": forced["function"]["name"], "args": structured}])
        for word in _words(answer.text):
            yield AIMessageChunk(content=word)
        turn = _answers_in(messages)
        calls = [
            tool_call_chunk(name=call.name, args=jsontext.dumps(call.args), id=f"call_{turn}_{index}", index=index)
            for index, call in enumerate(answer.tool_calls)
        ]
        finish = {"finish_reason": "tool_calls" if calls else "stop"}
        yield AIMessageChunk(
            content="", tool_call_chunks=calls, usage_metadata=_usage(messages, answer), response_metadata=finish
        )

    def _answer(self, messages: list[BaseMessage]) -> ScriptedAnswer:
        if self.kind == "echo":
            said = [str(message.text) for message in messages if isinstance(message, HumanMessage)]
            return ScriptedAnswer(text=said[-1] if said else "")
        turn = _answers_in(messages)
        if turn >= len(self.responses):
            raise HardError(
                f"The script of fake:script has {len(self.responses)} answers, and answer {turn + 1} was asked for; "
                "add it to options.responses.",
                "script_ended",
            )
        answer = self.responses[turn]
        return ScriptedAnswer(text=answer) if isinstance(answer, str) else answer


def _answers_in(messages: Sequence[BaseMessage]) -> int:
    return sum(isinstance(message, AIMessage) for message in messages)


def _words(text: str) -> Iterator[str]:
    """The text word by word, with the spaces where they were."""
    start = 0
    for place in range(1, len(text)):
        if text[place].isspace() and not text[place - 1].isspace():
            yield text[start:place]
            start = place
    if text:
        yield text[start:]


def _usage(messages: Sequence[BaseMessage], answer: ScriptedAnswer) -> UsageMetadata:
    asked = sum(len(str(message.text).split()) for message in messages)
    given = len(answer.text.split()) + sum(len(jsontext.dumps(call.args).split()) for call in answer.tool_calls)
    return UsageMetadata(input_tokens=asked, output_tokens=given, total_tokens=asked + given)
