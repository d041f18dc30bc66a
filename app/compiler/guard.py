"""Which addresses the http node may talk to."""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from app.compiler.failures import HardError
from app.errors import GraphwrightError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

_FORBIDDEN: tuple[Network, ...] = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",  # unspecified, "this network"
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT; the metadata service of Alibaba Cloud is in it
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # Azure's host agent, a public address that every guest reaches
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
        "::/128",  # unspecified
        "::1/128",  # loopback
        "64:ff9b:1::/48",  # NAT64 for local use
        "100::/64",  # discard
        "2001:2::/48",  # benchmarks
        "2001:10::/28",  # ORCHID
        "2001:db8::/32",  # documentation
        "3fff::/20",  # documentation
        "5f00::/16",  # segment routing
        "fc00::/7",  # unique local; Amazon's metadata service is in it
        "fe80::/10",  # link-local
        "fec0::/10",  # site-local
        "ff00::/8",  # multicast
    )
)
_LOOPBACK: tuple[Network, ...] = (ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128"))
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_IPV4_COMPATIBLE = ipaddress.IPv6Network("::/96")
_IPV4_TRANSLATED = ipaddress.IPv6Network("::ffff:0:0:0/96")
_ISATAP_MARKS = frozenset({0x00005EFE, 0x02005EFE})


class AllowError(GraphwrightError):
    """An entry of GRAPHWRIGHT_HTTP_ALLOW that is no host name, address or network."""

    code = "invalid_setting"
    title = "A setting cannot be used"


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a host name, in the system's order; raises OSError when there are none."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str | None
    network: Network | None
    port: int | None

    def covers_name(self, host: str, port: int) -> bool:
        return self.name == host and self.port in (None, port)

    def covers(self, address: Address, port: int) -> bool:
        network = self.network
        if network is None or self.port not in (None, port):
            return False
        return network.version == address.version and address in network


class HttpGuard:
    """Decides, at the moment of dialling, which addresses may be connected to.

    Public addresses always may. Others only when `allow` names them (host names, addresses or networks, each with an
    optional `:port`), or when they are loopback and `allow_loopback` is set. Raises AllowError for an entry that cannot
    be read.
    """

    def __init__(
        self, allow: Sequence[str] = (), *, allow_loopback: bool = False, resolver: Resolve | None = None
    ) -> None:
        self._entries = tuple(_parse_entry(text) for text in allow)
        self._allow_loopback = allow_loopback
        self._resolver = resolver

    async def addresses(self, host: str, port: int) -> list[str]:
        """The addresses to dial for a host: those of its own that are allowed, in the system's order.

        Raises HardError `address_not_allowed` when none is, and OSError when the name does not resolve.
        """
        name = _plain_name(host)
        found = await (self._resolver or resolve)(host, port)
        if any(entry.covers_name(name, port) for entry in self._entries):
            return list(found)
        allowed = [text for text in found if self._is_allowed(_address(text), port)]
        if found and not allowed:
            raise refusal(host, port, found)
        return allowed

    def _is_allowed(self, address: Address, port: int) -> bool:
        meant = [address, *embedded_addresses(address)]
        if all(any(entry.covers(each, port) for entry in self._entries) or self._is_open(each) for each in meant):
            return True
        # An IPv4 network covers its addresses also where they are written as IPv6.
        return len(meant) > 1 and all(any(entry.covers(each, port) for entry in self._entries) for each in meant[1:])

    def _is_open(self, address: Address) -> bool:
        if self._allow_loopback and _within(address, _LOOPBACK):
            return True
        return is_public(address)


def is_public(address: Address) -> bool:
    """Whether an address itself, without looking into it, is one of the public internet."""
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id is not None:
        return False
    if isinstance(address, ipaddress.IPv6Address) and embedded_addresses(address):
        return True
    return not _within(address, _FORBIDDEN) and not address.is_multicast and not address.is_reserved


def embedded_addresses(address: Address) -> list[Address]:
    """The IPv4 addresses that an IPv6 address carries, by mapping, translation or tunnel, so that each is checked."""
    if not isinstance(address, ipaddress.IPv6Address):
        return []
    number = int(address)
    last = ipaddress.IPv4Address(number & 0xFFFFFFFF)
    if address.ipv4_mapped is not None:
        return [address.ipv4_mapped]
    if address.sixtofour is not None:
        return [address.sixtofour]
    if address.teredo is not None:
        return list(address.teredo)
    if address in _NAT64 or address in _IPV4_TRANSLATED or (address in _IPV4_COMPATIBLE and number > 1):
        return [last]
    if (number >> 32) & 0xFFFFFFFF in _ISATAP_MARKS and not _within(address, _FORBIDDEN):
        return [last]
    return []


def refusal(host: str, port: int, found: Sequence[str]) -> HardError:
    """The error for an address that may not be reached; it says how to allow it."""
    return HardError(
        f"{host} is {', '.join(found[:3])}, which is not a public address, and http nodes may not reach it. "
        f"Add {host} or {host}:{port} to GRAPHWRIGHT_HTTP_ALLOW to allow it.",
        "address_not_allowed",
    )


def _within(address: Address, networks: Sequence[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def _address(text: str) -> Address:
    return ipaddress.ip_address(text)


def _plain_name(host: str) -> str:
    return host.rstrip(".").lower()


def _parse_entry(text: str) -> _Entry:
    entry = text.strip()
    network = _network(entry)
    if network is not None:
        return _Entry(None, network, None)
    host, colon, port_text = entry.rpartition(":")
    port = None
    if colon:
        if not (port_text.isascii() and port_text.isdigit() and int(port_text) <= 65535):  # noqa: PLR2004 - ports end there
            raise AllowError(_unreadable(text))
        entry, port = host.removeprefix("[").removesuffix("]"), int(port_text)
    entry = entry.removeprefix("[").removesuffix("]")
    network = _network(entry)
    if network is not None:
        return _Entry(None, network, port)
    if not entry or any(sign in entry for sign in "/:@* \t[]"):
        raise AllowError(_unreadable(text))
    return _Entry(_plain_name(entry), None, port)


def _network(text: str) -> Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _unreadable(text: str) -> str:
    return (
        f"GRAPHWRIGHT_HTTP_ALLOW has the entry {text!r}, which is no host name, address or network; "
        "write for example internal.example, internal.example:8080, 10.0.0.0/8 or [::1]:80."
    )
