import asyncio
import json
import random
from contextlib import aclosing
from typing import Any
from uuid import UUID

import pytest

from app.db import Database
from app.events import EventText, Hub
from app.events import hub as hub_module
from app.events import subscriber as subscriber_module
from app.events.store import read_many
from tests.streams.conftest import COMPLETED, PROGRESS, Writer, collect, eventually, listening, seqs


@pytest.mark.spec("STREAM-1")
async def test_readers_that_come_at_any_time_get_every_event_once_in_order(hub: Hub, writer: Writer) -> None:
    runs = [await writer.run() for _ in range(5)]
    total = 300

    async def write(run_id: UUID) -> None:
        chance = random.Random(str(run_id))
        left = total - 1
        while left:
            size = min(left, chance.randint(1, 12))
            await writer.write(run_id, *[PROGRESS] * size, wake=chance.random() < 0.8)
            left -= size
            await asyncio.sleep(0)
        await writer.write(run_id, COMPLETED)

    async def read(run_id: UUID, number: int) -> list[int]:
        chance = random.Random(number)
        got: list[int] = []
        while not got or got[-1] < total:
            wanted = chance.randint(1, 60)
            events = await collect(hub, run_id, got[-1] if got else 0, count=wanted)
            got += seqs(events)
        return got

    async with asyncio.timeout(60):
        readers = [asyncio.create_task(read(run, number)) for run in runs for number in range(8)]
        await asyncio.gather(*(write(run) for run in runs))
        for got in await asyncio.gather(*readers):
            assert got == list(range(1, total + 1))


@pytest.mark.spec("STREAM-1")
async def test_a_reader_can_resume_after_every_seq(hub: Hub, writer: Writer) -> None:
    run = await writer.run(29)
    await writer.write(run, COMPLETED)
    for after in range(30):
        assert seqs(await collect(hub, run, after)) == list(range(after + 1, 31))


@pytest.mark.spec("STREAM-2")
async def test_the_stream_ends_after_the_terminal_event_that_nothing_follows(hub: Hub, writer: Writer) -> None:
    run = await writer.run(3)
    await writer.write(run, "workflow.run.failed", "workflow.run.queued")
    stream = asyncio.create_task(collect(hub, run))
    await writer.write(run, PROGRESS)
    await writer.write(run, COMPLETED)
    events = await asyncio.wait_for(stream, 10)
    assert [event.type for event in events][-4:] == ["workflow.run.failed", "workflow.run.queued", PROGRESS, COMPLETED]


@pytest.mark.spec("STREAM-2")
@pytest.mark.parametrize("before", [199, 200, 399, 400])
async def test_an_end_in_the_middle_of_a_long_log_does_not_end_the_stream(
    hub: Hub, writer: Writer, before: int
) -> None:
    run = await writer.run(before - 1)
    await writer.write(run, "workflow.run.failed")
    await writer.write(run, *[PROGRESS] * 250, COMPLETED)
    assert seqs(await collect(hub, run)) == list(range(1, before + 252))


@pytest.mark.spec("STREAM-3")
async def test_events_whose_notification_was_lost_arrive_by_polling(hub: Hub, writer: Writer) -> None:
    run = await writer.run(2)
    stream = asyncio.create_task(collect(hub, run))
    await eventually(lambda: _is_live(hub, run))
    await writer.write(run, PROGRESS, wake=False)
    await writer.write(run, COMPLETED, wake=False)
    assert seqs(await asyncio.wait_for(stream, 5)) == [1, 2, 3, 4]


@pytest.mark.spec("STREAM-3")
async def test_a_listener_that_was_cut_off_comes_back(database: Database, writer: Writer) -> None:
    hub = Hub(database.url, database.pool, poll_seconds=3600)
    await hub.start()
    await listening(database, 1)
    run = await writer.run(1)
    stream = asyncio.create_task(collect(hub, run))
    await eventually(lambda: _is_live(hub, run))
    async with database.pool.connection() as connection:
        await connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'graphwright-listen'"
        )
    await writer.write(run, PROGRESS, wake=False)
    await listening(database, 1)
    await writer.write(run, COMPLETED)
    assert seqs(await asyncio.wait_for(stream, 5)) == [1, 2, 3]
    await hub.stop()


