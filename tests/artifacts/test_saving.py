import hashlib
from typing import Any

import pytest

from app.compiler import HardError
from app.compiler.artifacts import checked_name
from tests.artifacts.conftest import MOST
from tests.artifacts.files import Files, alone, pattern, save, tool
from tests.queues.elsewhere import Site
from tests.worker.runs import graph, transform

AGAIN = {"max_attempts": 3, "initial_interval": 0.01}


@pytest.mark.spec("ART-1")
@pytest.mark.parametrize("text", ["", "text", "\0 ü 😀"])
async def test_what_a_node_saves_is_listed_and_fetched_and_the_output_refers_to_it(files: Files, text: str) -> None:
    path = await files.run(alone(save(name="note.csv", text=text)))

    reference = await files.output(path)
    (listed,) = await files.listed(path)

    about = {"name": "note.csv", "media_type": "text/csv; charset=utf-8", "size": len(text.encode())}
    about["sha256"] = hashlib.sha256(text.encode()).hexdigest()
    assert reference == {"artifact": listed["id"], **about}
    place = {"node_id": "a", "iteration": 0, "path": [], "attempt": 1}
    assert listed.items() >= {**about, **place}.items()
    assert await files.text(path, reference) == text


@pytest.mark.spec("ART-2")
async def test_a_later_attempt_replaces_the_files_of_the_same_names(files: Files) -> None:
    path = await files.run(alone({**tool("a", "attempts", succeeds=3), "retry": AGAIN}))

    listed = {one["name"]: one for one in await files.listed(path)}

    assert {name: one["attempt"] for name, one in listed.items()} == {"attempt.txt": 3, "first.txt": 1}
    assert listed["attempt.txt"]["id"] == (await files.output(path))["artifact"]
    assert await files.text(path, listed["attempt.txt"]) == "attempt 3"
    assert await files.text(path, listed["first.txt"]) == "of the first attempt"


@pytest.mark.spec("ART-2")
async def test_what_has_been_replaced_leaves_no_bytes_behind(files: Files, site: Site) -> None:
    await files.run(alone({**tool("a", "attempts", succeeds=3), "retry": AGAIN}))

    orphans = """select 1 from artifact_blocks b
                 where not exists (select 1 from artifacts a where a.id = b.artifact_id)"""
    assert await site.workers.rows(orphans) == []


@pytest.mark.spec("ART-3")
async def test_each_item_and_each_lap_has_files_of_its_own(files: Files) -> None:
    each = {
        "id": "each",
        "type": "map",
        "config": {
            "items": ["x", "y", "z"],
            "node": {"type": "tool", "config": {"tool": "files.save", "args": {"text": "{{ item }}"}}},
        },
    }
    lap = save("lap", text="lap {{ loop.iteration }}")
    again = ("lap", "lap", {"condition": "loop.iteration < 2"})
    path = await files.run(graph([each, lap], ("each", "lap"), again))

    items = await files.listed(path, node_id="each")
    laps = await files.listed(path, node_id="lap")

    texts = [(one["path"], await files.text(path, one)) for one in items]
    assert sorted(texts) == [([0], "x"), ([1], "y"), ([2], "z")]
    assert [one["artifact"] for one in await files.output(path, "each")] == [
        one["id"] for one in sorted(items, key=lambda one: one["path"])
    ]
    assert [(one["iteration"], await files.text(path, one)) for one in laps] == [
        (0, "lap 0"),
        (1, "lap 1"),
        (2, "lap 2"),
    ]
    assert [one["iteration"] for one in await files.listed(path, node_id="lap", iteration=1)] == [1]


