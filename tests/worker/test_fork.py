import asyncio
import json
import random
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.reference.generator import random_graph, random_input
from tests.support import Project, ended, until
from tests.worker.conftest import Trace, check_log
from tests.worker.runs import graph, node, statuses
from tests.worker.runs import started as start
from tests.worker.upgrades import all_of, events_after, like_a_fresh_run, new_version, other_version, reused, started


class Forks:
    """Runs whose nodes write down that they run, and forks of them."""

    def __init__(self, project: Project, trace: Trace) -> None:
        self.project, self.client, self.trace = project, project.client, trace

    def give(self, name: str, value: Any, **more: Any) -> dict[str, Any]:
        return {**self.trace.node(name, "give", value=value), **more}

    async def done(self, document: dict[str, Any], value: Any = None) -> str:
        path = await start(self.project, document, value)
        await ended(self.client, path)
        self.trace.path.unlink(missing_ok=True)
        return path

    async def fork(self, path: str, *, execute: bool = True, **body: Any) -> str:
        answer = await self.client.post(f"{path}/fork", params={"execute": str(execute).lower()}, json=body)
        assert answer.status_code == 201, answer.text
        made = f"{self.project.runs}/{answer.json()['id']}"
        assert answer.headers["Location"].endswith(made)
        assert answer.json()["forked_from"] == path.rsplit("/", 1)[1]
        if execute:
            await ended(self.client, made)
        return made

    def runs(self) -> list[str]:
        return sorted(line.split()[1] for line in self.trace.lines() if line.startswith("start"))

    async def output(self, path: str, name: str) -> Any:
        return (await node(self.client, path, name))["output"]


@pytest.fixture
def forks(server_project: Project, trace: Trace) -> Forks:
    return Forks(server_project, trace)


CHAIN = (("a", "b"), ("b", "c"))


def chain(forks: Forks) -> dict[str, Any]:
    nodes = [forks.give("a", 1), forks.give("b", "{{ a.output + 1 }}"), forks.give("c", "{{ b.output + input.n }}")]
    return graph([*nodes, forks.give("side", "side")], *CHAIN)


@pytest.mark.spec("RUN-29")
async def test_a_fork_runs_from_a_node_on_and_leaves_the_other_run_as_it_is(forks: Forks) -> None:
    source = await forks.done(chain(forks), {"n": 10})
    before = (await forks.client.get(source)).json()

    made = await forks.fork(source, from_node="b")

    run = (await forks.client.get(made)).json()
    assert (run["status"], run["attempt"], run["input"]) == ("COMPLETED", 1, {"n": 10})
    assert run["result"] == before["result"] == {"c": 12, "side": "side"}
    assert forks.runs() == ["b", "c"]
    assert (await forks.client.get(source)).json() == before
    await check_log(forks.client, made)


@pytest.mark.spec("RETRY-90")
async def test_a_dry_run_of_a_fork_says_what_the_fork_does_and_changes_nothing(forks: Forks) -> None:
    source = await forks.done(chain(forks), {"n": 10})
    runs = (await forks.client.get(forks.project.runs)).json()

    async def dry(**body: Any) -> httpx.Response:
        return await forks.client.post(f"{source}/fork", params={"dry_run": "true"}, json=body)

    told = (await dry(from_node="b")).json()
    assert (told["reused"], told["runs"], told["undecided"]) == (["a", "side"], ["b", "c"], [])
    assert {step["reason"]["code"] for step in told["nodes"]} == {"completed", "requested"}
    given = (await dry(outputs={"b": 7})).json()
    said = {step["node_id"]: step["reason"]["code"] for step in given["nodes"]}
    assert said == {"a": "completed", "b": "output_given", "c": "behind_changed", "side": "completed"}
    assert (await forks.client.get(forks.project.runs)).json() == runs
    for body in ({"from_node": "nope"}, {"outputs": {"nope": 1}}, {"version": 9}):
        refused = await dry(**body)
        assert refused.status_code in (404, 422)
        assert refused.json() == (await forks.client.post(f"{source}/fork", json=body)).json()


