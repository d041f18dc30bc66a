"""Telling `astream_events` of a piece of work at the price of two calls.

LangChain's own way copies the callback manager twice and makes three tasks for each runnable, which is more than most
nodes cost. It is taken only where somebody else listens, too, such as a tracer.
"""

from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, cast

from langchain_core.callbacks import AsyncCallbackHandler, AsyncCallbackManager
from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import var_child_runnable_config
from langchain_core.utils.uuid import uuid7

Given = TypeVar("Given")
Result = TypeVar("Result")
Work = Callable[[Given, RunnableConfig], Awaitable[Result]]


def only_listener(config: RunnableConfig) -> AsyncCallbackHandler | None:
    """The handler of `astream_events`, if it is the only one that listens."""
    manager = config.get("callbacks")
    if isinstance(manager, AsyncCallbackManager) and len(manager.handlers) == 1:
        handler = manager.handlers[0]
        return handler if isinstance(handler, AsyncCallbackHandler) else None
    return None


async def announced(
    listener: AsyncCallbackHandler,
    work: Work[Given, Result],
    given: Given,
    config: RunnableConfig,
    *,
    name: str,
    tag: str,
) -> Result:
    """Do the work; the listener hears of its begin and its end, and of everything that runs inside it."""
    manager = cast(AsyncCallbackManager, config["callbacks"])
    run_id, parent, tags = uuid7(), manager.parent_run_id, [tag]
    told: dict[str, Any] = {"run_id": run_id, "parent_run_id": parent, "tags": tags}
    await listener.on_chain_start(None, given, **told, metadata=manager.metadata, name=name)  # type: ignore[arg-type]  # LangChain itself gives None and any value
    inside = AsyncCallbackManager([listener], [listener], run_id, tags=tags, inheritable_tags=tags)
    inside.metadata = inside.inheritable_metadata = manager.inheritable_metadata
    child: dict[str, Any] = {**config, "callbacks": inside, "tags": tags}
    child.pop("run_name", None)
    child.pop("run_id", None)
    # Runnables that the work calls without a config of their own find this one.
    token = var_child_runnable_config.set(cast(RunnableConfig, child))
    try:
        result = await work(given, cast(RunnableConfig, child))
    except BaseException as error:
        await listener.on_chain_error(error, **told)
        raise
    finally:
        var_child_runnable_config.reset(token)
    await listener.on_chain_end(result, **told)  # type: ignore[arg-type]  # as above
    return result