@pytest.mark.spec("STREAM-3")
async def test_the_sender_of_notifications_survives_the_loss_of_its_connection(
    database: Database, writer: Writer
) -> None:
    hub = Hub(database.url, database.pool, poll_seconds=3600)
    await hub.start()
    await listening(database, 1)
    run = await writer.run(1)
    stream = asyncio.create_task(collect(hub, run))
    await eventually(lambda: _is_live(hub, run))
    async with database.pool.connection() as connection:
        await connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'graphwright-notify'"
        )
    await writer.write(run, PROGRESS, COMPLETED)
    assert seqs(await asyncio.wait_for(stream, 5)) == [1, 2, 3]
    await hub.stop()


@pytest.mark.spec("STREAM-3")
async def test_notifications_that_nobody_understands_harm_nothing(hub: Hub, writer: Writer, database: Database) -> None:
    run = await writer.run(1)
    stream = asyncio.create_task(collect(hub, run))
    await eventually(lambda: _is_live(hub, run))
    async with database.pool.connection() as connection:
        for payload in ("", "nonsense", "[1]", '[["x","y",1]]', f'[["{writer.project_id}","{run}",999999]]'):
            await connection.execute("select pg_notify('graphwright_events', %s)", (payload,))
    await writer.write(run, COMPLETED)
    assert seqs(await asyncio.wait_for(stream, 5)) == [1, 2]


@pytest.mark.spec("STREAM-4")
async def test_a_reader_that_does_not_take_its_events_goes_on_from_the_log(
    hub: Hub, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriber_module, "BUFFER_EVENTS", 20)
    run = await writer.run(1)
    got: list[EventText] = []
    async with aclosing(hub.run_events(run, 0)) as frozen:
        got += await anext(frozen)
        waiting = asyncio.ensure_future(anext(frozen))
        await eventually(lambda: _is_live(hub, run))
        await writer.write(run, PROGRESS)
        got += await waiting
        for _ in range(30):
            await writer.write(run, *[PROGRESS] * 5)
        assert seqs(await collect(hub, run, 2, count=150)) == list(range(3, 153))
        (reader,) = hub._readers
        await eventually(lambda: reader.lagged)
        assert reader._events <= 20
        await writer.write(run, COMPLETED)
        async for batch in frozen:
            got += batch
    assert seqs(got) == list(range(1, 154))


@pytest.mark.spec("STREAM-5")
async def test_two_hundred_waiting_readers_hold_no_connection_of_the_pool(
    hub: Hub, writer: Writer, database: Database
) -> None:
    run = await writer.run(3)
    streams = [asyncio.create_task(collect(hub, run)) for _ in range(200)]
    await eventually(lambda: len(hub._readers) == 200 and _is_live(hub, run) and not _behind(hub))
    stats = database.pool.get_stats()
    assert stats["pool_available"] == stats["pool_size"]
    async with database.pool.connection() as connection:
        cursor = await connection.execute(
            """select application_name, state from pg_stat_activity
               where datname = current_database() and pid <> pg_backend_pid()"""
        )
        rows = await cursor.fetchall()
    assert not [row for row in rows if row["state"] != "idle"]
    assert len([row for row in rows if row["application_name"] == "graphwright-listen"]) == 1
    await writer.write(run, COMPLETED)
    for events in await asyncio.wait_for(asyncio.gather(*streams), 10):
        assert seqs(events) == [1, 2, 3, 4]


@pytest.mark.spec("STREAM-5")
async def test_readers_of_one_run_share_each_event(hub: Hub, writer: Writer) -> None:
    run = await writer.run(1)
    streams = [asyncio.create_task(collect(hub, run, 1)) for _ in range(20)]
    await eventually(lambda: len(hub._readers) == 20 and not _behind(hub))
    await writer.write(run, COMPLETED)
    events = [events[0] for events in await asyncio.gather(*streams)]
    assert len({id(event) for event in events}) == 1


