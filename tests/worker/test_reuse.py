import asyncio
import random
from pathlib import Path
from typing import Any

import pytest

from app.db import Database
from tests.reference.generator import random_graph, random_input
from tests.support import Project, ended
from tests.worker.conftest import Trace, check_log
from tests.worker.runs import graph, node
from tests.worker.runs import started as start
from tests.worker.upgrades import (
    all_of,
    check_promises,
    events_after,
    like_a_fresh_run,
    new_version,
    other_version,
    reused,
    started,
)


class Upgrade:
    """A run that fails on the first version of its graph, and goes on with the second."""

    def __init__(self, project: Project, trace: Trace, gate: Path) -> None:
        self.project, self.client, self.trace, self.gate = project, project.client, trace, gate

    def give(self, name: str, value: Any, **more: Any) -> dict[str, Any]:
        return {**self.trace.node(name, "give", value=value), **more}

    def last(self) -> dict[str, Any]:
        return self.trace.node("last", "fail_unless", gate=str(self.gate))

    async def fail(self, document: dict[str, Any], value: Any = None) -> str:
        workflow = await self.project.workflow(document)
        self.workflow_id = workflow["id"]
        run = await self.project.run(workflow["id"], value, execute=True)
        self.path = f"{self.project.runs}/{run['id']}"
        assert (await ended(self.client, self.path))["status"] == "FAILED"
        return self.path

    async def retry(self, document: dict[str, Any], **more: Any) -> list[dict[str, Any]]:
        """Go on with the document; the events since then."""
        version = await new_version(self.project, self.workflow_id, document)
        before = (await self.client.get(self.path)).json()["last_seq"]
        answer = await self.client.post(f"{self.path}/retry", json={"version": version, **more})
        assert answer.status_code == 202, answer.text
        await ended(self.client, self.path)
        return await events_after(self.client, self.path, before)

    def runs(self, name: str) -> int:
        return self.trace.lines().count(f"start {name}")


@pytest.fixture
def upgrade(server_project: Project, trace: Trace, tmp_path: Path) -> Upgrade:
    return Upgrade(server_project, trace, tmp_path / "gate")


async def rows(database: Database, table: str) -> list[dict[str, Any]]:
    async with database.pool.connection() as connection:
        return await (await connection.execute(f"select * from {table}")).fetchall()  # type: ignore[return-value]


CHAIN = (("a", "b"), ("b", "c"), ("c", "last"))


@pytest.mark.spec("RUN-20", "RUN-21")
async def test_a_node_behind_a_changed_one_that_gave_the_same_is_not_run_again(
    upgrade: Upgrade, database: Database
) -> None:
    nodes = [upgrade.give("a", 1), upgrade.give("b", "{{ a.output }}"), upgrade.give("c", "{{ b.output }}")]
    await upgrade.fail(graph([*nodes, upgrade.last()], *CHAIN))
    upgrade.gate.touch()

    nodes[1] = upgrade.give("b", "{{ a.output * 1 }}")
    before = await node(upgrade.client, upgrade.path, "c")
    events = await upgrade.retry(graph([*nodes, upgrade.last()], *CHAIN))

    run = (await upgrade.client.get(upgrade.path)).json()
    assert (run["status"], run["version"]) == ("COMPLETED", 2)
    assert {name: upgrade.runs(name) for name in "abc"} == {"a": 1, "b": 2, "c": 1}
    assert reused(events) == [("c", 0)]
    assert [name for name, _ in started(events)] == ["b", "last"]
    after = await node(upgrade.client, upgrade.path, "c")
    assert after == before
    assert await rows(database, "kept_results") == []
    assert next(e for e in events if e["type"] == "workflow.run.queued")["data"]["again"] == ["b", "c", "last"]
    await check_log(upgrade.client, upgrade.path)


@pytest.mark.spec("RUN-20")
async def test_a_node_behind_a_changed_one_that_gave_something_else_runs_again(upgrade: Upgrade) -> None:
    nodes = [upgrade.give("a", 1), upgrade.give("b", "{{ a.output }}"), upgrade.give("c", "{{ b.output }}")]
    await upgrade.fail(graph([*nodes, upgrade.last()], *CHAIN))
    upgrade.gate.touch()

    nodes[1] = upgrade.give("b", "{{ a.output * 1.0 }}")
    events = await upgrade.retry(graph([*nodes, upgrade.last()], *CHAIN))

    assert {name: upgrade.runs(name) for name in "abc"} == {"a": 1, "b": 2, "c": 2}
    assert reused(events) == []


