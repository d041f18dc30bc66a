"""What an attempt of a node is made of, wherever it is made: a checked config, a limit of time."""

import asyncio
from collections.abc import Awaitable
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from app.compiler.failures import HardError
from app.compiler.registry import NodeType

T = TypeVar("T")


class NodeTimeoutError(TimeoutError):
    """A node took longer than its `timeout`; worth another try."""

    TYPE = "NodeTimeoutError"


def checked(node_type: NodeType, config: Any) -> BaseModel:
    """A rendered config as the type's model; raises HardError `invalid_config` that names what is wrong."""
    try:
        return node_type.config.model_validate(config)
    except ValidationError as error:
        said = "; ".join(
            f"`{'.'.join(str(part) for part in detail['loc'])}`: {detail['msg']}"
            for detail in error.errors(include_url=False, include_context=False, include_input=False)
        )
        raise HardError(
            f"The config is not valid once its templates are filled in: {said}.", "invalid_config"
        ) from None


async def in_time(work: Awaitable[T], left: float, whole: float) -> T:
    """What the work gives within `left` of the node's `whole` seconds; raises NodeTimeoutError."""
    try:
        async with asyncio.timeout(left) as limit:
            return await work
    except TimeoutError as error:
        if not limit.expired():
            raise
        message = f"No result within {whole:g} seconds; raise the node's `timeout` if it needs longer."
        raise NodeTimeoutError(message) from error


def is_being_cancelled() -> bool:
    """Whether a CancelledError means the current task, and not something that its code has awaited."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