@pytest.mark.spec("STREAM-6")
async def test_shutdown_ends_all_streams_and_those_to_come(hub: Hub, writer: Writer) -> None:
    run = await writer.run(2)
    streams = [asyncio.create_task(collect(hub, run)) for _ in range(20)]
    await eventually(lambda: len(hub._readers) == 20 and not _behind(hub))
    hub.shutdown()
    assert [seqs(events) for events in await asyncio.wait_for(asyncio.gather(*streams), 1)] == [[1, 2]] * 20
    assert await asyncio.wait_for(collect(hub, run), 1) == []


@pytest.mark.spec("STREAM-2")
async def test_the_stream_of_a_deleted_run_ends(hub: Hub, writer: Writer, database: Database) -> None:
    run = await writer.run(2)
    stream = asyncio.create_task(collect(hub, run))
    await eventually(lambda: _is_live(hub, run))
    async with database.pool.connection() as connection:
        await connection.execute("delete from runs where id = %s", (run,))
    assert seqs(await asyncio.wait_for(stream, 5)) == [1, 2]


@pytest.mark.spec("STREAM-1")
async def test_events_go_out_as_they_were_written(hub: Hub, writer: Writer, database: Database) -> None:
    run = await writer.run()
    data = {"output": 'NUL \x00, half \ud800, \u2028, é, "q"\n', "n": 2**80, "nested": {"a": [1, None, 1.5]}}
    await writer.write(run, "workflow.node.completed", data=data, node_id='a:"b"|é\\')
    await writer.write(run, COMPLETED, node_id=None)
    first, last = await collect(hub, run)
    event = json.loads(first.text)
    assert event["data"] == data
    assert event["node_id"] == 'a:"b"|é\\'
    assert list(event) == ["id", "seq", "type", "at", "project_id", "run_id", "node_id", "data"]
    assert (event["seq"], event["type"], event["run_id"]) == (1, "workflow.node.completed", str(run))
    assert event["at"].endswith("Z")
    assert json.loads(last.text)["node_id"] is None
    async with database.pool.connection() as connection:
        await connection.execute("update run_events set data = E'{\\n\"a\":\\r\\n1}'::json where run_id = %s", (run,))
    (changed, _) = (await read_many(database.pool, {run: 0}, 10))[run]
    lines = changed.frame.decode().split("\n")
    assert [line.partition(":")[0] for line in lines] == ["id", "event", "data", "", ""]
    assert json.loads(lines[2].removeprefix("data: "))["data"] == {"a": 1}


async def test_a_loop_that_fails_begins_again(hub: Hub, writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "RETRY_SECONDS", 0.01)
    run = await writer.run(1)
    stream = asyncio.create_task(collect(hub, run))
    await eventually(lambda: _is_live(hub, run))
    deliver, failures = hub._feeds.deliver, [ValueError("once")]

    def failing(*arguments: Any) -> None:
        if failures:
            raise failures.pop()
        deliver(*arguments)

    monkeypatch.setattr(hub._feeds, "deliver", failing)
    await writer.write(run, COMPLETED)
    assert seqs(await asyncio.wait_for(stream, 5)) == [1, 2]


async def test_what_follows_an_end_reaches_a_reader_of_the_project_that_takes_the_end_late(
    database: Database, writer: Writer
) -> None:
    hub = Hub(database.url, database.pool)
    run = await writer.run(1)
    reader = hub.open()
    await hub.subscribe(reader, writer.project_id, None, {run: 0})
    assert seqs(await hub.read(reader)) == [1]
    hub.hear(writer.project_id, run, await writer.write(run, "workflow.run.failed"))
    await hub._hand_out()
    hub.hear(writer.project_id, run, await writer.write(run, PROGRESS))
    assert seqs(await hub.read(reader)) == [2]
    await hub._hand_out()
    assert seqs(await asyncio.wait_for(hub.read(reader), 5)) == [3]


