"""The tree of errors that people meet, each with a code, an HTTP status and a sentence that says what to do.

GraphwrightError
├── NotFoundError            404  the thing is not there, or belongs to another project
├── ConflictError            409  the thing is in a state that does not allow it
├── GoneError                410  it was there, and has been deleted by what the server keeps
├── PreconditionFailedError  412  somebody else was faster
├── UnprocessableError       422  the request says something that cannot be
├── UnauthorizedError        401  no key, or a wrong one
├── ForbiddenError           403  the key's role does not allow it
├── TooLargeError            413  the body is larger than this server reads
└── UnavailableError         503  the database or the queue cannot be reached
    └── StoppingError        503  the server is about to end
"""

from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Final

REFUSALS: Final = (
    "duplicate_node_id",
    "unknown_node_type",
    "invalid_config",
    "unknown_source",
    "unknown_target",
    "no_entry",
    "unreachable_node",
    "loop_with_several_headers",
    "unconditional_loop",
    "unknown_branch",
    "invalid_template",
    "invalid_condition",
    "unknown_reference",
    "reference_not_upstream",
    "unknown_state_key",
    "too_large",
)
"""The codes of everything that a graph can be refused for."""


def pointer_to(*steps: int | str) -> str:
    """The JSON pointer of a place, by the steps that lead to it (RFC 6901)."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in steps)


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a document or a body: where it is (a JSON pointer) and what to change (a sentence)."""

    code: str
    pointer: str
    message: str
    node_id: str | None = None
    edge: int | None = None

    def as_json(self) -> dict[str, Any]:
        """The problem as the API tells it, without the fields that do not apply."""
        return {name: value for name, value in asdict(self).items() if value is not None}


class GraphwrightError(Exception):
    """The root: `code` is for programs, `status` for HTTP, the message for people, `facts` are further fields."""

    code: ClassVar[str] = "internal_error"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Something went wrong"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        problems: list[Problem] | None = None,
        facts: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.problem_code = code or self.code
        self.problems = problems or []
        self.facts = facts or {}


class NotFoundError(GraphwrightError):
    code = "not_found"
    status = 404
    title = "Not found"


class ConflictError(GraphwrightError):
    code = "conflict"
    status = 409
    title = "Not possible in this state"


class GoneError(GraphwrightError):
    code = "gone"
    status = 410
    title = "No longer kept"


class PreconditionFailedError(GraphwrightError):
    code = "precondition_failed"
    status = 412
    title = "Changed by somebody else"


class UnprocessableError(GraphwrightError):
    code = "invalid_request"
    status = 422
    title = "The request cannot be processed"


class UnauthorizedError(GraphwrightError):
    code = "unauthorized"
    status = 401
    title = "A valid API key is needed"


class ForbiddenError(GraphwrightError):
    code = "forbidden"
    status = 403
    title = "The key's role does not allow this"


class TooLargeError(GraphwrightError):
    code = "body_too_large"
    status = 413
    title = "The body is too large"


class UnavailableError(GraphwrightError):
    code = "unavailable"
    status = 503
    title = "Not available right now"


class StoppingError(UnavailableError):
    code = "stopping"
    title = "The server is stopping"
