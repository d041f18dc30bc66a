"""What requests and answers share."""

from typing import Annotated, Any, Generic, NotRequired, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

Item = TypeVar("Item")


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise PydanticCustomError("nul_character", "The text holds a NUL character; take it out.")
    return text


def _neither_text_nor_truth(value: Any) -> Any:
    if isinstance(value, bool | str):
        raise PydanticCustomError("int_type", "Input should be a whole number, and no text.")
    return value


def _json_schema(kind: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "format": kind})


Name = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(_without_nul)
]
Text = Annotated[str, StringConstraints(max_length=10_000), AfterValidator(_without_nul)]
_WHOLE = BeforeValidator(_neither_text_nor_truth)
MaxRunning = Annotated[
    int, Field(ge=1, le=100_000, description="Runs that may be RUNNING at once; null: any number."), _WHOLE
]
Priority = Annotated[int, Field(ge=-100, le=100), _WHOLE]
Index = Annotated[int, Field(ge=0, le=2**31 - 1), _WHOLE]
MOST_VERSIONS = 2**31 - 1
Version = Annotated[int, Field(ge=1, le=MOST_VERSIONS), _WHOLE]
Id = Annotated[str, _json_schema("uuid")]
Time = Annotated[str, _json_schema("date-time")]


class Request(BaseModel):
    """A body. What it does not know is refused, so that a misspelt field is not lost in silence."""

    model_config = ConfigDict(extra="forbid")


class Page(TypedDict, Generic[Item]):
    """One page of a list; `next_cursor` asks for the next, null after the last."""

    items: list[Item]
    next_cursor: str | None


class ReasonOut(TypedDict):
    """Why something is not a success: a code for programs, a sentence for people.

    An approval tells its `prompt` and the `schema` of its answer, a node that waits for a child run its `run_id`;
    `since` is when the attempt that waits began. A map tells how many of its items wait, and the path of one `item`.
    """

    code: str
    message: str
    prompt: NotRequired[str]
    schema: NotRequired[Any]
    run_id: NotRequired[str]
    since: NotRequired[str]
    item: NotRequired[list[int]]
    waiting: NotRequired[int]


class ProblemOut(TypedDict):
    """One thing wrong with a graph or a body; `pointer` is the JSON pointer of the place in it."""

    code: str
    pointer: str
    message: str
    node_id: NotRequired[str]
    edge: NotRequired[int]


class ProblemDocument(TypedDict):
    """An error as RFC 9457 describes it (`application/problem+json`).

    `pruned_seq` comes with `events_pruned`: events up to it are no longer kept.
    """

    type: str
    title: str
    status: int
    detail: str
    code: str
    errors: NotRequired[list[ProblemOut]]
    pruned_seq: NotRequired[int]


JsonObject = dict[str, Any]
