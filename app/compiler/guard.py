"""Which addresses the http node may talk to."""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from app.compiler.detours import Detours, plain_name
from app.compiler.failures import HardError
from app.errors import GraphwrightError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


def _networks(*texts: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


_FORBIDDEN = _networks(
    "0.0.0.0/8",  # unspecified, "this network"
    "10.0.0.0/8",  # private
    "100.64.0.0/10",  # carrier-grade NAT; the metadata service of Alibaba Cloud is in it
    "127.0.0.0/8",  # loopback
    "168.63.129.16/32",  # Azure's host agent: a public address, but every guest reaches its own host by it
    "169.254.0.0/16",  # link-local; the metadata services of most clouds
    "172.16.0.0/12",  # private
    "192.0.0.0/24",  # protocol assignments; Oracle's metadata service
    "192.0.2.0/24",  # documentation
    "192.88.99.0/24",  # 6to4 relays
    "192.168.0.0/16",  # private
    "198.18.0.0/15",  # benchmarks
    "198.51.100.0/24",  # documentation
    "203.0.113.0/24",  # documentation
    "224.0.0.0/4",  # multicast
    "240.0.0.0/4",  # reserved, broadcast
    "2001::/23",  # protocol assignments
    "2001:db8::/32",  # documentation
    "3fff::/20",  # documentation
)
# All that has been given out to the public; loopback, unique local, link-local and multicast are outside.
_PUBLIC_IPV6 = ipaddress.IPv6Network("2000::/3")
_LOOPBACK = _networks("127.0.0.0/8", "::1/128")
_CARRIES_IPV4_LAST = _networks(
    "::/96",  # IPv4-compatible
    "::ffff:0:0/96",  # IPv4-mapped
    "::ffff:0:0:0/96",  # IPv4-translated
    "64:ff9b::/96",  # NAT64
)
_ISATAP_MARKS = frozenset({0x00005EFE, 0x02005EFE})
_MAX_PORT = 65535


class AllowError(GraphwrightError):
    """An entry of GRAPHWRIGHT_HTTP_ALLOW that is no host name, address or network."""

    code = "invalid_setting"
    title = "A setting cannot be used"


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a host name, in the system's order; raises OSError when there are none."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except UnicodeError as error:
        # A label that is empty, or longer than names may have.
        raise OSError(f"it is no name: {error}") from error
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class HttpGuard:
    """Decides, at the moment of dialling, which addresses may be connected to.

    Public addresses always may. Others only when `allow` names them (host names, addresses or networks, each with an
    optional `:port`), when they are loopback and `allow_loopback` is set, or when a detour leads there. Raises
    AllowError for an entry that cannot be read.
    """

    def __init__(
        self,
        allow: Sequence[str] = (),
        *,
        allow_loopback: bool = False,
        detours: Detours | None = None,
        resolver: Resolve = resolve,
    ) -> None:
        self._entries = tuple(_parse_entry(text) for text in allow)
        self._allow_loopback = allow_loopback
        self._detours = detours or Detours()
        self._resolver = resolver

    async def endpoints(self, host: str, port: int) -> list[tuple[str, int]]:
        """The addresses and ports to dial for a host, after its detour; raises what `addresses` raises."""
        detour = self._detours.of(host, port)
        if detour is None:
            return [(address, port) for address in await self.addresses(host, port)]
        return [(address, detour[1]) for address in await self._resolver(*detour)]

    async def addresses(self, host: str, port: int) -> list[str]:
        """The addresses to dial for a host: those of its own that are allowed, in the system's order.

        Raises HardError `address_not_allowed` when none is, and OSError when the name does not resolve.
        """
        found = await self._resolver(host, port)
        name = plain_name(host)
        if any(entry.covers_name(name, port) for entry in self._entries):
            return list(found)
        allowed = [text for text in found if self._is_allowed(ipaddress.ip_address(text), port)]
        if found and not allowed:
            raise _refusal(host, port, found)
        return allowed

    def _is_allowed(self, address: Address, port: int) -> bool:
        return self._is_named(address, port) or all(
            self._is_named(meant, port) or is_public(meant) or (self._allow_loopback and _within(meant, _LOOPBACK))
            for meant in meant_addresses(address)
        )

    def _is_named(self, address: Address, port: int) -> bool:
        return any(entry.covers(address, port) for entry in self._entries)


def is_public(address: Address) -> bool:
    """Whether an address is one that the public internet routes; says nothing of addresses inside it."""
    if isinstance(address, ipaddress.IPv6Address) and address not in _PUBLIC_IPV6:
        return False
    return not _within(address, _FORBIDDEN) and not address.is_multicast and not address.is_reserved


def meant_addresses(address: Address) -> list[Address]:
    """The addresses that a packet to `address` may end at: itself, or the IPv4 addresses that it carries.

    Mapped, translated and tunnelled addresses (NAT64, 6to4, Teredo, ISATAP) are written as IPv6 and mean IPv4.
    """
    if not isinstance(address, ipaddress.IPv6Address):
        return [address]
    number = int(address)
    last = ipaddress.IPv4Address(number & 0xFFFFFFFF)
    if number > 1 and _within(address, _CARRIES_IPV4_LAST):
        return [last]
    if address.sixtofour is not None:
        return [address.sixtofour]
    if address.teredo is not None:
        return list(address.teredo)
    if (number >> 32) & 0xFFFFFFFF in _ISATAP_MARKS:
        return [address, last]
    return [address]


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str | None
    network: Network | None
    port: int | None

    def covers_name(self, name: str, port: int) -> bool:
        return self.name == name and self.port in (None, port)

    def covers(self, address: Address, port: int) -> bool:
        return self.network is not None and self.port in (None, port) and _within(address, (self.network,))


def _within(address: Address, networks: Sequence[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def _refusal(host: str, port: int, found: Sequence[str]) -> HardError:
    what = host if host in found else f"{host} ({', '.join(found[:3])})"
    return HardError(
        f"{what} is not a public address, and may not be reached from here. "
        f"Whoever runs the server can allow it: add {host} or {host}:{port} to GRAPHWRIGHT_HTTP_ALLOW.",
        "address_not_allowed",
    )


def _parse_entry(text: str) -> _Entry:
    entry = text.strip()
    port: int | None = None
    if _network(entry) is None and ":" in entry:
        entry, _, tail = entry.rpartition(":")
        if not (tail.isascii() and tail.isdigit() and int(tail) <= _MAX_PORT):
            raise _unreadable(text)
        port = int(tail)
    entry = entry.removeprefix("[").removesuffix("]")
    network = _network(entry)
    if network is None and (not entry or any(sign in entry for sign in "/:@*?#[] \t")):
        raise _unreadable(text)
    return _Entry(None if network else plain_name(entry), network, port)


def _network(text: str) -> Network | None:
    try:
        return ipaddress.ip_network(text.removeprefix("[").removesuffix("]"), strict=False)
    except ValueError:
        return None


def _unreadable(text: str) -> AllowError:
    return AllowError(
        f"GRAPHWRIGHT_HTTP_ALLOW has the entry {text!r}, which is no host name, address or network; "
        "write for example internal.example, internal.example:8080, 10.0.0.0/8 or [::1]:80."
    )
