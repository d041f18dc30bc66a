"""The items of maps: where each of them stands, and who keeps that."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import orjson
from pydantic import JsonValue

from app import jsontext
from app.compiler.waiting import Place


@dataclass(slots=True)
class ItemState:
    """Where one item of a map stands; `digest` tells whether an item that comes later is the same."""

    place: Place
    status: str
    attempt: int
    digest: bytes
    output: JsonValue = None
    error: Mapping[str, Any] | None = None
    reason: Mapping[str, Any] | None = None
    wake_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def began(self) -> datetime | None:
        """When the attempt began that waits; None where nothing waits."""
        since = (self.reason or {}).get("since")
        return None if since is None else datetime.fromisoformat(since)


class Results:
    """What has come of the items of one turn of a map so far; kept while the map may be tried again.

    `attempts` tells how often an item that has to run again was tried.
    """

    __slots__ = ("attempts", "done", "failed", "is_done", "items", "values")

    def __init__(self, items: Sequence[JsonValue]) -> None:
        self.items = items
        self.values: list[JsonValue] = [None] * len(items)
        self.is_done = bytearray(len(items))
        self.attempts: dict[int, int] = {}
        self.done = 0
        self.failed = 0

    def set(self, index: int, value: JsonValue, *, failed: bool = False) -> None:
        """Take in the result of an item."""
        self.values[index] = value
        self.is_done[index] = True
        self.done += 1
        self.failed += failed


class ItemLog(Protocol):
    """Takes down where items stand; events would be too many."""

    def put(self, state: ItemState) -> None:
        """Set where an item stands."""

    def close(self, place: Place, reason: Mapping[str, Any]) -> None:
        """Set what has been put and not ended to CANCELLED: the items of the map at `place`, and those below them."""

    async def room(self) -> None:
        """Return when more can be taken."""


def digest(item: JsonValue) -> bytes:
    """A short print of an item; that of an equal item is the same, whatever the order of its keys."""
    try:
        text = orjson.dumps(item, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        text = jsontext.dumps(item).encode()
    return hashlib.blake2b(text, digest_size=16).digest()
