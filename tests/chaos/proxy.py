"""A TCP proxy in front of PostgreSQL that knows enough of its protocol to lose what hurts most."""

import asyncio
import socket
import struct
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.support import free_port

SSL_REQUEST, GSS_REQUEST = 80877103, 80877104
LINGER_NOT = struct.pack("ii", 1, 0)

Send = Callable[[bytes], Awaitable[None]]


@dataclass(eq=False)
class Connection:
    """One client's way to the server: what it has asked in its transaction, and what is to become of the answer."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    prepared: dict[bytes, bytes] = field(default_factory=dict)
    asked: bytes = b""
    doomed: str = ""
    held: list[bytes] = field(default_factory=list)

    def cut(self, *, reset: bool = True) -> None:
        """End it on both sides, with RST or with FIN."""
        for writer in (self.client, self.server):
            if reset and (sock := writer.get_extra_info("socket")) is not None:
                with suppress(OSError):
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
                writer.transport.abort()
            else:
                writer.close()

    def ask(self, kind: bytes, body: bytes) -> None:
        """Note which statement a message of the client carries."""
        if kind == b"Q":
            self.asked += body
        elif kind == b"P":
            name, _, rest = body.partition(b"\0")
            self.prepared[name] = rest
            self.asked += rest
        elif kind == b"B":
            _, _, rest = body.partition(b"\0")
            self.asked += self.prepared.get(rest.partition(b"\0")[0], b"")


class Proxy:
    """Listens on a port of the loopback address; what it does with the connections can be changed at any time."""

    def __init__(self, url: str) -> None:
        self._target = conninfo_to_dict(url)
        self.port = free_port()
        self.delay = 0.0
        self.refusing = False
        self.deaf = False
        self.lost: Counter[str] = Counter()
        self.dropped = 0
        self._losing: Counter[str] = Counter()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._connections: set[Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """The address of the database through this proxy."""
        target = self._target
        return f"postgresql://{target['user']}@127.0.0.1:{self.port}/{target['dbname']}"

    @property
    def direct(self) -> str:
        return make_conninfo("", **self._target)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self, *, reset: bool = True) -> int:
        """End all connections; returns how many there were."""
        ending, self._connections = self._connections, set()
        for connection in ending:
            connection.cut(reset=reset)
        return len(ending)

    def freeze(self) -> None:
        """Accept and take in everything, and pass on nothing: half open."""
        self._flowing.clear()

    def thaw(self) -> None:
        """Go on; what was frozen is lost, as its peers would find."""
        self.cut()
        self._flowing.set()

    def lose_answer(self, to: str, times: int = 1) -> None:
        """Let the server commit the next transactions with this text in a statement, swallow the answer, and cut."""
        self._losing[to] = times

    def lose_no_more(self) -> None:
        """Let all answers through again."""
        self._losing.clear()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._serve(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()
            self._tasks.discard(task)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._flowing.wait()
        if self.refusing:
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
            return
        target = self._target
        upstream, up = await asyncio.open_connection(str(target.get("host", "127.0.0.1")), int(target["port"]))
        connection = Connection(writer, up)
        self._connections.add(connection)
        try:
            await self._greet(reader, upstream, connection)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._questions(reader, connection))
                group.create_task(self._answers(upstream, connection))
        except* (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self._connections.discard(connection)
            up.transport.abort()

    async def _greet(self, client: asyncio.StreamReader, server: asyncio.StreamReader, connection: Connection) -> None:
        """Pass on the messages before the protocol proper, which have no type."""
        while True:
            size = await client.readexactly(4)
            body = await client.readexactly(int.from_bytes(size) - 4)
            connection.server.write(size + body)
            if int.from_bytes(body[:4]) not in (SSL_REQUEST, GSS_REQUEST):
                return
            connection.client.write(await server.readexactly(1))

    async def _questions(self, reader: asyncio.StreamReader, connection: Connection) -> None:
        while True:
            kind, size, body = await _message(reader)
            connection.ask(kind, body)
            for wanted in [text for text, times in self._losing.items() if times and not connection.doomed]:
                if wanted.encode() in connection.asked:
                    self._losing[wanted] -= 1
                    connection.doomed = wanted
            await self._pass(connection.server, kind + size + body)

    async def _answers(self, reader: asyncio.StreamReader, connection: Connection) -> None:
        while True:
            kind, size, body = await _message(reader)
            if kind == b"A" and self.deaf:
                self.dropped += 1
                continue
            connection.held.append(kind + size + body)
            if kind == b"Z" and body == b"I":
                connection.asked = b""
                if connection.doomed:
                    self.lost[connection.doomed] += 1
                    self._connections.discard(connection)
                    connection.cut()
                    return
            if connection.doomed and kind != b"Z":
                continue
            held, connection.held = connection.held, []
            await self._pass(connection.client, b"".join(held))

    async def _pass(self, writer: asyncio.StreamWriter, data: bytes) -> None:
        await self._flowing.wait()
        if self.delay:
            await asyncio.sleep(self.delay)
        writer.write(data)
        await writer.drain()


async def _message(reader: asyncio.StreamReader) -> tuple[bytes, bytes, bytes]:
    """The type, the size as it stands, and the body of the next message."""
    head = await reader.readexactly(5)
    return head[:1], head[1:], await reader.readexactly(int.from_bytes(head[1:]) - 4)
