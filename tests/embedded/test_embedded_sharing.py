import asyncio
import os
import signal
from pathlib import Path

import psycopg
import pytest

from app.embedded.account import account_for
from app.embedded.watch import lease_is_held
from tests.embedded.processes import Holder, cluster, is_up, query, server_pid, until


def start_log(home: Path) -> str:
    log = home / "logs/postgres/start.log"
    return log.read_text() if log.exists() else ""


def half_made(home: Path) -> list[Path]:
    return list(home.glob(".postgres-init-*"))


@pytest.mark.spec("DB-12")
async def test_two_processes_share_a_server_and_the_last_one_stops_it(home: Path, holders: list[Holder]) -> None:
    holders += [await Holder.spawn(home)]
    first = await holders[0].ready()
    server = cluster(home)
    assert await server.start() == first.url
    pid = server_pid(home)
    await first.leave()
    assert server_pid(home) == pid
    assert query(await server.start(), "SELECT 1") == [(1,)]
    await server.stop()
    assert not is_up(home)


@pytest.mark.spec("DB-12")
async def test_four_processes_that_race_for_a_cold_start_get_one_server(home: Path, holders: list[Holder]) -> None:
    holders += await asyncio.gather(*(Holder.spawn(home) for _ in range(4)))
    await asyncio.gather(*(holder.ready() for holder in holders))
    assert len({holder.url for holder in holders}) == 1
    started = query(holders[0].url, "SELECT pg_postmaster_start_time()")
    assert all(query(holder.url, "SELECT pg_postmaster_start_time()") == started for holder in holders)
    await asyncio.gather(*(holder.leave() for holder in holders))
    assert not is_up(home)


@pytest.mark.spec("DB-13")
async def test_a_killed_owner_leaves_a_server_that_the_next_one_joins_and_stops(
    home: Path, holders: list[Holder]
) -> None:
    holders += [await Holder.spawn(home)]
    await holders[0].ready()
    query(holders[0].url, "CREATE TABLE kept AS SELECT generate_series(1, 1000)")
    pid = server_pid(home)
    await holders[0].kill()
    async with cluster(home) as server:
        assert query(await server.start(), "SELECT count(*) FROM kept") == [(1000,)]
        assert server_pid(home) == pid
    assert not is_up(home)


@pytest.mark.spec("DB-14")
async def test_a_server_whose_owners_were_all_killed_stops_by_itself(home: Path, holders: list[Holder]) -> None:
    holders += [await Holder.spawn(home, grace=0.1), await Holder.spawn(home, grace=0.1)]
    await asyncio.gather(*(holder.ready() for holder in holders))
    await holders[0].kill()
    assert query(holders[1].url, "SELECT 1") == [(1,)]
    await holders[1].kill(with_children=True)
    await until(lambda: not is_up(home))
    control = home / "postgres.control"
    await until(lambda: not lease_is_held(control / "watchdog"))
    assert not list((control / "leases").iterdir())


@pytest.mark.spec("DB-14")
async def test_the_watchdog_goes_when_the_server_was_stopped(home: Path) -> None:
    async with cluster(home):
        assert lease_is_held(home / "postgres.control/watchdog")
    await until(lambda: not lease_is_held(home / "postgres.control/watchdog"))


@pytest.mark.spec("DB-14")
async def test_a_child_that_outlives_its_killed_parent_holds_nothing(home: Path, holders: list[Holder]) -> None:
    holders += [await Holder.spawn(home, grace=0.1, then="fork")]
    await holders[0].ready()
    await holders[0].kill()
    try:
        await until(lambda: not is_up(home))
    finally:
        os.killpg(holders[0].process.pid, signal.SIGKILL)


@pytest.mark.spec("DB-15")
async def test_a_killed_server_recovers_every_commit_at_the_next_start(home: Path) -> None:
    server = cluster(home)
    url = await server.start()
    query(url, "CREATE TABLE kept AS SELECT generate_series(1, 1000)")
    pid = server_pid(home)
    os.kill(pid, signal.SIGKILL)
    assert query(await server.start(), "SELECT count(*) FROM kept") == [(1000,)]
    assert server_pid(home) != pid
    await server.stop()
    assert not is_up(home)


@pytest.mark.spec("DB-15")
async def test_a_pid_file_whose_pid_is_somebody_elses_now_fools_nobody(home: Path) -> None:
    account = account_for(home / "postgres", "graphwright-postgres")
    server = cluster(home)
    await server.start()
    pid_file = home / "postgres/postmaster.pid"
    lines = pid_file.read_text().splitlines()
    os.kill(server_pid(home), signal.SIGKILL)
    await server.stop()
    account = account_for(home / "postgres", account.name)
    stranger = await asyncio.create_subprocess_exec("sleep", "600", user=account.uid if account.switch else None)
    try:
        pid_file.write_text("\n".join([str(stranger.pid), *lines[1:], ""]))
        (home / "postgres.socket/.s.PGSQL.5432").touch()
        (home / "postgres.socket/.s.PGSQL.5432.lock").write_text(f"{stranger.pid}\n")
        async with cluster(home) as other:
            assert query(await other.start(), "SELECT 1") == [(1,)]
        assert stranger.returncode is None
        os.kill(stranger.pid, 0)
    finally:
        stranger.kill()
        assert await stranger.wait() == -signal.SIGKILL


@pytest.mark.spec("DB-15")
@pytest.mark.parametrize("text", ["", "not a pid\n", "-1\n"])
async def test_a_broken_pid_file_does_not_keep_the_server_down(home: Path, text: str) -> None:
    async with cluster(home):
        pass
    (home / "postgres/postmaster.pid").write_text(text)
    async with cluster(home) as server:
        assert query(await server.start(), "SELECT 1") == [(1,)]


@pytest.mark.spec("DB-15")
async def test_nothing_starts_beside_a_child_of_a_killed_server_that_still_writes(home: Path) -> None:
    server = cluster(home)
    url = await server.start()
    with psycopg.connect(url) as connection:
        backend = connection.info.backend_pid
        os.kill(backend, signal.SIGSTOP)  # it cannot notice that its server is gone
        os.kill(server_pid(home), signal.SIGKILL)
        again = asyncio.create_task(server.start())
        try:
            await until(lambda: "still in use" in start_log(home))
            assert not again.done()
            assert not is_up(home)
        finally:
            os.kill(backend, signal.SIGCONT)
        assert query(await again, "SELECT 1") == [(1,)]
    await server.stop()


@pytest.mark.spec("DB-16")
@pytest.mark.parametrize("with_children", [True, False])
async def test_an_interrupted_first_start_is_begun_anew(
    home: Path, holders: list[Holder], *, with_children: bool
) -> None:
    holders += [await Holder.spawn(home)]
    await until(lambda: any((path / "PG_VERSION").exists() for path in half_made(home)))
    await holders[0].kill(with_children=with_children)
    assert not (home / "postgres").exists()
    async with cluster(home) as server:
        assert query(await server.start(), "SELECT 1") == [(1,)]
    assert not half_made(home)
