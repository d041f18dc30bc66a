"""Turning what Python functions return into plain JSON values."""

import base64
import math
from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any
from uuid import UUID

from pydantic import BaseModel, JsonValue

from app.compiler.failures import HardError

NOT_JSON = "not_json"


def as_json(value: Any) -> JsonValue:
    """The JSON form of a result: plain values as they are, and the usual Python types by the following table.

    Dataclasses, pydantic models, named tuples and mappings become objects; tuples and sets lists (sets sorted where
    they can be); dates and times ISO 8601; durations seconds; Decimal, UUID and paths text; bytes base64; enums their
    value; NumPy arrays and scalars what their `tolist()` says. Raises HardError `not_json` for all else, among it NaN
    and infinities, and names the place.
    """
    try:
        return _convert(value, "result")
    except RecursionError:
        message = "The result is nested too deeply, or contains itself; return a smaller tree."
        raise HardError(message, NOT_JSON) from None


def _convert(value: Any, path: str) -> JsonValue:
    kind = type(value)
    if value is None or kind is str or kind is int or kind is bool:
        return value  # type: ignore[no-any-return]
    if kind is float:
        return _number(value, path)
    if kind is dict:
        return {_key(name, path): _convert(item, f"{path}.{name}") for name, item in value.items()}
    if kind is list:
        return [_convert(item, f"{path}[{index}]") for index, item in enumerate(value)]
    for applies, simplify in _RARER:
        if applies(value):
            return _convert(simplify(value), path)
    if isinstance(value, Iterable):
        raise HardError(f"{path} is a {kind.__name__}, which can be read only once; return a list.", NOT_JSON)
    raise HardError(f"{path} is of type {kind.__name__}, which JSON cannot say.", NOT_JSON)


def _is(*kinds: type) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, kinds)


def _ordered(values: AbstractSet[Any]) -> list[Any]:
    try:
        return sorted(values)
    except TypeError:
        return list(values)


# In this order: an enum may be an int, a named tuple is a tuple, a NumPy float is a float.
_RARER: tuple[tuple[Callable[[Any], bool], Callable[[Any], Any]], ...] = (
    (_is(Enum), lambda value: value.value),
    (_is(str), str.__str__),
    (_is(BaseModel), lambda value: value.model_dump(by_alias=True)),
    (
        lambda value: is_dataclass(value) and not isinstance(value, type),
        lambda value: {field.name: getattr(value, field.name) for field in fields(value)},
    ),
    (lambda value: isinstance(value, tuple) and hasattr(value, "_asdict"), lambda value: value._asdict()),
    (_is(Mapping), dict),
    (_is(list, tuple), list),
    (_is(AbstractSet), _ordered),
    (_is(date, time), lambda value: value.isoformat()),
    (_is(timedelta), timedelta.total_seconds),
    (_is(Decimal, UUID, PurePath), str),
    (_is(bytes, bytearray, memoryview), lambda value: base64.b64encode(value).decode()),
    (lambda value: callable(getattr(value, "tolist", None)), lambda value: value.tolist()),
    (_is(int), int),
    (_is(float), float),
)


def _number(value: float, path: str) -> float:
    if math.isfinite(value):
        return value
    raise HardError(f"{path} is {value}, which JSON cannot say; return null or text instead.", NOT_JSON)


def _key(name: Any, path: str) -> str:
    plain = name.value if isinstance(name, Enum) else name
    if isinstance(plain, str):
        return str.__str__(plain)
    if isinstance(plain, int | date | UUID | PurePath | Decimal):
        return str(plain)
    raise HardError(f"{path} has a key of type {type(name).__name__}; keys must be text.", NOT_JSON)
