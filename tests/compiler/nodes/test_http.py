import asyncio
import base64
import gzip
import json
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from app.compiler.discovery import load_registry
from app.compiler.failures import HardError, RetryableError
from tests.compiler.nodes.conftest import MakeVisit
from tests.compiler.nodes.visits import Visit, served, until

HTTP = load_registry().node_types["http"]
BODIES: dict[str, tuple[bytes, dict[str, str]]] = {
    "json": (b'{"a": [1, null]}', {"content-type": "application/json"}),
    "problem": (b'{"a": 1}', {"content-type": "application/problem+json; charset=utf-8"}),
    "false-json": (b"NaN", {"content-type": "application/json"}),
    "deep-json": (b"[" * 100_000, {"content-type": "application/json"}),
    "latin": ("é".encode("latin-1"), {"content-type": "text/plain; charset=latin-1"}),
    "odd-charset": (b"x", {"content-type": "text/plain; charset=klingon"}),
    "untyped": ("é".encode(), {}),
    "binary": (b"\x89PNG\x00\xff", {"content-type": "image/png"}),
    "nul": (b"a\0b", {"content-type": "application/octet-stream"}),
    "empty": (b"", {"content-type": "application/json"}),
    "gzip": (gzip.compress(b"one") + gzip.compress(b"two"), {"content-type": "text/plain", "content-encoding": "gzip"}),
    "deflate": (zlib.compress(b"deflated"), {"content-type": "text/plain", "content-encoding": "deflate"}),
    "bare": (zlib.compress(b"bare")[2:-4], {"content-type": "text/plain", "content-encoding": "deflate"}),
    "broken": (b"no gzip", {"content-type": "text/plain", "content-encoding": "gzip"}),
    "brotli": (b"x", {"content-encoding": "br"}),
}


async def echo(request: Request) -> Response:
    body = (await request.body()).decode()
    seen = {"method": request.method, "headers": dict(request.headers), "query": request.query_params.multi_items()}
    return Response(json.dumps({**seen, "body": body}), media_type="application/json", headers={"Set-Cookie": "id=1"})


async def body(request: Request) -> Response:
    content, headers = BODIES[request.path_params["name"]]
    return Response(content, headers=headers)


async def answer(request: Request) -> Response:
    status = int(request.path_params["status"])
    return PlainTextResponse(f"no\n  luck {'x' * 5000}", status, {"Retry-After": "7"})


async def redirect(request: Request) -> Response:
    return Response(status_code=302, headers={"Location": request.query_params["to"]})


async def again(request: Request) -> Response:
    left = int(request.path_params["left"])
    return Response(status_code=302, headers={"Location": f"/again/{left - 1}"}) if left else PlainTextResponse("here")


async def endless(_request: Request) -> Response:
    async def chunks() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 65536
            # Sending to a client that has gone returns at once, and would keep the loop for itself.
            await asyncio.sleep(0)

    return StreamingResponse(chunks())


async def bomb(_request: Request) -> Response:
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    packed = b"".join(packer.compress(b"\0" * 1_000_000) for _ in range(300)) + packer.flush()
    return Response(packed, headers={"content-encoding": "gzip"})


ROUTES = [
    Route("/echo", echo, methods=["GET", "POST", "PUT", "DELETE", "HEAD"]),
    Route("/body/{name}", body),
    Route("/answer/{status}", answer),
    Route("/redirect", redirect),
    Route("/again/{left}", again),
    Route("/endless", endless),
    Route("/bomb", bomb),
]


@pytest.fixture
async def url() -> AsyncIterator[str]:
    async with served(Starlette(routes=ROUTES)) as address:
        yield address


@pytest.mark.spec("NODE-19")
@pytest.mark.parametrize(
    ("name", "field", "value"),
    [
        ("json", "json", {"a": [1, None]}),
        ("problem", "json", {"a": 1}),
        ("false-json", "text", "NaN"),
        ("deep-json", "text", "[" * 100_000),
        ("latin", "text", "é"),
        ("odd-charset", "text", "x"),
        ("untyped", "text", "é"),
        ("binary", "base64", base64.b64encode(b"\x89PNG\x00\xff").decode()),
        ("nul", "base64", base64.b64encode(b"a\0b").decode()),
        ("empty", "text", ""),
        ("gzip", "text", "onetwo"),
        ("deflate", "text", "deflated"),
        ("bare", "text", "bare"),
    ],
)
async def test_the_body_comes_as_what_it_is(visit: Visit, url: str, name: str, field: str, value: Any) -> None:
    output = await visit.run("http", {"url": f"{url}/body/{name}"})
    assert set(output) == {"status", "headers", field, "response"}
    assert output[field] == output["response"] == value
    assert output["status"] == 200
    assert all(header == header.lower() for header in output["headers"])


