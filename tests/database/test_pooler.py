import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg
import pytest

from app.db import LIVENESS, watched_url
from tests.support import DOUBLE, Project, ServerProcess, ended, free_port, until

PROGRAM = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
CONNECTIONS = 6
CONFIG = """
[databases]
{name} = host={host} port={port} user={user} dbname={name}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
auth_type = any
pool_mode = transaction
default_pool_size = {size}
unix_socket_dir =
server_check_delay = 0
"""


@pytest.fixture
async def pooler(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    """The URL of a PgBouncer in transaction mode, in front of the test's database."""
    assert PROGRAM is not None
    place, port = urlsplit(database_url), free_port()
    config = tmp_path_factory.mktemp("pgbouncer") / "pgbouncer.ini"
    config.write_text(
        CONFIG.format(
            name=place.path[1:],
            host=place.hostname,
            port=place.port,
            user=place.username,
            listen=port,
            size=CONNECTIONS,
        )
    )
    user = ()
    if os.geteuid() == 0:  # it does not run as root
        user = ("-u", "nobody")
        for folder in (config, *list(config.parents)[:3]):
            folder.chmod(0o755)
    process = subprocess.Popen([PROGRAM, "-q", *user, config], stderr=subprocess.DEVNULL)
    url = f"postgresql://{place.username}@127.0.0.1:{port}{place.path}"
    await until(lambda: _answers(url))
    yield url
    process.kill()
    process.wait()


@pytest.mark.spec("STREAM-64")
@pytest.mark.skipif(PROGRAM is None, reason="PgBouncer is not installed")
async def test_everything_works_behind_a_pooler_in_transaction_mode(
    pooler: str, database_url: str, tmp_path: Path
) -> None:
    server = ServerProcess(tmp_path, pooler, {"GRAPHWRIGHT_DIRECT_URL": database_url})
    await server.start()
    try:
        async with httpx.AsyncClient(base_url=server.api, timeout=30) as client:
            project = await Project.make(client)
            workflow = await project.workflow(DOUBLE)
            made = await asyncio.gather(*(project.run(workflow["id"], {"n": n}, execute=True) for n in range(30)))
            for n, run in enumerate(made):
                path = f"{project.runs}/{run['id']}"
                assert (await ended(client, path))["status"] == "COMPLETED"
                assert (await client.get(f"{path}/result")).json()["result"] == 2 * n
                text = (await client.get(f"{path}/events", headers={"Accept": "text/event-stream"})).text
                seqs = [int(line[4:]) for line in text.splitlines() if line.startswith("id: ")]
                assert seqs == list(range(1, len(seqs) + 1))
        async with await psycopg.AsyncConnection.connect(database_url) as connection:
            found = await connection.execute(
                """select application_name, count(*) from pg_stat_activity
                   where datname = current_database() and pid <> pg_backend_pid() group by 1"""
            )
            names = dict(await found.fetchall())
        direct = {"graphwright-listen", "graphwright-notify", "graphwright-heartbeat", "graphwright-queue"}
        assert direct <= names.keys()
        assert sum(count for name, count in names.items() if name not in direct) <= CONNECTIONS
    finally:
        server.stop()


@pytest.mark.spec("STREAM-62")
def test_a_url_that_says_how_long_to_wait_is_left_its_word() -> None:
    url = watched_url("postgres://me:p%40ss@/db?host=%2Ftmp%2Fa%20b&keepalives_idle=60")
    known = psycopg.conninfo.conninfo_to_dict(url)
    expected = {name: str(value) for name, value in LIVENESS.items()} | {"keepalives_idle": "60"}
    assert known == {"user": "me", "password": "p@ss", "dbname": "db", "host": "/tmp/a b", **expected}


async def _answers(url: str) -> bool:
    try:
        async with await psycopg.AsyncConnection.connect(url, connect_timeout=2):
            return True
    except psycopg.OperationalError:
        return False
