"""Reading HTTP responses: bounded, also when they are compressed, and as JSON, text or base64."""

import base64
import zlib

import httpx
from pydantic import JsonValue

from app import jsontext
from app.compiler.failures import HardError

_GZIP_OR_ZLIB = zlib.MAX_WBITS | 32
_STEP = 65_536
_EXCERPT_BYTES = 4_000
_EXCERPT = 500


class Decoder:
    """Undoes a response's Content-Encoding, never holding more than a step beyond what was asked for."""

    def __init__(self, encoding: str) -> None:
        names = [name.strip().lower() for name in encoding.split(",") if name.strip()]
        self._compressed = [name for name in names if name != "identity"]
        if len(self._compressed) > 1 or not set(self._compressed) <= {"gzip", "x-gzip", "deflate"}:
            raise HardError(f"The response is encoded as {encoding}; only gzip and deflate are read.", "bad_response")
        self._inflate = zlib.decompressobj(_GZIP_OR_ZLIB)
        self._started = False

    def feed(self, chunk: bytes, room: int) -> bytes:
        """The decoded bytes of a chunk, at most `room` + 1 of them; raises HardError `bad_response`."""
        if not self._compressed:
            return chunk[: room + 1]
        if not self._started and self._compressed == ["deflate"] and chunk and chunk[0] & 0x0F != zlib.DEFLATED:
            # Some servers call bare deflate data "deflate"; the standard means the zlib format.
            self._inflate = zlib.decompressobj(-zlib.MAX_WBITS)
        self._started = True
        pieces = bytearray()
        while chunk and len(pieces) <= room:
            pieces += self._step(chunk, room + 1 - len(pieces))
            chunk = self._inflate.unconsumed_tail or self._next_member()
        return bytes(pieces)

    def _step(self, chunk: bytes, room: int) -> bytes:
        try:
            return self._inflate.decompress(chunk, min(room, _STEP))
        except zlib.error as error:
            raise HardError(f"The response cannot be decompressed: {error}.", "bad_response") from error

    def _next_member(self) -> bytes:
        rest = self._inflate.unused_data if self._inflate.eof else b""
        if rest:
            self._inflate = zlib.decompressobj(_GZIP_OR_ZLIB)
        return rest


async def read_body(response: httpx.Response, limit: int) -> bytes:
    """The decoded body; raises HardError `response_too_large` as soon as it passes `limit` bytes."""
    decoder = Decoder(response.headers.get("content-encoding", ""))
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += decoder.feed(chunk, limit - len(body))
        if len(body) > limit:
            raise HardError(f"The response is larger than {limit:,} bytes, uncompressed.", "response_too_large")
    return bytes(body)


async def read_excerpt(response: httpx.Response) -> str:
    """The beginning of an error's body, in one line; empty when it cannot be read as text."""
    body = bytearray()
    try:
        decoder = Decoder(response.headers.get("content-encoding", ""))
        async for chunk in response.aiter_raw():
            body += decoder.feed(chunk, _EXCERPT_BYTES - len(body))
            if len(body) > _EXCERPT_BYTES:
                break
    except (HardError, httpx.TransportError):
        # The status is what went wrong; a body that cannot be read only makes the message shorter.
        return ""
    text = " ".join(body.decode("utf-8", "replace").split())
    return text if len(text) <= _EXCERPT else text[:_EXCERPT] + "…"


def body_fields(response: httpx.Response, body: bytes) -> dict[str, JsonValue]:
    """The body under the name of what it is (`json`, `text` or `base64`), and again as `response`."""
    content_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    name, value = _read(content_type, response.charset_encoding, body)
    return {name: value, "response": value}


def _read(content_type: str, charset: str | None, body: bytes) -> tuple[str, JsonValue]:
    if content_type == "application/json" or content_type.endswith(("+json", "/json")):
        try:
            return "json", jsontext.loads(body)
        except (ValueError, RecursionError):
            pass  # it only says that it is JSON, and is given as the text that it is
    if charset is not None or content_type.startswith("text/"):
        return "text", _decoded(body, charset or "utf-8")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError:
        return "base64", base64.b64encode(body).decode()
    return ("text", text) if "\0" not in text else ("base64", base64.b64encode(body).decode())


def _decoded(body: bytes, charset: str) -> str:
    try:
        return body.decode(charset, "replace").removeprefix("\ufeff")
    except LookupError:
        return body.decode("utf-8", "replace")