@pytest.mark.spec("RUN-30")
async def test_the_log_of_a_fork_alone_tells_the_whole_run(forks: Forks) -> None:
    fail = {"id": "fail", "type": "tool", "config": {"tool": "ref.fail", "args": {"message": "no"}}}
    nodes = [*chain(forks)["nodes"], fail, forks.give("mend", 1), forks.give("never", 2)]
    edges = [*CHAIN, ("fail", "mend", {"on": "error"}), ("fail", "never")]
    source = await forks.done(graph(nodes, *edges), {"n": 1})
    made = await forks.fork(source, execute=False, from_node="c")

    run = (await forks.client.get(made)).json()
    events = await events_after(forks.client, made, 0)

    assert (run["status"], run["last_seq"]) == ("PENDING", len(events))
    assert run["progress"]["completed"] == 4
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert events[0]["type"] == "workflow.run.created"
    assert (events[0]["data"]["forked_from"], events[0]["data"]["from_node"]) == (source.rsplit("/", 1)[1], "c")
    told = {event["node_id"]: event for event in events[1:]}
    rows = {row["node_id"]: row for row in await all_of(forks.client, f"{made}/nodes") if row["status"] != "PENDING"}
    assert told.keys() == rows.keys() == {"a", "b", "side", "fail", "mend", "never"}
    for name, row in rows.items():
        data = told[name]["data"]
        assert told[name]["type"] == f"workflow.node.{row['status'].lower()}"
        assert data["reused"] is True
        assert (data["iteration"], data["attempt"], data["path"]) == (row["iteration"], row["attempt"], row["path"])
        assert (data.get("output"), data.get("error"), data.get("reason"), data["edges"]) == (
            row["output"], row["error"], row["reason"], row["edges"],
        )  # fmt: skip
    assert (await forks.client.post(f"{made}/execute")).status_code == 202
    await ended(forks.client, made)
    assert forks.runs() == ["c"]
    await check_log(forks.client, made)


@pytest.mark.spec("RUN-30")
async def test_a_large_output_is_cut_in_the_log_of_a_fork_and_whole_at_the_node(forks: Forks) -> None:
    large = "ü" * 70_000
    source = await forks.done(graph([forks.give("a", large), forks.give("b", None)]))
    made = await forks.fork(source)

    told = {e["node_id"]: e["data"] for e in await events_after(forks.client, made, 0) if e["node_id"]}

    assert (told["a"]["output"], told["a"]["truncated"]) == (None, True)
    assert (told["b"]["output"], "truncated" in told["b"]) == (None, False)
    assert await forks.output(made, "a") == large
    assert forks.runs() == []


@pytest.mark.spec("RUN-31")
async def test_a_node_whose_output_is_given_does_not_run_and_what_gets_another_input_does(forks: Forks) -> None:
    source = await forks.done(chain(forks), {"n": 10})

    same = await forks.fork(source, outputs={"a": 1})
    assert forks.runs() == []
    assert await forks.output(same, "c") == 12

    other = await forks.fork(source, outputs={"a": 5})
    assert forks.runs() == ["b", "c"]
    assert (await forks.output(other, "a"), await forks.output(other, "c")) == (5, 16)

    alone = await forks.fork(source, from_node="b", outputs={"b": 100})
    assert forks.runs() == ["b", "c", "c"]
    assert await forks.output(alone, "c") == 110
    for path in (same, other, alone):
        await check_log(forks.client, path)


@pytest.mark.spec("RUN-31")
async def test_any_json_can_be_given_to_a_node_of_any_id(forks: Forks) -> None:
    odd = {"nul": "\0", "half": "\ud800", "big": 2**80, "é\n": [None, 1.0]}
    source = await forks.done(graph([{"id": 'a/~"é', "type": "transform", "config": {"value": 1}}]))
    body = json.dumps({"outputs": {'a/~"é': odd}})
    answer = await forks.client.post(
        f"{source}/fork?execute=true", content=body, headers={"Content-Type": "application/json"}
    )
    made = f"{forks.project.runs}/{answer.json()['id']}"
    assert (await ended(forks.client, made))["result"] == {'a/~"é': odd}
    await forks.fork(made)
    await check_log(forks.client, made)


@pytest.mark.spec("RUN-31")
async def test_edges_and_writes_follow_an_output_that_was_given(forks: Forks) -> None:
    nodes = [
        forks.give("a", 1, writes={"sum": "{{ output }}"}),
        forks.give("low", "{{ state.sum }}"),
        forks.give("high", "{{ state.sum }}"),
    ]
    edges = [("a", "low", {"condition": "output < 5"}), ("a", "high", {"condition": "else"})]
    source = await forks.done(graph(nodes, *edges, state={"sum": {"reducer": "add", "default": 100}}))

    made = await forks.fork(source, outputs={"a": 7})

    assert await statuses(forks.client, made) == {"a": "COMPLETED", "low": "SKIPPED", "high": "COMPLETED"}
    assert await forks.output(made, "high") == 107
    assert forks.runs() == ["high"]