@pytest.mark.spec("NODE-19")
@pytest.mark.parametrize("name", ["broken", "brotli"])
async def test_a_body_that_cannot_be_decoded_is_an_error(visit: Visit, url: str, name: str) -> None:
    with pytest.raises(HardError) as caught:
        await visit.run("http", {"url": f"{url}/body/{name}"})
    assert caught.value.type == "bad_response"


@pytest.mark.spec("NODE-19", "NODE-20")
async def test_the_request_is_what_the_config_says(visit: Visit, url: str) -> None:
    config = {
        "method": "post",
        "url": f"{url}/echo?a=1",
        "query": {"b": [1, True], "c": "ü&", "d": None},
        "headers": {"X-Text": "ümlaut", "X-Number": 5, "X-None": None},
        "json": None,
    }
    seen = (await visit.run("http", config))["json"]
    assert seen["method"] == "POST"
    assert seen["query"] == [["a", "1"], ["b", "1"], ["b", "true"], ["c", "ü&"]]
    assert seen["body"] == "null"
    assert seen["headers"]["content-type"] == "application/json"
    assert seen["headers"]["x-number"] == "5"
    assert "x-none" not in seen["headers"]
    assert seen["headers"]["x-text"].encode("latin-1").decode() == "ümlaut"
    assert seen["headers"]["idempotency-key"] == "run-1/node/0"
    assert seen["headers"]["user-agent"].startswith("graphwright/")
    text = (await visit.run("http", {"method": "PUT", "url": f"{url}/echo", "body": "hé"}))["json"]
    assert (text["body"], text["headers"]["content-type"]) == ("hé", "text/plain; charset=utf-8")


@pytest.mark.spec("NODE-20")
async def test_the_idempotency_key_is_sent_only_where_it_helps(visit: Visit, url: str) -> None:
    assert "idempotency-key" not in (await visit.run("http", {"url": f"{url}/echo"}))["json"]["headers"]
    own = {"method": "DELETE", "url": f"{url}/echo", "headers": {"idempotency-KEY": "mine"}}
    assert (await visit.run("http", own))["json"]["headers"]["idempotency-key"] == "mine"
    context = visit.context()
    context.idempotency_key = "run/käse node:1/0"
    posted: Any = await HTTP.run(context, HTTP.config.model_validate({"method": "POST", "url": f"{url}/echo"}))
    assert posted["json"]["headers"]["idempotency-key"] == "run/k%C3%A4se node:1/0"


@pytest.mark.spec("NODE-21")
@pytest.mark.parametrize("status", [408, 425, 429, 500, 503, 599])
async def test_statuses_that_may_pass_are_retryable(visit: Visit, url: str, status: int) -> None:
    with pytest.raises(RetryableError) as caught:
        await visit.run("http", {"url": f"{url}/answer/{status}?token=secret"})
    assert caught.value.retry_after == 7
    assert caught.value.type == "http_status"
    assert "secret" not in caught.value.message


@pytest.mark.spec("NODE-21")
@pytest.mark.parametrize("status", [400, 401, 404, 422])
async def test_other_statuses_are_hard_and_show_the_body(visit: Visit, url: str, status: int) -> None:
    with pytest.raises(HardError) as caught:
        await visit.run("http", {"url": f"{url}/answer/{status}"})
    assert caught.value.type == "http_status"
    assert f"answered {status}: no luck xxx" in caught.value.message
    assert len(caught.value.message) < 700


@pytest.mark.spec("NODE-21")
@pytest.mark.parametrize("expected", [404, [200, 404], ["2xx", "4XX"], "4xx"])
async def test_an_expected_status_is_a_success(visit: Visit, url: str, expected: Any) -> None:
    output = await visit.run("http", {"url": f"{url}/answer/404", "expect_status": expected})
    assert output["status"] == 404
    assert output["text"].startswith("no")
    with pytest.raises(HardError):
        await visit.run("http", {"url": f"{url}/echo", "expect_status": 201})


@pytest.mark.spec("NODE-21")
async def test_a_server_that_is_not_there_or_hangs_up_is_retryable(visit: Visit) -> None:
    async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(RetryableError, match=r"GET http://127\.0\.0\.1"):
        await visit.run("http", {"url": f"http://127.0.0.1:{port}/"})
    server.close()
    await server.wait_closed()
    with pytest.raises(RetryableError) as caught:
        await visit.run("http", {"url": f"http://127.0.0.1:{port}/"})
    assert caught.value.type == "ConnectError"
    with pytest.raises(RetryableError, match=r"nowhere\.invalid"):
        await visit.run("http", {"url": "http://nowhere.invalid/"})


