r"""JSON text for the database and the wire.

JSON columns are of PostgreSQL's type `json`, which keeps the text as written. A NUL or a lone surrogate travels as an
escape (`\u0000`, `\ud800`) and is never decoded by the database, so any string that Python can hold is safe.
"""

import json
from typing import Any

import orjson


def dumps(value: Any) -> str:
    """The shortest JSON text of `value`; raises TypeError for what JSON cannot say."""
    try:
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
    except (TypeError, orjson.JSONEncodeError):
        # orjson refuses lone surrogates and integers over 64 bits, which Python's own encoder writes safely.
        return json.dumps(value, separators=(",", ":"), allow_nan=False)


def loads(text: str | bytes | bytearray | memoryview) -> Any:
    """The value of a JSON text; lone surrogates and big integers come back as they went in."""
    raw = bytes(text) if isinstance(text, memoryview) else text
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError:
        return json.loads(raw)
