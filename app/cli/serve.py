"""`graphwright serve`: the API, the pages and a worker in one process."""

import asyncio
import errno
import signal
import socket
import sys
from types import FrameType
from typing import Annotated

import typer
import uvicorn
from fastapi import FastAPI

from app import log
from app.cli.configuration import settings_with
from app.cli.process import LEAVE_SECONDS, keep_what_is_loaded, leave_within
from app.config import Settings
from app.errors import UnavailableError
from app.main import create_app
from app.worker import Worker

BACKLOG = 2048
KEEP_ALIVE_SECONDS = 75
"""Longer than proxies keep idle connections (nginx: 60), so that it is never we who close one that is just used."""
# What the clients of a stopping server have to take the end of their answers.
FAREWELL_SECONDS = 2.0
# A client that takes nothing for so long is gone, or frozen: the system closes its connection.
SILENCE_MS = 30_000

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


class Server(uvicorn.Server):
    """Ends the streams of events before it waits for open answers; says `ready` when it is, if that is anything."""

    def __init__(
        self, config: uvicorn.Config, api: FastAPI, ready: str = "", *, drain_seconds: float | None = None
    ) -> None:
        """With `drain_seconds` the process ends for sure, so long and two seconds after it was told to."""
        super().__init__(config)
        self._api = api
        self._ready = ready
        self._drain_seconds = drain_seconds
        self._loop: asyncio.AbstractEventLoop | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self._loop = asyncio.get_running_loop()
        await super().startup(sockets)
        if self.started and self._ready:
            keep_what_is_loaded()
            print(self._ready, flush=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # An open stream is an answer that does not end, and uvicorn waits for answers before it stops the application.
        self._api.state.server.hub.shutdown()
        worker: Worker | None = getattr(self._api.state, "worker", None)
        if worker is not None:
            worker.drain()
        cut = asyncio.get_running_loop().call_later(FAREWELL_SECONDS, self._cut_off)
        await super().shutdown(sockets)
        cut.cancel()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if not self.should_exit:
            if self._drain_seconds is not None:
                leave_within(self._drain_seconds + LEAVE_SECONDS)
            super().handle_exit(sig, frame)
            return
        # Told twice: runs get no more time, but are still handed back.
        if self._drain_seconds is not None:
            leave_within(LEAVE_SECONDS)
        worker: Worker | None = getattr(self._api.state, "worker", None)
        if worker is not None and self._loop is not None:
            self._loop.call_soon_threadsafe(worker.hurry)

    def _cut_off(self) -> None:
        """Leave those who do not take what they are sent: the runs would get no time to end while we wait for them."""
        for connection in self.server_state.connections:
            if connection.transport.get_write_buffer_size():
                connection.transport.abort()


@app.command()
def serve(
    *,
    host: Annotated[str | None, typer.Option(help="Address to listen on. [default: 127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one. [default: 8000]")] = None,
    worker: Annotated[bool, typer.Option("--worker/--no-worker", help="Execute runs in this process, too.")] = True,
    concurrency: Annotated[int | None, typer.Option(help="Runs executed at once. [default: 50]")] = None,
) -> None:
    """Run the API, the pages and a worker in one process, until Ctrl-C or SIGTERM."""
    settings = settings_with(host=host, port=port, concurrency=concurrency)
    log.configure(settings.log_level, settings.log_format)
    api = create_app(settings, worker=worker)
    listener = listen(settings.host, settings.port)
    server = Server(_config(settings, api), api, _greeting(settings, listener), drain_seconds=settings.drain_seconds)
    # uvicorn raises the signal that ended it once more: by then all is closed, and nothing is left to be said.
    for one in (signal.SIGINT, signal.SIGTERM):
        signal.signal(one, lambda *_: None)
    server.run(sockets=[listener])
    if not server.started:
        sys.exit(1)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there. Raises UnavailableError with what to do when that is not possible."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except socket.gaierror as error:
        raise UnavailableError(f"There is no address {host}: {error.strerror}. Choose another by --host.") from error
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            message = f"Port {port} of {host} is in use. End what listens there, or choose another one by --port."
        else:
            message = f"Port {port} of {host} cannot be opened: {error.strerror}. Choose others by --host and --port."
        raise UnavailableError(message) from error
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SILENCE_MS)
    return listener


def _config(settings: Settings, api: FastAPI) -> uvicorn.Config:
    return uvicorn.Config(
        api,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on",
        loop="asyncio" if sys.platform == "win32" else "uvloop",
        http="httptools",
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        ws="websockets-sansio",
        ws_ping_interval=settings.ping_seconds,
        # Events are short; each connection would hold a compressor's memory, and each event be compressed for each.
        ws_per_message_deflate=False,
        # Open answers get as long as running runs do, at the same time.
        timeout_graceful_shutdown=max(1, int(settings.drain_seconds)),
    )


def _greeting(settings: Settings, listener: socket.socket) -> str:
    name = "localhost" if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104  # compared, not listened on
    address = f"http://{f'[{name}]' if ':' in name else name}:{listener.getsockname()[1]}"
    lines = [f"Graphwright is ready at {address}"]
    if settings.admin_key is None:
        lines.append(
            "It is open: whoever reaches it from this machine may do everything. GRAPHWRIGHT_ADMIN_KEY closes it."
        )
    lines.append(f"Open the address and click a template, or try: curl {address}/api/v1/templates")
    return "\n".join(lines)
