"""Nodes that call HTTP services."""

import base64
import json
import ssl
from typing import Any
from urllib.parse import quote

import httpx

from app.compiler.export.support.errors import RETRYABLE, HardError, RetryableError
from app.compiler.export.support.see import See

UNSET: Any = object()
TIMEOUT = httpx.Timeout(connect=10.0, read=300.0, write=60.0, pool=60.0)


async def http(
    see: See,
    method: str,
    url: str,
    *,
    headers: dict[str, Any] | None = None,
    query: dict[str, Any] | None = None,
    json: Any = UNSET,
    body: str | None = None,
    expect_status: Any = "2xx",
    follow_redirects: bool = True,
) -> dict[str, Any]:
    """Call a service: `{status, headers, json | text | base64, response}`. Raises errors that say if to try again."""
    sent = httpx.Headers({name: _written(content) for name, content in (headers or {}).items() if content is not None})
    content = _content(sent, json, body)
    if method.upper() not in ("GET", "HEAD"):
        sent.setdefault("Idempotency-Key", quote(see.key, safe="/:-_.~ "))
    async with httpx.AsyncClient(timeout=TIMEOUT, max_redirects=5, trust_env=False) as client:
        request = client.build_request(method.upper(), _address(url, query or {}), headers=sent, content=content)
        target = f"{request.method} {request.url.copy_with(userinfo=b'', query=None, fragment=None)}"
        try:
            response = await client.send(request, follow_redirects=follow_redirects)
        except httpx.RequestError as error:
            raise _failure(error, target) from error
    expected = {
        _written(status).lower() for status in (expect_status if isinstance(expect_status, list) else [expect_status])
    }
    if not expected & {str(response.status_code), f"{response.status_code // 100}xx"}:
        raise _unexpected(response, target)
    names = {name.lower(): value for name, value in response.headers.items()}
    return {"status": response.status_code, "headers": names, **_body(response)}


def _content(headers: httpx.Headers, value: Any, body: str | None) -> bytes | None:
    """The bytes to send; their type is told in the headers."""
    if value is not UNSET:
        headers.setdefault("Content-Type", "application/json")
        return json.dumps(value, allow_nan=False).encode()
    if body is None:
        return None
    headers.setdefault("Content-Type", "text/plain; charset=utf-8")
    return str(body).encode()


def _address(url: str, query: dict[str, Any]) -> httpx.URL:
    address = httpx.URL(url)
    if address.scheme not in ("http", "https") or not address.host:
        raise HardError(f"{url} is no http or https address.", "invalid_config")
    lists = {name: item if isinstance(item, list) else [item] for name, item in query.items()}
    return address.copy_merge_params({n: [_written(i) for i in items if i is not None] for n, items in lists.items()})


def _written(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _unexpected(response: httpx.Response, target: str) -> HardError | RetryableError:
    excerpt = " ".join(response.text.split())[:500]
    message = f"{target} answered {response.status_code}" + (f": {excerpt}" if excerpt else ".")
    if response.status_code not in RETRYABLE:
        return HardError(message, "http_status")
    after = response.headers.get("retry-after", "")
    return RetryableError(message, float(after) if after.isdigit() else None, type="http_status")


def _failure(error: httpx.RequestError, target: str) -> HardError | RetryableError:
    kind = type(error).__name__
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return HardError(f"{target} has no certificate that can be trusted: {error}", "certificate_error")
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx.TooManyRedirects):
        return HardError(f"{target} redirects more than five times.", "too_many_redirects")
    if isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError):
        return HardError(f"{target} cannot be sent: {error}", "invalid_request")
    return RetryableError(f"{target} failed: {error or kind}", type=kind)


def _body(response: httpx.Response) -> dict[str, Any]:
    """The body by what it is, and again as `response`."""
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    value: Any
    if kind == "application/json" or kind.endswith(("+json", "/json")):
        try:
            value = json.loads(response.content)
            return {"json": value, "response": value}
        except ValueError:
            pass  # it only says that it is JSON
    if response.charset_encoding or kind.startswith("text/"):
        return {"text": response.text, "response": response.text}
    try:
        value = response.content.decode("utf-8-sig")
        name = "text" if "\0" not in value else "base64"
    except UnicodeDecodeError:
        name = "base64"
    value = value if name == "text" else base64.b64encode(response.content).decode()
    return {name: value, "response": value}
