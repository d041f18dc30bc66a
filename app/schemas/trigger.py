"""Triggers, as the API speaks of them."""

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from app.schemas.common import Id, JsonObject, Name, Priority, Request, Time, Version
from app.statuses import RunStatus

Signature = Literal["standard", "github", "token"]
Secret = Annotated[str, Field(max_length=300)]
MOST_KEPT_SECONDS = 7 * 24 * 3600


class TriggerIn(Request):
    """A public address that starts runs of a workflow."""

    name: Name = Field(examples=["Orders"])
    signature: Signature = Field(
        default="standard",
        description="How senders show that they know the secret: `standard` (Standard Webhooks), `github` "
        "(X-Hub-Signature-256), `token` (Authorization: Bearer).",
    )
    secret: Secret | None = Field(default=None, description="One that the sender has made. Default: a new one.")
    version: Version | None = Field(default=None, description="Null: the newest at the time.")
    envelope: bool = Field(default=False, description="The input is `{body, headers, query}`. Default: the body alone.")
    metadata: JsonObject = Field(default_factory=dict, description="Kept with each run.")
    priority: Priority = Field(default=0, description="Of the runs; those of a higher one go first.")
    active: bool = True


class TriggerChange(Request):
    """What is to change; what is left out stays, and a version that is null becomes the newest."""

    name: Name | None = None
    version: Version | None = None
    envelope: bool | None = None
    metadata: JsonObject | None = None
    priority: Priority | None = None
    active: bool | None = None


class RotationIn(Request):
    """Another secret; with `keep_old_seconds` the one before counts for that long, too."""

    secret: Secret | None = Field(default=None, description="Default: a new one.")
    keep_old_seconds: int = Field(default=0, ge=0, le=MOST_KEPT_SECONDS)


class TriggerOut(TypedDict):
    """A trigger; `secret` is there in the answers that make it and never again."""

    id: Id
    project_id: Id
    workflow_id: Id
    name: str
    path: str
    signature: Signature
    version: int | None
    envelope: bool
    metadata: JsonObject
    priority: int
    active: bool
    old_secret_until: Time | None
    created_at: Time
    updated_at: Time
    secret: NotRequired[str | None]


class ReceiptOut(TypedDict):
    """The run that a webhook has started; null and null when it has been deleted since."""

    run_id: Id | None
    status: RunStatus | None
