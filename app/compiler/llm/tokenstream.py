"""Text on its way to watchers while it comes into being, in pieces of some size instead of token by token."""

import asyncio
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

PERIOD_SECONDS = 0.03
"""At most one piece in this time: a model gives hundreds of tokens in a second, and each piece becomes an event."""


class TokenStream:
    """Hands on text in order; open while a model answers, and empty once it is closed.

    The first piece goes out at once. When the block ends by a cancellation, what waits is dropped.
    """

    def __init__(self, send: Callable[[str], Awaitable[None]], period: float = PERIOD_SECONDS) -> None:
        self._send = send
        self._period = period
        self._pieces: list[str] = []
        self._news = asyncio.Event()
        self._ending = asyncio.Event()

    def add(self, text: str) -> None:
        """Take in the next text; it is sent within a period."""
        if text:
            self._pieces.append(text)
            self._news.set()

    async def __aenter__(self) -> Self:
        self._sender = asyncio.create_task(self._run(), name="tokens")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, asyncio.CancelledError):
            self._sender.cancel()
            await asyncio.gather(self._sender, return_exceptions=True)
            return
        self._ending.set()
        self._news.set()
        try:
            await self._sender
        finally:
            self._sender.cancel()

    async def _run(self) -> None:
        while not self._ending.is_set():
            await self._news.wait()
            self._news.clear()
            await self._flush()
            try:
                async with asyncio.timeout(self._period):
                    await self._ending.wait()
            except TimeoutError:
                pass
        await self._flush()

    async def _flush(self) -> None:
        if self._pieces:
            text, self._pieces = "".join(self._pieces), []
            await self._send(text)