@pytest.mark.spec("RUN-20")
async def test_a_node_put_between_two_others_runs_alone(upgrade: Upgrade) -> None:
    nodes = [upgrade.give("a", 1), upgrade.give("b", "{{ a.output }}")]
    await upgrade.fail(graph([*nodes, upgrade.last()], ("a", "b"), ("b", "last")))
    upgrade.gate.touch()

    more = [*nodes, upgrade.give("new", "{{ a.output }}"), upgrade.last()]
    events = await upgrade.retry(graph(more, ("a", "new"), ("new", "b"), ("b", "last")))

    assert {name: upgrade.runs(name) for name in ("a", "b", "new")} == {"a": 1, "b": 1, "new": 1}
    assert ("b", 0) in reused(events)
    # The edges of `a` are others now: they are decided again, and told.
    assert (await node(upgrade.client, upgrade.path, "a"))["edges"] == {"0": "taken"}
    await check_log(upgrade.client, upgrade.path)


@pytest.mark.spec("RUN-20")
async def test_a_map_over_the_same_items_is_taken_again_unless_its_node_reads_more(upgrade: Upgrade) -> None:
    def mapped(name: str, value: str) -> dict[str, Any]:
        inner = upgrade.give(name, value)
        return {"id": name, "type": "map", "config": {"items": "{{ a.output }}", "node": {
            "type": "tool", "config": inner["config"]}}}  # fmt: skip

    def document(given: Any) -> dict[str, Any]:
        first = upgrade.give("a", given)
        more = [mapped("own", "{{ item }}"), mapped("reads", "{{ item + a.output[0] }}"), upgrade.last()]
        return graph([first, *more], ("a", "own"), ("a", "reads"), ("own", "last"))

    await upgrade.fail(document([1, 2]))
    events = await upgrade.retry(document("{{ [1, 2] }}"))

    assert {name: upgrade.runs(name) for name in ("a", "own", "reads")} == {"a": 2, "own": 2, "reads": 4}
    assert reused(events) == [("own", 0)]
    await upgrade.retry(document([1, 3]))
    assert upgrade.runs("own") == 4


@pytest.mark.spec("RUN-22")
async def test_another_condition_is_decided_over_the_old_output(upgrade: Upgrade) -> None:
    nodes = [upgrade.give("a", 1), upgrade.give("b", 2), upgrade.give("c", 3), upgrade.last()]

    def edges(limit: int) -> list[tuple[Any, ...]]:
        return [
            ("a", "b", {"condition": f"output < {limit}"}),
            ("a", "c", {"condition": "else"}),
            ("b", "last"),
            ("c", "last"),
        ]

    await upgrade.fail(graph(nodes, *edges(5)))
    upgrade.gate.touch()
    await upgrade.retry(graph(nodes, *edges(0)))

    assert {name: upgrade.runs(name) for name in "abc"} == {"a": 1, "b": 1, "c": 1}
    states = {n["node_id"]: n["status"] for n in await all_of(upgrade.client, f"{upgrade.path}/nodes")}
    assert states == {"a": "COMPLETED", "b": "SKIPPED", "c": "COMPLETED", "last": "COMPLETED"}


@pytest.mark.spec("RUN-22", "RUN-28")
async def test_what_stands_behind_an_else_depends_on_the_other_conditions(upgrade: Upgrade) -> None:
    nodes = [upgrade.give("a", 1), upgrade.give("b", 2), upgrade.give("c", 3), upgrade.give("side", 4)]
    nodes += [upgrade.give("d", "{{ c.output }}"), upgrade.last()]

    def document(limit: int) -> dict[str, Any]:
        low = ("a", "b", {"condition": f"output < {limit}"})
        return graph(nodes, low, ("a", "c", {"condition": "else"}), ("c", "d"), ("side", "d"))

    await upgrade.fail(document(0))
    assert (await node(upgrade.client, upgrade.path, "d"))["output"] == 3
    await upgrade.retry(document(5))

    assert (await node(upgrade.client, upgrade.path, "c"))["status"] == "SKIPPED"
    assert (await node(upgrade.client, upgrade.path, "d"))["output"] is None
    assert {name: upgrade.runs(name) for name in ("a", "b", "c", "side", "d")} == {
        "a": 1, "b": 1, "c": 1, "side": 1, "d": 2,
    }  # fmt: skip


