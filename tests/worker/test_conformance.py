from collections.abc import AsyncGenerator

import pytest
from langgraph.checkpoint.base import BaseCheckpointSaver, empty_checkpoint
from langgraph.checkpoint.conformance import checkpointer_test, validate
from langgraph.checkpoint.conformance.capabilities import Capability, DetectedCapabilities
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver

from app.worker.saver import JournalSaver
from tests.worker.bench import Bench

PLACE = {"configurable": {"thread_id": "thread", "checkpoint_ns": ""}}


async def saver_on(bench: Bench, *, fresh: bool = False) -> JournalSaver:
    """A checkpointer behind the fence of a new run; its threads may have any name."""
    return JournalSaver(bench.database.pool, bench.journal, await bench.claimed(), fresh=fresh)


@pytest.mark.spec("SAVE-1")
@pytest.mark.parametrize("capability", list(Capability))
async def test_the_checkpointer_keeps_what_langgraph_expects_of_one(bench: Bench, capability: Capability) -> None:
    @checkpointer_test(name="journal")
    async def journal_saver() -> AsyncGenerator[BaseCheckpointSaver[str], None]:
        yield await saver_on(bench)

    theirs = DetectedCapabilities.from_instance(AsyncPostgresSaver(bench.database.pool))

    result = (await validate(journal_saver, capabilities={capability.value})).results[capability.value]

    assert result.detected == (capability in theirs.detected)
    assert result.failures == []
    assert not result.detected or (result.passed and result.tests_passed)


@pytest.mark.spec("SAVE-2")
@pytest.mark.parametrize("fresh", [False, True])
async def test_a_read_sees_what_was_written_before_it(bench: Bench, *, fresh: bool) -> None:
    saver = await saver_on(bench, fresh=fresh)
    assert await saver.aget_tuple(PLACE) is None
    first = await saver.aput(PLACE, empty_checkpoint(), {"step": 0}, {})
    await saver.aput_writes(first, [("outputs", {"a": 1})], "task")

    found = await saver.aget_tuple(PLACE)

    assert found is not None
    assert found.config == first
    assert [write[1:] for write in found.pending_writes or []] == [("outputs", {"a": 1})]
    second = await saver.aput(first, empty_checkpoint(), {"step": 1}, {})
    assert [item.config async for item in saver.alist(PLACE)] == [second, first]


@pytest.mark.spec("SAVE-2")
async def test_a_deleted_thread_does_not_come_back_with_the_next_flush(bench: Bench) -> None:
    saver = await saver_on(bench)
    await saver.aput(PLACE, empty_checkpoint(), {}, {})

    await saver.adelete_thread("thread")

    await bench.journal.written(saver.run)
    assert [item async for item in saver.alist(PLACE)] == []


@pytest.mark.spec("SAVE-2")
async def test_metadata_of_any_text_is_stored(bench: Bench) -> None:
    saver = await saver_on(bench)
    await saver.aput(PLACE, empty_checkpoint(), {"parents": {"\0": "a\0b \ud800 \U0001f600 \\u0000"}}, {})

    found = await saver.aget_tuple(PLACE)

    assert found is not None
    assert found.metadata["parents"]["\ufffd"] == "a\ufffdb \ufffd \U0001f600 \\u0000"
