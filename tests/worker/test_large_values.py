"""Values that are large: where their bytes are, and what shows them."""

from typing import Any

import pytest
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver

from app.db import Database
from tests.support import Project, ended
from tests.worker.runs import graph, node, started, transform

BIG = 100_000


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
