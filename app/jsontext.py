r"""JSON text for the database and the wire.

JSON columns are of PostgreSQL's type `json`, which keeps the text as written. A NUL or a lone surrogate travels as an
escape (`\u0000`, `\ud800`) and is never decoded by the database, so any string that Python can hold is safe.
"""

import json
import math
from contextlib import suppress
from typing import Any, NoReturn

import orjson

Steps = tuple[str | int, ...]
_LONG_NUMBER = b"0" * 19
_DIGITS_AS_ZEROS = bytes.maketrans(b"123456789", b"000000000")


class BeyondDoublesError(json.JSONDecodeError):
    """A JSON text has numbers such as 1e999 that no double can hold; `places` are the steps that lead to them."""

    def __init__(self, places: list[Steps]) -> None:
        super().__init__("it has a number that is too large; send it as text", "", 0)
        self.places = places


def dumps(value: Any) -> str:
    """The shortest JSON text of `value`; raises TypeError for what JSON cannot say."""
    try:
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS).decode()
    except (TypeError, orjson.JSONEncodeError):
        # orjson refuses lone surrogates and integers over 64 bits, which Python's own encoder writes safely.
        return json.dumps(value, separators=(",", ":"), allow_nan=False)


def loads(text: str | bytes | bytearray | memoryview) -> Any:
    """The value of a JSON text; lone surrogates and big integers come back as they went in.

    Raises json.JSONDecodeError for what is no JSON, BeyondDoublesError among it; RecursionError for what is too deep.
    """
    raw = text.encode(errors="surrogatepass") if isinstance(text, str) else bytes(text)
    # orjson makes floats of integers over 64 bits, and refuses lone surrogates.
    if _LONG_NUMBER not in raw.translate(_DIGITS_AS_ZEROS):
        with suppress(orjson.JSONDecodeError):
            return orjson.loads(raw)
    try:
        value = json.loads(raw, parse_constant=_refuse)
    except json.JSONDecodeError:
        raise
    except ValueError as error:
        raise json.JSONDecodeError(str(error), "", 0) from error
    if places := _beyond_doubles(value):
        raise BeyondDoublesError(places)
    return value


def _refuse(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")


def _beyond_doubles(value: Any) -> list[Steps]:
    found: list[Steps] = []
    todo: list[tuple[Steps, Any]] = [((), value)]
    while todo:
        steps, current = todo.pop()
        if isinstance(current, float) and math.isinf(current):
            found.append(steps)
        elif isinstance(current, dict | list):
            inner = current.items() if isinstance(current, dict) else enumerate(current)
            todo += [((*steps, step), item) for step, item in inner if isinstance(item, float | dict | list)]
    return found[::-1]
