"""Server-sent events: one answer that lasts for as long as a run does, in one task and with little memory."""

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from uuid import UUID

from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from app import log
from app.events import EventText, Hub, Subscriber
from app.events.store import frames

# A reader that takes nothing for so long is cut off; it comes back with Last-Event-ID, if it ever does.
SEND_SECONDS = 30.0
CHUNK_BYTES = 64_000
HEADERS = {
    "Cache-Control": "no-cache, no-transform",
    # Keeps nginx from compressing, which it does in spite of no-transform where `gzip_types` says so.
    "Content-Encoding": "identity",
    "X-Accel-Buffering": "no",
    "Vary": "Accept",
}
LINE = "\n"
RETRY = ServerSentEvent(retry=1000, sep=LINE).encode()
PING = ServerSentEvent(comment="ping", sep=LINE).encode()
# How the readers of a stopping server come back: not all in one moment, and about this many in a second.
RETURN_MS = 500
RETURNS_PER_SECOND = 500
NOTHING = Response(status_code=204, headers={"Cache-Control": "no-cache"})

Begin = Callable[[Subscriber], Awaitable[Sequence[EventText] | None]]
"""Lets a reader have a run: the first events, or None when nothing is to come. Raises what the answer is to be."""

_log = log.get(__name__)


class EventStream(EventSourceResponse):
    """The stream of one reader of one run; it ends quietly when nothing is taken, and with a hint when we stop.

    The library takes five tasks and a timeout around each piece for this; with a thousand readers that is most of what
    they cost. Here the task of the request sends all there is, one piece for each wake; a second one does nothing but
    wait for the client to leave, and a timer asks for comments and looks whether the client takes what it is sent.
    """

    def __init__(self, hub: Hub, run_id: UUID, begin: Begin, *, ping_seconds: float) -> None:
        self._hub = hub
        self._run_id = run_id
        self._begin = begin
        self._ping_seconds = ping_seconds
        super().__init__(iter(()), headers=HEADERS, sep=LINE, ping=ping_seconds, send_timeout=SEND_SECONDS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the run has ended, the client leaves, or the server stops; 204 if nothing is to come."""
        reader = self._hub.open()
        try:
            first = await self._begin(reader)
            if first is None:
                await NOTHING(scope, receive, send)
                return
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            if scope["method"] == "HEAD":
                await send({"type": "http.response.body"})
                return
            await self._send_all(reader, first, receive, send)
        finally:
            self._hub.leave(reader)

    async def _send_all(self, reader: Subscriber, first: Sequence[EventText], receive: Receive, send: Send) -> None:
        sender = _Sender(send, reader, self._ping_seconds)
        leaving = asyncio.create_task(_leave(receive, reader))
        try:
            async with aclosing(self._pieces(reader, first, sender)) as pieces:
                async for piece in pieces:
                    await sender.send(piece)
            await sender.send(b"", more=False)
        except asyncio.CancelledError:
            if not sender.frozen:
                raise
            sender.task.uncancel()
            _log.info("A reader of an event stream took nothing for %s seconds and was cut off.", SEND_SECONDS)
        finally:
            sender.stop()
            leaving.cancel()

    async def _pieces(
        self, reader: Subscriber, first: Sequence[EventText], sender: "_Sender"
    ) -> AsyncGenerator[bytes, None]:
        last = first[-1] if first else None
        begin, *chunks = _chunks(first) if first else [b""]
        yield RETRY + begin
        for chunk in chunks:
            yield chunk
        while self._hub.goes_on(reader, self._run_id, last):
            events = await self._hub.read(reader)
            if events:
                last = events[-1]
                for chunk in _chunks(events):
                    yield chunk
            if sender.due and not reader.closed:
                sender.due = False
                yield PING
        if self._hub.stopping:
            spread = RETURN_MS + 1000 * self._hub.readers // RETURNS_PER_SECOND
            pause = random.randint(RETURN_MS, RETURN_MS + spread)  # noqa: S311  # to spread clients, not to hide from them
            yield ServerSentEvent(comment="the server is stopping, come back", retry=pause, sep=LINE).encode()


class _Sender:
    """Sends pieces, asks for a comment when one is due, and cancels the task when a piece is not taken."""

    def __init__(self, send: Send, reader: Subscriber, ping_seconds: float) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # answers are sent by tasks
        self.task = task
        self.due = False
        self.frozen = False
        self._send = send
        self._reader = reader
        self._ping_seconds = ping_seconds
        self._loop = asyncio.get_running_loop()
        self._ping_at = self._loop.time() + ping_seconds
        self._since: float | None = None
        self._timer = self._loop.call_later(self._pause, self._look)

    async def send(self, body: bytes, *, more: bool = True) -> None:
        """Send one piece; returns when the client has room for the next one, or is gone."""
        self._since = self._loop.time()
        await self._send({"type": "http.response.body", "body": body, "more_body": more})
        self._since = None

    def stop(self) -> None:
        """Look no more."""
        self._timer.cancel()

    @property
    def _pause(self) -> float:
        return min(self._ping_seconds, SEND_SECONDS / 3)

    def _look(self) -> None:
        now = self._loop.time()
        if self._since is not None and now - self._since >= SEND_SECONDS:
            self.frozen = True
            self.task.cancel()
            return
        # A hundredth early rather than a whole pause late.
        if now >= self._ping_at - self._pause / 100:
            self._ping_at = now + self._ping_seconds
            self.due = True
            self._reader.news.set()
        self._timer = self._loop.call_later(self._pause, self._look)


async def _leave(receive: Receive, reader: Subscriber) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    reader.close()


def _chunks(events: Sequence[EventText]) -> list[bytes]:
    """The frames in pieces small enough that a slow reader gets each in time; mostly it is one, shared by all."""
    whole = frames(events)
    if len(whole) <= CHUNK_BYTES:
        return [whole]
    chunks: list[bytes] = []
    part: list[bytes] = []
    size = 0
    for event in events:
        part.append(event.frame)
        size += len(event.frame)
        if size >= CHUNK_BYTES:
            chunks.append(b"".join(part))
            part, size = [], 0
    if part:
        chunks.append(b"".join(part))
    return chunks
