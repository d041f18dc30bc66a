from typing import Any

import httpx
import pytest

from app.config import Settings
from app.db import Database
from app.services.foretelling import foretell
from app.services.retention import by_policy
from tests.artifacts.files import Files, alone, save, tool
from tests.queues.elsewhere import Site
from tests.retention.keeping import age, prune_now
from tests.support import Project, ended
from tests.worker.conftest import concurrency, settings
from tests.worker.runs import graph, transform
from tests.worker.upgrades import new_version

__all__ = ["concurrency", "settings"]

LARGE = 600_000


@pytest.fixture
def own(server_project: Project) -> Files:
    """Files on a server and a database of the test's own."""
    return Files(server_project)


def run_of(path: str) -> str:
    return path.rpartition("/")[2]


async def counts(database: Database) -> tuple[int, int]:
    """How many rows of files and of blocks there are."""
    async with database.pool.connection() as connection:
        query = """select (select count(*) from artifacts) as files, (select count(*) from artifact_blocks) as blocks"""
        row = await (await connection.execute(query)).fetchone()
    assert row is not None
    return row["files"], row["blocks"]


async def fork(files: Files, path: str, **body: Any) -> str:
    """The path of a fork that has ended."""
    answer = await files.client.post(f"{path}/fork", params={"execute": "true"}, json=body)
    assert answer.status_code == 201, answer.text
    made = f"{files.project.runs}/{answer.json()['id']}"
    assert (await ended(files.client, made))["status"] == "COMPLETED"
    return made


@pytest.mark.spec("ART-21")
async def test_files_go_with_their_run(own: Files, database: Database, settings: Settings) -> None:
    old, new = [await own.run(alone(tool("a", "stream", size=LARGE))) for _ in range(2)]
    assert await counts(database) == (2, 6)
    await age(database, 31, [run_of(old)])

    async with database.pool.connection() as connection:
        told = await foretell(
            connection, await by_policy(connection, settings.model_copy(update={"keep_runs_days": 30}))
        )
    deleted = await prune_now(database, settings, keep_runs_days=30)

    assert (told["artifacts"], told["artifact_blocks"]) == (1, 3)
    assert (deleted["artifacts"], deleted["artifact_blocks"]) == (1, 3)
    assert await counts(database) == (1, 3)
    assert (await own.get(new, await own.output(new))).status_code == 200
    assert (await own.client.delete(f"/projects/{own.project.id}")).status_code == 204
    assert await counts(database) == (0, 0)


@pytest.mark.spec("ART-22")
async def test_a_fork_has_the_files_of_what_it_has_taken_over_also_after_the_other_run(
    own: Files, database: Database, settings: Settings
) -> None:
    nodes = [save("a", text="{{ input }}"), save("b", text="{{ a.output.sha256 }}"), tool("c", "stream", size=LARGE)]
    source = await own.run(graph(nodes, ("a", "b")), "one")
    a, b, c = [await own.output(source, name) for name in "abc"]

    made = await fork(own, source, from_node="b")
    again = await fork(own, made, from_node="c")
    assert [await own.output(made, name) for name in "ac"] == [a, c]
    assert (await own.output(made, "b"))["artifact"] != b["artifact"]
    for path in (made, again):
        assert sorted(one["node_id"] for one in await own.listed(path)) == ["a", "b", "c"]
    # Three of the source, one that ran again in each fork; every run knows those of its source, too.
    assert await counts(database) == (3 + 4 + 5, 2 + 3 + 1 + 3)

    await age(database, 31, [run_of(source)])
    deleted = await prune_now(database, settings, keep_runs_days=30)
    assert (deleted["artifacts"], deleted["artifact_blocks"]) == (3, 0)
    for reference in (a, b, c):
        answer = await own.get(made, reference)
        assert (answer.status_code, len(answer.content)) == (200, reference["size"])
    await age(database, 31)
    await prune_now(database, settings, keep_runs_days=30)
    assert await counts(database) == (0, 0)