async def test_what_others_were_handed_while_a_reader_read_the_log_reaches_it(
    database: Database, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = Hub(database.url, database.pool)
    run = await writer.run(1)
    other, reader = hub.open(), hub.open()
    assert await hub.begin(other, writer.project_id, run, 1)
    hub._feeds.join(reader, run, 0, None)

    async def late(*arguments: Any) -> dict[UUID, list[EventText]]:
        monkeypatch.setattr(hub_module.store, "read_many", read_many)
        found = await read_many(*arguments)
        last = await writer.write(run, PROGRESS, PROGRESS)
        await hub._hand_out()
        hub.leave(other)
        hub.hear(writer.project_id, run, last)
        return found

    monkeypatch.setattr(hub_module.store, "read_many", late)
    assert seqs(await hub.read(reader)) == [1]
    await hub._hand_out()
    assert seqs(await asyncio.wait_for(hub.read(reader), 5)) == [2, 3]


@pytest.mark.spec("STREAM-2")
async def test_a_read_that_is_full_with_an_end_does_not_end_the_stream(
    database: Database, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "READ_EVENTS", 3)
    hub = Hub(database.url, database.pool)
    run = await writer.run(1)
    reader = hub.open()
    assert await hub.begin(reader, writer.project_id, run, 1)
    hub.hear(writer.project_id, run, await writer.write(run, PROGRESS, PROGRESS, "workflow.run.failed", PROGRESS))
    await hub._hand_out()
    events = await hub.read(reader)
    assert hub.goes_on(reader, run, events[-1])
    await hub._hand_out()
    assert seqs([*events, *await asyncio.wait_for(hub.read(reader), 5)]) == [2, 3, 4, 5]


@pytest.mark.spec("STREAM-21")
async def test_who_subscribes_to_all_runs_again_misses_none_that_ended_unheard(
    database: Database, writer: Writer
) -> None:
    hub = Hub(database.url, database.pool)
    reader = hub.open()
    await hub.subscribe(reader, writer.project_id, None, {})
    run = await writer.run(1)
    last = await writer.write(run, COMPLETED)
    await hub.subscribe(reader, writer.project_id, None, {})
    hub.hear(writer.project_id, run, last)
    await hub._meet()
    await hub._hand_out()
    assert seqs(await asyncio.wait_for(hub.read(reader), 5)) == [1, 2]


@pytest.mark.spec("STREAM-73")
async def test_who_subscribes_to_all_runs_anew_gets_nothing_from_before(database: Database, writer: Writer) -> None:
    hub = Hub(database.url, database.pool)
    run = await writer.run(1)
    reader = hub.open()
    await hub.subscribe(reader, writer.project_id, None, {run: 1})
    hub.hear(writer.project_id, run, await writer.write(run, "workflow.run.failed"))
    await hub._hand_out()
    assert seqs(await hub.read(reader)) == [2]
    hub.unsubscribe(reader, None)
    await writer.write(run, PROGRESS, "workflow.run.failed")
    await hub.subscribe(reader, writer.project_id, None, {})
    hub.hear(writer.project_id, run, await writer.write(run, PROGRESS))
    await hub._meet()
    await hub._hand_out()
    assert seqs(await asyncio.wait_for(hub.read(reader), 5)) == [5]


@pytest.mark.spec("STREAM-73")
async def test_what_waits_while_the_log_is_read_goes_with_its_subscription(
    database: Database, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = Hub(database.url, database.pool)
    run, other = await writer.run(1), await writer.run(1)
    reader = hub.open()
    await hub.subscribe(reader, writer.project_id, [run], {})
    hub.hear(writer.project_id, run, await writer.write(run, PROGRESS))
    await hub._hand_out()
    await hub.subscribe(reader, writer.project_id, [other], {other: 0})

    async def late(*arguments: Any) -> dict[UUID, list[EventText]]:
        monkeypatch.setattr(hub_module.store, "read_many", read_many)
        found = await read_many(*arguments)
        await hub.subscribe(reader, writer.project_id, [run], {run: 1})
        return found

    monkeypatch.setattr(hub_module.store, "read_many", late)
    assert [(event.run_id, event.seq) for event in await hub.read(reader)] == [(other, 1)]
    assert [(event.run_id, event.seq) for event in await asyncio.wait_for(hub.read(reader), 5)] == [(run, 2)]


def _is_live(hub: Hub, run_id: UUID) -> bool:
    feed = hub._feeds.by_run.get(run_id)
    return feed is not None and feed.live


def _behind(hub: Hub) -> bool:
    return any(reader.behind for reader in hub._readers)
