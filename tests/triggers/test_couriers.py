"""Several couriers on one database."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from app.compiler.guard import HttpGuard
from app.db import Database
from app.worker.courier import Courier
from tests.support import until
from tests.triggers.conftest import CHAIN, Hooks


def courier_of(database: Database) -> Courier:
    return Courier(database, HttpGuard(allow_loopback=True), retry_seconds=0.1)


async def end(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.mark.spec("HOOK-3")
async def test_couriers_share_the_work_and_send_each_event_once(still: Hooks, database: Database) -> None:
    made = [await still.make(f"/{n}", events=["*"]) for n in range(3)]
    workflow = await still.project.workflow(CHAIN)
    for n in range(20):
        await still.project.run(workflow["id"], n, execute=n % 2 == 0)
    tasks = [asyncio.create_task(courier_of(database).run()) for _ in range(3)]

    found = [await still.settled(one, 30) for one in made]

    await end(*tasks)
    assert [len(one) for one in found] == [30, 30, 30]
    assert all(delivery["attempts"] == 1 for one in found for delivery in one)
    assert len({got.headers["webhook-id"] for got in still.receiver.got}) == len(still.receiver.got) == 90
    for n in range(3):
        seqs: dict[str, list[int]] = {}
        for got in still.receiver.at(f"/{n}"):
            seqs.setdefault(got.event["run_id"], []).append(got.event["seq"])
        assert all(one == sorted(one) for one in seqs.values())


@pytest.mark.spec("HOOK-40")
@pytest.mark.parametrize("host", ["a..example", "a" * 64 + ".example"])
async def test_a_name_that_cannot_be_is_a_failure_like_any_other(still: Hooks, database: Database, host: str) -> None:
    made = await still.make(url=f"http://{host}/")
    await still.post(made, "ping")
    task = asyncio.create_task(courier_of(database).run())

    async def tried() -> Any:
        (delivery,) = await still.deliveries(made)
        return delivery["answer"]

    answer = await until(tried)
    await end(task)
    assert answer["status"] is None
    assert "cannot be resolved" in answer["error"]
    assert (await still.get(made))["failing_since"] is not None


@pytest.mark.spec("HOOK-11")
async def test_a_courier_that_is_stopped_leaves_its_deliveries_to_others(still: Hooks, database: Database) -> None:
    made = await still.make()
    still.receiver.hanging = {"/"}
    await still.post(made, "ping")
    first = asyncio.create_task(courier_of(database).run())

    async def under_way() -> Any:
        return still.receiver.got

    await until(under_way)
    await end(first)
    still.receiver.hanging = set()
    second = asyncio.create_task(courier_of(database).run())
    try:
        (delivery,) = await still.settled(made, 1)
    finally:
        await end(second)
    assert delivery["attempts"] == 2
