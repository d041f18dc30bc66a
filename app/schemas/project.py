"""Projects and their keys, as the API speaks of them."""

from typing import Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from app.schemas.common import Id, MaxRunning, Name, Request, Time

RoleName = Literal["viewer", "runner", "editor", "admin"]


class ProjectIn(Request):
    name: Name = Field(examples=["Acme"])
    max_running: MaxRunning | None = None


class ProjectChange(Request):
    """What is to change; what is left out stays."""

    name: Name | None = None
    max_running: MaxRunning | None = Field(default=None, examples=[10])


class ProjectOut(TypedDict):
    id: Id
    name: str
    max_running: int | None
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
