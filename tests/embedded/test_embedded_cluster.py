import asyncio
import os
import pwd
import shutil
import subprocess
from pathlib import Path

import psycopg
import pytest

from app.embedded.errors import EmbeddedPostgresError
from tests.embedded.processes import cluster, is_up, mode, query, server_pid, socket_folder


@pytest.mark.spec("DB-1")
async def test_an_empty_folder_becomes_a_cluster_with_the_database(home: Path) -> None:
    async with cluster(home) as server:
        url = await server.start()
        assert url.startswith("postgresql://")
        query(url, "CREATE TABLE kept (id int)")
        assert query(
            url, "SELECT current_database(), current_user, rolsuper FROM pg_roles WHERE rolname = current_user"
        ) == [("graphwright", "graphwright", False)]
    assert not is_up(home)
    async with cluster(home) as server:
        assert query(await server.start(), "SELECT count(*) FROM kept") == [(0,)]


@pytest.mark.spec("DB-2")
async def test_data_is_utf8_with_checksums_and_a_locale_that_never_changes(home: Path) -> None:
    async with cluster(home) as server:
        asked = "current_setting('server_encoding'), current_setting('data_checksums'), datlocprovider, datlocale"
        found = query(await server.start(), f"SELECT {asked} FROM pg_database WHERE datname = current_database()")
        assert found == [("UTF8", "on", "b", "C.UTF-8")]


@pytest.mark.spec("DB-3")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("fsync", "on"),
        ("full_page_writes", "on"),
        ("synchronous_commit", "on"),
        ("shared_buffers", "128MB"),
        ("max_connections", "200"),
        ("jit", "off"),
        ("idle_in_transaction_session_timeout", "1min"),
        ("logging_collector", "on"),
        ("log_rotation_age", "1d"),
        ("log_truncate_on_rotation", "on"),
    ],
)
async def test_commits_are_durable_and_settings_fit(running: str, name: str, value: str) -> None:
    assert query(running, f"SHOW {name}") == [(value,)]


@pytest.mark.spec("DB-3")
async def test_what_the_owner_sets_below_the_include_wins_and_stays(home: Path) -> None:
    async with cluster(home):
        pass
    with (home / "postgres/postgresql.conf").open("a") as file:
        file.write("work_mem = '7MB'\nmax_connections = 60\n")
    async with cluster(home) as server:
        url = await server.start()
        assert query(url, "SHOW work_mem") == [("7MB",)]
        assert query(url, "SHOW max_connections") == [("60",)]


@pytest.mark.spec("DB-4")
async def test_folders_are_private_and_logs_lie_beside_the_data(home: Path) -> None:
    async with cluster(home) as server:
        socket = socket_folder(await server.start())
        logs = home / "logs/postgres"
        assert [mode(path) for path in (home / "postgres", socket, logs, home / "postgres.control")] == [0o700] * 4
        assert list(logs.glob("postgresql-*.log"))


@pytest.mark.spec("DB-4")
async def test_data_that_others_can_read_is_closed_again(home: Path) -> None:
    async with cluster(home):
        pass
    (home / "postgres").chmod(0o750)
    async with cluster(home):
        assert mode(home / "postgres") == 0o700


@pytest.mark.spec("DB-5")
async def test_nobody_is_trusted_and_nothing_listens_on_the_network(home: Path) -> None:
    async with cluster(home) as server:
        url = await server.start()
        admin = url.replace("graphwright@/graphwright", "postgres@/postgres")
        assert query(admin, "SELECT type, auth_method FROM pg_hba_file_rules") == [("local", "peer")]
        assert query(url, "SHOW listen_addresses") == [("",)]
        assert server.tcp_url is None


@pytest.mark.spec("DB-5")
@pytest.mark.usefixtures("needs_root")
async def test_another_user_of_the_machine_is_turned_away_even_at_the_open_socket(home: Path) -> None:
    async with cluster(home) as server:
        url = await server.start()
        socket = home / "postgres.socket"
        socket.chmod(0o711)
        (socket / ".s.PGSQL.5432").chmod(0o777)
        script = "import psycopg, sys; psycopg.connect(sys.argv[1])"
        site = str(Path(psycopg.__file__).parents[1])
        done = await asyncio.to_thread(
            subprocess.run,
            ["/usr/bin/python3", "-c", script, url],
            user=pwd.getpwnam("nobody").pw_uid,
            extra_groups=[],
            env={"PYTHONPATH": site},
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )
        assert "Peer authentication failed" in done.stderr


