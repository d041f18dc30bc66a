"""A language model provider on a port of this machine: it speaks the protocols of OpenAI and Anthropic over sockets.

Each request is answered by the next reply of the script, the last one again and again.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

USAGE = {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}


@dataclass
class Asked:
    """A request as it came."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


Reply = Callable[["Line", Asked], Awaitable[None]]


@dataclass
class Line:
    """The connection to the client, for replies to write on."""

    writer: asyncio.StreamWriter
    reader: asyncio.StreamReader
    provider: "Provider"

    async def send(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        content = json.dumps(body).encode()
        known = {"Content-Type": "application/json", "Content-Length": str(len(content)), **(headers or {})}
        self._head(status, known)
        self.writer.write(content)
        await self.writer.drain()

    async def begin(self) -> None:
        self._head(200, {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"})
        await self.writer.drain()

    async def event(self, data: Any, name: str | None = None) -> None:
        text = data if isinstance(data, str) else json.dumps(data)
        frame = (f"event: {name}\n" if name else "") + f"data: {text}\n\n"
        self.writer.write(f"{len(frame.encode()):x}\r\n{frame}\r\n".encode())
        await self.writer.drain()

    async def end(self) -> None:
        self.writer.write(b"0\r\n\r\n")
        await self.writer.drain()

    def hang_up(self) -> None:
        self.writer.transport.abort()

    async def until_gone(self) -> None:
        """Wait until the client closes the connection."""
        await self.reader.read()
        self.provider.gone.set()

    def _head(self, status: int, headers: dict[str, str]) -> None:
        lines = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in headers.items())]
        self.writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())


@dataclass
class Provider:
    """What the server is to say, and what it was asked; `gone` is set when a client has hung up on it."""

    script: list[Reply] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    connections: int = 0
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    origin: str = ""

    @property
    def url(self) -> str:
        """The base address of the OpenAI protocol."""
        return f"{self.origin}/v1"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        line = Line(writer, reader, self)
        try:
            while (asked := await _read(reader)) is not None:
                self.asked.append(asked)
                await self.script[min(len(self.asked), len(self.script)) - 1](line, asked)
        except (ConnectionError, asyncio.IncompleteReadError):
            self.gone.set()
        finally:
            writer.close()


@asynccontextmanager
async def provider(*script: Reply) -> AsyncIterator[Provider]:
    """The server, as long as the block is open."""
    known = Provider(list(script))
    tasks: set[asyncio.Task[None]] = set()

    def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.create_task(known.serve(reader, writer)))

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    known.origin = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield known
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _read(reader: asyncio.StreamReader) -> Asked | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
    except asyncio.IncompleteReadError:
        return None
    first, *rest = head.strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Asked(first.split()[1], headers, json.loads(body or b"{}"))


def says(text: str, *, finish: str | None = "stop", usage: dict[str, int] | None = USAGE, pause: float = 0) -> Reply:
    """Answer with a text: word by word where the client streams."""

    async def reply(line: Line, asked: Asked) -> None:
        if not asked.body.get("stream"):
            await line.send(200, _completion({"role": "assistant", "content": text}, finish, usage))
            return
        await line.begin()
        for word in _words(text):
            await line.event(_chunk({"role": "assistant", "content": word}))
            if pause:
                await asyncio.sleep(pause)
        await _finish(line, finish, usage)

    return reply


def calls(*tools: tuple[str, Any], text: str = "", usage: dict[str, int] | None = USAGE) -> Reply:
    """Answer by calling tools: (name, arguments), the arguments in two pieces; text as arguments is sent as it is."""

    async def reply(line: Line, _asked: Asked) -> None:
        await line.begin()
        if text:
            await line.event(_chunk({"role": "assistant", "content": text}))
        for index, (name, args) in enumerate(tools):
            said = args if isinstance(args, str) else json.dumps(args)
            half = len(said) // 2
            first = {"index": index, "id": f"call_{index}", "type": "function"}
            await line.event(_chunk({"tool_calls": [{**first, "function": {"name": name, "arguments": said[:half]}}]}))
            await line.event(_chunk({"tool_calls": [{"index": index, "function": {"arguments": said[half:]}}]}))
        await _finish(line, "tool_calls", usage)

    return reply


def fails(status: int, message: str = "no luck", headers: dict[str, str] | None = None) -> Reply:
    async def reply(line: Line, _asked: Asked) -> None:
        await line.send(status, {"error": {"message": message, "type": "error", "code": None}}, headers)

    return reply


def breaks_off(text: str, error: dict[str, Any] | None = None) -> Reply:
    """Begin to answer and hang up, or send an error in the middle of the stream."""

    async def reply(line: Line, _asked: Asked) -> None:
        await line.begin()
        for word in _words(text):
            await line.event(_chunk({"role": "assistant", "content": word}))
        if error is None:
            line.hang_up()
            return
        await line.event({"error": error})
        await line.end()

    return reply


def holds(text: str) -> Reply:
    """Begin to answer and say no more, until the client is gone."""

    async def reply(line: Line, _asked: Asked) -> None:
        await line.begin()
        for word in _words(text):
            await line.event(_chunk({"role": "assistant", "content": word}))
        await line.until_gone()

    return reply


def at_once(text: str) -> Reply:
    """Answer as a server does that knows nothing of streams."""

    async def reply(line: Line, _asked: Asked) -> None:
        await line.send(200, _completion({"role": "assistant", "content": text}, "stop", USAGE))

    return reply


def claude_says(text: str, *, call: tuple[str, Any] | None = None) -> Reply:
    """Answer in the protocol of Anthropic."""

    async def reply(line: Line, asked: Asked) -> None:
        await line.begin()
        start = {"id": "msg_1", "type": "message", "role": "assistant", "model": asked.body["model"], "content": []}
        ends = {"stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 5, "output_tokens": 1}}
        await line.event({"type": "message_start", "message": {**start, **ends}}, "message_start")
        block: dict[str, Any] = {"type": "text", "text": ""}
        deltas: list[dict[str, Any]] = [{"type": "text_delta", "text": word} for word in _words(text)]
        if call is not None:
            block = {"type": "tool_use", "id": "toolu_1", "name": call[0], "input": {}}
            deltas = [{"type": "input_json_delta", "partial_json": json.dumps(call[1])}]
        await line.event({"type": "content_block_start", "index": 0, "content_block": block}, "content_block_start")
        for delta in deltas:
            await line.event({"type": "content_block_delta", "index": 0, "delta": delta}, "content_block_delta")
        await line.event({"type": "content_block_stop", "index": 0}, "content_block_stop")
        last = {"stop_reason": "tool_use" if call else "end_turn", "stop_sequence": None}
        await line.event(
            {"type": "message_delta", "delta": last, "usage": {"input_tokens": 5, "output_tokens": 9}}, "message_delta"
        )
        await line.event({"type": "message_stop"}, "message_stop")
        await line.end()

    return reply


def _words(text: str) -> list[str]:
    first, *rest = text.split(" ")
    return [first, *(f" {word}" for word in rest)]


def _completion(message: dict[str, Any], finish: str | None, usage: dict[str, int] | None) -> dict[str, Any]:
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return {"id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage}


def _chunk(delta: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
    known = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices}
    return {**known, **more}


async def _finish(line: Line, finish: str | None, usage: dict[str, int] | None) -> None:
    if finish is not None:
        await line.event(_chunk({}, finish))
    if usage is not None:
        await line.event(_chunk({}, None, choices=[], usage=usage))
    await line.event("[DONE]")
    await line.end()
