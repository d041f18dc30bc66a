"""Projects and their keys, as the API speaks of them."""

from typing import Literal, NotRequired

from pydantic import Field
from typing_extensions import TypedDict

from app.schemas.common import Id, Name, Request, Time

RoleName = Literal["viewer", "runner", "editor", "admin"]


class ProjectIn(Request):
    name: Name = Field(examples=["Acme"])


class ProjectOut(TypedDict):
    id: Id
    name: str
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
