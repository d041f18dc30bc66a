import ipaddress
import socket
from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from app.compiler.failures import HardError, RetryableError
from app.compiler.guard import AllowError, HttpGuard, Resolve, is_public, meant_addresses
from tests.compiler.nodes.conftest import MakeVisit
from tests.compiler.nodes.visits import served

METADATA = ["169.254.169.254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254"]
FORBIDDEN = [
    *METADATA,
    *("0.0.0.0", "10.1.2.3", "100.64.0.1", "127.0.0.1", "127.9.9.9", "169.254.0.1", "172.16.0.1", "172.31.255.255"),
    *("192.168.1.1", "192.0.2.1", "198.18.0.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "fe80::1", "fe80::1%lo", "fec0::1", "fc00::1", "fd12:3456::1", "ff02::1", "2001:db8::1", "3fff::1"),
    *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "::ffff:0:10.0.0.1"),
    *("64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::808:808", "2002:7f00:1::1", "2002:a9fe:a9fe::"),
    # Teredo: a public server with a private client, and the other way round.
    *("2001:0:808:808:0:0:f5ff:fffe", "2001:0:a00:1:0:0:f7f7:f7f7"),
    *("2600::5efe:10.0.0.1", "2600::200:5efe:127.0.0.1", "fe80::5efe:8.8.8.8", "100::1", "5f00::1"),
]
PUBLIC = [
    *("8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "169.253.1.1", "223.255.255.255"),
    *("2606:4700::1111", "2a00:1450::1", "64:ff9b::808:808", "::ffff:8.8.8.8", "2002:808:808::1"),
    "2001:0:808:808:0:0:f7f7:f7f7",
]


def answering(*addresses: str) -> Resolve:
    async def resolver(_host: str, _port: int) -> Sequence[str]:
        return addresses

    return resolver


@pytest.mark.spec("NODE-23")
@pytest.mark.parametrize("address", FORBIDDEN)
async def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    with pytest.raises(HardError) as caught:
        await HttpGuard(resolver=answering(address)).addresses("inside.example", 80)
    assert caught.value.type == "address_not_allowed"
    assert "inside.example:80 to GRAPHWRIGHT_HTTP_ALLOW" in caught.value.message


@pytest.mark.spec("NODE-23")
@pytest.mark.parametrize("address", PUBLIC)
async def test_a_public_address_is_dialled(address: str) -> None:
    assert await HttpGuard(resolver=answering(address)).addresses("outside.example", 80) == [address]


@pytest.mark.spec("NODE-23")
async def test_only_the_public_addresses_of_a_name_are_dialled() -> None:
    guard = HttpGuard(resolver=answering("10.0.0.1", "8.8.8.8", "::1"))
    assert await guard.addresses("mixed.example", 443) == ["8.8.8.8"]


@pytest.mark.spec("NODE-23")
def test_no_address_python_calls_private_counts_as_public() -> None:
    for number in range(0, 2**32, 65_537 * 3):
        address = ipaddress.IPv4Address(number)
        assert not (is_public(address) and (address.is_private or address.is_multicast or address.is_loopback))
    assert meant_addresses(ipaddress.ip_address("::1")) == [ipaddress.ip_address("::1")]


async def secret(_request: Request) -> Response:
    return PlainTextResponse("secret")


async def away(request: Request) -> Response:
    return Response(status_code=307, headers={"Location": request.query_params["to"]})


APP = Starlette(routes=[Route("/", secret), Route("/away", away)])
SPELLINGS = [
    *("127.0.0.1", "2130706433", "0x7f000001", "0x7f.1", "127.1", "017700000001", "0177.1", "127.0.1", "0"),
    *(
        "localhost",
        "LOCALHOST",
        "[::ffff:127.0.0.1]",
        "[::1]",
        "user@127.0.0.1",
    ),
]


@pytest.mark.spec("NODE-23")
@pytest.mark.parametrize("host", SPELLINGS)
async def test_loopback_is_refused_however_it_is_spelled(make_visit: MakeVisit, host: str) -> None:
    async with served(APP) as url:
        with pytest.raises(HardError) as caught:
            await make_visit(HttpGuard()).run("http", {"url": f"http://{host}:{url.rpartition(':')[2]}/"})
    assert caught.value.type == "address_not_allowed"


@pytest.mark.spec("NODE-23")
@pytest.mark.parametrize("host", ["localhost.", "127.0.0.1.", "①②⑦.⓪.⓪.①", "0177.0.0.1", "127.0.0.1%00.example"])
async def test_what_a_system_may_or_may_not_read_as_loopback_never_gets_there(make_visit: MakeVisit, host: str) -> None:
    async with served(APP) as url:
        with pytest.raises((HardError, RetryableError, ValidationError)):
            await make_visit(HttpGuard()).run("http", {"url": f"http://{host}:{url.rpartition(':')[2]}/"})
    guard = HttpGuard(resolver=answering("127.0.0.1"))
    with pytest.raises(HardError):
        await guard.addresses(host, 80)


@pytest.mark.spec("NODE-23")
@pytest.mark.parametrize("host", ["169.254.169.254", "[fd00:ec2::254]", "0.0.0.0:1", "10.0.0.1", "2852039166"])
async def test_redirects_are_checked_again(make_visit: MakeVisit, host: str) -> None:
    async with served(APP) as url:
        config = {"url": f"{url}/away", "query": {"to": f"http://{host}/latest/meta-data"}}
        with pytest.raises(HardError) as caught:
            await make_visit(HttpGuard(allow_loopback=True)).run("http", config)
    assert caught.value.type == "address_not_allowed"


@pytest.mark.spec("NODE-23", "NODE-24")
async def test_a_name_that_changes_its_answer_is_asked_once_and_dialled_as_checked(make_visit: MakeVisit) -> None:
    asked: list[str] = []

    async def rebinding(host: str, _port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

    async with served(APP) as url:
        port = url.rpartition(":")[2]
        visit = make_visit(HttpGuard(allow_loopback=True, resolver=rebinding))
        output: Any = await visit.run("http", {"url": f"http://rebind.example:{port}/"})
        assert output["text"] == "secret"
        assert asked == ["rebind.example"]
        with pytest.raises(HardError):
            await visit.run("http", {"url": f"http://other.example:{port}/"})
    assert asked == ["rebind.example", "other.example"]


@pytest.mark.spec("NODE-23")
async def test_a_name_that_points_inside_is_refused_over_https_as_well(make_visit: MakeVisit) -> None:
    visit = make_visit(HttpGuard(resolver=answering("192.168.0.10")))
    for scheme in ("http", "https"):
        with pytest.raises(HardError) as caught:
            await visit.run("http", {"url": f"{scheme}://intranet.example/"})
        assert caught.value.type == "address_not_allowed"


@pytest.mark.spec("NODE-25")
@pytest.mark.parametrize(
    ("entry", "allowed"),
    [
        ("127.0.0.1", True),
        ("127.0.0.0/8", True),
        ("127.0.0.1:{port}", True),
        ("127.0.0.0/8:{port}", True),
        ("127.0.0.1:1", False),
        ("10.0.0.0/8", False),
        ("localhost", False),
    ],
)
async def test_the_allow_list_opens_addresses_and_networks(make_visit: MakeVisit, entry: str, allowed: bool) -> None:
    async with served(APP) as url:
        visit = make_visit(HttpGuard([entry.format(port=url.rpartition(":")[2])]))
        if allowed:
            assert (await visit.run("http", {"url": url}))["text"] == "secret"
        else:
            with pytest.raises(HardError):
                await visit.run("http", {"url": url})


@pytest.mark.spec("NODE-25")
async def test_the_allow_list_opens_names() -> None:
    guard = HttpGuard(["Intranet.example", "api.example:8080"], resolver=answering("10.0.0.1"))
    assert await guard.addresses("intranet.example.", 1) == ["10.0.0.1"]
    assert await guard.addresses("API.example", 8080) == ["10.0.0.1"]
    for host, port in (("api.example", 80), ("sub.intranet.example", 1)):
        with pytest.raises(HardError):
            await guard.addresses(host, port)


@pytest.mark.spec("NODE-25")
@pytest.mark.parametrize(
    ("entry", "address", "port", "allowed"),
    [
        ("::1", "::1", 80, True),
        ("[::1]:80", "::1", 80, True),
        ("[::1]:80", "::1", 81, False),
        ("fd00::/8", "fd00:ec2::254", 80, True),
        ("10.0.0.0/8", "::ffff:10.0.0.1", 80, True),
        ("10.0.0.0/8", "64:ff9b::a00:1", 80, True),
        ("10.0.0.0/8", "::ffff:127.0.0.1", 80, False),
    ],
)
async def test_the_allow_list_knows_ipv6(entry: str, address: str, port: int, allowed: bool) -> None:
    guard = HttpGuard([entry], resolver=answering(address))
    if allowed:
        assert await guard.addresses("x.example", port) == [address]
    else:
        with pytest.raises(HardError):
            await guard.addresses("x.example", port)


@pytest.mark.spec("NODE-25")
async def test_allowing_loopback_allows_nothing_else() -> None:
    for address, allowed in (("127.0.0.1", True), ("::1", True), ("::ffff:127.0.0.1", True), ("0.0.0.0", False)):
        guard = HttpGuard(allow_loopback=True, resolver=answering(address))
        if allowed:
            assert await guard.addresses("x", 80) == [address]
        else:
            with pytest.raises(HardError):
                await guard.addresses("x", 80)
    for address in METADATA:
        with pytest.raises(HardError):
            await HttpGuard(allow_loopback=True, resolver=answering(address)).addresses("x", 80)


@pytest.mark.spec("NODE-25")
@pytest.mark.parametrize(
    "entry", ["", "http://x.example", "10.0.0.0/99", "x.example:http", "x:99999", "*.example", "a b"]
)
def test_an_entry_that_cannot_be_read_is_refused(entry: str) -> None:
    with pytest.raises(AllowError, match="GRAPHWRIGHT_HTTP_ALLOW"):
        HttpGuard([entry])


@pytest.mark.spec("NODE-24")
async def test_the_second_address_is_tried_when_the_first_does_not_answer(make_visit: MakeVisit) -> None:
    async with served(APP) as url:
        with socket.socket() as unused:
            unused.bind(("127.0.0.2", 0))
            visit = make_visit(HttpGuard(allow_loopback=True, resolver=answering("127.0.0.2", "127.0.0.1")))
            output: Any = await visit.run("http", {"url": url.replace("127.0.0.1", "twice.example")})
    assert output["text"] == "secret"