@pytest.mark.spec("DB-6")
async def test_tcp_is_for_those_who_know_the_password(home: Path) -> None:
    async with cluster(home, listen_tcp=True) as server:
        assert server.tcp_url is not None
        assert query(server.tcp_url, "SELECT current_user") == [("graphwright",)]
        assert query(await server.start(), "SHOW listen_addresses") == [("127.0.0.1",)]
        secret = server.tcp_url.split(":")[2].split("@")[0]
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            query(server.tcp_url.replace(secret, "guess"), "SELECT 1")
        assert mode(home / "postgres.control/password") == 0o600


@pytest.mark.spec("DB-6")
async def test_asking_for_tcp_of_a_server_that_runs_without_is_refused(home: Path) -> None:
    async with cluster(home) as server:
        with pytest.raises(EmbeddedPostgresError, match="runs without TCP"):
            await cluster(home, listen_tcp=True).start()
        assert query(await server.start(), "SELECT 1") == [(1,)]


@pytest.mark.spec("DB-7")
async def test_a_long_path_gets_a_short_private_folder_for_its_socket(home: Path) -> None:
    deep = home / ("deep" * 30)
    async with cluster(deep) as server:
        socket = socket_folder(await server.start())
        assert len(os.fsencode(socket / ".s.PGSQL.65535")) <= 103
        assert mode(socket) == 0o700
        assert mode(socket.parent) == 0o700
        assert socket.stat().st_uid == (deep / "postgres").stat().st_uid
    shutil.rmtree(socket)


@pytest.mark.spec("DB-8")
async def test_paths_with_odd_characters_work(home: Path) -> None:
    odd = home / "it's 100% ödd, (you; see) & more"
    async with cluster(odd) as server:
        assert query(await server.start(), "SELECT 1") == [(1,)]
    async with cluster(odd) as server:
        assert query(await server.start(), "SELECT 1") == [(1,)]


@pytest.mark.spec("DB-8")
@pytest.mark.parametrize("name", ["a$HOME", "a`id`", 'a"b', "a\\b", "a\nb"])
async def test_paths_that_a_shell_would_read_are_refused(home: Path, name: str) -> None:
    with pytest.raises(EmbeddedPostgresError, match="Choose another folder"):
        await cluster(home / name).start()


@pytest.mark.spec("DB-9")
async def test_data_of_another_major_version_is_refused_with_a_way_out(home: Path) -> None:
    async with cluster(home):
        pass
    (home / "postgres/PG_VERSION").write_text("17\n")
    with pytest.raises(EmbeddedPostgresError, match=r"PostgreSQL 17.*PostgreSQL 18.*pg_dumpall.*move the folder"):
        await cluster(home).start()


@pytest.mark.spec("DB-9")
async def test_a_folder_with_other_files_is_left_alone(home: Path) -> None:
    (home / "postgres").mkdir()
    (home / "postgres/diary").write_text("dear")
    with pytest.raises(EmbeddedPostgresError, match="no database"):
        await cluster(home).start()
    assert [path.name for path in (home / "postgres").iterdir()] == ["diary"]


@pytest.mark.spec("DB-10")
async def test_a_failed_start_says_why_and_leaves_nothing_running(home: Path) -> None:
    async with cluster(home):
        pass
    with (home / "postgres/postgresql.conf").open("a") as file:
        file.write("shared_buffers = 'plenty'\n")
    with pytest.raises(EmbeddedPostgresError, match="plenty"):
        await cluster(home).start()
    assert not is_up(home)
    assert not list((home / "postgres.control/leases").iterdir())


@pytest.mark.spec("DB-10")
async def test_a_stop_that_fails_says_so(home: Path) -> None:
    server = cluster(home)
    await server.start()
    shutil.rmtree(home / "postgres.control")
    with pytest.raises(EmbeddedPostgresError, match=r"was not stopped.*No such file"):
        await server.stop()
    async with cluster(home):
        pass
    assert not is_up(home)


@pytest.mark.spec("DB-11")
async def test_a_start_that_is_cancelled_holds_nothing(home: Path) -> None:
    starting = asyncio.create_task(cluster(home).start())
    await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert not is_up(home)


@pytest.mark.spec("DB-11")
async def test_starting_twice_and_stopping_twice_are_once(home: Path) -> None:
    server = cluster(home)
    await server.stop()
    url = await server.start()
    pid = server_pid(home)
    assert await server.start() == url
    assert server_pid(home) == pid
    await server.stop()
    assert not is_up(home)
    await server.stop()
