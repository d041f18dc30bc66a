"""Detours: hosts that the operator has http nodes reach somewhere else, while the graph keeps their names."""

from collections.abc import Mapping, Sequence

import httpx

from app.errors import GraphwrightError

Place = tuple[str, int | None]
_NO_HOST = frozenset("/?#@%*=\\ \t")
_PORTS = range(1, 65_536)


class DetourError(GraphwrightError):
    """An entry of GRAPHWRIGHT_HTTP_RESOLVE that cannot be read, or that speaks of a host a second time."""

    code = "invalid_setting"
    title = "A setting cannot be used"


class Detours:
    """Where to dial instead, by host and port; an entry with a port goes before one without.

    Entries are written `host[:port]=address[:port]`. Raises DetourError for one that cannot be used.
    """

    def __init__(self, entries: Sequence[str] = ()) -> None:
        self._places = _read_entries(entries)

    def of(self, host: str, port: int) -> tuple[str, int] | None:
        """The host and port to dial instead of these, or None where there is no detour."""
        name = plain_name(host)
        found = self._places.get((name, port)) or self._places.get((name, None))
        return None if found is None else (found[0], found[1] or port)


def plain_name(host: str) -> str:
    """A host name as names are compared: in lower case, without the dot at its end."""
    return host.rstrip(".").lower()


def _read_entries(entries: Sequence[str]) -> Mapping[Place, Place]:
    places: dict[Place, Place] = {}
    for entry in entries:
        where, sign, instead = entry.partition("=")
        host, target = _read_place(where), _read_place(instead)
        if not sign or host is None or target is None:
            raise DetourError(
                f"GRAPHWRIGHT_HTTP_RESOLVE has the entry {entry!r}, which is not host[:port]=address[:port]; "
                "write for example api.example.com=127.0.0.1:8080 or api.example.com:443=[::1]."
            )
        if host in places:
            raise DetourError(f"GRAPHWRIGHT_HTTP_RESOLVE says twice where {where.strip()} is; keep one of the entries.")
        places[host] = target
    return places


def _read_place(text: str) -> Place | None:
    """The host and port of `host`, `host:port` or `[address]:port`; None when it is neither."""
    text = text.strip()
    if not text or _NO_HOST.intersection(text):
        return None
    try:
        # A scheme without a port of its own: `:80` is not the same as no port.
        url = httpx.URL(f"place://{text}")
    except httpx.InvalidURL:
        return None
    name = plain_name(url.raw_host.decode())
    sound = name and not text.endswith(":") and (url.port is None or url.port in _PORTS)
    return (name, url.port) if sound else None