@pytest.mark.spec("ART-4")
async def test_nodes_on_other_workers_save_and_read_files_too(files: Files, site: Site) -> None:
    await site.workers.start("gpu")
    far = {**save("far", text="from afar"), "queue": "gpu"}
    items = {"type": "tool", "config": {"tool": "files.save", "args": {"name": "{{ item }}.txt"}}}
    each = {"id": "each", "type": "map", "queue": "gpu", "config": {"items": ["x", "y"], "node": items}}
    read = {**tool("read", "read", reference="{{ far.output }}"), "queue": "gpu"}
    path = await files.run(graph([far, each, read], ("far", "read"), ("each", "read"), ("far", "each")))

    assert await files.text(path, await files.output(path, "far")) == "from afar"
    assert await files.output(path, "read") == "from afar"
    assert [(one["path"], one["name"]) for one in await files.listed(path, node_id="each")] in (
        [([0], "x.txt"), ([1], "y.txt")],
        [([1], "y.txt"), ([0], "x.txt")],
    )


@pytest.mark.spec("ART-5")
async def test_a_tool_that_is_a_plain_function_saves_from_its_thread(files: Files) -> None:
    path = await files.run(alone(tool("a", "in_thread", text="from a thread"), tool("b", "wrong_thread")))

    assert await files.text(path, await files.output(path)) == "from a thread"
    assert await files.error(path, "b") == "no_thread"


@pytest.mark.spec("ART-6")
async def test_a_file_that_is_too_large_fails_for_good_and_leaves_nothing(files: Files, site: Site) -> None:
    path = await files.run(alone({**tool("a", "stream", size=MOST + 1), "retry": AGAIN}))

    turn = (await files.client.get(f"{path}/nodes/a")).json()["items"][-1]
    assert (turn["status"], turn["attempt"], turn["error"]["type"]) == ("FAILED", 1, "artifact_too_large")
    assert f"larger than {MOST} bytes" in turn["error"]["message"]
    assert "GRAPHWRIGHT_MAX_ARTIFACT_BYTES" in turn["error"]["message"]
    assert await files.listed(path) == []
    assert await site.workers.rows("select 1 from artifact_blocks where number > 10") == []


@pytest.mark.spec("ART-7")
async def test_a_file_whose_source_breaks_off_is_not_saved(files: Files) -> None:
    path = await files.run(alone(tool("a", "broken")))

    assert await files.error(path) == "ValueError"
    assert await files.listed(path) == []


UNNAMABLE = ["", "  ", "a\0b", "a\nb", "a\x7fb", "\x9b31m", "x" * 256, 7, None]
SENT_AS = [
    ("report.pdf", "report.pdf", "report.pdf"),
    ("../../etc/passwd", "passwd", "passwd"),
    ("..", "file", "file"),
    ("/", "file", "file"),
    ("pages/1.png", "1.png", "1.png"),
    ("C:\\windows\\a.exe", "a.exe", "a.exe"),
    ('a"; filename="b.html', "a__ filename__b.html", "a_%3B%20filename%3D_b.html"),
    (".profile", "_profile", "_profile"),
    ("con.txt", "_con.txt", "_con.txt"),
    ("Grüße 😀.txt", "Gr__e _.txt", "Gr%C3%BC%C3%9Fe%20%F0%9F%98%80.txt"),
    ("gpj\u202eexe.txt", "gpj_exe.txt", "gpj_exe.txt"),
    ("x" * 251 + ".pdf", "x" * 196 + ".pdf", "x" * 196 + ".pdf"),
]
KINDS = [
    ("a.png", None, "image/png"),
    ("a.pdf", None, "application/pdf"),
    ("a", None, "text/plain; charset=utf-8"),
    ("a.csv", None, "text/csv; charset=utf-8"),
    ("a.csv.gz", None, "application/octet-stream"),
    ("a.png", "text/html; charset=latin-1", "text/html; charset=latin-1"),
]
NO_KINDS = ["", "text", "text/html\r\nSet-Cookie: a=b", "text/plain; charset=ü", "a/b;", 7]


@pytest.mark.spec("ART-8")
async def test_a_name_that_cannot_be_shown_is_refused(files: Files) -> None:
    path = await files.run(alone(*(save(f"n{i}", name=name) for i, name in enumerate(UNNAMABLE))))

    assert {await files.error(path, f"n{i}") for i in range(len(UNNAMABLE))} == {"invalid_name"}
    assert await files.listed(path) == []
    with pytest.raises(HardError):
        checked_name("\ud800")


