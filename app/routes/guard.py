"""Who may speak to the server over HTTP at all, and what browsers are told about its answers."""

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.routes.answers import problem
from app.services.access import is_loopback

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
TRIGGER = re.compile(r"/api/v1/triggers/[0-9a-fA-F-]{36}")
POLICY = (
    "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "font-src 'self' data:; worker-src 'self' blob:; connect-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
SECURITY = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class OpenGuard:
    """Protects a server that is open on loopback from web pages.

    A page cannot read what it may not, but without this a name that resolves to 127.0.0.1 would make it our own page,
    and a plain form could start runs.
    """

    def __init__(self, app: ASGIApp, *, allowed_origins: Sequence[str]) -> None:
        self._app = app
        self._allowed = {origin.rstrip("/").lower() for origin in allowed_origins}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let through what comes from this machine's own names and pages."""
        if scope["type"] in {"http", "websocket"}:
            refusal = self._refusal(scope, Headers(scope=scope))
            if refusal is not None:
                if scope["type"] == "websocket":
                    await send({"type": "websocket.close", "code": 1008})
                    return
                await problem(403, *refusal)(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _refusal(self, scope: Scope, headers: Headers) -> tuple[str, str, str] | None:
        if scope["type"] == "http" and scope["method"] == "POST" and TRIGGER.fullmatch(scope["path"]):
            # Whoever calls a trigger shows its secret, which no page and no name that points here has.
            return None
        host = headers.get("host", "")
        if not _is_ours(host):
            return (
                "host_not_allowed",
                "Not under this name",
                "An open server answers only to localhost. Set GRAPHWRIGHT_ADMIN_KEY to use it under other names.",
            )
        if scope["type"] == "websocket" or scope["method"] in SAFE:
            return None
        origin = headers.get("origin")
        foreign = headers.get("sec-fetch-site") == "cross-site" if origin is None else not self._ours(origin, host)
        if foreign:
            return (
                "origin_not_allowed",
                "Not from this page",
                "A page of another origin may not change anything here. Name it in GRAPHWRIGHT_ALLOWED_ORIGINS.",
            )
        return None

    def _ours(self, origin: str, host: str) -> bool:
        return origin.rstrip("/").lower() in self._allowed or urlsplit(origin).netloc.lower() == host.lower()


class Headlines:
    """Sets the security headers, and counts the answers by method, route and status."""

    def __init__(self, app: ASGIApp, *, counts: Counter[tuple[str, str, int]]) -> None:
        self._app = app
        self._counts = counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, with the headers added."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY.items():
                    headers.setdefault(name, value)
                if scope["path"].startswith("/api/"):
                    headers.setdefault("Cache-Control", "no-store")
                self._counts[scope["method"], _route(scope), message["status"]] += 1
            await send(message)

        await self._app(scope, receive, with_headers)


def _route(scope: Scope) -> str:
    """The path's template, so that ids do not make a series of their own."""
    return str(getattr(scope.get("route"), "path", "")) or "other"


@lru_cache(maxsize=100)
def _is_ours(host: str) -> bool:
    return is_loopback(_host_name(host))


def _host_name(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
