"""Projects and their keys, as the API speaks of them."""

from typing import Annotated, Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from app.schemas.common import Id, MaxRunning, Name, Request, Time

KeepDays = Annotated[
    Annotated[float, Field(ge=0, le=36500)] | Literal["forever"],
    Field(description="Days after the end of a run, or `forever`; null: as the server's settings say."),
]
RoleName = Literal["viewer", "runner", "editor", "admin"]


class ProjectIn(Request):
    name: Name = Field(examples=["Acme"])
    max_running: MaxRunning | None = None


class ProjectChange(Request):
    """What is to change; what is left out stays."""

    name: Name | None = None
    max_running: MaxRunning | None = Field(default=None, examples=[10])
    keep_runs_days: KeepDays | None = Field(default=None, examples=[90])
    keep_events_days: KeepDays | None = Field(default=None, examples=["forever"])


class ProjectOut(TypedDict):
    id: Id
    name: str
    max_running: int | None
    keep_runs_days: float | Literal["forever"] | None
    keep_events_days: float | Literal["forever"] | None
    created_at: Time


class KeyIn(Request):
    name: Name = Field(examples=["Nightly job"])
    role: RoleName = Field(default="viewer", description="Each role may do what the ones before it may.")


class KeyOut(TypedDict):
    """A key; `secret` is there in the answer that makes it and never again."""

    id: Id
    project_id: Id
    name: str
    role: RoleName
    prefix: str
    created_at: Time
    secret: NotRequired[str | None]


class CallerOut(TypedDict):
    """Who a request comes from: the name of its key and what that may do.

    `project_id` is null for the server's admin key, and for all who reach an `open` server without a key.
    """

    name: str
    role: RoleName
    project_id: Id | None
    open: bool