@pytest.mark.spec("ART-8")
async def test_whatever_its_name_a_file_is_sent_under_a_safe_one(files: Files) -> None:
    path = await files.run(alone(*(save(f"n{i}", name=name) for i, (name, _, _) in enumerate(SENT_AS))))

    assert sorted(await files.names(path)) == sorted(name for name, _, _ in SENT_AS)
    for i, (_, plain, whole) in enumerate(SENT_AS):
        answer = await files.get(path, await files.output(path, f"n{i}"))
        assert answer.headers["Content-Disposition"] == f"attachment; filename=\"{plain}\"; filename*=UTF-8''{whole}"
        assert answer.text == "text"


@pytest.mark.spec("ART-9")
async def test_a_media_type_is_given_or_told_by_the_name(files: Files) -> None:
    nodes = [save(f"n{i}", name=name, media_type=given) for i, (name, given, _) in enumerate(KINDS)]
    path = await files.run(alone(*nodes))

    for i, (_, _, shown) in enumerate(KINDS):
        reference = await files.output(path, f"n{i}")
        answer = await files.get(path, reference)
        assert reference["media_type"] == answer.headers["Content-Type"] == shown


@pytest.mark.spec("ART-9")
async def test_a_media_type_that_is_none_is_refused(files: Files) -> None:
    path = await files.run(alone(*(save(f"n{i}", media_type=given) for i, given in enumerate(NO_KINDS))))

    assert {await files.error(path, f"n{i}") for i in range(len(NO_KINDS))} == {"invalid_media_type"}


@pytest.mark.spec("ART-10")
async def test_only_bytes_and_texts_are_saved(files: Files) -> None:
    kinds = ["number", "text", "list"]
    path = await files.run(alone(*(tool(kind, "odd", kind=kind) for kind in kinds)))

    assert {await files.error(path, kind) for kind in kinds} == {"invalid_content"}


@pytest.mark.spec("ART-11")
async def test_another_node_reads_the_file_by_its_reference(files: Files) -> None:
    nodes = [
        save(text="read me"),
        tool("whole", "read", reference="{{ a.output }}"),
        tool("id", "read", reference="{{ a.output.artifact }}"),
    ]
    path = await files.run(graph(nodes, ("a", "whole"), ("a", "id")))

    assert [await files.output(path, name) for name in ("whole", "id")] == ["read me", "read me"]


@pytest.mark.spec("ART-11")
async def test_a_reference_to_nothing_fails_the_node_that_reads_it(files: Files) -> None:
    nothing: list[Any] = ["no id", "0199d2f0-5b1e-7cc3-9a50-1f4b6f0f7a11", {}, {"artifact": 7}, None]
    path = await files.run(alone(*(tool(f"n{i}", "read", reference=one) for i, one in enumerate(nothing))))

    assert {await files.error(path, f"n{i}") for i in range(len(nothing))} == {"no_such_artifact"}


@pytest.mark.spec("ART-12")
async def test_no_node_reads_the_file_of_another_run(files: Files) -> None:
    other = await files.output(await files.run(alone(save())))

    path = await files.run(alone(tool("a", "read", reference=other)))

    assert await files.error(path) == "no_such_artifact"


@pytest.mark.spec("ART-1")
async def test_thirty_megabytes_that_are_made_while_they_are_saved_come_back_whole(files: Files) -> None:
    size = 30_000_001
    path = await files.run(alone(tool("a", "stream", size=size), transform("b", 1)))

    reference = await files.output(path)
    expected = hashlib.sha256()
    async for piece in pattern(size):
        expected.update(piece)

    assert (reference["size"], reference["sha256"]) == (size, expected.hexdigest())
    got, length = hashlib.sha256(), 0
    async with files.client.stream("GET", f"{path}/artifacts/{reference['artifact']}") as answer:
        assert answer.headers["Content-Length"] == str(size)
        async for piece in answer.aiter_bytes():
            got.update(piece)
            length += len(piece)
    assert (length, got.hexdigest()) == (size, expected.hexdigest())
