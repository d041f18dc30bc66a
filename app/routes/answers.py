"""JSON answers and problem documents."""

from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import Response

from app import jsontext
from app.errors import Problem
from app.schemas.common import ProblemDocument

PROBLEM_TYPE = "application/problem+json"


class Json(Response):
    """A JSON answer that can hold whatever a run can: any string, any whole number."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return jsontext.dumps(content).encode()


def problem(
    status: int,
    code: str,
    title: str,
    detail: str,
    problems: Sequence[Problem] = (),
    headers: Mapping[str, str] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> Response:
    """An error as RFC 9457 describes it."""
    body: dict[str, Any] = {
        "type": f"urn:graphwright:problem:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
        **(facts or {}),
    }
    if problems:
        body["errors"] = [entry.as_json() for entry in problems]
    return Json(body, status_code=status, media_type=PROBLEM_TYPE, headers=headers)


DESCRIPTIONS = {
    401: "No key, or a wrong one",
    403: "The key's role does not allow this",
    404: "Not there, or another project's",
    409: "Not possible in this state",
    410: "No longer kept",
    412: "Changed by somebody else",
    413: "The body is too large",
    416: "No such range of bytes",
    422: "The request or the graph has problems",
}


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors of an operation, for its description; the ones of access are always among them."""
    content = {PROBLEM_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}}
    return {
        status: {"description": DESCRIPTIONS[status], "content": content, "model": ProblemDocument}
        for status in sorted({401, 403, 404, 422, *statuses})
    }
