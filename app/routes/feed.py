"""The WebSocket of a project: live events of its runs, as many as the client names."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import psycopg
from fastapi import APIRouter, WebSocket, WebSocketDisconnect

from app import jsontext, log
from app.errors import GraphwrightError, NotFoundError, UnauthorizedError
from app.events import Hub
from app.routes.watching import Watching

PROTOCOL = "graphwright.v1"
BEARER = "bearer."
AUTH_SECONDS = 10.0
# A client that takes nothing for so long is cut off.
SEND_SECONDS = 30.0
CLOSE_SECONDS = 1.0
MESSAGE_CHARACTERS = 256_000
SUBSCRIPTION_RUNS = 1000
OUTBOX_MESSAGES = 100

UNAUTHORIZED = 4401
NO_PROJECT = 4404
TOO_LARGE = 1009
RESTART = 1012
OVERLOADED = 1013

_log = log.get(__name__)

router = APIRouter()


class BadMessageError(GraphwrightError):
    """The client sent what nobody understands; the message says what would be right."""

    code = "bad_message"
    status = 422
    title = "The message is not understood"


class _LeaveError(Exception):
    """The conversation is over, with this close code."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@router.websocket("/projects/{project_id}/ws")
async def project_feed(socket: WebSocket, project_id: str) -> None:
    """Live events of a project's runs, as the client subscribes to them."""
    watching = Watching.of(socket)
    if not origin_is_allowed(socket, watching.allowed_origins):
        await socket.close(1008)
        return
    await socket.accept(subprotocol=PROTOCOL if PROTOCOL in socket.scope["subprotocols"] else None)
    try:
        project = await _admit(socket, watching, project_id)
        await Conversation(socket, watching.hub, project).run()
    except _LeaveError as leave:
        await _close(socket, leave)
    except WebSocketDisconnect:
        _log.debug("A client left.")


def origin_is_allowed(socket: WebSocket, allowed: Sequence[str]) -> bool:
    """Whether a page of this origin may connect: our own, or one that is named; programs send no origin at all."""
    origin = socket.headers.get("origin")
    if origin is None or origin.rstrip("/") in {other.rstrip("/") for other in allowed}:
        return True
    parts = urlsplit(origin)
    default = {"http": ":80", "https": ":443"}.get(parts.scheme, "")
    host = socket.headers.get("host", "").lower()
    return bool(parts.netloc) and parts.netloc.lower().removesuffix(default) == host.removesuffix(default)


async def _admit(socket: WebSocket, watching: Watching, project_id: str) -> UUID:
    try:
        key = _offered_key(socket)
        if key is None and not watching.access.is_open:
            key = await _key_message(socket)
        return await watching.admit(key, project_id)
    except UnauthorizedError as error:
        raise _LeaveError(UNAUTHORIZED, error.message) from error
    except NotFoundError as error:
        raise _LeaveError(NO_PROJECT, error.message) from error
    except psycopg.Error as error:
        raise _LeaveError(OVERLOADED, "The database cannot be reached. Try again.") from error


