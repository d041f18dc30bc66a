"""Cursors and how times and pages look."""

import base64
import binascii
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

import orjson

from app.errors import Problem, UnprocessableError
from app.schemas.common import Page

Row = TypeVar("Row")
Item = TypeVar("Item")


def encode_cursor(*place: Any) -> str:
    """A place in a list as text that says nothing to anybody but us."""
    return base64.urlsafe_b64encode(orjson.dumps(place)).decode().rstrip("=")


def decode_cursor(cursor: str | None, *kinds: Callable[[Any], Any]) -> tuple[Any, ...] | None:
    """The place that a cursor names, each part made by its kind. Raises UnprocessableError for what is no cursor."""
    if cursor is None:
        return None
    try:
        place = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        return tuple(kind(part) for kind, part in zip(kinds, place, strict=True))
    except (ValueError, TypeError, AttributeError, binascii.Error) as error:
        problem = Problem("invalid_cursor", "/cursor", "Send a cursor as a list gave it as next_cursor.")
        raise UnprocessableError(
            "The cursor is not one of this list. Leave it out to start again.", problems=[problem]
        ) from error


def page(
    rows: Sequence[Row], limit: int, view: Callable[[Row], Item], place: Callable[[Row], tuple[Any, ...]]
) -> Page[Item]:
    """A page of `limit` items out of up to one row more, which tells whether there is a next page."""
    shown = rows[:limit]
    return {
        "items": [view(row) for row in shown],
        "next_cursor": encode_cursor(*place(shown[-1])) if len(rows) > limit else None,
    }


def rfc3339(time: datetime) -> str:
    """A time as the API tells it."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")


def maybe_rfc3339(time: datetime | None) -> str | None:
    """A time as the API tells it, or null."""
    return None if time is None else rfc3339(time)


def maybe_text(value: object) -> str | None:
    """The text of an id, or null."""
    return None if value is None else str(value)


def milliseconds(start: datetime | None, end: datetime | None) -> float | None:
    """The time between, in milliseconds, not below 0 though the clock was set back; null until both are known."""
    return None if start is None or end is None else max(0.0, round((end - start).total_seconds() * 1000, 3))
