"""The inputs of nodes with their large pieces, which are stored once for all nodes of a run."""

from collections.abc import Collection
from uuid import UUID

from psycopg.rows import DictRow

from app.compiler.stored import join
from app.services.moves import Connection, several


async def make_whole(connection: Connection, run_id: UUID, rows: Collection[DictRow]) -> None:
    """Put the pieces into the `input` of these rows of node_states or kept_results, which are all of the run."""
    wanted = {bytes.fromhex(digest) for row in rows for _, digest in row["input_parts"] or ()}
    if not wanted:
        return
    found = await several(
        connection,
        "select digest, value from large_values where run_id = %s and digest = any(%s)",
        (run_id, list(wanted)),
    )
    values = {row["digest"].hex(): row["value"] for row in found}
    for row in rows:
        if row["input_parts"]:
            row["input"] = join(row["input"], [(way, values[digest]) for way, digest in row["input_parts"]])
            row["input_parts"] = None
