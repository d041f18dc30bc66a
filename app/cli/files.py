"""Reading JSON that somebody names on the command line."""

import sys
from pathlib import Path
from typing import Any

from app import jsontext
from app.errors import GraphwrightError


class FileProblemError(GraphwrightError):
    """A file cannot be read, or is not JSON."""

    code = "unreadable_file"
    status = 422
    title = "The file cannot be read"


def read_json(name: str) -> Any:
    """The JSON value in a file, or of standard input for `-`. Raises FileProblemError."""
    place = "Standard input" if name == "-" else name
    try:
        raw = sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise FileProblemError(f"{name} cannot be read: {error.strerror or error}.") from error
    return parse_json(raw, place)


def parse_json(raw: bytes | str, place: str) -> Any:
    """The JSON value of a text that comes from `place`. Raises FileProblemError."""
    try:
        return jsontext.loads(raw.removeprefix(b"\xef\xbb\xbf") if isinstance(raw, bytes) else raw)
    except (ValueError, RecursionError) as error:
        raise FileProblemError(f"{place} is not JSON: {error}.") from error
