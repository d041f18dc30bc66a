"""Errors of nodes in an exported program."""

import asyncio
import random
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

OURS = {"RetryableError", "HardError"}
RETRYABLE = {408, 425, 429, *range(500, 600)}


class HardError(Exception):
    """Another try would fail the same way; `type` is a short name of the kind."""

    def __init__(self, message: str, type: str | None = None) -> None:  # noqa: A002
        super().__init__(message)
        self.message = message
        self.type = type


class RetryableError(Exception):
    """Another try may succeed, `retry_after` seconds from now at the earliest."""

    def __init__(self, message: str, retry_after: float | None = None, *, type: str | None = None) -> None:  # noqa: A002
        super().__init__(message)
        self.message = message
        self.retry_after = retry_after
        self.type = type


class RunFailed(Exception):  # noqa: N818
    """The run has failed: `code` says how, `nodes` how each node ended."""

    def __init__(
        self, code: str, message: str, *, retryable: bool = False, nodes: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retryable = retryable
        self.nodes = nodes or {}


@dataclass(frozen=True)
class Retry:
    """How often a node is tried, and how long it waits in between, in seconds."""

    max_attempts: int = 3
    initial_interval: float = 1.0
    backoff: float = 2.0
    max_interval: float = 60.0
    jitter: bool = True

    def pause(self, tries: int, error: BaseException) -> float:
        """The seconds to wait after so many tries."""
        wait = min(self.initial_interval * self.backoff ** (tries - 1), self.max_interval)
        if self.jitter:
            wait *= random.uniform(0.5, 1.0)  # noqa: S311
        return max(wait, min(getattr(error, "retry_after", None) or 0.0, 3600.0))


def retryable(error: BaseException) -> bool:
    """Whether another try may succeed. Errors are known by the name of their class, as tools bring their own."""
    names = {kind.__name__ for kind in type(error).__mro__}
    if names & OURS:
        return "RetryableError" in names
    if "HTTPStatusError" in names:
        return error.response.status_code in RETRYABLE  # type: ignore[attr-defined]
    if "TransportError" in names:  # of httpx
        return not names & {"UnsupportedProtocol", "LocalProtocolError", "ProxyError"}
    return isinstance(error, TimeoutError | ConnectionError) or "gaierror" in names


def told(error: BaseException) -> dict[str, Any]:
    """An error as later nodes read it: `fetch.error.type`, `fetch.error.message`."""
    names = {kind.__name__ for kind in type(error).__mro__}
    return {
        "type": (names & OURS and error.type) or type(error).__name__,  # type: ignore[attr-defined]
        "message": str(error) or type(error).__name__,
        "stack": "".join(traceback.format_exception(error))[-20_000:],
        "retryable": retryable(error),
    }


async def tried(work: Callable[[], Awaitable[Any]], retry: Retry | None) -> Any:
    """The result of `work`, called again after errors that may pass."""
    tries = 0
    while True:
        tries += 1
        try:
            return await work()
        except Exception as error:
            if retry is None or tries >= retry.max_attempts or not retryable(error):
                raise
            await asyncio.sleep(retry.pause(tries, error))


async def in_time(work: Callable[[], Awaitable[Any]], seconds: float | None) -> Any:
    """The result of `work`, if it comes within so many seconds."""
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            return await work()
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise RetryableError(f"No result within {seconds:g} seconds.", type="NodeTimeoutError") from error
