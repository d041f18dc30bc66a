"""The messages of a conversation: as plain JSON in documents and outputs, as LangChain's objects in between."""

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal

from langchain_core.messages import (
    AIMessage,
    AnyMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
    convert_to_messages,
)
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, model_validator

from app import jsontext

_ROLES = {"human": "user", "ai": "assistant", "system": "system", "tool": "tool"}


def _as_text(value: Any) -> Any:
    return value if value is None or isinstance(value, str) else jsontext.dumps(value)


def _as_content(value: Any) -> Any:
    return value if isinstance(value, list) else _as_text(value)


Text = Annotated[str, BeforeValidator(_as_text)]
"""A field for text; where a template gives something else, such as the JSON of a service, it becomes JSON text."""


class Message(BaseModel):
    """One message, as documents write it and outputs give it."""

    model_config = ConfigDict(extra="forbid")

    role: Literal["system", "developer", "user", "human", "assistant", "ai", "tool"] = Field(description="Who speaks.")
    content: Annotated[str | list[str | dict[str, Any]] | None, BeforeValidator(_as_content)] = Field(
        default=None, description="Text, or a list of the blocks that the model takes, such as images."
    )
    tool_calls: list[dict[str, Any]] | None = Field(
        default=None, description="Of an assistant: the tools it called, each {id, name, args}."
    )
    tool_call_id: str | None = Field(default=None, description="Of a tool: the id of the call that it answers.")
    name: str | None = Field(default=None, description="Who speaks, where the model cares.")

    @model_validator(mode="after")
    def _check(self) -> "Message":
        if self.role == "tool" and not self.tool_call_id:
            raise ValueError("a message of a tool needs the tool_call_id of the call that it answers")
        if self.role not in ("assistant", "ai") and self.tool_calls:
            raise ValueError("only an assistant has tool_calls")
        self.as_langchain()
        return self

    def as_langchain(self) -> BaseMessage:
        """The message as LangChain has it; raises ValueError for tool calls that cannot be read."""
        fields = self.model_dump(exclude_none=True)
        try:
            return convert_to_messages([{**fields, "content": fields.get("content", "")}])[0]
        except (KeyError, TypeError, NotImplementedError) as error:
            raise ValueError(f"the message cannot be read: {error!r}") from None


def opening(system: str | None, messages: Sequence[Message], prompt: str | None) -> list[BaseMessage]:
    """What the model is asked first; `system` takes the place of the system messages that `messages` begin with."""
    given = [message.as_langchain() for message in messages]
    if system is not None:
        while given and isinstance(given[0], SystemMessage):
            given.pop(0)
        given.insert(0, SystemMessage(system))
    if prompt is not None:
        given.append(HumanMessage(prompt))
    return given


def as_plain(messages: Iterable[BaseMessage | AnyMessage]) -> list[JsonValue]:
    """The conversation as plain JSON, in the form that `Message` reads."""
    return [_plain(message) for message in messages]


def _plain(message: BaseMessage) -> JsonValue:
    content = str(message.text) if isinstance(message, AIMessage) else message.content
    plain: dict[str, Any] = {"role": _ROLES.get(message.type, message.type), "content": content}
    if isinstance(message, AIMessage) and message.tool_calls:
        plain["tool_calls"] = [
            {"id": call["id"], "name": call["name"], "args": call["args"]} for call in message.tool_calls
        ]
    if isinstance(message, ToolMessage):
        plain["tool_call_id"] = message.tool_call_id
    if message.name:
        plain["name"] = message.name
    return plain