@pytest.mark.spec("ART-22")
async def test_a_fork_lists_what_it_has_taken_over_and_no_more(files: Files) -> None:
    each = {"type": "tool", "config": {"tool": "files.save", "args": {"name": "{{ item }}.txt"}}}
    nodes = [
        save("a"),
        {"id": "each", "type": "map", "config": {"items": ["x", "y"], "node": each}},
        save("wait", name="{{ input.name }}"),
    ]
    source = await files.run(graph(nodes, ("a", "each"), ("each", "wait")), {"name": "old.txt"})

    answer = await files.client.post(f"{source}/fork", json={"from_node": "wait"})
    made = f"{files.project.runs}/{answer.json()['id']}"

    assert sorted(await files.names(made)) == ["a.txt", "x.txt", "y.txt"]
    assert await files.text(made, await files.output(source, "wait")) == "text"


@pytest.mark.spec("ART-23")
async def test_references_go_up_and_down_in_a_tree_of_runs(own: Files, database: Database, settings: Settings) -> None:
    inner = [tool("read", "read", reference="{{ input.file }}"), save("made", text="of the child")]
    await own.project.workflow(graph(inner, ("read", "made")), "Child")
    call = {"workflow": "Child", "input": {"file": "{{ a.output }}"}}
    nodes = [
        save("a", text="of the parent"),
        {"id": "call", "type": "subworkflow", "config": call},
        tool("up", "read", reference="{{ call.output.made }}"),
    ]
    path = await own.run(graph(nodes, ("a", "call"), ("call", "up")))
    assert await own.output(path, "up") == "of the child"

    made = (await own.output(path, "call"))["made"]
    runs = (await own.client.get(own.project.runs)).json()["items"]
    child = next(f"{own.project.runs}/{run['id']}" for run in runs if run["parent_run_id"])
    assert await own.text(path, made) == await own.text(child, made) == "of the child"
    assert await own.text(child, await own.output(path, "a")) == "of the parent"
    assert [one["node_id"] for one in await own.listed(path)] == ["a"]

    forked = await fork(own, path, from_node="up")
    await age(database, 31, [run_of(path), run_of(child)])
    assert (await prune_now(database, settings, keep_runs_days=30))["runs"] == 2
    assert await own.text(forked, made) == "of the child"
    assert [one["node_id"] for one in await own.listed(forked)] == ["a"]


@pytest.mark.spec("ART-24")
async def test_a_result_that_is_taken_again_has_its_file_although_an_attempt_between_saved_another(
    own: Files, tmp_path: Any
) -> None:
    gate = tmp_path / "gate"
    gate.touch()

    def version(value: str) -> dict[str, Any]:
        last = {"id": "last", "type": "tool", "config": {"tool": "ref.fail", "args": {"message": value}}}
        saves = save("b", text="{{ a.output }}", gate=str(gate))
        return graph([transform("a", value), saves, last], ("a", "b"), ("b", "last"))

    workflow = await own.project.workflow(version("first"))
    path = f"{own.project.runs}/{(await own.project.run(workflow['id'], execute=True))['id']}"
    await ended(own.client, path)
    before = await own.output(path, "b")

    gate.unlink()
    await _retry(own, path, await new_version(own.project, workflow["id"], version("second")))
    (between,) = await own.listed(path)
    assert await own.text(path, between) == "second"
    assert await own.text(path, before) == "first"
    await _retry(own, path, await new_version(own.project, workflow["id"], version("first")))

    assert await own.output(path, "b") == before
    assert await own.text(path, before) == "first"


async def _retry(files: Files, path: str, version: int) -> None:
    answer = await files.client.post(f"{path}/retry", json={"version": version})
    assert answer.status_code == 202, answer.text
    await ended(files.client, path)


@pytest.mark.spec("ART-25")
async def test_the_figures_tell_what_files_take(files: Files, site: Site) -> None:
    before = await _bytes(files.client)
    await files.run(alone(tool("a", "stream", size=5_000_000)))
    assert 5_000_000 <= await _bytes(files.client) - before < 10_000_000


async def _bytes(client: httpx.AsyncClient) -> int:
    return int((await client.get("/stats")).json()["storage"]["artifact_bytes"])
