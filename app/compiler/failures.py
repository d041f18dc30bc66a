"""What can go wrong in a node, and the one place that tells what is worth another try from what is not."""

import socket
import ssl
import traceback
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import httpx

from app.errors import GraphwrightError

RETRYABLE_STATUSES = frozenset({408, 425, 429})
MAX_STACK = 20_000
MAX_MESSAGE = 10_000

_OWN_FRAMES = (
    str(Path(__file__).resolve().parent.parent),
    "/langgraph/",
    "/langchain_core/",
    "/asyncio/",
    "/concurrent/futures/",
    "/uvloop/",
)
_TRANSIENT = (TimeoutError, ConnectionError, socket.gaierror)
_PERMANENT_TRANSPORT = (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.ProxyError)


class RetryableError(Exception):
    """A node may raise this to be tried again; `retry_after` is the least number of seconds to wait before that."""

    def __init__(self, message: str, retry_after: float | None = None, *, type: str | None = None) -> None:  # noqa: A002
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after
        self.type = type


class HardError(Exception):
    """A node may raise this when another try would fail the same way; `type` is a short stable name of the kind."""

    def __init__(self, message: str, type: str | None = None) -> None:  # noqa: A002 - the field is called so everywhere
        super().__init__(message)
        self.message = message
        self.type = type


class Park(Exception):  # noqa: N818 - no error: the node asks to be visited again
    """Raised in a waiting node to let go of its worker; it is visited again at `until`, or when told something."""

    def __init__(self, until: datetime | None) -> None:
        super().__init__("parked" if until is None else f"parked until {until.isoformat()}")
        self.until = until


@dataclass(frozen=True, slots=True)
class Failure:
    """A node's error as it is stored and shown; `retry_after` in seconds."""

    type: str
    message: str
    stack: str
    retryable: bool
    retry_after: float | None = None


class ItemError(Exception):
    """Raised in a map to fail as one of its items did."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


class CallError(Exception):
    """Raised at home for a node whose work has failed on another worker."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


def failure_of(error: BaseException) -> Failure:
    """Describe any error of a node, and decide whether another try makes sense."""
    if isinstance(error, ItemError | CallError):
        return error.failure
    return Failure(
        type=_type_of(error),
        message=message_of(error),
        stack=_stack_of(error),
        retryable=_is_retryable(error),
        retry_after=_retry_after_of(error),
    )


def message_of(error: BaseException) -> str:
    """The error's own text, or its class name when it has none; never raises and is never longer than 10 kB."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - the class may be anybody's, and a failure to describe must not hide the failure
        text = ""
    return (text or type(error).__name__)[:MAX_MESSAGE]


def retry_after_seconds(value: str | None, now: datetime | None = None) -> float | None:
    """The seconds that a Retry-After header asks for (a number or an HTTP date); None when it says nothing usable."""
    if value is None:
        return None
    text = value.strip()
    if text.isascii() and text.isdigit() and len(text) <= 9:  # noqa: PLR2004 - thirty years
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - (now or datetime.now(UTC))).total_seconds())


def is_retryable_status(status: int) -> bool:
    """Whether an HTTP status says that the same request may succeed later."""
    return status in RETRYABLE_STATUSES or 500 <= status <= 599  # noqa: PLR2004 - the class of server errors


def is_certificate_error(error: BaseException | None) -> bool:
    """Whether a connection failed because the other side has no certificate that is trusted."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _type_of(error: BaseException) -> str:
    if isinstance(error, HardError | RetryableError) and error.type:
        return error.type
    return error.problem_code if isinstance(error, GraphwrightError) else type(error).__name__


def _is_retryable(error: BaseException) -> bool:
    if isinstance(error, RetryableError):
        return True
    if isinstance(error, HardError):
        return False
    if isinstance(error, BaseExceptionGroup):
        return all(_is_retryable(inner) for inner in error.exceptions)
    if isinstance(error, httpx.HTTPStatusError):
        return is_retryable_status(error.response.status_code)
    if isinstance(error, httpx.TransportError):
        return not isinstance(error, _PERMANENT_TRANSPORT)
    return isinstance(error, _TRANSIENT)


def _retry_after_of(error: BaseException) -> float | None:
    if isinstance(error, RetryableError):
        return error.retry_after
    if isinstance(error, httpx.HTTPStatusError) and is_retryable_status(error.response.status_code):
        return retry_after_seconds(error.response.headers.get("retry-after"))
    return None


def _stack_of(error: BaseException) -> str:
    report = traceback.TracebackException.from_exception(error, limit=-60)
    _trim(report, set())
    text = "".join(report.format()).rstrip()
    return text if len(text) <= MAX_STACK else "…" + text[-(MAX_STACK - 1) :]


def _trim(report: traceback.TracebackException, seen: set[int]) -> None:
    """Leave out the frames of the machinery that called the failing code, in the whole chain of causes."""
    if id(report) in seen:
        return
    seen.add(id(report))
    theirs = [frame for frame in report.stack if not _is_own(frame.filename)]
    report.stack = traceback.StackSummary.from_list(theirs or list(report.stack)[-3:])
    followers: list[Any] = [report.__cause__, report.__context__, *(getattr(report, "exceptions", None) or ())]
    for follower in followers:
        if follower is not None:
            _trim(follower, seen)


def _is_own(filename: str) -> bool:
    return any(part in filename for part in _OWN_FRAMES) or filename.startswith("<frozen")
