"""Nodes that wait."""

import asyncio
from datetime import UTC, datetime


async def sleep(*, seconds: float | None = None, until: str | None = None) -> None:
    """Wait for a time, or until a moment such as 2030-01-31T08:00:00Z."""
    if until is not None:
        seconds = (datetime.fromisoformat(until) - datetime.now(UTC)).total_seconds()
    await asyncio.sleep(max(0.0, float(seconds or 0)))
