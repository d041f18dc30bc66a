"""Hooks and their deliveries, as the API speaks of them."""

import re
from typing import Annotated, Literal, NotRequired

import httpx
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from app.schemas.common import Id, JsonObject, Name, ReasonOut, Request, Time
from app.schemas.trigger import Secret

DeliveryStatus = Literal["pending", "delivered", "failed"]
EVENT_TYPES = (
    *(f"workflow.run.{what}" for what in ("created", "queued", "started", "waiting", "retrying", "resumed")),
    *(f"workflow.run.{what}" for what in ("completed", "failed", "cancelled")),
    *(f"workflow.node.{what}" for what in ("started", "progress", "token", "log", "waiting", "retrying")),
    *(f"workflow.node.{what}" for what in ("completed", "failed", "skipped", "cancelled")),
)
ENDS = ["workflow.run.completed", "workflow.run.failed", "workflow.run.cancelled"]
MOST_PATTERNS = 50
_MAX_PORT = 65_535


def _checked_url(text: str) -> str:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL as error:
        raise PydanticCustomError("invalid_url", "This is no address: {why}.", {"why": str(error)}) from None
    if url.scheme not in ("http", "https") or not url.host or not 0 < (url.port or 80) <= _MAX_PORT:
        raise PydanticCustomError(
            "invalid_url", "Write an address that begins with http:// or https:// and has a host."
        )
    if url.userinfo:
        raise PydanticCustomError("invalid_url", "Leave name and password out of the address: everybody may read it.")
    if re.search(r"[\x00-\x20\x7f\ud800-\udfff]", text):
        raise PydanticCustomError("invalid_url", "Leave spaces and control characters out of the address.")
    return text


def _checked_pattern(text: str) -> str:
    if not any(matches(text, kind) for kind in EVENT_TYPES):
        raise PydanticCustomError(
            "unknown_event",
            "There are no such events. Write a type such as workflow.run.completed, a prefix such as workflow.run.*, "
            "or *.",
        )
    return text


def matches(pattern: str, kind: str) -> bool:
    """Whether a pattern (`*`, a prefix that ends in `.*`, or a type) means a type of event."""
    return pattern in ("*", kind) or (pattern.endswith(".*") and kind.startswith(pattern[:-1]))


Url = Annotated[str, Field(max_length=2000), AfterValidator(_checked_url)]
Patterns = Annotated[
    list[Annotated[str, AfterValidator(_checked_pattern)]], Field(min_length=1, max_length=MOST_PATTERNS)
]


class HookIn(Request):
    """An address that is told of a project's events."""

    url: Url = Field(examples=["https://example.com/graphwright"])
    name: Name = Field(default="Hook", examples=["Tell the shop"])
    events: Patterns = Field(
        default=ENDS, description="Types, prefixes such as `workflow.run.*`, or `*`.", validate_default=True
    )
    workflow_id: str | None = Field(default=None, description="Only events of runs of this workflow.")
    secret: Secret | None = Field(
        default=None, description="What deliveries are signed with: `whsec_` and base64. Default: a new one."
    )
    active: bool = True


class HookChange(Request):
    """What is to change; what is left out stays."""

    url: Url | None = None
    name: Name | None = None
    events: Patterns | None = None
    active: bool | None = Field(default=None, description="What happens while it is false is not delivered later.")


class HookOut(TypedDict):
    """A hook; `secret` is there in the answers that make it and never again.

    `failing_since` is when deliveries began to fail without a success since; `problem` tells why a hook was
    deactivated by its receiver.
    """

    id: Id
    project_id: Id
    workflow_id: Id | None
    name: str
    url: str
    events: list[str]
    active: bool
    failing_since: Time | None
    problem: ReasonOut | None
    old_secret_until: Time | None
    created_at: Time
    updated_at: Time
    secret: NotRequired[str | None]


class AnswerOut(TypedDict):
    """What came of the newest attempt: the receiver's status and the beginning of its body, or an error."""

    at: Time
    status: int | None
    body: str | None
    error: str | None
    duration_ms: float


class DeliveryOut(TypedDict):
    """One event on its way to one hook; `id` is its webhook-id. `next_at` is when it is sent (again)."""

    id: Id
    hook_id: Id
    run_id: Id | None
    seq: int | None
    type: str
    status: DeliveryStatus
    attempts: int
    next_at: Time | None
    answer: AnswerOut | None
    created_at: Time
    ended_at: Time | None


class DeliveryWithBody(DeliveryOut):
    """A delivery with the event as it is sent."""

    body: JsonObject
