"""Plain LangGraph with its AsyncPostgresSaver in this process: what everything is measured against."""

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from psycopg import AsyncConnection
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

from benchmarks.server import database
from benchmarks.shapes import Shape, plain

CONNECTIONS = 10


class Peer:
    """Graphs with one saver over one pool, as LangGraph's own documentation sets it up."""

    def __init__(self, saver: AsyncPostgresSaver) -> None:
        self._saver = saver
        self._graphs: dict[str, Any] = {}

    def store(self, *shapes: Shape) -> None:
        """Compile the shapes, once."""
        for shape in shapes:
            self._graphs[shape.name] = plain(shape).compile(checkpointer=self._saver)

    async def run(self, shape: Shape) -> dict[str, Any]:
        """One run on a thread of its own; its final state."""
        config: RunnableConfig = {"configurable": {"thread_id": uuid.uuid4().hex}, "recursion_limit": 10_000}
        state: dict[str, Any] = await self._graphs[shape.name].ainvoke({"outputs": {}}, config, durability="async")
        assert len(state["outputs"]) == len(shape.nodes)
        return state


@asynccontextmanager
async def peer() -> AsyncIterator[Peer]:
    """Plain LangGraph on a PostgreSQL server of its own, of the same binaries."""
    async with (
        database() as (_, url, _),
        AsyncConnectionPool[AsyncConnection[DictRow]](
            url,
            min_size=CONNECTIONS,
            max_size=CONNECTIONS,
            open=False,
            connection_class=AsyncConnection[DictRow],
            kwargs={"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row},
        ) as pool,
    ):
        saver = AsyncPostgresSaver(pool)
        await saver.setup()
        yield Peer(saver)
