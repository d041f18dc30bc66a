"""The node that calls an HTTP service."""

import json
import re
from typing import Annotated, Any
from urllib.parse import quote

import httpx
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, JsonValue, field_validator, model_validator

from app.compiler.bodies import body_fields, read_body, read_excerpt
from app.compiler.context import NodeContext
from app.compiler.failures import (
    HardError,
    RetryableError,
    is_certificate_error,
    is_retryable_status,
    retry_after_seconds,
)
from app.compiler.registry import node_type

Scalar = str | int | float | bool | None
_TEXT, _JSON = b"text/plain; charset=utf-8", b"application/json"
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CLASS = re.compile(r"[1-5]xx")
_STATUSES = range(100, 600)
_MAX_PORT = 65_535
_SAFE_METHODS = frozenset({"GET", "HEAD"})


def _as_list(value: object) -> object:
    return value if isinstance(value, list) else [value]


class HttpConfig(BaseModel):
    """A request, and which answers count as success."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    method: str = Field(default="GET", pattern="^[A-Za-z]{1,20}$", description="GET, POST, PUT, …")
    url: str = Field(min_length=1, description="An http or https address.")
    headers: dict[str, Scalar] = Field(default_factory=dict, description="A header that is null is left out.")
    query: dict[str, Scalar | list[Scalar]] = Field(default_factory=dict, description="Added to the query of the url.")
    json_: Any = Field(default=None, alias="json", description="A body to send as JSON.")
    body: str | None = Field(default=None, description="A body to send as text.")
    expect_status: Annotated[list[int | str], BeforeValidator(_as_list), Field(min_length=1)] = Field(
        default=["2xx"], description='A status, a class such as "2xx", or a list of them.'
    )
    follow_redirects: bool = Field(default=True, description="At most five.")

    @field_validator("url")
    @classmethod
    def _check_url(cls, value: str) -> str:
        try:
            url = httpx.URL(value)
        except httpx.InvalidURL as error:
            raise ValueError(f"this is no address: {error}") from None
        if url.scheme not in ("http", "https") or not url.host:
            raise ValueError("the address must begin with http:// or https:// and name a host")
        if url.port is not None and not 0 < url.port <= _MAX_PORT:
            raise ValueError(f"there is no port {url.port}")
        return value

    @field_validator("headers")
    @classmethod
    def _check_headers(cls, value: dict[str, Scalar]) -> dict[str, Scalar]:
        for name, content in value.items():
            if not _TOKEN.fullmatch(name):
                raise ValueError(f"{name!r} cannot be the name of a header")
            if any(sign in str(content) for sign in "\r\n\0"):
                raise ValueError(f"the header {name} holds a line break")
        return value

    @field_validator("expect_status")
    @classmethod
    def _check_statuses(cls, value: list[int | str]) -> list[int | str]:
        for item in value:
            if item not in _STATUSES and not (isinstance(item, str) and _CLASS.fullmatch(item.lower())):
                raise ValueError(f'{item!r} is no status; write for example 404 or "2xx"')
        return value

    @model_validator(mode="after")
    def _one_body(self) -> "HttpConfig":
        if self.body is not None and "json_" in self.model_fields_set:
            raise ValueError("a request has either json or body")
        return self

    def expects(self, status: int) -> bool:
        """Whether a status counts as success."""
        return any(item in (status, f"{status // 100}xx") for item in map(_lower, self.expect_status))


@node_type("http", config=HttpConfig, title="HTTP request")
async def http_node(context: NodeContext, config: HttpConfig) -> JsonValue:
    """Calls an HTTP service; gives `{status, headers, json | text | base64, response}`, names of headers in lower case.

    `response` is the body again, whatever it is. Connection failures, time-outs and the statuses 408, 425, 429 and 5xx
    are tried again, others that are not expected are not. Requests that are neither GET nor HEAD carry an
    Idempotency-Key that is the same in every attempt. Private addresses are refused unless the server allows them.
    """
    client = context.resources.http
    request = _build(client, config, context.idempotency_key)
    target = f"{request.method} {request.url.copy_with(userinfo=b'', query=None, fragment=None)}"
    try:
        response = await client.send(request, stream=True, follow_redirects=config.follow_redirects)
        try:
            if not config.expects(response.status_code):
                raise await _unexpected(response, target)
            body = await read_body(response, context.resources.max_response_bytes)
        finally:
            await response.aclose()
    except httpx.RequestError as error:
        raise _failure(error, target) from error
    headers: dict[str, JsonValue] = {name.lower(): value for name, value in response.headers.items()}
    return {"status": response.status_code, "headers": headers, **body_fields(response, body)}


def _build(client: httpx.AsyncClient, config: HttpConfig, idempotency_key: str) -> httpx.Request:
    headers = [(name.encode(), _text(value).encode()) for name, value in config.headers.items() if value is not None]
    given = {name.lower() for name, _ in headers}
    method = config.method.upper()
    content: bytes | None = None if config.body is None else config.body.encode("utf-8", "surrogatepass")
    if "json_" in config.model_fields_set:
        content = json.dumps(config.json_, allow_nan=False).encode()
    if content is not None and b"content-type" not in given:
        headers.append((b"Content-Type", _TEXT if config.body is not None else _JSON))
    if method not in _SAFE_METHODS and b"idempotency-key" not in given:
        headers.append((b"Idempotency-Key", _header_text(idempotency_key)))
    url = httpx.URL(config.url).copy_merge_params(_query(config.query))
    return client.build_request(method, url, headers=headers, content=content)


def _query(query: dict[str, Scalar | list[Scalar]]) -> dict[str, list[str]]:
    lists = {name: value if isinstance(value, list) else [value] for name, value in query.items()}
    return {name: [_text(item) for item in values if item is not None] for name, values in lists.items()}


def _text(value: Scalar) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _header_text(text: str) -> bytes:
    """Node ids are any Unicode, headers are not: what is no plain character is written as in an address."""
    return quote(text, safe="/:-_.~ ").encode()


def _lower(item: int | str) -> int | str:
    return item.lower() if isinstance(item, str) else item


async def _unexpected(response: httpx.Response, target: str) -> HardError | RetryableError:
    excerpt = await read_excerpt(response)
    message = f"{target} answered {response.status_code}" + (f": {excerpt}" if excerpt else ".")
    if is_retryable_status(response.status_code):
        return RetryableError(message, retry_after_seconds(response.headers.get("retry-after")), type="http_status")
    return HardError(message, "http_status")


def _failure(error: httpx.RequestError, target: str) -> HardError | RetryableError:
    kind = type(error).__name__
    if isinstance(error, httpx.TooManyRedirects):
        return HardError(f"{target} redirects more than five times.", "too_many_redirects")
    if isinstance(error, httpx.UnsupportedProtocol | httpx.LocalProtocolError):
        return HardError(f"{target} cannot be sent: {error}", "invalid_request")
    if is_certificate_error(error):
        return HardError(f"{target} has no certificate that can be trusted: {error}", "certificate_error")
    if isinstance(error, httpx.TimeoutException):
        return RetryableError(f"{target} did not answer in time ({kind}).", type=kind)
    return RetryableError(f"{target} failed: {error or kind}", type=kind)