@pytest.mark.spec("RUN-31")
async def test_an_output_is_given_in_every_lap_of_a_loop(forks: Forks) -> None:
    nodes = [forks.give("head", "{{ loop.iteration }}"), forks.give("work", "{{ head.output }}"), forks.give("end", 1)]
    edges = [
        ("head", "work"),
        ("work", "head", {"condition": "loop.iteration < 2"}),
        ("work", "end", {"condition": "else"}),
    ]
    source = await forks.done(graph(nodes, *edges, entry="head"))

    made = await forks.fork(source, from_node="head", outputs={"work": "given"})

    laps = (await forks.client.get(f"{made}/nodes/work")).json()["items"]
    assert [(lap["status"], lap["output"]) for lap in laps] == [("COMPLETED", "given")] * 3
    assert forks.runs() == ["end", "head", "head", "head"]


@pytest.mark.spec("RUN-32")
async def test_from_a_node_in_a_loop_the_whole_loop_runs_again(forks: Forks) -> None:
    nodes = [forks.give("a", 1), forks.give("head", 2), forks.give("work", 3), forks.give("end", 4)]
    edges = [
        ("a", "head"),
        ("head", "work"),
        ("work", "head", {"condition": "loop.iteration < 1"}),
        ("work", "end", {"condition": "else"}),
    ]
    source = await forks.done(graph(nodes, *edges))
    await forks.fork(source, from_node="work")
    assert forks.runs() == ["end", "head", "head", "work", "work"]


@pytest.mark.spec("RUN-33")
async def test_another_input_counts_for_what_runs_and_is_checked(forks: Forks) -> None:
    document = chain(forks)
    document["nodes"].append({"id": "start", "type": "input", "config": {"schema": {"required": ["n"]}}})
    source = await forks.done(document, {"n": 10})

    made = await forks.fork(source, from_node="c", input_data={"n": 20})
    refused = await forks.client.post(f"{source}/fork", json={"input_data": {}})

    assert await forks.output(made, "c") == 22
    assert await forks.output(made, "start") == {"n": 10}
    assert (await forks.client.get(made)).json()["input"] == {"n": 20}
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_input")


