"""The server's guarded HTTP client in the form of httpx2, for the provider packages that take no other.

Nothing imports this module before such a provider is used: httpx2 comes with the provider's package.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import httpx
import httpx2


def bridged(client: httpx.AsyncClient) -> httpx2.AsyncClient:
    """A client whose requests all go through the given one: its guard, its connections."""
    return httpx2.AsyncClient(transport=_Bridge(client), trust_env=False)


class _Bridge(httpx2.AsyncBaseTransport):
    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        sent = httpx.Request(
            request.method,
            str(request.url),
            headers=request.headers.raw,
            content=await request.aread(),
            extensions={"timeout": request.extensions.get("timeout", {})},
        )
        with _translated():
            response = await self._client.send(sent, stream=True)
        return httpx2.Response(response.status_code, headers=response.headers.raw, stream=_Stream(response))


class _Stream(httpx2.AsyncByteStream):
    def __init__(self, response: httpx.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _translated():
            async for part in self._response.aiter_raw():
                yield part

    async def aclose(self) -> None:
        await self._response.aclose()


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except httpx.TimeoutException as error:
        raise httpx2.ReadTimeout(str(error)) from error
    except httpx.TransportError as error:
        raise httpx2.NetworkError(str(error)) from error