def _offered_key(socket: WebSocket) -> str | None:
    for offer in socket.scope["subprotocols"]:
        if offer.startswith(BEARER):
            return str(offer.removeprefix(BEARER))
    scheme, _, key = socket.headers.get("authorization", "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" else None


async def _key_message(socket: WebSocket) -> str:
    try:
        async with asyncio.timeout(AUTH_SECONDS):
            message = _parse(await _receive(socket))
    except (TimeoutError, BadMessageError) as error:
        raise UnauthorizedError("Send the key first.") from error
    if message["type"] != "auth" or not isinstance(message.get("key"), str):
        raise UnauthorizedError("Send the key first.")
    return str(message["key"])


class Conversation:
    """One client: what it says changes what its reader gets; what the reader gets is sent, answers before events."""

    def __init__(self, socket: WebSocket, hub: Hub, project_id: UUID) -> None:
        self._socket = socket
        self._hub = hub
        self._project_id = project_id
        self._reader = hub.open()
        self._outbox: deque[str] = deque()
        self._room = asyncio.Event()
        self._all = False

    async def run(self) -> None:
        """Talk until one side leaves. Raises WebSocketDisconnect, or the reason why we leave."""
        tasks = {asyncio.create_task(self._listen()), asyncio.create_task(self._talk())}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._hub.leave(self._reader)
        for task in done:
            task.result()

    async def _listen(self) -> None:
        while True:
            text = await _receive(self._socket)
            try:
                await self._obey(_parse(text))
            except GraphwrightError as error:
                self._say({"type": "error", "code": error.problem_code, "message": error.message})
            except psycopg.Error as error:
                _log.warning("A subscription could not be read: %s", error)
                message = "The database cannot be reached. Send the message again."
                self._say({"type": "error", "code": "unavailable", "message": message})
            while len(self._outbox) >= OUTBOX_MESSAGES:
                self._room.clear()
                await self._room.wait()

    async def _talk(self) -> None:
        reader = self._reader
        while not reader.closed:
            events = await self._hub.read(reader)
            # What is said meanwhile is about events that come after those in hand.
            for _ in range(len(self._outbox)):
                await self._send(self._outbox.popleft())
            self._room.set()
            lagged, reader.lagged = reader.lagged, {}
            # What overflowed while we read the log lies behind the events in hand.
            late = {event.run_id for event in events if event.seq <= lagged.get(event.run_id, -1)}
            await self._tell_lagged({run: seq for run, seq in lagged.items() if run not in late})
            for event in events:
                await self._send(event.text)
            await self._tell_lagged({run: lagged[run] for run in late})
        raise _LeaveError(RESTART, "The server is stopping. Come back.")

    async def _tell_lagged(self, after: dict[UUID, int]) -> None:
        if after:
            await self._send(jsontext.dumps({"type": "lagged", "after": {str(run): seq for run, seq in after.items()}}))

    async def _send(self, text: str) -> None:
        try:
            async with asyncio.timeout(SEND_SECONDS):
                await self._socket.send_text(text)
        except TimeoutError as error:
            raise _LeaveError(OVERLOADED, "Nothing was read for too long. Subscribe again with after.") from error

    def _say(self, message: dict[str, Any]) -> None:
        self._outbox.append(jsontext.dumps(message))
        self._reader.news.set()

    async def _obey(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "ping":
                self._say({"type": "pong"})
            case "auth":
                pass  # it has been let in already: an open server asks nobody
            case "subscribe":
                await self._subscribe(_runs(message), _after(message))
            case "unsubscribe":
                self._unsubscribe(_runs(message))
            case _:
                raise BadMessageError("The type is one of auth, subscribe, unsubscribe and ping.")

    async def _subscribe(self, runs: list[UUID] | None, after: dict[UUID, int]) -> None:
        if runs is not None:
            after = {run: seq for run, seq in after.items() if run in set(runs)}
        snapshot = await self._hub.subscribe(self._reader, self._project_id, runs, after)
        self._all = self._all or runs is None
        self._say({"type": "snapshot", "runs": [head.as_json() for head in snapshot.runs]})
        if snapshot.missing:
            names = ", ".join(map(str, snapshot.missing[:10]))
            raise NotFoundError(f"These runs are not in this project, all others are subscribed: {names}.")

    def _unsubscribe(self, runs: list[UUID] | None) -> None:
        if runs is not None and self._all:
            raise BadMessageError('All runs are subscribed; unsubscribe "*" first, then subscribe single ones.')
        self._hub.unsubscribe(self._reader, runs)
        self._all = False


async def _receive(socket: WebSocket) -> str:
    message = await socket.receive()
    if message["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(message.get("code", 1005), message.get("reason"))
    text = message.get("text")
    if text is None:
        return ""
    if len(text) > MESSAGE_CHARACTERS:
        raise _LeaveError(TOO_LARGE, "The message is too large.")
    return str(text)


def _parse(text: str) -> dict[str, Any]:
    try:
        message = jsontext.loads(text)
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise BadMessageError('Send JSON objects as text, such as {"type": "subscribe", "runs": "*"}.')
    return message


def _runs(message: dict[str, Any]) -> list[UUID] | None:
    runs = message.get("runs")
    if runs == "*":
        return None
    if not isinstance(runs, list) or len(runs) > SUBSCRIPTION_RUNS:
        raise BadMessageError(f'`runs` is "*" or a list of at most {SUBSCRIPTION_RUNS} run ids.')
    return list(dict.fromkeys(_id(run) for run in runs))


def _after(message: dict[str, Any]) -> dict[UUID, int]:
    after = message.get("after") or {}
    if not isinstance(after, dict) or len(after) > SUBSCRIPTION_RUNS:
        raise BadMessageError(f"`after` maps at most {SUBSCRIPTION_RUNS} run ids to the last seq that is known.")
    for seq in after.values():
        if type(seq) is not int or not 0 <= seq < 2**63:
            raise BadMessageError("A seq in `after` is a whole number, 0 or more.")
    return {_id(run): seq for run, seq in after.items()}


def _id(value: Any) -> UUID:
    try:
        return UUID(value)
    except (ValueError, TypeError, AttributeError):
        raise BadMessageError("A run id is a UUID as text.") from None


async def _close(socket: WebSocket, leave: _LeaveError) -> None:
    try:
        async with asyncio.timeout(CLOSE_SECONDS):
            await socket.close(leave.code, leave.reason[:120])
    except (TimeoutError, WebSocketDisconnect, RuntimeError):
        _log.info("A client was gone before it could be told: %s", leave.reason)