@pytest.mark.spec("RUN-22")
async def test_a_failure_that_is_no_longer_handled_comes_again(upgrade: Upgrade) -> None:
    flaky = upgrade.trace.node("flaky", "fail_unless", gate=str(upgrade.gate))
    nodes = [flaky, upgrade.give("mend", 1), upgrade.give("next", 2), upgrade.give("d", "{{ flaky.status }}")]
    bad = {"id": "bad", "type": "tool", "config": {"tool": "ref.fail", "args": {"message": "no"}}}
    edges = [("mend", "d"), ("flaky", "next")]
    await upgrade.fail(graph([*nodes, bad], *edges, ("flaky", "mend", {"on": "error"})))
    assert upgrade.runs("mend") == 1
    upgrade.gate.touch()

    await upgrade.retry(graph(nodes, *edges, ("flaky", "mend")))

    assert (await upgrade.client.get(upgrade.path)).json()["status"] == "COMPLETED"
    assert {name: upgrade.runs(name) for name in ("flaky", "mend", "next", "d")} == {
        "flaky": 2, "mend": 1, "next": 1, "d": 2,
    }  # fmt: skip


@pytest.mark.spec("RUN-22")
async def test_a_condition_that_the_old_output_cannot_answer_fails_its_node_without_running_it(
    upgrade: Upgrade,
) -> None:
    nodes = [upgrade.give("a", 1), upgrade.last()]
    await upgrade.fail(graph(nodes, ("a", "last")))
    await upgrade.retry(graph(nodes, ("a", "last", {"condition": "output.missing > 1"})))

    assert upgrade.runs("a") == 1
    state = await node(upgrade.client, upgrade.path, "a")
    assert (state["status"], state["output"]) == ("FAILED", None)


@pytest.mark.spec("RUN-21")
async def test_what_was_put_aside_is_there_for_a_second_retry(upgrade: Upgrade) -> None:
    nodes = [upgrade.give("a", 1), upgrade.give("b", "{{ a.output }}"), upgrade.give("c", "{{ b.output }}")]
    await upgrade.fail(graph([*nodes, upgrade.last()], *CHAIN))
    upgrade.gate.touch()

    broken = {"id": "b", "type": "tool", "config": {"tool": "ref.fail", "args": {"message": "no"}}}
    await upgrade.retry(graph([nodes[0], broken, nodes[2], upgrade.last()], *CHAIN))
    assert (await node(upgrade.client, upgrade.path, "c"))["status"] == "SKIPPED"
    events = await upgrade.retry(graph([*nodes, upgrade.last()], *CHAIN))

    assert {name: upgrade.runs(name) for name in "abc"} == {"a": 1, "b": 2, "c": 1}
    assert reused(events) == [("c", 0)]


@pytest.mark.spec("RUN-23")
async def test_from_a_node_everything_behind_runs_again_on_a_newer_version_too(upgrade: Upgrade) -> None:
    nodes = [upgrade.give("a", 1), upgrade.give("b", "{{ a.output }}"), upgrade.give("c", "{{ b.output }}")]
    await upgrade.fail(graph([*nodes, upgrade.last()], *CHAIN))
    upgrade.gate.touch()

    nodes[0] = upgrade.give("a", "{{ 1 }}")
    await upgrade.retry(graph([*nodes, upgrade.last()], *CHAIN), from_node="c")

    assert {name: upgrade.runs(name) for name in "abc"} == {"a": 2, "b": 1, "c": 2}


@pytest.mark.spec("RUN-24")
async def test_secrets_are_neither_compared_nor_put_aside(secret: str, upgrade: Upgrade, database: Database) -> None:
    nodes = [upgrade.give("a", 1), upgrade.give("b", "{{ a.output }} {{ secrets.probe }}")]
    await upgrade.fail(graph([*nodes, upgrade.last()], ("a", "b"), ("b", "last")))

    nodes[0] = upgrade.give("a", "{{ 1 }}")
    events = await upgrade.retry(graph([*nodes, upgrade.last()], ("a", "b"), ("b", "last")))

    kept = await rows(database, "kept_results")
    assert reused(events) == [("b", 0)]
    assert [row["node_id"] for row in kept] == ["b"]
    assert kept[0]["input"]["args"]["value"] == "1 ***"
    assert secret not in str(kept[0]["input"])


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("GRAPHWRIGHT_SECRET_PROBE", "s3cr3t")
    return "s3cr3t"


