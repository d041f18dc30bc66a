"""Files that nodes save: what may be saved, and under which names. Where they go is up to who runs the graph."""

import mimetypes
import re
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from typing import Protocol

from pydantic import JsonValue

from app.compiler.failures import HardError
from app.compiler.waiting import Place

Content = bytes | bytearray | memoryview | str | AsyncIterable[bytes]
LONGEST_NAME = 255
PIECE_BYTES = 1 << 20
BINARY = "application/octet-stream"
IN_UTF8 = "; charset=utf-8"

# Those of the library, not those of the machine: a file is of the same type wherever it was saved.
_TYPES = mimetypes.MimeTypes()
_MEDIA_TYPE = re.compile(
    r"[\w!#$&^.+-]+/[\w!#$&^.+-]+( *; *[\w!#$&^.+-]+=([\w!#$&^.+-]+|\"[^\"\\\x00-\x1f\x7f]*\"))*", re.ASCII
)
_UNNAMABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class Artifacts(Protocol):
    """Where the nodes of one execution save files, and read them again."""

    async def save(
        self, place: Place, attempt: int, *, name: str, media_type: str, content: AsyncIterator[bytes]
    ) -> dict[str, JsonValue]:
        """Keep a file of a turn of a node instead of an earlier one of that name; a reference to it as JSON."""

    async def read(self, artifact: str) -> bytes:
        """The bytes behind the id of a reference. Raises HardError where there are none."""


def checked_name(name: str) -> str:
    """The name as it is. Raises HardError (`invalid_name`) for one that cannot be shown or stored."""
    if not isinstance(name, str) or not name.strip() or len(name) > LONGEST_NAME or _UNNAMABLE.search(name):
        message = f"A file's name is a text of 1 to {LONGEST_NAME} characters without control characters"
        raise HardError(f"{message}; {str(name)[:100]!r} is none.", "invalid_name")
    return name


def media_type_of(name: str, content: Content, given: str | None) -> str:
    """The media type that is given, or that of the name's ending, or of what the content is.

    Raises HardError (`invalid_media_type`).
    """
    if given is None:
        known, packed = _TYPES.guess_type(f"x{name[-50:]}")
        kind = BINARY if packed else known or ("text/plain" if isinstance(content, str) else BINARY)
        return kind + IN_UTF8 if isinstance(content, str) and kind.startswith("text/") else kind
    if not isinstance(given, str) or len(given) > LONGEST_NAME or not _MEDIA_TYPE.fullmatch(given):
        message = f"A media type looks like image/png or text/plain; charset=utf-8, not {str(given)[:100]!r}."
        raise HardError(message, "invalid_media_type")
    return given


async def pieces_of(content: Content) -> AsyncIterator[bytes]:
    """The bytes in pieces of up to 1 MiB, text in UTF-8. Raises HardError (`invalid_content`) for anything else."""
    if isinstance(content, str):
        try:
            content = content.encode()
        except UnicodeEncodeError as error:
            raise HardError(f"The text cannot be saved in UTF-8: {error}.", "invalid_content") from error
    if isinstance(content, bytes | bytearray | memoryview):
        view = memoryview(content).cast("B")
        for start in range(0, len(view), PIECE_BYTES):
            yield bytes(view[start : start + PIECE_BYTES])
    elif isinstance(content, AsyncIterable):
        async for chunk in content:
            if not isinstance(chunk, bytes | bytearray | memoryview):
                raise HardError(f"A file is made of bytes, not of {type(chunk).__name__}.", "invalid_content")
            async for piece in pieces_of(chunk):
                yield piece
    else:
        message = (
            f"A file is saved from bytes, a text or an async iterable of bytes, not from {type(content).__name__}."
        )
        raise HardError(message, "invalid_content")


def id_of(reference: str | Mapping[str, JsonValue]) -> str:
    """The id that a reference holds, or is. Raises HardError (`no_such_artifact`) for what is none."""
    found = reference.get("artifact") if isinstance(reference, Mapping) else reference
    if not isinstance(found, str):
        raise HardError("This is no reference to a file, nor the id of one.", "no_such_artifact")
    return found
