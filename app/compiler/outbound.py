"""The HTTP client of the http node: it dials only addresses that were checked, whatever name led to them."""

import importlib.metadata
import ssl
from collections.abc import Iterable
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpcore
import httpx

from app.compiler.guard import HttpGuard

MAX_REDIRECTS = 5
_TIMEOUT = httpx.Timeout(connect=10.0, read=300.0, write=60.0, pool=60.0)
_KEEP_ALIVE_SECONDS = 30.0


def open_client(guard: HttpGuard) -> httpx.AsyncClient:
    """A pooled client without proxies, cookies or credentials of the environment; to be closed by the caller."""
    return httpx.AsyncClient(
        transport=GuardedTransport(guard),
        timeout=_TIMEOUT,
        max_redirects=MAX_REDIRECTS,
        trust_env=False,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        headers={"User-Agent": f"graphwright/{_version()}", "Accept-Encoding": "gzip, deflate"},
    )


class GuardedTransport(httpx.AsyncHTTPTransport):
    """HTTP over connections that the guard has allowed."""

    def __init__(self, guard: HttpGuard) -> None:
        context: ssl.SSLContext = httpx.create_ssl_context()
        super().__init__(verify=context)
        # httpx has no parameter for the way connections are made; its pool has.
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context,
            max_connections=200,
            max_keepalive_connections=50,
            keepalive_expiry=_KEEP_ALIVE_SECONDS,
            network_backend=GuardedBackend(guard),
        )


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Resolves names itself and connects to the very address that was checked, so that no second answer can differ."""

    def __init__(self, guard: HttpGuard) -> None:
        self._guard = guard
        self._dialler = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - the interface of httpcore
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first allowed address that answers."""
        try:
            endpoints = await self._guard.endpoints(host, port)
        except OSError as error:
            raise httpcore.ConnectError(f"{host} cannot be resolved: {error}") from error
        failure: Exception = httpcore.ConnectError(f"{host} has no address.")
        for address, number in endpoints:
            try:
                return await self._dialler.connect_tcp(address, number, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def sleep(self, seconds: float) -> None:
        """Wait; httpcore asks for this between tries."""
        await self._dialler.sleep(seconds)


def _version() -> str:
    try:
        return importlib.metadata.version("graphwright")
    except importlib.metadata.PackageNotFoundError:
        return "unknown"
