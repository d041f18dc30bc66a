"""Random graphs in two versions, and what their runs did after they went on."""

import copy
import random
from typing import Any

import httpx

from app.services.reuse import Action
from tests.reference.interpreter import interpret
from tests.support import Project
from tests.worker.conftest import check_log


def other_version(rng: random.Random, document: dict[str, Any]) -> dict[str, Any]:
    """A version of the document in which a node fails, others give something else, and the order is another."""
    other = copy.deepcopy(document)
    plain = [node for node in other["nodes"] if node["type"] == "transform" or "ref.echo" in node["config"].values()]
    rng.shuffle(plain)
    for node in plain[:1]:
        node |= {"type": "tool", "config": {"tool": "ref.fail", "args": {"message": "broken"}}}
        node.pop("on_error", None)
    for node in plain[1 : 1 + rng.randrange(3)]:
        if node["type"] == "transform" and isinstance(node["config"]["value"], dict):
            node["config"]["value"] = {**node["config"]["value"], "more": rng.choice([1, "text"])}
        else:
            node["name"] = "Another name"
    open_edges = [edge for edge in other["edges"] if not {"condition", "branch", "on"} & edge.keys()]
    for edge in rng.sample(open_edges, min(len(open_edges), rng.choice([0, 0, 1, 2]))):
        edge["condition"] = rng.choice(["1 == 1", "1 == 2", "output is none"])
    if rng.random() < 0.3:
        rng.shuffle(other["edges"])
    if rng.random() < 0.2:
        rng.shuffle(other["nodes"])
    return other


async def all_of(client: httpx.AsyncClient, path: str, **params: Any) -> list[dict[str, Any]]:
    """All items of a list."""
    items: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        answer = await client.get(path, params={"limit": 200, **params, **cursor})
        page = answer.json()
        items += page["items"]
        if page["next_cursor"] is None:
            return items
        cursor = {"cursor": page["next_cursor"]}


async def events_after(client: httpx.AsyncClient, path: str, seq: int) -> list[dict[str, Any]]:
    """The events of a run after one of them."""
    events: list[dict[str, Any]] = []
    while True:
        answer = await client.get(
            f"{path}/events",
            params={"limit": 200, "after": seq + len(events)},
            headers={"Accept": "application/json"},
        )
        page = answer.json()
        events += page["items"]
        if not page["items"]:
            return events


def started(events: list[dict[str, Any]]) -> list[tuple[str, int]]:
    """The turns that were begun, once for each time."""
    return [
        (event["node_id"], event["data"]["iteration"]) for event in events if event["type"] == "workflow.node.started"
    ]


def reused(events: list[dict[str, Any]]) -> list[tuple[str, int]]:
    """The turns of which the events say that an earlier result was taken again."""
    return [(event["node_id"], event["data"]["iteration"]) for event in events if event["data"].get("reused")]


def check_promises(promised: dict[str, Any], events: list[dict[str, Any]]) -> None:
    """What a dry run said is what has happened."""
    begun, again = started(events), reused(events)
    turns: dict[Action, set[tuple[str, int]]] = {"reuse": set(), "run": set(), "reuse_if_input_is_unchanged": set()}
    for step in promised["nodes"]:
        if "iteration" in step:
            turns[step["action"]].add((step["node_id"], step["iteration"]))
    assert not turns["reuse"].intersection(begun)
    assert not turns["run"].intersection(again)
    assert not set(promised["reused"]).intersection(name for name, _ in begun)
    told = {event["node_id"] for event in events}
    assert told.issuperset(promised["runs"])
    names = [*promised["reused"], *promised["runs"], *promised["undecided"]]
    assert sorted(names) == sorted({step["node_id"] for step in promised["nodes"]})


async def like_a_fresh_run(client: httpx.AsyncClient, path: str, document: Any, value: Any) -> None:
    """The run at the path is as one that did everything itself."""
    expected = interpret(document, value)
    run = (await client.get(path)).json()
    nodes = await all_of(client, f"{path}/nodes")
    said = {(n["node_id"], n["iteration"]): (n["status"], n["output"]) for n in nodes}
    assert said == {key: (o.status, o.output) for key, o in expected.nodes.items()}
    assert run["status"] == expected.status
    if expected.status == "COMPLETED":
        assert run["result"] == expected.result
    if not any(n["path"] for n in nodes):
        assert {int(edge): state for n in nodes for edge, state in n["edges"].items()} == expected.edges
    if len(nodes) < 150:
        await check_log(client, path)


async def new_version(project: Project, workflow_id: str, document: dict[str, Any]) -> int:
    """Store the document as the next version of a workflow; its number."""
    answer = await project.client.put(f"{project.workflows}/{workflow_id}", json={"graph": document})
    assert answer.status_code == 200, answer.text
    version: int = answer.json()["version"]
    return version
