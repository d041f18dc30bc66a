"""The node that asks a language model."""

import re
from collections.abc import Mapping
from typing import Any

import httpx
from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator

from app.compiler.context import NodeContext
from app.compiler.failures import HardError
from app.compiler.jsonschemas import schema_problem
from app.compiler.llm.belt import ToolBelt
from app.compiler.llm.conversation import Talker
from app.compiler.llm.messages import Message, Text, as_plain, opening
from app.compiler.llm.providers import ModelChoice, address_problem
from app.compiler.llm.usage import price_of, usage_of
from app.compiler.registry import Registry, node_type
from app.config import ModelPrice

_OWN_FIELDS = frozenset({
    "model", "model_provider", "configurable_fields", "config_prefix", "temperature", "max_tokens", "timeout",
    "max_retries", "api_key", "base_url", "streaming", "callbacks", "cache", "rate_limiter", "tags", "metadata",
    "verbose", "name", "kind",
})  # fmt: skip
# Whatever leads a provider's client elsewhere, or gives it somebody else's rights, is not for a document to say.
_FORBIDDEN = re.compile(
    r"url|endpoint|proxy|host|server|socket|client|gateway|api_base|(api|access|private)_key|secret|credential|profile"
)


class LlmConfig(BaseModel):
    """Which model, and what it is asked."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    model: str = Field(min_length=1, description='"provider:name", such as openai:gpt-5.5; a known name is enough.')
    prompt: Text | None = Field(default=None, description="What the user says; it comes after `messages`.")
    messages: list[Message] | None = Field(
        default=None, description="A conversation to go on with, such as the `messages` of an earlier llm node."
    )
    system: Text | None = Field(default=None, description="What the model is told about its task.")
    temperature: float | None = Field(default=None, ge=0, description="0 for the likeliest words.")
    max_tokens: int | None = Field(default=None, ge=1, description="Most tokens of one answer.")
    schema_: dict[str, Any] | None = Field(
        default=None, alias="schema", description="A JSON Schema of an object; the answer is given as such a value."
    )
    tools: list[str] = Field(default_factory=list, max_length=128, description="Registered tools it may call.")
    max_tool_rounds: int = Field(default=10, ge=0, le=100, description="Rounds of calls before the node fails.")
    base_url: str | None = Field(default=None, description="Another server that speaks the provider's protocol.")
    api_key: str | None = Field(
        default=None, description="Normally {{ secrets.openai }}; else the provider's variable of the environment."
    )
    timeout: float = Field(default=300.0, gt=0, le=3600, description="Longest silence of the provider in seconds.")
    options: dict[str, JsonValue] = Field(default_factory=dict, description="Further arguments for the provider.")
    prices: ModelPrice | None = Field(default=None, description="USD for a million tokens, {input, output}.")

    @field_validator("schema_")
    @classmethod
    def _check_schema(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        if value is None:
            return None
        problem = schema_problem(value)
        if problem is None and value.get("type") != "object":
            problem = 'models answer with objects only: write "type": "object", and put what is none into a property'
        if problem is not None:
            raise ValueError(problem)
        return value

    @field_validator("base_url")
    @classmethod
    def _check_url(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            url = httpx.URL(value)
        except httpx.InvalidURL as error:
            raise ValueError(f"this is no address: {error}") from None
        if url.scheme not in ("http", "https") or not url.host:
            raise ValueError("the address must begin with http:// or https:// and name a host")
        return value

    @field_validator("options")
    @classmethod
    def _check_options(cls, value: dict[str, JsonValue]) -> dict[str, JsonValue]:
        for name in value:
            if name in _OWN_FIELDS or _FORBIDDEN.search(name):
                raise ValueError(f"{name} cannot be an option; what may be set has a field of its own")
        return value


def check_llm(config: Mapping[str, Any], registry: Registry) -> list[tuple[str, str]]:
    """Whether there is something to ask, the model can have its address, and all tools exist."""
    problems: list[tuple[str, str]] = []
    if config.get("prompt") is None and config.get("messages") is None:
        problems.append(("", "Give the model a `prompt`, or `messages`."))
    model, address = config.get("model"), config.get("base_url")
    if isinstance(model, str) and isinstance(address, str) and "{" not in model:
        problem = address_problem(ModelChoice(model, base_url=address))
        problems += [("/base_url", problem)] if problem else []
    tools = config.get("tools")
    for index, name in enumerate(tools if isinstance(tools, list) else ()):
        if isinstance(name, str) and registry.tool(name) is None:
            message = f"There is no tool called {name}; register it, or use one of those that are listed."
            problems.append((f"/tools/{index}", message))
    return problems


@node_type("llm", config=LlmConfig, title="Language model", literal=("schema", "tools"), check=check_llm)
async def llm_node(context: NodeContext, config: LlmConfig) -> JsonValue:
    """Asks a language model; gives `{text, messages, usage, structured, model}`, and streams the text meanwhile.

    `messages` is the whole conversation, `usage` counts the tokens of all its rounds and their cost in USD where the
    price is known, `structured` is the value that fits `schema`. Tools that the model calls are run, and their errors
    told to the model. Overload, rate limits, connection failures and answers that do not fit the schema are tried
    again. Models called `fake:` are none: they answer without a network, for demonstrations and tests.
    """
    asked = opening(config.system, config.messages or (), config.prompt)
    if not any(message.type != "system" for message in asked):
        raise HardError("There is nothing to ask: `prompt` and `messages` are empty.", "invalid_config")
    choice = ModelChoice(
        config.model,
        config.temperature,
        config.max_tokens,
        config.base_url,
        config.api_key,
        config.timeout,
        config.options,
    )
    resources = context.resources
    belt = ToolBelt(config.tools, context)
    model = await resources.models.open(choice)
    talker = Talker(context, model, config.model, belt, config.schema_)
    conversation = await talker.talk(asked, config.max_tool_rounds)
    price = config.prices or price_of(config.model, resources.model_prices)
    return {
        "text": conversation.text,
        "messages": as_plain(conversation.messages),
        "usage": usage_of(conversation.answers, price),
        "structured": conversation.value,
        "model": config.model,
    }