@pytest.mark.spec("RUN-34")
async def test_a_run_can_be_forked_while_it_runs(forks: Forks, trace: Trace, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    nodes = [forks.give("a", 1), trace.node("held", "until", gate=str(gate)), forks.give("c", 2)]
    source = await start(forks.project, graph(nodes, ("a", "held"), ("held", "c")))

    async def held() -> bool:
        states = await statuses(forks.client, source)
        return "start held" in trace.lines() and states["a"] == "COMPLETED"

    await until(held)
    made = await forks.fork(source, execute=False)
    assert await statuses(forks.client, made) == {"a": "COMPLETED", "held": "PENDING", "c": "PENDING"}
    gate.touch()
    await forks.client.post(f"{made}/execute")
    assert (await ended(forks.client, made))["status"] == "COMPLETED"
    assert (await ended(forks.client, source))["status"] == "COMPLETED"
    assert forks.runs() == ["a", "c", "c", "held", "held"]


@pytest.mark.spec("RUN-34")
async def test_what_cannot_be_forked_is_refused(forks: Forks) -> None:
    client = forks.client
    workflow = await forks.project.workflow(chain(forks))
    pending = f"{forks.project.runs}/{(await forks.project.run(workflow['id'], {'n': 1}))['id']}"
    done = await forks.done(chain(forks), {"n": 1})
    answers = [
        await client.post(f"{pending}/fork"),
        await client.post(f"{done}/fork", json={"from_node": "x", "outputs": {"y/z": 1, "a": 2}}),
        await client.post(f"{done}/fork", json={"version": 2}),
        await client.post(f"{forks.project.runs}/0199f3a0-7c1e-7a52-9d3c-4f2b8a6d1e90/fork"),
    ]
    assert [(a.status_code, a.json()["code"]) for a in answers] == [
        (409, "cannot_fork"), (422, "unknown_node"), (404, "not_found"), (404, "not_found"),
    ]  # fmt: skip
    assert [e["pointer"] for e in answers[1].json()["errors"]] == ["/from_node", "/outputs/y~1z"]


@pytest.mark.spec("RUN-35")
async def test_a_fork_onto_another_version_reuses_what_has_not_changed(forks: Forks) -> None:
    document = chain(forks)
    source = await forks.done(document, {"n": 10})
    run = (await forks.client.get(source)).json()
    document["nodes"][0] = forks.give("a", "{{ 2 - 1 }}")
    document["edges"].reverse()
    assert await new_version(forks.project, run["workflow_id"], document) == 2

    made = await forks.fork(source, version=2)

    assert forks.runs() == ["a"]
    assert (await forks.client.get(made)).json()["result"] == {"c": 12, "side": "side"}
    assert (await node(forks.client, made, "b"))["edges"] == {"0": "taken"}
    await check_log(forks.client, made)


@pytest.mark.spec("RUN-29")
async def test_a_failed_fork_is_retried_as_any_run(forks: Forks, trace: Trace, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    nodes = [forks.give("a", 1), trace.node("bad", "fail_unless", gate=str(gate)), forks.give("c", "{{ a.output }}")]
    source = await forks.done(graph(nodes, ("a", "bad"), ("bad", "c")))
    made = await forks.fork(source, outputs={"c": 9})
    assert (await forks.client.get(made)).json()["status"] == "FAILED"
    assert forks.runs() == ["bad"]
    gate.touch()

    promised = (await forks.client.post(f"{made}/retry", params={"dry_run": "true"})).json()
    await forks.client.post(f"{made}/retry")
    await ended(forks.client, made)

    assert forks.runs() == ["bad", "bad"]
    assert await forks.output(made, "c") == 9
    assert (promised["reused"], promised["runs"]) == (["a", "c"], ["bad"])
    await check_log(forks.client, made)


@pytest.mark.spec("RUN-29")
async def test_a_fork_takes_over_the_items_of_a_map_that_were_done(forks: Forks, trace: Trace, tmp_path: Path) -> None:
    inner = trace.node("{{ item }}", "fail_unless", gate="{{ '" + str(tmp_path) + "/' ~ item }}")
    items = {"items": ["x", "y"], "node": {"type": "tool", "config": inner["config"]}, "on_item_error": "fail"}
    document = graph([{"id": "each", "type": "map", "config": items}, forks.give("after", 1)], ("each", "after"))
    (tmp_path / "x").touch()
    source = await start(forks.project, document)
    assert (await ended(forks.client, source))["status"] == "FAILED"
    (tmp_path / "y").touch()

    made = await forks.fork(source)
    again = await forks.fork(made)

    assert await forks.output(made, "each") == ["x", "y"]
    assert sorted(trace.lines()) == ["start after", "start x", "start y", "start y"]
    assert (await forks.client.get(again)).json()["result"] == {"after": 1}
    other = await forks.fork(source, input_data=1)
    assert trace.lines().count("start x") == 2
    for path in (made, again, other):
        await check_log(forks.client, path)


@pytest.mark.spec("RUN-31")
async def test_from_a_node_whose_output_was_given_a_retry_runs_it(forks: Forks) -> None:
    fail = {"id": "fail", "type": "tool", "config": {"tool": "ref.fail", "args": {"message": "no"}}}
    source = await forks.done(graph([forks.give("a", 1), fail], ("a", "fail")))
    made = await forks.fork(source, outputs={"a": 2})
    assert (await forks.output(made, "a"), forks.runs()) == (2, [])

    await forks.client.post(f"{made}/retry", json={"from_node": "a"})
    await ended(forks.client, made)

    assert (await forks.output(made, "a"), forks.runs()) == (1, ["a"])


@pytest.mark.spec("RUN-36")
@pytest.mark.timeout(400)
async def test_forks_of_random_graphs_are_as_fresh_runs_and_run_no_node_that_was_taken_over(
    server_project: Project,
) -> None:
    client = server_project.client
    slots = asyncio.Semaphore(6)
    counts = {"forks": 0, "taken over": 0}

    async def one(seed: int) -> None:
        rng = random.Random(40_000 + seed)
        document, value = random_graph(rng, loops=seed % 4, state=seed % 3 == 0), random_input(rng)
        workflow = await server_project.workflow(document)
        run = await server_project.run(workflow["id"], value, execute=True)
        source = f"{server_project.runs}/{run['id']}"
        await ended(client, source, seconds=60)
        name = rng.choice([None, *(entry["id"] for entry in document["nodes"])])
        wanted: dict[str, Any] = {"from_node": name}
        if seed % 3 == 1:
            document = other_version(rng, document)
            wanted["version"] = await new_version(server_project, workflow["id"], document)
        answer = await client.post(f"{source}/fork", params={"execute": "true"}, json=wanted)
        made = f"{server_project.runs}/{answer.json()['id']}"
        await ended(client, made, seconds=60)
        await check(client, made, document, value, name)
        counts["forks"] += 1
        counts["taken over"] += len(reused(await events_after(client, made, 0)))

    async def check(client: httpx.AsyncClient, made: str, document: Any, value: Any, name: str | None) -> None:
        try:
            await like_a_fresh_run(client, made, document, value)
        except AssertionError as error:
            raise AssertionError(f"{made} from {name}") from error
        events = await events_after(client, made, 0)
        assert not set(started(events)).intersection(reused(events))
        assert name not in {again for again, _ in reused(events)}

    async def slot(seed: int) -> None:
        async with slots:
            await one(seed)

    await asyncio.gather(*(slot(seed) for seed in range(60)))
    assert counts["forks"] == 60
    assert counts["taken over"] > 100, counts