@pytest.mark.spec("NODE-22")
@pytest.mark.parametrize("path", ["endless", "bomb"])
async def test_a_response_past_the_limit_is_refused_without_holding_it(
    make_visit: MakeVisit, url: str, path: str
) -> None:
    visit = make_visit(max_response_bytes=1_000_000)
    config = {"url": f"{url}/{path}"}
    with pytest.raises(HardError):
        await visit.run("http", config)
    tracemalloc.start()
    with pytest.raises(HardError) as caught:
        await visit.run("http", config)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert caught.value.type == "response_too_large"
    assert peak < 30_000_000


@pytest.mark.spec("NODE-22")
async def test_a_response_of_just_the_limit_is_read(make_visit: MakeVisit, url: str) -> None:
    visit = make_visit(max_response_bytes=6)
    assert (await visit.run("http", {"url": f"{url}/body/gzip"}))["text"] == "onetwo"
    with pytest.raises(HardError):
        await make_visit(max_response_bytes=5).run("http", {"url": f"{url}/body/gzip"})


@pytest.mark.spec("NODE-26")
async def test_redirects_are_followed_at_most_five_times(visit: Visit, url: str) -> None:
    assert (await visit.run("http", {"url": f"{url}/again/5"}))["text"] == "here"
    with pytest.raises(HardError) as caught:
        await visit.run("http", {"url": f"{url}/again/6"})
    assert caught.value.type == "too_many_redirects"
    with pytest.raises(HardError, match="answered 302"):
        await visit.run("http", {"url": f"{url}/again/1", "follow_redirects": False})
    with pytest.raises(HardError) as scheme:
        await visit.run("http", {"url": f"{url}/redirect", "query": {"to": "file:///etc/passwd"}})
    assert scheme.value.type == "invalid_request"


@pytest.mark.spec("NODE-26")
async def test_credentials_stay_with_their_host(visit: Visit, url: str) -> None:
    elsewhere = url.replace("127.0.0.1", "localhost")
    headers = {"Authorization": "Bearer s", "Cookie": "a=b", "X-Other": "1"}
    to = {"url": f"{url}/redirect", "query": {"to": f"{elsewhere}/echo"}, "headers": headers}
    seen = (await visit.run("http", to))["json"]["headers"]
    assert seen["x-other"] == "1"
    assert "authorization" not in seen
    assert "cookie" not in seen
    stay = {**to, "query": {"to": "/echo"}}
    assert (await visit.run("http", stay))["json"]["headers"]["authorization"] == "Bearer s"


@pytest.mark.spec("NODE-27")
async def test_cookies_do_not_travel_between_requests(visit: Visit, url: str) -> None:
    for _ in range(2):
        seen = (await visit.run("http", {"url": f"{url}/echo"}))["json"]
        assert "cookie" not in seen["headers"]
    assert len(visit.resources.http.cookies.jar) == 0


@pytest.mark.spec("NODE-27")
async def test_proxies_of_the_environment_are_not_used(visit: Visit, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert (await visit.run("http", {"url": f"{url}/echo"}))["status"] == 200


@pytest.mark.spec("NODE-3")
@pytest.mark.parametrize(
    "config",
    [
        {},
        {"url": "ftp://x.example/"},
        {"url": "/relative"},
        {"url": "http://"},
        {"url": "http://x.example:99999/"},
        {"url": "http://x.example/", "method": "GET / HTTP/1.1"},
        {"url": "http://x.example/", "headers": {"A B": "x"}},
        {"url": "http://x.example/", "headers": {"A": "x\r\nB: y"}},
        {"url": "http://x.example/", "json": 1, "body": "x"},
        {"url": "http://x.example/", "expect_status": 99},
        {"url": "http://x.example/", "expect_status": "9xx"},
        {"url": "http://x.example/", "expect_status": []},
        {"url": "http://x.example/", "timeout": 3},
    ],
)
def test_a_request_that_makes_no_sense_is_refused(config: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        HTTP.config.model_validate(config)


@pytest.mark.spec("NODE-27")
async def test_a_cancelled_request_lets_go_of_its_connection(visit: Visit) -> None:
    connected, gone = asyncio.Event(), asyncio.Event()

    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        connected.set()
        await reader.read()
        gone.set()
        writer.close()

    server = await asyncio.start_server(never, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    call = asyncio.create_task(visit.run("http", {"url": f"http://127.0.0.1:{port}/"}))
    await asyncio.wait_for(connected.wait(), 10)
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await until(gone.is_set)
    server.close()
