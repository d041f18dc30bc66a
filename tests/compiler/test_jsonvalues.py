import json
from collections import namedtuple
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

import pytest
from pydantic import BaseModel

from app.compiler.failures import HardError
from app.compiler.jsonvalues import as_json

Point = namedtuple("Point", "x y")  # noqa: PYI024 - the old kind of tuple is what is tried


class Colour(Enum):
    RED = "red"


class Level(IntEnum):
    LOW = 1


class Model(BaseModel):
    when: date
    raw: bytes


@dataclass
class Row:
    price: Decimal
    tags: set[str]


class Array:
    def tolist(self) -> list[int]:
        return [1, 2]


@pytest.mark.spec("NODE-10")
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (Row(Decimal("1.10"), {"b", "a"}), {"price": "1.10", "tags": ["a", "b"]}),
        (Model(when=date(2024, 1, 2), raw=b"\xff\xfe\xfb"), {"when": "2024-01-02", "raw": "//77"}),
        (datetime(2024, 1, 2, 3, tzinfo=UTC), "2024-01-02T03:00:00+00:00"),
        (timedelta(minutes=1), 60.0),
        (Point(1, 2), {"x": 1, "y": 2}),
        ((1, (2,)), [1, [2]]),
        ({Colour.RED: Level.LOW, 3: None, UUID(int=1): True}, {"red": 1, "3": None, f"{UUID(int=1)}": True}),
        (PurePosixPath("a/b"), "a/b"),
        ([Array()], [[1, 2]]),
        ({"text": "\0\ud800", "deep": [{"a": [1.5]}]}, {"text": "\0\ud800", "deep": [{"a": [1.5]}]}),
    ],
)
def test_python_values_become_plain_json(value: Any, expected: Any) -> None:
    result = as_json(value)
    assert result == expected
    assert json.loads(json.dumps(result)) == expected


def endless() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


@pytest.mark.spec("NODE-10")
@pytest.mark.parametrize(
    ("value", "place"),
    [
        ({"rows": [1, object()]}, "result.rows[1]"),
        ([float("nan")], "result[0]"),
        ({"x": float("-inf")}, "result.x"),
        ({(1, 2): 3}, "key of type tuple"),
        ((n for n in range(3)), "generator"),
        (endless(), "contains itself"),
        (lambda: 1, "function"),
    ],
)
def test_what_json_cannot_say_is_refused_with_its_place(value: Any, place: str) -> None:
    with pytest.raises(HardError) as caught:
        as_json(value)
    assert caught.value.type == "not_json"
    assert place in caught.value.message
