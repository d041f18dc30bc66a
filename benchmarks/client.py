"""A small HTTP/1.1 client on asyncio streams: cheap enough that what is measured is the server."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any

import orjson

# A server closes what stays idle; a connection that could be just about to be closed is not used again.
IDLE_SECONDS = 2.0
Stream = tuple[asyncio.StreamReader, asyncio.StreamWriter]
ENDS = ("workflow.run.completed", "workflow.run.failed", "workflow.run.cancelled")


class BadAnswerError(RuntimeError):
    """The server answered what the benchmark cannot go on with."""


class Client:
    """Calls one server; keeps connections and uses them again. Not for hostile servers."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._idle: list[tuple[float, Stream]] = []

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of the answer. Raises BadAnswerError for a status of 400 and above."""
        stream = self._kept() or await asyncio.open_connection("127.0.0.1", self.port)
        payload = b"" if body is None else orjson.dumps(body)
        status, headers = await _ask(stream, method, path, payload, "application/json")
        text = await _body(stream[0], headers)
        self._idle.append((time.monotonic(), stream))
        if status >= 400:
            raise BadAnswerError(f"{method} {path}: {status} {text[:300]!r}")
        return orjson.loads(text) if text else None

    @asynccontextmanager
    async def events(self, path: str) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
        """The events of a stream as they come."""
        stream = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            status, _ = await _ask(stream, "GET", path, b"", "text/event-stream")
            if status != 200:
                raise BadAnswerError(f"GET {path}: {status}")
            yield _events(stream[0])
        finally:
            stream[1].close()

    def _kept(self) -> Stream | None:
        while self._idle:
            since, stream = self._idle.pop()
            if time.monotonic() - since < IDLE_SECONDS:
                return stream
            stream[1].close()
        return None

    async def close(self) -> None:
        """Close every connection."""
        for _, (_, writer) in self._idle:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
        self._idle.clear()


async def _ask(stream: Stream, method: str, path: str, body: bytes, accept: str) -> tuple[int, Mapping[str, str]]:
    reader, writer = stream
    head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: {accept}\r\n"
    if body:
        head += "Content-Type: application/json\r\n"
    if method != "GET":
        head += f"Content-Length: {len(body)}\r\n"
    writer.write(head.encode() + b"\r\n" + body)
    lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}
    return int(lines[0].split(" ", 2)[1]), headers


async def _body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    if headers.get("transfer-encoding") == "chunked":
        return b"".join([part async for part in _chunks(reader)])
    return await reader.readexactly(int(headers.get("content-length", "0")))


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while size := int(await reader.readline(), 16):
        yield (await reader.readexactly(size + 2))[:-2]
    await reader.readline()


async def _events(reader: asyncio.StreamReader) -> AsyncIterator[dict[str, Any]]:
    rest = b""
    async for chunk in _chunks(reader):
        *frames, rest = (rest + chunk).split(b"\n\n")
        for frame in frames:
            for line in frame.split(b"\n"):
                if line.startswith(b"data:"):
                    yield orjson.loads(line[5:])
