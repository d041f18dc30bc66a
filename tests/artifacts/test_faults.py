import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, LiteralString

import httpx
import psycopg
import pytest

from app.compiler.artifacts import pieces_of
from app.compiler.failures import RetryableError
from app.services.artifacts import BLOCK_BYTES
from app.worker.artifacts import ArtifactStore, RunArtifacts
from tests.artifacts.files import Files, alone, pattern, tool
from tests.support import Project, ServerProcess, ended, until, waits_for_a_lock
from tests.worker.bench import Bench
from tests.worker.conftest import Trace, bench, client, process
from tests.worker.runs import started

__all__ = ["bench", "client", "process"]

A = ("a", 0, ())


async def lines(trace: Trace, count: int) -> bool:
    return len(trace.lines()) >= count


async def save(artifacts: RunArtifacts, content: AsyncIterator[bytes], name: str = "a.bin") -> str:
    """The id of a file that an executor's node has saved."""
    reference = await artifacts.save(A, 1, name=name, media_type="text/plain", content=content)
    return str(reference["artifact"])


async def rows(bench: Bench, query: LiteralString) -> list[dict[str, Any]]:
    """The rows of a query."""
    async with bench.database.pool.connection() as connection:
        return await (await connection.execute(query)).fetchall()


@pytest.mark.spec("ART-20")
async def test_a_file_outlives_its_process_and_is_replaced_when_the_node_runs_again(
    process: ServerProcess, client: httpx.AsyncClient, trace: Trace, tmp_path: Path
) -> None:
    files, gate = Files(await Project.make(client)), tmp_path / "gate"
    path = await started(files.project, alone(tool("a", "stay", name="a.txt", path=str(trace.path), gate=str(gate))))
    await until(lambda: lines(trace, 1))
    (before,) = await files.listed(path)

    process.kill()
    await process.start()
    assert await files.text(path, before) == "of attempt 1"
    await until(lambda: lines(trace, 2), seconds=30)
    gate.touch()
    await ended(client, path)

    after = {one["name"]: one for one in await files.listed(path)}
    assert set(after) == {"a.txt", "late.txt"}
    assert (await files.get(path, before)).status_code == 404
    assert await files.text(path, after["a.txt"]) == f"of attempt {after['a.txt']['attempt']}"
    assert (await files.output(path))["artifact"] == after["late.txt"]["id"]


@pytest.mark.spec("ART-7")
async def test_of_a_file_that_was_being_saved_when_the_process_was_killed_nothing_is_left(
    process: ServerProcess, client: httpx.AsyncClient
) -> None:
    files = Files(await Project.make(client))
    size = 30_000_000
    async with await psycopg.AsyncConnection.connect(process.database_url or "", autocommit=True) as connection:

        async def is_written() -> bool:
            cursor = await connection.execute(
                "select 1 from pg_stat_progress_copy where relid = 'artifact_blocks'::regclass"
            )
            return await cursor.fetchone() is not None

        path = await started(files.project, alone(tool("a", "stream", size=size)))
        await until(is_written)
        process.kill()
        left = await (await connection.execute("select count(*) from artifact_blocks")).fetchone()
    assert left == (0,)

    await process.start()
    await ended(client, path, seconds=30)
    reference = await files.output(path)
    assert hashlib.sha256((await files.get(path, reference)).content).hexdigest() == reference["sha256"]


@pytest.mark.spec("ART-19")
async def test_a_run_that_was_cancelled_saves_nothing_more(
    process: ServerProcess, client: httpx.AsyncClient, trace: Trace, tmp_path: Path
) -> None:
    files, gate = Files(await Project.make(client)), tmp_path / "gate"
    path = await started(files.project, alone(tool("a", "stubborn", path=str(trace.path), gate=str(gate))))
    await until(lambda: lines(trace, 1))

    assert (await client.post(f"{path}/cancel")).status_code == 202
    await until(lambda: lines(trace, 2))
    gate.touch()
    await until(lambda: lines(trace, 3))

    assert trace.lines() == ["begun", "cancelled", "The run was cancelled, or has gone to another worker."]
    assert await files.listed(path) == []


@pytest.mark.spec("ART-19")
async def test_a_thread_of_an_earlier_attempt_saves_nothing_over_a_later_one(
    process: ServerProcess, client: httpx.AsyncClient, trace: Trace, tmp_path: Path
) -> None:
    files, gate = Files(await Project.make(client)), tmp_path / "gate"
    again = {"max_attempts": 2, "initial_interval": 0.01}
    node = tool("a", "late_thread", path=str(trace.path), gate=str(gate), retry=again, timeout=0.5)
    path = await files.run(alone(node))

    gate.touch()
    await until(lambda: lines(trace, 1))

    assert trace.lines() == ["attempt_over"]
    assert await files.text(path, await files.output(path)) == "of a later attempt"


