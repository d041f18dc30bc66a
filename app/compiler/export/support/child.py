"""Nodes that run another workflow."""

from collections.abc import Awaitable, Callable
from typing import Any

from app.compiler.export.support.errors import HardError, RetryableError, RunFailed
from app.compiler.export.support.see import See


async def child_result(see: See, run: Callable[[Any, dict[str, Any]], Awaitable[Any]], value: Any) -> Any:
    """The result of a workflow; its failure is the node's."""
    try:
        return await run(value, see.more["answers"])
    except (RunFailed, ValueError) as error:
        kind = RetryableError if getattr(error, "retryable", False) else HardError
        raise kind(f"The child run failed: {error}", type="child_failed") from error
