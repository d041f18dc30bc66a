import asyncio
import json
from typing import Any

import pytest
from websockets.asyncio.client import connect

from app.events import subscriber as subscriber_module
from tests.streams.conftest import COMPLETED, PROGRESS, Served, Writer

RUNS = 50
EVENTS = 12


async def watch(
    place: str, runs: list[str], met: asyncio.Semaphore, *, after: asyncio.Event | None = None
) -> tuple[dict[str, list[int]], int]:
    """The seqs of each run over one WebSocket, and how often it was told that it lags.

    It releases `met` when it has had the first event of each run; then it stands still until `after` is set, where
    that is given.
    """
    got: dict[str, list[int]] = {run: [] for run in runs}
    lagged = 0
    async with connect(place, max_queue=1 if after else 4096, compression=None) as socket:
        await socket.send(json.dumps({"type": "subscribe", "runs": "*", "after": dict.fromkeys(runs, 0)}))
        snapshot: dict[str, Any] = json.loads(await socket.recv())
        assert {head["id"] for head in snapshot["runs"]} == set(runs)
        while (count := sum(map(len, got.values()))) < RUNS * EVENTS:
            if count == RUNS and all(got.values()):
                met.release()
                if after is not None:
                    await after.wait()
            message = json.loads(await socket.recv())
            if message["type"] == "lagged":
                lagged += 1
            else:
                got[message["run_id"]].append(message["seq"])
    return got, lagged


@pytest.mark.spec("STREAM-71")
async def test_a_whole_project_under_load_reaches_quick_and_slow_readers(
    served: Served, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subscriber_module, "BUFFER_EVENTS", 20)
    runs = [await writer.run() for _ in range(RUNS)]
    names = [str(run) for run in runs]
    place = f"{served.ws}/projects/{writer.project_id}/ws"
    met, written = asyncio.Semaphore(0), asyncio.Event()
    slow = asyncio.create_task(watch(place, names, met, after=written))
    quick = [asyncio.create_task(watch(place, names, met)) for _ in range(3)]
    await asyncio.gather(*(writer.write(run, PROGRESS) for run in runs))
    # Who still reads the log as this begins is never told that it lags: it is not behind anything it was promised.
    async with asyncio.timeout(20):
        for _ in range(4):
            await met.acquire()
    for _ in range(EVENTS - 2):
        await asyncio.gather(*(writer.write(run, PROGRESS, data={"text": "x" * 40_000}) for run in runs))
    await asyncio.gather(*(writer.write(run, COMPLETED) for run in runs))
    written.set()
    expected = {name: list(range(1, EVENTS + 1)) for name in names}
    async with asyncio.timeout(40):
        for got, _ in await asyncio.gather(*quick):
            assert got == expected
        got, lagged = await slow
    assert got == expected
    assert lagged
