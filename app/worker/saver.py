"""LangGraph's checkpoints, written by the journal in the transactions of the states and events they belong to."""

import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from functools import partial
from typing import Any

import orjson
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    ChannelVersions,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    DeltaChannelHistory,
    get_serializable_checkpoint_metadata,
)
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from app.db import Pool
from app.worker.entries import RunLog
from app.worker.journal import Journal
from app.worker.patience import outlasting


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

    Every write goes behind the fence of `run`. `fresh` says that its thread has no checkpoints yet.
    Reads flush what this execution has written before; other namespaces of a fresh thread cost no look.
    """

    def __init__(self, pool: Pool, journal: Journal, run: RunLog, *, fresh: bool) -> None:
        super().__init__(pool, serde=PlainSerializer())
        self._journal = journal
        self.run = run
        self._fresh = fresh
        self._begun: set[tuple[str, str]] = set()

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        """The newest checkpoint of the thread, or the one that the config names."""
        place = config["configurable"]
        if (place["thread_id"], place.get("checkpoint_ns", "")) in self._begun:
            await self._journal.written(self.run)
        elif self._fresh:
            return None
        return await outlasting(partial(super().aget_tuple, config), "A run")

    async def alist(
        self,
        config: RunnableConfig | None,
        *,
        filter: dict[str, Any] | None = None,  # noqa: A002  # the base class names it
        before: RunnableConfig | None = None,
        limit: int | None = None,
    ) -> AsyncIterator[CheckpointTuple]:
        """The checkpoints that fit, the newest first."""
        await self._flush()
        async for found in super().alist(config, filter=filter, before=before, limit=limit):
            yield found

    async def aget_delta_channel_history(
        self, *, config: RunnableConfig, channels: Sequence[str]
    ) -> Mapping[str, DeltaChannelHistory]:
        """What was written to channels that keep differences."""
        await self._flush()
        return await super().aget_delta_channel_history(config=config, channels=channels)

    async def adelete_thread(self, thread_id: str) -> None:
        """Delete the thread with all that was written to it before."""
        await self._flush()
        await super().adelete_thread(thread_id)

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        """Delete old checkpoints of threads; raises what the base class does."""
        await self._flush()
        await super().aprune(thread_ids, strategy=strategy)

    async def _flush(self) -> None:
        if self._begun:
            await self._journal.written(self.run)

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
        self._begun.add((thread, namespace))
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
            _storable(json.dumps(get_serializable_checkpoint_metadata(config, metadata))),
        )
        self._journal.checkpoint(self.run, self._dump_blobs(thread, namespace, stored, versions), row)
        return {"configurable": {"thread_id": thread, "checkpoint_ns": namespace, "checkpoint_id": checkpoint["id"]}}

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        """Hand what a task has written to the journal."""
        place = config["configurable"]
        thread, namespace = place["thread_id"], place["checkpoint_ns"]
        self._begun.add((thread, namespace))
        rows = self._dump_writes(thread, namespace, place["checkpoint_id"], task_id, task_path, writes)
        self._journal.pending_writes(self.run, rows)


_ESCAPES = re.compile(r"\\\\|\\u(?:0000|d[89ab][0-9a-f]{2}\\ud[c-f][0-9a-f]{2}|d[89a-f][0-9a-f]{2})")
"""Escapes of JSON text that have to be looked at: backslashes, whole pairs of surrogates, and what jsonb refuses."""


def _storable(text: str) -> str:
    """The JSON text as jsonb takes it: NUL and lone surrogates become U+FFFD."""
    if "\\u" not in text:
        return text
    return _ESCAPES.sub(lambda found: "\\ufffd" if len(found[0]) == len("\\u0000") else found[0], text)
