"""Every error becomes a problem document; what is nobody's business stays in the log."""

import json
from http import HTTPStatus
from typing import Any, cast

import psycopg
import psycopg_pool
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from app import log
from app.compiler.places import place_in
from app.errors import GraphwrightError, Problem, pointer_to
from app.routes.answers import problem
from app.routes.bodies import problems_of

_log = log.get(__name__)

AGAIN = {"Retry-After": "2"}
HEADERS = {401: {"WWW-Authenticate": "Bearer"}, 503: AGAIN}
CODES = {404: "not_found", 405: "method_not_allowed"}
OUTAGES = (
    psycopg.OperationalError,
    psycopg.InterfaceError,
    psycopg_pool.PoolTimeout,
    psycopg_pool.PoolClosed,
)


def install(app: FastAPI) -> None:
    """Answer every error of this application with a problem document."""
    app.add_exception_handler(GraphwrightError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    for kind in OUTAGES:
        app.add_exception_handler(kind, _outage)
    app.add_exception_handler(psycopg.DataError, _refused)
    app.add_exception_handler(Exception, _unexpected)


async def _ours(_: Request, error: Exception) -> Response:
    known = cast("GraphwrightError", error)
    headers = HEADERS.get(known.status)
    return problem(known.status, known.problem_code, known.title, known.message, known.problems, headers, known.facts)


async def _invalid(_: Request, error: Exception) -> Response:
    known = cast("RequestValidationError", error)
    details = known.errors()
    if all(detail["loc"][0] == "path" for detail in details):
        return problem(404, "not_found", "Not found", "There is no such thing: the id in the path is no id.")
    unread = error.__cause__
    if isinstance(unread, json.JSONDecodeError):
        found = problems_of(unread)
    else:
        found = [_problem_of(detail, known.body) for detail in details]
    title = "The request cannot be processed"
    return problem(422, "invalid_request", title, found[0].message, found)


def _problem_of(detail: dict[str, Any], body: Any) -> Problem:
    kind = str(detail["type"])
    place = detail["loc"]
    if place == ("body",) and kind in {"model_attributes_type", "dict_type"}:
        return Problem("invalid_body", "", "Send a JSON object, with Content-Type: application/json.")
    if place[0] == "body":
        pointer, _ = place_in(body, place[1:], missing=kind == "missing")
    else:
        pointer = pointer_to(*place)
    return Problem(kind, pointer, f"{pointer or 'The body'}: {detail['msg'].removesuffix('.')}.")


async def _http(request: Request, error: Exception) -> Response:
    known = cast("HTTPException", error)
    phrase = HTTPStatus(known.status_code).phrase
    detail = str(known.detail)
    if known.status_code == HTTPStatus.NOT_FOUND:
        detail = f"There is nothing at {request.url.path}."
    elif known.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        detail = f"{request.method} does not go with {request.url.path}."
    code = CODES.get(known.status_code, phrase.lower().replace(" ", "_"))
    return problem(known.status_code, code, phrase, detail, headers=known.headers)


async def _outage(_: Request, error: Exception) -> Response:
    _log.warning("The database did not answer: %s", error)
    return problem(
        503,
        "unavailable",
        "Not available right now",
        "The database cannot be reached. Try again in a moment.",
        headers=AGAIN,
    )


async def _refused(_: Request, error: Exception) -> Response:
    _log.info("The database refused a value: %s", error)
    return problem(
        422, "invalid_request", "The request cannot be processed", "A value cannot be stored, such as a NUL character."
    )


async def _unexpected(request: Request, error: Exception) -> Response:
    _log.error("A request failed.", method=request.method, path=request.url.path, exc_info=error)
    return problem(
        500,
        "internal_error",
        "Something went wrong",
        "The server met an error that it did not expect. It has been logged.",
    )
