"""How many tokens a conversation took, and what that costs where the price is known."""

from collections.abc import Iterable, Mapping

from langchain_core.messages import AIMessage
from langchain_core.messages.ai import UsageMetadata
from pydantic import JsonValue

from app.config import ModelPrice

PER = 1_000_000
_DIGITS = 10


def usage_of(messages: Iterable[AIMessage], price: ModelPrice | None) -> dict[str, JsonValue]:
    """The tokens of all answers and their cost in USD; null where a provider did not say, or no price is known."""
    given = [counted(message) for message in messages]
    known = [usage for usage in given if usage is not None]
    if not known or len(known) < len(given):
        return {"input_tokens": None, "output_tokens": None, "total_tokens": None, "cost": None}
    tokens_in = sum(usage["input_tokens"] for usage in known)
    tokens_out = sum(usage["output_tokens"] for usage in known)
    cost = None if price is None else round((tokens_in * price.input + tokens_out * price.output) / PER, _DIGITS)
    return {
        "input_tokens": tokens_in,
        "output_tokens": tokens_out,
        "total_tokens": sum(usage["total_tokens"] for usage in known),
        "cost": cost,
    }


def counted(message: AIMessage) -> UsageMetadata | None:
    """The tokens of one answer, also where LangChain leaves them as the provider of the OpenAI protocol gave them."""
    if message.usage_metadata is not None:
        return message.usage_metadata
    raw = message.response_metadata.get("token_usage") or {}
    tokens_in, tokens_out, total = (raw.get(f"{kind}_tokens") for kind in ("prompt", "completion", "total"))
    if not (isinstance(tokens_in, int) and isinstance(tokens_out, int) and isinstance(total, int)):
        return None
    return UsageMetadata(input_tokens=tokens_in, output_tokens=tokens_out, total_tokens=total)


def price_of(model: str, prices: Mapping[str, ModelPrice]) -> ModelPrice | None:
    """The price of a model by its name as it is written, else by its name without the provider."""
    return prices.get(model) or prices.get(model.partition(":")[2])
