"""Values that are large: where their bytes are, and what shows them."""

from typing import Any

import pytest
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver

from app.db import Database
from tests.support import Project, ended
from tests.worker.conftest import Trace
from tests.worker.runs import graph, in_status, node, started, transform
from tests.worker.upgrades import new_version

BIG = 100_000


async def count(database: Database, query: str, run_id: str) -> int:
    async with database.pool.connection() as connection:
        row = await (await connection.execute(query, (run_id,))).fetchone()  # type: ignore[arg-type]  # of this module
    assert row is not None
    return int(row["count"])


VALUES = "select count(*)::int as count from large_values where run_id = %s"
INPUTS = "select max(octet_length(input::text))::int as count from node_states where run_id = %s"


async def stored_bytes(database: Database, run_id: str) -> dict[str, int]:
    """The bytes of a run by table, before the database makes them smaller."""
    found = {}
    async with database.pool.connection() as connection:
        for table, size, key in (
            ("checkpoint_writes", "octet_length(blob)", "thread_id"),
            ("checkpoint_blobs", "octet_length(blob)", "thread_id"),
            ("checkpoints", "octet_length(checkpoint::text || metadata::text)", "thread_id"),
            ("run_events", "octet_length(data::text)", "run_id::text"),
        ):
            cursor = await connection.execute(
                f"select coalesce(sum({size}), 0)::int as bytes from {table} where {key} = %s",  # type: ignore[arg-type]  # names from above
                (run_id,),
            )
            row = await cursor.fetchone()
            assert row is not None
            found[table] = row["bytes"]
    return found


@pytest.mark.spec("SAVE-6", "RUN-17")
async def test_the_thread_of_a_run_refers_to_large_values(server_project: Project, database: Database) -> None:
    client, big = server_project.client, "x" * BIG
    again = transform("again", "{{ input.big }}{{ loop.iteration }}", writes={"n": "{{ 1 }}"})
    nodes = [again, transform("small", 1), transform("last", "{{ again.output }}")]
    edges = [("again", "again", {"condition": "state.n < 3"}), ("again", "small"), ("small", "last")]
    document = graph(nodes, *edges, entry="again", state={"n": {"reducer": "add", "default": 0}})
    path = await started(server_project, document, {"big": big})

    done = await ended(client, path)

    assert (done["status"], done["result"]) == ("COMPLETED", {"last": f"{big}3"})
    found = await AsyncPostgresSaver(database.pool).aget_tuple({"configurable": {"thread_id": done["id"]}})
    assert found is not None
    values = found.checkpoint["channel_values"]
    refers: dict[str, Any] = {"graphwright.value": {"run_id": done["id"], "node_id": "again", "iteration": 3}}
    assert values["outputs"]["again"] == refers
    assert values["outputs"]["small"] == 1
    assert values["input"] == {"graphwright.value": {"run_id": done["id"], "field": "input"}}
    place = refers["graphwright.value"]
    turn = await node(client, path, place["node_id"])
    assert (turn["iteration"], turn["output"]) == (place["iteration"], f"{big}3")
    assert all(size < BIG for size in (await stored_bytes(database, done["id"])).values())


def fan(last: Any = 0, *more: dict[str, Any]) -> dict[str, Any]:
    """One node gives a large value to five others, in places that differ."""
    configs = [{"value": "{{ p.output }}"}, *({"value": {"n": n, "of": ["{{ p.output }}", last]}} for n in range(4))]
    users = [{"id": f"c{n}", "type": "transform", "config": config} for n, config in enumerate(configs)]
    nodes = [transform("p", ["{{ input.big }}", "p"]), *users, *more]
    return graph(nodes, *(("p", node["id"]) for node in [*users, *more]))


@pytest.mark.spec("SAVE-9")
async def test_what_many_nodes_are_given_is_stored_once_and_shown_whole(
    server_project: Project, database: Database
) -> None:
    client, big = server_project.client, "x" * BIG
    path = await started(server_project, fan(), {"big": big})

    done = await ended(client, path)

    nodes = {n["node_id"]: n for n in (await client.get(f"{path}/nodes")).json()["items"]}
    assert nodes["p"]["input"] == {"value": [big, "p"]}
    assert nodes["c0"]["input"] == {"value": [big, "p"]}
    assert nodes["c3"]["input"] == {"value": {"n": 2, "of": [[big, "p"], 0]}}
    assert (await node(client, path, "c4"))["input"] == nodes["c4"]["input"]
    assert await count(database, VALUES, done["id"]) == 2  # the text, and the list around it
    assert await count(database, INPUTS, done["id"]) < BIG


@pytest.mark.spec("SAVE-9")
async def test_what_waits_with_a_large_input_shows_it_before_and_after_a_fork(server_project: Project) -> None:
    client, big = server_project.client, "x" * BIG
    ask = {"id": "ask", "type": "approval", "config": {"prompt": "{{ p.output[0] }}"}}
    path = await started(server_project, fan(0, ask), {"big": big})
    waiting = await in_status(client, path, "WAITING")

    fork = (await client.post(f"{path}/fork", params={"execute": "true"}, json={})).json()
    other = f"{server_project.runs}/{fork['id']}"
    await in_status(client, other, "WAITING")
    for run in (path, other):
        assert (await node(client, run, "ask"))["input"]["prompt"] == big
        assert (await client.post(f"{run}/resume", json={"node_id": "ask", "answer": 1})).status_code == 202
        done = await ended(client, run)
        assert (done["status"], done["result"]["c0"]) == ("COMPLETED", [big, "p"])
        assert (await node(client, run, "ask"))["input"]["prompt"] == big
        assert (await node(client, run, "c2"))["input"] == {"value": {"n": 1, "of": [[big, "p"], 0]}}
    assert waiting["id"] != fork["id"]


@pytest.mark.spec("SAVE-9")
async def test_a_large_input_is_compared_as_a_whole(server_project: Project, trace: Trace) -> None:
    client, big = server_project.client, "x" * BIG

    def document(said: str) -> dict[str, Any]:
        given = [trace.node(f"g{n}", "give", value=["{{ p.output }}", n]) for n in range(2)]
        last = trace.node("last", "fail_unless", gate="/nowhere")
        edges = [("p", "g0"), ("p", "g1"), ("g0", "last"), ("g1", "last")]
        return graph([transform("p", said), *given, last], *edges)

    same, other = "{{ input.big }}", "{{ input.big ~ 'y' }}"
    workflow = await server_project.workflow(document(same))
    run = await server_project.run(workflow["id"], {"big": big}, execute=True)
    path = f"{server_project.runs}/{run['id']}"
    await ended(client, path)
    began = trace.lines().count("start g0")
    results = []
    # The first gives the same in another way, the second something else.
    for said in ("{{ input.big ~ '' }}", other):
        version = await new_version(server_project, workflow["id"], document(said))
        assert (await client.post(f"{path}/retry", json={"version": version})).status_code == 202
        await ended(client, path)
        results.append(trace.lines().count("start g0") - began)
        assert (await node(client, path, "g1"))["input"]["args"]["value"][1] == 1

    assert results == [0, 1]
    assert (await node(client, path, "g0"))["input"]["args"]["value"] == [f"{big}y", 0]
