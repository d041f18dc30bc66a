"""What the errors of model providers mean: worth another try, or not.

The kinds are recognised by what they carry, because the providers' packages are optional and load late.
"""

import socket
from collections.abc import Iterator, Sequence

import httpx
from langchain_core.exceptions import ModelError

from app.compiler.failures import (
    HardError,
    RetryableError,
    is_certificate_error,
    is_retryable_status,
    message_of,
    retry_after_seconds,
)

TOO_MANY_REQUESTS = 429
_LOWEST_ERROR = 300
_HARD_TYPES = {401: "authentication_failed", 403: "permission_denied", 404: "model_not_found"}
_FINAL_MARKS = ("invalid", "context_length", "content_filter", "authentication", "permission", "not_found")
_CUT = {
    "LengthFinishReasonError": ("answer_cut_off", "the answer did not fit into `max_tokens`; allow more of them"),
    "ContentFilterFinishReasonError": ("content_filtered", "its filter stopped the answer"),
}


def fault_of(error: Exception, model: str, secret: str | None = None) -> Exception:
    """A provider's error as a node raises it; what is no provider's error comes back as it is.

    `secret` is the key, which some providers repeat in what they say.
    """
    links = list(_chain(error))
    for link in links:
        if isinstance(link, HardError | RetryableError):
            return link
    said = message_of(error)
    said = said.replace(secret, "***") if secret else said
    status = getattr(error, "status_code", None)
    if isinstance(status, int) and status >= _LOWEST_ERROR:
        return _by_status(error, status, f"{model} answered {status}: {said}")
    return _of_connection(links, model, said) or _of_answer(error, model, said) or error


def _of_connection(links: Sequence[BaseException], model: str, said: str) -> Exception | None:
    if is_certificate_error(links[0]):
        return HardError(f"{model} has no certificate that can be trusted: {said}", "certificate_error")
    if any(_is_timeout(link) for link in links):
        return RetryableError(f"{model} did not answer in time: {said}", type="model_timeout")
    if any(_is_connection_failure(link) for link in links):
        return RetryableError(f"The connection to {model} failed: {said}", type="connection_failed")
    return None


def _of_answer(error: Exception, model: str, said: str) -> Exception | None:
    if type(error).__name__ in _CUT:
        kind, meaning = _CUT[type(error).__name__]
        return HardError(f"{model}: {meaning}.", kind)
    if hasattr(error, "request") and hasattr(error, "body"):
        return _inside_stream(error, f"{model} broke off: {said}")
    if isinstance(error, ValueError):
        return HardError(f"{model} answered what cannot be read: {said} Is its address right?", "bad_response")
    return None


def _by_status(error: Exception, status: int, message: str) -> Exception:
    if not is_retryable_status(status):
        return HardError(message, _HARD_TYPES.get(status, "invalid_request"))
    headers = getattr(getattr(error, "response", None), "headers", {})
    kind = "rate_limited" if status == TOO_MANY_REQUESTS else "model_unavailable"
    return RetryableError(message, retry_after_seconds(headers.get("retry-after")), type=kind)


def _inside_stream(error: Exception, message: str) -> Exception:
    """An error that came as an event after the answer had begun, when there was no status left to give it."""
    facts = f"{getattr(error, 'type', '')} {getattr(error, 'code', '')}"
    if any(mark in facts for mark in _FINAL_MARKS):
        return HardError(message, "invalid_request")
    return RetryableError(message, type="rate_limited" if "rate_limit" in facts else "model_unavailable")


def _is_timeout(error: BaseException) -> bool:
    return isinstance(error, TimeoutError | httpx.TimeoutException) or type(error).__name__ == "APITimeoutError"


def _is_connection_failure(error: BaseException) -> bool:
    if isinstance(error, httpx.TransportError | ConnectionError | socket.gaierror):
        return True
    return isinstance(error, ModelError) and error.is_retryable


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    link: BaseException | None = error
    while link is not None and id(link) not in seen:
        seen.add(id(link))
        yield link
        link = link.__cause__ or link.__context__