@pytest.mark.spec("ART-19")
async def test_a_worker_that_has_lost_its_run_saves_nothing(bench: Bench) -> None:
    run = await bench.claimed()
    artifacts = ArtifactStore(bench.database.pool, 10**6).of_execution(run)
    kept = await save(artifacts, pieces_of("kept"))

    async def lost_meanwhile() -> AsyncIterator[bytes]:
        yield b"one"
        await rows(bench, "update runs set claim = claim + 1 returning id")
        yield b"two"

    with pytest.raises(RetryableError):
        await save(artifacts, lost_meanwhile())

    assert [str(row["id"]) for row in await rows(bench, "select id from artifacts")] == [kept]
    assert [str(row["artifact_id"]) for row in await rows(bench, "select artifact_id from artifact_blocks")] == [kept]
    assert await artifacts.read(kept) == b"kept"


@pytest.mark.spec("ART-7")
async def test_a_file_is_saved_once_however_often_the_database_goes_away(bench: Bench) -> None:
    run = await bench.claimed()
    artifacts = ArtifactStore(bench.database.pool, 10**7).of_execution(run)
    size = 3 * BLOCK_BYTES + 1
    async with bench.database.pool.connection() as connection, connection.transaction():
        await connection.execute("select 1 from runs where id = %s for update", (run.run_id,))
        saving = asyncio.create_task(save(artifacts, pattern(size)))
        for _ in range(2):
            await until(lambda: waits_for_a_lock(bench.database))
            ending = """select pg_terminate_backend(pid, 5000) as ended from pg_stat_activity
                        where datname = current_database() and wait_event_type = 'Lock'"""
            assert [row["ended"] for row in await rows(bench, ending)] == [True]
        assert not saving.done()
    saved = await saving

    expected = b"".join([piece async for piece in pattern(size)])
    assert await artifacts.read(saved) == expected
    assert [row["count"] for row in await rows(bench, "select count(*) from artifact_blocks")] == [4]


@pytest.mark.spec("ART-2")
async def test_of_two_files_of_one_name_that_are_saved_at_once_one_is_left(bench: Bench) -> None:
    run = await bench.claimed()
    artifacts = ArtifactStore(bench.database.pool, 10**6).of_execution(run)

    saved = await asyncio.gather(*(save(artifacts, pieces_of(f"text {i}")) for i in range(10)))

    (left,) = await rows(bench, "select id from artifacts")
    assert str(left["id"]) in saved
    assert [row["artifact_id"] for row in await rows(bench, "select artifact_id from artifact_blocks")] == [left["id"]]


@pytest.mark.spec("ART-18")
async def test_large_files_are_never_whole_in_memory(process: ServerProcess, client: httpx.AsyncClient) -> None:
    files = Files(await Project.make(client))
    small = await files.run(alone(tool("a", "stream", size=2_000_000)))
    await files.get(small, await files.output(small))
    before = _peak(process)

    path = await files.run(alone(*(tool(f"n{i}", "stream", size=30_000_000) for i in range(4))))
    wanted = [f"{path}/artifacts/{one['id']}" for one in await files.listed(path)]
    sizes = await asyncio.gather(*(_read(client, place) for place in wanted))

    assert sizes == [30_000_000] * 4
    assert _peak(process) - before < 30_000_000


@pytest.mark.spec("ART-18")
async def test_who_fetches_slowly_holds_no_connection(process: ServerProcess, client: httpx.AsyncClient) -> None:
    files = Files(await Project.make(client))
    path = await files.run(alone(tool("a", "stream", size=30_000_000)))
    place = f"{path}/artifacts/{(await files.output(path))['artifact']}"
    # Twice as many as there are connections.
    gate, held = asyncio.Event(), [0] * 20

    async def slow(i: int) -> None:
        async with client.stream("GET", place) as answer:
            async for piece in answer.aiter_bytes():
                held[i] += len(piece)
                await gate.wait()

    async def all_have_begun() -> bool:
        return all(held)

    readers = [asyncio.create_task(slow(i)) for i in range(len(held))]
    await until(all_have_begun)
    assert (await client.get(path)).json()["status"] == "COMPLETED"
    gate.set()
    await asyncio.gather(*readers)
    assert held == [30_000_000] * len(held)


async def _read(client: httpx.AsyncClient, place: str) -> int:
    """Read a file piece by piece; how large it was."""
    size = 0
    async with client.stream("GET", place) as answer:
        async for piece in answer.aiter_bytes():
            size += len(piece)
    return size


def _peak(process: ServerProcess) -> int:
    """The most memory that the server has taken so far, in bytes."""
    assert process.process is not None
    status = Path(f"/proc/{process.process.pid}/status").read_text()
    return 1024 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))