@pytest.mark.spec("RUN-25")
async def test_a_dry_run_says_what_would_happen_and_why_and_changes_nothing(upgrade: Upgrade) -> None:
    nodes = [upgrade.give("a", 1), upgrade.give("b", "{{ a.output }}"), upgrade.give("c", "{{ b.output }}")]
    more = [*nodes, upgrade.last(), upgrade.give("after", 1)]
    edges = (*CHAIN, ("last", "after"))
    await upgrade.fail(graph(more, *edges))
    more[1] = upgrade.give("b", "{{ a.output + 0 }}")
    await new_version(upgrade.project, upgrade.workflow_id, graph([*more, upgrade.give("d", 1)], *edges))
    before = (await upgrade.client.get(upgrade.path)).json()

    async def dry(**body: Any) -> dict[str, Any]:
        answer = await upgrade.client.post(f"{upgrade.path}/retry", params={"dry_run": "true"}, json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    same, newer, asked = await dry(), await dry(version=2), await dry(from_node="b")
    assert (await upgrade.client.get(upgrade.path)).json() == before

    assert (same["reused"], same["runs"], same["undecided"]) == (["a", "b", "c"], ["last", "after"], [])
    said = {step["node_id"]: (step["action"], step["reason"]["code"]) for step in newer["nodes"]}
    assert said == {
        "a": ("reuse", "completed"),
        "b": ("run", "definition_changed"),
        "c": ("reuse_if_input_is_unchanged", "behind_changed"),
        "last": ("run", "failed"),
        "after": ("run", "skipped_behind_failure"),
        "d": ("run", "new"),
    }
    assert newer["undecided"] == ["c"]
    assert all(step["reason"]["message"].endswith(".") for step in newer["nodes"])
    assert {step["reason"]["code"] for step in asked["nodes"] if step["action"] == "run"} == {"requested"}
    assert asked["reused"] == ["a"]


@pytest.mark.spec("RUN-26")
async def test_a_dry_run_is_refused_as_the_retry_would_be(server_project: Project) -> None:
    client = server_project.client
    done = await start(server_project, graph([{"id": "a", "type": "transform", "config": {"value": 1}}]))
    fail = {"id": "a", "type": "tool", "config": {"tool": "ref.fail", "args": {"message": "no"}}}
    failed = await start(server_project, graph([fail]))
    await ended(client, done)
    await ended(client, failed)
    for path, body in (
        (done, {}),
        (done, {"from_node": "nope"}),
        (failed, {"from_node": "nope"}),
        (failed, {"version": 9}),
        (f"{server_project.runs}/0199f3a0-7c1e-7a52-9d3c-4f2b8a6d1e90", {}),
    ):
        dry = await client.post(f"{path}/retry", params={"dry_run": "true"}, json=body)
        real = await client.post(f"{path}/retry", json=body)
        assert dry.json() == real.json()
        assert dry.json()["code"] in ("cannot_retry", "unknown_node", "not_found")
        if dry.status_code == 422:
            assert dry.json()["errors"][0]["pointer"] == "/from_node"


@pytest.mark.spec("RUN-27")
async def test_a_run_that_ran_out_of_time_has_all_its_time_again(
    server_project: Project, trace: Trace, tmp_path: Path
) -> None:
    client = server_project.client
    gate = tmp_path / "gate"
    nodes = [trace.node("held", "until", gate=str(gate))]
    path = await start(server_project, graph(nodes, settings={"timeout": 0.7}))
    assert (await ended(client, path))["reason"]["code"] == "timeout"
    gate.touch()

    await client.post(f"{path}/retry")

    assert (await ended(client, path))["status"] == "COMPLETED"


@pytest.mark.spec("RUN-28", "RUN-25")
@pytest.mark.timeout(400)
async def test_random_graphs_go_on_with_another_version_as_if_they_had_been_run_on_it(
    server_project: Project,
) -> None:
    client = server_project.client
    slots = asyncio.Semaphore(6)
    counts = {"retried": 0, "reuse": 0, "taken again": 0}

    async def one(seed: int) -> None:
        rng = random.Random(30_000 + seed)
        document, value = random_graph(rng, loops=seed % 4, state=seed % 3 == 0), random_input(rng)
        workflow = await server_project.workflow(other_version(rng, document))
        run = await server_project.run(workflow["id"], value, execute=True)
        path = f"{server_project.runs}/{run['id']}"
        failed = await ended(client, path, seconds=60)
        if failed["status"] != "FAILED":
            return
        version = await new_version(server_project, workflow["id"], document)
        wanted: dict[str, Any] = {"version": version}
        if seed % 5 == 0:
            wanted["from_node"] = rng.choice(document["nodes"])["id"]
        promised = (await client.post(f"{path}/retry", params={"dry_run": "true"}, json=wanted)).json()
        assert (await client.post(f"{path}/retry", json=wanted)).status_code == 202
        await ended(client, path, seconds=60)
        events = await events_after(client, path, failed["last_seq"])
        check_promises(promised, events)
        try:
            await like_a_fresh_run(client, path, document, value)
        except AssertionError as error:
            raise AssertionError(f"seed {seed}") from error
        counts["retried"] += 1
        counts["reuse"] += len(promised["reused"])
        counts["taken again"] += len(reused(events))

    async def slot(seed: int) -> None:
        async with slots:
            await one(seed)

    await asyncio.gather(*(slot(seed) for seed in range(80)))
    assert min(counts.values()) > 20, counts
