import asyncio
import os
import signal
import stat
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs, urlsplit

import psycopg

from app.embedded import EmbeddedPostgres
from app.embedded.watch import postmaster_pid

ROOT = Path(__file__).parents[2]
LONG = 600.0


async def until(condition: Callable[[], bool], seconds: float = 30) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


def cluster(home: Path, **options: object) -> EmbeddedPostgres:
    """The cluster of a home that is served by nobody else's store."""
    return EmbeddedPostgres(home / "postgres", **{"store": home / "store", "grace": LONG, **options})  # type: ignore[arg-type]


def server_pid(home: Path) -> int:
    pid = postmaster_pid((home / "postgres").resolve())
    assert pid is not None
    return pid


def is_up(home: Path) -> bool:
    return postmaster_pid((home / "postgres").resolve()) is not None


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def socket_folder(url: str) -> Path:
    return Path(parse_qs(urlsplit(url).query)["host"][0])


def query(url: str, text: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(text)
        return cursor.fetchall() if cursor.description else []


class Holder:
    """Another process that uses the server."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.url = ""

    @classmethod
    async def spawn(
        cls,
        home: Path,
        *,
        store: Path | None = None,
        grace: float = LONG,
        then: str = "wait",
        path: tuple[Path, ...] = (),
        uid: int | None = None,
    ) -> Self:
        python = sys.executable if uid is None else "/usr/bin/python3"
        return cls(
            await asyncio.create_subprocess_exec(
                *(python, "-P", ROOT / "tests/embedded/holder.py"),
                *(home / "postgres", store or home / "store", str(grace), then),
                stdin=PIPE,
                stdout=PIPE,
                start_new_session=True,
                user=uid,
                extra_groups=None if uid is None else [],
                cwd="/",
                env={"PYTHONPATH": os.pathsep.join(map(str, [*path, ROOT, *filter(None, sys.path)]))},
            )
        )

    async def ready(self) -> Self:
        assert self.process.stdout is not None
        self.url = (await asyncio.wait_for(self.process.stdout.readline(), 60)).decode().strip()
        assert self.url
        return self

    async def leave(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert await self.process.wait() == 0

    async def kill(self, *, with_children: bool = False) -> None:
        if with_children:
            os.killpg(self.process.pid, signal.SIGKILL)
        else:
            self.process.kill()
        await self.process.wait()
