"""Reading bodies: JSON as we understand it, and no more of it than the server wants."""

import json
import re
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import jsontext
from app.errors import Problem, pointer_to
from app.routes.answers import problem

DEEPEST = 200
# A client that is still sending does not read the answer, so what remains is taken and dropped, up to here.
LONGEST_DRAIN = 64_000_000
GRAPH_ROUTE = re.compile(r"^/api/v1/projects/[^/]+/workflows(/validate|/[0-9a-fA-F-]{36})?/?$")
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)


class JsonRequest(Request):
    """A request whose JSON may hold any text and any number, but none beyond doubles, and not be nested without end."""

    async def json(self) -> Any:
        """The body's value. Raises json.JSONDecodeError, which becomes a 422."""
        body = await self.body()
        if _nesting(body) > DEEPEST:
            raise json.JSONDecodeError(f"it is nested more than {DEEPEST} deep", "", 0)
        return jsontext.loads(body)


def problems_of(error: json.JSONDecodeError) -> list[Problem]:
    """What is wrong with a body that is no JSON, or has numbers that nothing here can hold."""
    if isinstance(error, jsontext.BeyondDoublesError):
        pointers = (pointer_to(*steps) for steps in error.places)
        said = "The number is too large for a double. Send a smaller one, or the number as text."
        return [Problem("number_too_large", pointer, f"{pointer or 'The body'}: {said}") for pointer in pointers]
    return [Problem("invalid_json", "", f"The body is not JSON: {error.msg}.")]


class Route(APIRoute):
    """A route whose request is a JsonRequest."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler of FastAPI with our kind of request."""
        handle = super().get_route_handler()

        async def with_our_json(request: Request) -> Response:
            return await handle(JsonRequest(request.scope, request.receive))

        return with_our_json


class _TooLargeError(Exception):
    """The body went over the limit while it was read."""


class BodyLimit:
    """Refuses bodies over the limit before they are in memory: 422 `too_large` for graphs, else 413."""

    def __init__(self, app: ASGIApp, *, limit: int) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer in place of the application when the body is too large."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if announced.isdigit() and int(announced) > self._limit:
            await _drain(receive, 0)
            await self._refusal(scope)(scope, receive, send)
            return
        counted = _Counted(receive, self._limit)

        async def tell(message: Message) -> None:
            if not counted.over:
                await send(message)

        with suppress(_TooLargeError):
            await self._app(scope, counted, tell)
        if counted.over:
            await _drain(receive, self._limit)
            await self._refusal(scope)(scope, receive, send)

    def _refusal(self, scope: Scope) -> Response:
        sentence = f"The body is larger than {self._limit:,} bytes, the most that this server reads."
        if GRAPH_ROUTE.match(scope["path"]):
            return problem(422, "too_large", "The graph is too large", sentence)
        return problem(413, "body_too_large", "The body is too large", sentence)


class _Counted:
    """The body as it comes, until it is over the limit."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive = receive
        self._left = limit
        self.over = False

    async def __call__(self) -> Message:
        message = await self._receive()
        self._left -= len(message.get("body", b""))
        if self._left < 0:
            self.over = True
            raise _TooLargeError
        return message


async def _drain(receive: Receive, taken: int) -> None:
    while taken < LONGEST_DRAIN:
        message = await receive()
        taken += len(message.get("body", b""))
        if message["type"] == "http.disconnect" or not message.get("more_body"):
            return


def _nesting(body: bytes) -> int:
    """How deep the brackets go; counted only when there are enough to matter."""
    if body.count(b"[") + body.count(b"{") <= DEEPEST:
        return 0
    depth = deepest = 0
    for bracket in re.findall(rb"[\[\]{}]", _STRING.sub(b"", body)):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    return deepest
