import asyncio
import json
import sys
from pathlib import Path

import pytest
from psycopg import AsyncConnection

from app.config import Settings
from tests.artifacts.files import alone, save, tool
from tests.cli.conftest import Shell
from tests.support import ROOT, settings_for
from tests.worker.conftest import TOOLS
from tests.worker.runs import graph

NASTY = ["../../up.txt", "/etc/passwd", "..", 'say "hi".txt', "x" * 255, ".hidden"]


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return settings_for(database_url, tmp_path, workflows=(TOOLS,))


@pytest.mark.spec("ART-26")
async def test_the_files_of_a_run_are_listed_and_written_to_a_folder(remote: Shell, tmp_path: Path) -> None:
    each = {"tool": "files.save", "args": {"text": "{{ item }}", "name": "same.txt"}}
    nodes = [
        *(save(f"n{i}", name=name, text=f"text {i}") for i, name in enumerate(NASTY)),
        {"id": "each", "type": "map", "config": {"items": ["x", "y"], "node": {"type": "tool", "config": each}}},
        save("../a/b", name="a/1.txt", text="one"),
        save(".._a_b", name="a/1.txt", text="another"),
        tool("large", "stream", size=3_000_000),
    ]
    await remote.good("projects", "create", "Acme")
    workflow = (await remote.good("workflows", "create", remote.file("files.json", alone(*nodes)))).out.strip()
    run = (await remote.good("runs", "create", workflow, "--watch", "--json")).err.split()[0]
    target = tmp_path / "saved" / "here"

    listed = (await remote.good("runs", "artifacts", run, "--json")).value
    lines = (await remote.good("runs", "artifacts", run, "--node", "each")).out.splitlines()
    told = (await remote.good("runs", "artifacts", run, "--save", str(target))).err.splitlines()

    assert sorted("\t".join(line.split("\t")[:5]) for line in lines) == [
        "each\t0.0\tsame.txt\ttext/plain; charset=utf-8\t1",
        "each\t0.1\tsame.txt\ttext/plain; charset=utf-8\t1",
    ]
    there = {path: path.read_bytes() for path in (tmp_path / "saved").rglob("*") if path.is_file()}
    assert len(there) == len(listed) == len(told) == len(nodes) + 1
    assert all(path.parent.parent == target for path in there)
    shown = {str(path.relative_to(target)): text for path, text in there.items() if len(text) < 100}
    assert shown == {
        "n0/up.txt": b"text 0",
        "n1/passwd": b"text 1",
        "n2/file": b"text 2",
        "n3/say _hi_.txt": b"text 3",
        f"n4/{'x' * 200}": b"text 4",
        "n5/_hidden": b"text 5",
        "each.0.0/same.txt": b"x",
        "each.0.1/same.txt": b"y",
        "_._a_b/1.txt": shown["_._a_b/1.txt"],
        "_._a_b/1 (2).txt": shown["_._a_b/1 (2).txt"],
    }
    assert {shown["_._a_b/1.txt"], shown["_._a_b/1 (2).txt"]} == {b"one", b"another"}

    again = (await remote.good("runs", "artifacts", run, "--save", str(target))).err.splitlines()
    assert again == told
    assert {path: path.read_bytes() for path in (tmp_path / "saved").rglob("*") if path.is_file()} == there


SAVES_AND_READS = graph(
    [
        save(name="../a.txt", text="hello"),
        tool("b", "read", reference="{{ a.output }}"),
        tool("t", "in_thread", text="x"),
    ],
    ("a", "b"),
)


@pytest.mark.spec("ART-28")
async def test_a_graph_that_is_run_from_a_file_saves_files_that_a_server_shows(local: Shell, database_url: str) -> None:
    file = local.file("graph.json", SAVES_AND_READS)
    told = (await local.good("run", file, "--tools", str(TOOLS / "files"), "--json")).value

    assert told["result"]["b"] == "hello"
    async with await AsyncConnection.connect(database_url) as connection:
        rows = await (await connection.execute("select run_id::text, name from artifacts order by name")).fetchall()
    assert rows == [(told["run_id"], "../a.txt"), (told["run_id"], "thread.txt")]


@pytest.mark.spec("ART-29")
async def test_a_program_that_a_graph_is_exported_as_saves_files_where_it_runs(shell: Shell, tmp_path: Path) -> None:
    file = shell.file("graph.json", SAVES_AND_READS)
    program = (await shell.good("export", file, "--tools", str(TOOLS / "files"))).out
    (tmp_path / "program.py").write_text(program)
    environment = {**shell.environment, "GRAPHWRIGHT_TOOLS": str(TOOLS / "files"), "PYTHONPATH": str(ROOT)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "program.py", "null", cwd=tmp_path, env=environment, stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()

    assert json.loads(out)["b"] == "hello"
    there = {path.name: path.read_text() for path in (tmp_path / "files").rglob("*") if path.is_file()}
    assert there == {"_a.txt": "hello", "thread.txt": "x"}
