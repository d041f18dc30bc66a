"""The client commands' way to a server: requests, pages, errors as sentences, a run's events."""

import os
import time
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import httpx

from app import jsontext
from app.errors import GraphwrightError, NotFoundError, Problem, UnavailableError

URL = "GRAPHWRIGHT_URL"
KEY = "GRAPHWRIGHT_KEY"
PROJECT = "GRAPHWRIGHT_PROJECT"
DEFAULT_URL = "http://127.0.0.1:8000"
TIMEOUT_SECONDS = 30.0
# The server says something at least every 15 seconds.
SILENCE_SECONDS = 20.0
RECONNECT_SECONDS = 60.0
PAUSE_SECONDS = 1.0
PAGE = 200
TERMINAL = ("workflow.run.completed", "workflow.run.failed", "workflow.run.cancelled")

Json = dict[str, Any]


class AnswerError(GraphwrightError):
    """The server refused."""


class Api:
    """A server, as GRAPHWRIGHT_URL and GRAPHWRIGHT_KEY name it."""

    def __init__(self) -> None:
        self.url = os.environ.get(URL, DEFAULT_URL).rstrip("/")
        key = os.environ.get(KEY)
        try:
            self._http = httpx.Client(
                base_url=f"{self.url}/api/v1",
                headers={"Authorization": f"Bearer {key}"} if key else {},
                timeout=TIMEOUT_SECONDS,
            )
        except httpx.InvalidURL as error:
            raise self._unreachable(error) from error

    def ask(self, method: str, path: str, **content: Any) -> httpx.Response:
        """The answer to a request. Raises AnswerError when it is refused, UnavailableError when nobody answers."""
        try:
            answer = self._http.request(method, path, **content)
        except (httpx.TransportError, httpx.UnsupportedProtocol) as error:
            raise self._unreachable(error) from error
        _must_be_good(answer)
        return answer

    def content(self, path: str) -> Iterator[bytes]:
        """The bytes at a path, in pieces. Raises as `ask` does, also in the middle."""
        try:
            with self._http.stream("GET", path) as answer:
                if answer.is_error:
                    answer.read()
                _must_be_good(answer)
                yield from answer.iter_bytes()
        except (httpx.TransportError, httpx.UnsupportedProtocol) as error:
            raise self._unreachable(error) from error

    def get(self, path: str, **parameters: Any) -> Any:
        """The JSON value at a path; parameters that are None are left out."""
        wanted = {name: value for name, value in parameters.items() if value is not None}
        return jsontext.loads(self.ask("GET", path, params=wanted).content)

    def post(self, path: str, body: Any = None, **parameters: Any) -> Any:
        """The JSON value that a POST answers."""
        return self._tell("POST", path, body, parameters)

    def patch(self, path: str, body: Any) -> Any:
        """The JSON value that a PATCH answers."""
        return self._tell("PATCH", path, body, {})

    def _tell(self, method: str, path: str, body: Any, parameters: Json) -> Any:
        content = None if body is None else jsontext.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        return jsontext.loads(self.ask(method, path, content=content, headers=headers, params=parameters).content)

    def items(self, path: str, most: int | None = None, **parameters: Any) -> Iterator[Json]:
        """The items of a list over all its pages, at most so many."""
        left, cursor = most, None
        while left is None or left > 0:
            limit = PAGE if left is None else min(left, PAGE)
            page = self.get(path, limit=limit, cursor=cursor, **parameters)
            yield from page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                return
            left = None if left is None else left - limit

    def project(self, wanted: str | None) -> str:
        """The path of a project, by id or name; without one GRAPHWRIGHT_PROJECT, or the only project there is.

        Raises NotFoundError.
        """
        wanted = wanted or os.environ.get(PROJECT)
        if wanted is not None and _is_id(wanted):
            return f"/projects/{wanted}"
        found = [one for one in self.items("/projects") if wanted in (None, one["name"])]
        if len(found) == 1:
            return f"/projects/{found[0]['id']}"
        if wanted is not None:
            state = "is no project" if not found else "are several projects"
            raise NotFoundError(f"There {state} with the name {wanted}. Name one by its id.")
        if found:
            raise NotFoundError(f"There are several projects. Name one by --project or {PROJECT}.")
        raise NotFoundError("There is no project yet. Make one by `graphwright projects create NAME`.")

    def events(self, path: str, after: int = 0) -> Iterator[Json | str]:
        """A run's events from its stream until it ends; a lost connection goes on after the last one that was read.

        Between events, a sentence tells of a lost connection. Raises UnavailableError when there is none for a minute.
        """
        heard = time.monotonic()
        while True:
            pause = PAUSE_SECONDS
            try:
                for event in self._stream(path, after):
                    heard = time.monotonic()
                    if event is None:
                        return
                    after, pause = event["seq"], 0.0 if event["type"] in TERMINAL else PAUSE_SECONDS
                    yield event
            except httpx.TransportError as error:
                if time.monotonic() - heard > RECONNECT_SECONDS:
                    raise self._unreachable(error) from error
                yield "The connection is lost; trying again …"
            time.sleep(pause)

    def _stream(self, path: str, after: int) -> Iterator[Json | None]:
        """The events of one connection; None says that nothing more comes."""
        headers = {"Accept": "text/event-stream", "Last-Event-ID": str(after)}
        timeout = httpx.Timeout(TIMEOUT_SECONDS, read=SILENCE_SECONDS)
        with self._http.stream("GET", path, headers=headers, timeout=timeout) as answer:
            if answer.is_error:
                answer.read()
            _must_be_good(answer)
            if answer.status_code == httpx.codes.NO_CONTENT:
                yield None
                return
            rest = b""
            for chunk in answer.iter_bytes():
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    if line.startswith(b"data:"):
                        yield jsontext.loads(line.removeprefix(b"data:"))

    def _unreachable(self, error: Exception) -> UnavailableError:
        return UnavailableError(
            f"No server answers at {self.url} ({error or type(error).__name__}). "
            f"Start one by `graphwright serve`, or set {URL}."
        )


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _must_be_good(answer: httpx.Response) -> None:
    if not answer.is_error:
        return
    try:
        problem = answer.json()
        told = [
            Problem(str(one.get("code")), str(one.get("pointer", "")), str(one.get("message")))
            for one in problem.get("errors", [])
        ]
        message, code = str(problem["detail"]), str(problem.get("code"))
    except (ValueError, LookupError, AttributeError, TypeError):
        message, code, told = f"The server answered {answer.status_code} {answer.reason_phrase}.", "no_problem", []
    raise AnswerError(message, code=code, problems=told)
