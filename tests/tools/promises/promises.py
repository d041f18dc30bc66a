"""A tool that never gives the same twice, so that a second result cannot be taken for the first."""

import asyncio
import secrets

from app.compiler import tool


@tool(name="promises.draw")
async def draw(before: list[str]) -> list[str]:
    """What was drawn before, and one more."""
    await asyncio.sleep(0.03)
    return [*before, secrets.token_hex(8)]
