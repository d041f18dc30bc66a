"""What readers get without a look at the log of their own: the beginning with the run, and what was just written."""

from datetime import UTC, datetime
from typing import Any

import pytest

from app.db import Database, as_arrays
from app.events import Hub
from app.events import hub as hub_module
from app.events.store import as_text, read_many
from app.ids import new_id
from app.services.moves import INSERT_EVENTS
from tests.streams.conftest import PROGRESS, Writer, seqs


async def test_a_run_that_is_deleted_while_a_stream_of_it_begins_ends_the_stream(
    database: Database, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = Hub(database.url, database.pool)
    run = await writer.run(1)
    opening = hub_module.store.opening

    async def late(*arguments: Any) -> Any:
        found = await opening(*arguments)
        hub._feeds.gone([run])
        return found

    monkeypatch.setattr(hub_module.store, "opening", late)
    reader = hub.open()
    found = await hub.begin(reader, writer.project_id, run, 0)
    assert found is not None
    assert seqs(found[1]) == [1]
    assert not hub.goes_on(reader, run, found[1][-1])


@pytest.mark.spec("STREAM-74")
async def test_what_is_handed_over_reads_as_the_log_does(database: Database, writer: Writer) -> None:
    run = await writer.run()
    times = [datetime(2031, 2, 3, 4, 5, 6, microsecond, tzinfo=UTC) for microsecond in (0, 7, 120_000, 999_999)]
    texts = ["{}", '{"a": "\\n\\\\ \\" \\u0007 é 🙂", "b":[1.50,  12345678901234567890]}', '{"x":null}', "{ }"]
    nodes = [None, "n", "a-b.c/ü", 'q"\\']
    rows = [
        (run, seq, new_id(), writer.project_id, PROGRESS, node, at, text)
        for seq, (node, at, text) in enumerate(zip(nodes, times, texts, strict=True), start=1)
    ]
    async with database.pool.connection() as connection:
        await connection.execute(INSERT_EVENTS, as_arrays(rows))

    read = await read_many(database.pool, {run: 0}, 9)
    assert [as_text(row).text for row in rows] == [event.text for event in read[run]]
