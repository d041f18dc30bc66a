import asyncio
import socket
import ssl
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from app.compiler.failures import HardError, RetryableError, failure_of, retry_after_seconds
from app.errors import GraphwrightError

REQUEST = httpx.Request("GET", "http://x.example/")


def status(code: int, **headers: str) -> httpx.HTTPStatusError:
    return httpx.HTTPStatusError("status", request=REQUEST, response=httpx.Response(code, headers=headers))


@pytest.mark.spec("NODE-28")
@pytest.mark.parametrize(
    "error",
    [
        RetryableError("later"),
        TimeoutError(),
        ConnectionResetError("gone"),
        socket.gaierror("no name"),
        httpx.ReadTimeout("slow"),
        httpx.ConnectError("refused"),
        status(429),
        status(503),
        ExceptionGroup("several", [TimeoutError(), BrokenPipeError()]),
    ],
)
def test_what_may_pass_is_retryable(error: Exception) -> None:
    assert failure_of(error).retryable


@pytest.mark.spec("NODE-28")
@pytest.mark.parametrize(
    "error",
    [
        HardError("no", "bad"),
        ValueError("no"),
        FileNotFoundError("no"),
        ssl.SSLCertVerificationError("no"),
        httpx.UnsupportedProtocol("ftp"),
        status(404),
        ExceptionGroup("several", [TimeoutError(), ValueError()]),
        asyncio.CancelledError(),
        SystemExit(1),
    ],
)
def test_all_else_is_hard(error: BaseException) -> None:
    assert not failure_of(error).retryable


class TemplateError(GraphwrightError):
    code = "template_error"


@pytest.mark.spec("NODE-28")
def test_types_are_stable_short_names() -> None:
    assert failure_of(HardError("x", "no_branch")).type == "no_branch"
    assert failure_of(HardError("x")).type == "HardError"
    assert failure_of(RetryableError("x", type="ReadTimeout")).type == "ReadTimeout"
    assert failure_of(KeyError("x")).type == "KeyError"
    assert failure_of(TemplateError("x")).type == "template_error"
    assert failure_of(TemplateError("x", code="template_too_expensive")).type == "template_too_expensive"


class Unspeakable(Exception):  # noqa: N818
    def __str__(self) -> str:
        raise RuntimeError("no words")


@pytest.mark.spec("NODE-28")
def test_any_error_can_be_described() -> None:
    assert failure_of(Unspeakable()).message == "Unspeakable"
    assert failure_of(TimeoutError()).message == "TimeoutError"
    assert len(failure_of(ValueError("x" * 1_000_000)).message) == 10_000


def deep(depth: int, text: str) -> None:
    if depth:
        deep(depth - 1, text)
    else:
        raise ValueError(text)


def wrapped(depth: int, text: str) -> None:
    try:
        deep(depth, text)
    except ValueError as error:
        raise RuntimeError("outer") from error


@pytest.mark.spec("NODE-28")
def test_the_stack_shows_the_authors_frames_with_causes_and_is_bounded() -> None:
    with pytest.raises(RuntimeError) as caught:
        wrapped(30, "x" * 100_000)
    stack = failure_of(caught.value).stack
    assert len(stack) <= 20_000
    assert stack.endswith("RuntimeError: outer")
    with pytest.raises(ValueError, match="inner") as short:
        deep(1, "inner")
    assert "in deep" in failure_of(short.value).stack
    assert failure_of(short.value).stack.startswith("Traceback")


@pytest.mark.spec("NODE-21")
def test_retry_after_is_read_as_seconds_or_as_a_date() -> None:
    now = datetime(2024, 5, 1, tzinfo=UTC)
    later = format_datetime(now + timedelta(seconds=90), usegmt=True)
    assert retry_after_seconds("7", now) == 7
    assert retry_after_seconds(later, now) == 90
    assert retry_after_seconds(later, now + timedelta(hours=1)) == 0
    assert retry_after_seconds("soon", now) is None
    assert retry_after_seconds("-5", now) is None
    assert retry_after_seconds(None, now) is None
    assert failure_of(status(429, **{"Retry-After": "3"})).retry_after == 3
