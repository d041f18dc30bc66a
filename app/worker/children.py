"""The child runs of one execution, as its nodes reach them."""

from psycopg.rows import DictRow
from pydantic import JsonValue

from app.compiler import WorkflowGraphCompiler
from app.compiler.failures import RetryableError
from app.compiler.kept import same_json
from app.compiler.waiting import Child, Path, Place
from app.db import Pool
from app.events.wakeups import Wakeups
from app.queue import Queue
from app.services.children import as_child, child_of, replace_child, retry_child, start_child
from app.services.moves import Moved
from app.services.transitions import cancel_children
from app.worker.patience import outlasting


class Children:
    """Starts, retries and cancels child runs; `parent` is the row of the run that is executed."""

    def __init__(
        self, pool: Pool, queue: Queue, wakeups: Wakeups, compiler: WorkflowGraphCompiler, parent: DictRow
    ) -> None:
        self._pool = pool
        self._queue = queue
        self._wakeups = wakeups
        self._compiler = compiler
        self._parent = parent

    async def start(self, place: Place, *, workflow: str, version: int | None, value: JsonValue, again: bool) -> Child:
        """The child run of the place, made if there is none over this value; a failed one goes on with `again`."""
        return await outlasting(
            lambda: self._start(place, workflow=workflow, version=version, value=value, again=again), "A child run"
        )

    async def _start(self, place: Place, *, workflow: str, version: int | None, value: JsonValue, again: bool) -> Child:
        moved: Moved | None = None
        replaced: list[Moved] = []
        async with self._pool.connection() as connection, connection.transaction():
            row = await child_of(connection, self._parent["id"], place)
            if row is not None and not same_json(row["input"], value):
                replaced = await replace_child(connection, self._queue, self._parent, place)
                row = None
            if row is None:
                moved = await start_child(
                    connection,
                    self._queue,
                    self._compiler,
                    self._parent,
                    place,
                    workflow=workflow,
                    version=version,
                    value=value,
                )
            else:
                moved = await retry_child(connection, self._queue, self._parent, row, again=again)
            if moved is not None or again:
                row = await child_of(connection, self._parent["id"], place)
        for move in (*replaced, *([moved] if moved is not None else [])):
            self._wakeups.wake(move.project_id, move.run_id, move.last_seq)
        if row is None:
            raise RetryableError("The run has gone to another worker.")
        return as_child(row)

    async def abandon(self, node_id: str, iteration: int, path: Path) -> None:
        """Cancel the live child runs of a turn of a node; those of one item where `path` names it."""
        await outlasting(lambda: self._cancel(node_id, iteration, path), "The end of child runs")

    async def abandon_all(self) -> None:
        """Cancel all live child runs: the parent has ended without them."""
        await outlasting(lambda: self._cancel(None, None, ()), "The end of child runs")

    async def _cancel(self, node_id: str | None, iteration: int | None, path: Path) -> None:
        async with self._pool.connection() as connection, connection.transaction():
            # An execution that came after this one may need them.
            owned = await connection.execute(
                "select 1 from runs where id = %s and claim = %s for update",
                (self._parent["id"], self._parent["claim"]),
            )
            if await owned.fetchone() is None:
                return
            moves = await cancel_children(connection, self._queue, self._parent["id"], node_id, iteration, list(path))
        for moved in moves:
            self._wakeups.wake(moved.project_id, moved.run_id, moved.last_seq)
