"""Nodes that run another node for each item of a list."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from app.compiler.export.support.errors import HardError, Retry, RetryableError, in_time, told, tried
from app.compiler.export.support.see import See


async def each(
    see: See,
    items: Any,
    work: Callable[[See], Awaitable[Any]],
    *,
    concurrency: int = 10,
    on_item_error: str = "fail",
    on_error: str = "fail",
    retry: Retry | None = None,
    timeout: float | None = None,  # noqa: ASYNC109
) -> list[Any]:
    """What `work` gives for each item, in their order; it sees `item` and `index`, and so many run at once."""
    if not isinstance(items, list):
        raise HardError(f"`items` must be a list; this is {type(items).__name__}.", "invalid_config")
    free = asyncio.Semaphore(concurrency)

    async def one(index: int, item: Any) -> Any:
        attempt = partial(in_time, partial(work, see.of_item(item, index)), timeout)
        try:
            async with free:
                return await tried(attempt, retry)
        except Exception as error:
            if on_error == "continue":
                return None
            said = told(error)
            if on_item_error == "collect":
                return {"error": {"type": said["type"], "message": said["message"]}}
            kind = RetryableError if said["retryable"] else HardError
            raise kind(f"Item {index}: {said['message']}", type=said["type"]) from error

    tasks = [asyncio.create_task(one(index, item)) for index, item in enumerate(items)]
    try:
        return list(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()
