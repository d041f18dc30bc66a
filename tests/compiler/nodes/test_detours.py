import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from app.compiler.detours import DetourError, Detours
from app.compiler.failures import HardError, RetryableError
from app.compiler.guard import AllowError, HttpGuard
from app.main import create_app
from tests.compiler.nodes.conftest import MakeVisit
from tests.compiler.nodes.visits import served
from tests.support import settings_for


async def nowhere(host: str, _port: int) -> Sequence[str]:
    """Knows addresses only: a name that gets here was not led elsewhere."""
    if not host[-1].isdigit():
        raise OSError("no such name")
    return [host]


async def host(request: Request) -> Response:
    return PlainTextResponse(request.headers["host"])


async def away(_request: Request) -> Response:
    return Response(status_code=307, headers={"Location": "http://10.0.0.1/"})


APP = Starlette(routes=[Route("/user", host), Route("/away", away)])


@pytest.mark.spec("NODE-34")
@pytest.mark.parametrize("name", ["api.example.com", "API.example.com.", "api", "bücher.example"])
async def test_a_host_is_reached_elsewhere_under_its_own_name(make_visit: MakeVisit, name: str) -> None:
    async with served(APP) as url:
        address = url.removeprefix("http://")
        detours = Detours([f"{entry}={address}" for entry in ("Api.Example.com", "api:80", "bücher.example")])
        visit = make_visit(HttpGuard(detours=detours, resolver=nowhere))
        output = await visit.run("http", {"url": f"http://{name}/user"})
    assert output["text"] == name.lower().encode("idna").decode()


@pytest.mark.spec("NODE-34")
async def test_the_name_of_the_certificate_stays_that_of_the_url(make_visit: MakeVisit) -> None:
    hello = asyncio.get_running_loop().create_future()

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hello.set_result(await reader.read(4000))
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        visit = make_visit(HttpGuard(detours=Detours([f"api.example.com:443=127.0.0.1:{port}"]), resolver=nowhere))
        with pytest.raises(RetryableError):
            await visit.run("http", {"url": "https://api.example.com/"})
    assert b"api.example.com" in await hello


@pytest.mark.spec("NODE-34")
async def test_a_detour_leads_only_its_own_host_and_port(make_visit: MakeVisit) -> None:
    entries = ["api=10.0.0.1:8080", "api:443=[fd00::1]", "[::1]:81=10.0.0.3"]
    guard = HttpGuard(detours=Detours(entries), resolver=nowhere)
    assert await guard.endpoints("api", 80) == [("10.0.0.1", 8080)]
    assert await guard.endpoints("api", 443) == [("fd00::1", 443)]
    assert await guard.endpoints("::1", 81) == [("10.0.0.3", 81)]
    for inside in ("10.0.0.1", "::1"):
        with pytest.raises(HardError):
            await guard.endpoints(inside, 80)
    with pytest.raises(OSError, match="no such name"):
        await guard.endpoints("sub.api", 80)
    async with served(APP) as url:
        detours = Detours([f"api={url.removeprefix('http://')}"])
        with pytest.raises(HardError) as caught:
            await make_visit(HttpGuard(detours=detours, resolver=nowhere)).run("http", {"url": "http://api/away"})
    assert caught.value.type == "address_not_allowed"


UNREADABLE = [
    *("", "api", "api=", "=10.0.0.1", "api=b:http", "api=b:99999", "api=b:0", "api=b=c", "api=http://b", "a b=c"),
    *("*.example=10.0.0.1", "api:=b", "api=b:", "api=:1", "api=::1", "api=[::1", "user@api=b", "api=10.0.0.0/8"),
]


@pytest.mark.spec("NODE-35")
@pytest.mark.parametrize("entry", UNREADABLE)
def test_an_entry_that_cannot_be_read_is_refused(entry: str) -> None:
    with pytest.raises(DetourError) as caught:
        Detours(["fine=10.0.0.1", entry])
    assert f"GRAPHWRIGHT_HTTP_RESOLVE has the entry {entry!r}" in caught.value.message


@pytest.mark.spec("NODE-35")
def test_the_server_does_not_start_with_settings_that_cannot_be_read(tmp_path: Path) -> None:
    twice = settings_for("postgresql://", tmp_path, http_resolve="api=10.0.0.1, API.=10.0.0.2")
    with pytest.raises(DetourError, match=r"twice where API\. is"):
        create_app(twice)
    with pytest.raises(AllowError):
        create_app(settings_for("postgresql://", tmp_path, http_allow="*.example"))
