"""LangGraph's checkpoints, written by the journal in the transactions of the states and events they belong to."""

import json
from collections.abc import Sequence
from typing import Any

import orjson
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    get_serializable_checkpoint_metadata,
)
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from app.db import Pool
from app.worker.journal import Journal, RunLog


class PlainSerializer(JsonPlusSerializer):
    """LangGraph's serializer; what msgpack cannot hold (a lone surrogate, a huge integer) goes as JSON text."""

    def dumps_typed(self, obj: Any) -> tuple[str, bytes]:
        """The type and the bytes of a value."""
        try:
            return super().dumps_typed(obj)
        except (TypeError, ValueError, OverflowError):
            return "json", json.dumps(obj).encode()


class JournalSaver(AsyncPostgresSaver):
    """The checkpointer of one execution; reads from the pool, writes to the journal.

    `fresh` says that the thread has no checkpoints yet, which saves looking.
    """

    def __init__(self, pool: Pool, journal: Journal, run: RunLog, *, fresh: bool) -> None:
        super().__init__(pool, serde=PlainSerializer())
        self._journal = journal
        self._run = run
        self._fresh = fresh

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """The newest checkpoint of the thread, or the one that the config names."""
        return None if self._fresh else await super().aget_tuple(config)

    async def aput(
        self,
        config: RunnableConfig,
        checkpoint: Checkpoint,
        metadata: CheckpointMetadata,
        new_versions: ChannelVersions,
    ) -> RunnableConfig:
        """Hand a checkpoint to the journal; it is on disk when the events before and after it are."""
        place = config["configurable"]
        thread, namespace = place["thread_id"], place["checkpoint_ns"]
        values = dict(checkpoint["channel_values"])
        # Text goes to the blobs, too: jsonb refuses NUL.
        inline = {key: value for key, value in values.items() if value is None or isinstance(value, bool | int | float)}
        stored = {key: value for key, value in values.items() if key not in inline}
        versions = {key: version for key, version in new_versions.items() if key in stored}
        row = (
            thread,
            namespace,
            checkpoint["id"],
            place.get("checkpoint_id"),
            orjson.dumps({**checkpoint, "channel_values": inline}).decode(),
            json.dumps(get_serializable_checkpoint_metadata(config, metadata)),
        )
        self._journal.checkpoint(self._run, self._dump_blobs(thread, namespace, stored, versions), row)
        return {"configurable": {"thread_id": thread, "checkpoint_ns": namespace, "checkpoint_id": checkpoint["id"]}}

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Hand what a task has written to the journal."""
        place = config["configurable"]
        rows = self._dump_writes(
            place["thread_id"], place["checkpoint_ns"], place["checkpoint_id"], task_id, task_path, writes
        )
        self._journal.pending_writes(self._run, rows)
