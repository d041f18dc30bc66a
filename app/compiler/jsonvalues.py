"""Turning what Python functions return into plain JSON values."""

import base64
import math
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import fields, is_dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any
from uuid import UUID

from pydantic import BaseModel, JsonValue

from app.compiler.failures import HardError

_TEXTUAL = (Decimal, UUID, PurePath)
_LISTS = (list, tuple, AbstractSet)


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
        raise HardError(
            "The result is nested too deeply, or contains itself; return a smaller tree.", "not_json"
        ) from None


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
    return _convert_rarer(value, path)


def _convert_rarer(value: Any, path: str) -> JsonValue:
    if isinstance(value, Enum):
        return _convert(value.value, path)
    if isinstance(value, BaseModel):
        return _convert(value.model_dump(by_alias=True), path)
    if is_dataclass(value) and not isinstance(value, type):
        return _convert({field.name: getattr(value, field.name) for field in fields(value)}, path)
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return _convert(value._asdict(), path)
    if isinstance(value, Mapping):
        return _convert(dict(value), path)
    if isinstance(value, _LISTS):
        return [_convert(item, f"{path}[{index}]") for index, item in enumerate(_ordered(value))]
    return _convert_scalar(value, path)


def _convert_scalar(value: Any, path: str) -> JsonValue:
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, _TEXTUAL):
        return str(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode()
    if isinstance(value, Iterator):
        raise HardError(f"{path} is a generator; return a list.", "not_json")
    if callable(getattr(value, "tolist", None)):
        return _convert(value.tolist(), path)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return _number(float(value), path)
    raise HardError(f"{path} is of type {type(value).__name__}, which JSON cannot say.", "not_json")


def _number(value: float, path: str) -> float:
    if math.isfinite(value):
        return value
    raise HardError(f"{path} is {value}, which JSON cannot say; return null or text instead.", "not_json")


def _key(name: Any, path: str) -> str:
    if type(name) is str:
        return name
    plain = name.value if isinstance(name, Enum) else name
    if isinstance(plain, str):
        return str.__str__(plain)
    if isinstance(plain, int | date | UUID | PurePath | Decimal):
        return str(plain)
    raise HardError(f"{path} has a key of type {type(name).__name__}; keys must be text.", "not_json")


def _ordered(values: Any) -> Any:
    if not isinstance(values, AbstractSet):
        return values
    try:
        return sorted(values)
    except TypeError:
        return list(values)
