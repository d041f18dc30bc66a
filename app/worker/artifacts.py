"""Files that nodes save: gathered on this machine, then written in one transaction if the run is still one's own."""

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import aclosing
from functools import partial
from typing import Any, Self
from uuid import UUID

import psycopg
from pydantic import JsonValue

from app.compiler.failures import HardError, RetryableError
from app.compiler.waiting import Place
from app.db import Pool
from app.services.artifacts import (
    BLOCK_BYTES,
    NewArtifact,
    Owns,
    ShortenedError,
    find,
    owned_by_call,
    owned_by_execution,
    read,
    save,
)
from app.worker.entries import RunLog
from app.worker.patience import outlasting

SAVES_AT_ONCE = 2
"""Each takes one of the connections that the journal needs, too."""
IN_MEMORY_BYTES = 1 << 20
WHAT = "A file that a node saves"


class ArtifactStore:
    """The files of all runs that a worker executes; none may be larger than `most` bytes."""

    def __init__(self, pool: Pool, most: int) -> None:
        self.pool = pool
        self.most = most
        self.room = asyncio.Semaphore(SAVES_AT_ONCE)

    def of_execution(self, run: RunLog) -> "RunArtifacts":
        """Those of one execution of a run."""
        owns = partial(owned_by_execution, run_id=run.run_id, claim=run.claim)
        return RunArtifacts(self, run.project_id, run.run_id, owns)

    def of_call(self, call: Mapping[str, Any], run: Mapping[str, Any]) -> "RunArtifacts":
        """Those of a node that runs here for a run that is executed elsewhere."""
        owns = partial(owned_by_call, run_id=run["id"], call_id=call["id"], claim=call["claim"])
        return RunArtifacts(self, run["project_id"], run["id"], owns)


class RunArtifacts:
    """The compiler's Artifacts: what nodes of one run save as long as `owns` says that it is theirs to save."""

    def __init__(self, store: ArtifactStore, project_id: UUID, run_id: UUID, owns: Owns) -> None:
        self._store = store
        self._project_id = project_id
        self._run_id = run_id
        self._owns = owns
        self._newest: dict[Place, int] = {}

    async def save(
        self, place: Place, attempt: int, *, name: str, media_type: str, content: AsyncIterator[bytes]
    ) -> dict[str, JsonValue]:
        with Spool(name, self._store.most) as spool:
            async with aclosing(content) as pieces:  # type: ignore[type-var]  # what is given is a generator
                async for piece in pieces:
                    await asyncio.to_thread(spool.add, piece)
            if attempt < self._newest.setdefault(place, attempt):
                raise HardError("A thread of an earlier attempt saves nothing any more.", "attempt_over")
            self._newest[place] = attempt
            node_id, iteration, path = place
            digest = spool.digest.digest()
            new = NewArtifact(self._run_id, node_id, iteration, path, attempt, name, media_type, spool.size, digest)
            async with self._store.room:
                if not await outlasting(lambda: self._write(new, spool), WHAT):
                    raise RetryableError("The run was cancelled, or has gone to another worker.")
        return {
            "artifact": str(new.id),
            "name": name,
            "media_type": media_type,
            "size": new.size,
            "sha256": digest.hex(),
        }

    async def _write(self, new: NewArtifact, spool: "Spool") -> bool:
        is_saved = False
        async with self._store.pool.connection() as connection, connection.transaction():
            is_saved = await save(connection, new, spool.blocks, self._owns)
            if not is_saved:
                raise psycopg.Rollback
        return is_saved

    async def read(self, artifact: str) -> bytes:
        try:
            wanted = UUID(artifact)
        except ValueError:
            raise _nothing(artifact) from None

        async def whole() -> bytes | None:
            async with self._store.pool.connection() as connection:
                found = await find(connection, self._project_id, self._run_id, wanted)
            if found is None:
                return None
            return b"".join([part async for part in read(self._store.pool, wanted, 0, found["size"])])

        try:
            content = await outlasting(whole, "A file that a node reads")
        except ShortenedError:
            content = None
        if content is None:
            raise _nothing(artifact)
        return content


class Spool:
    """A file that is being gathered: in memory while it is small, then on disk."""

    def __init__(self, name: str, most: int) -> None:
        self._name = name
        self._most = most
        self._file = tempfile.SpooledTemporaryFile(max_size=IN_MEMORY_BYTES)  # noqa: SIM115  # closed by __exit__
        self.size = 0
        self.digest = hashlib.sha256()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, piece: bytes) -> None:
        """Append a piece. Raises HardError (`artifact_too_large`)."""
        self.size += len(piece)
        if self.size > self._most:
            message = f"The file {self._name!r} is larger than {self._most} bytes. Save it in parts, or have"
            raise HardError(f"{message} GRAPHWRIGHT_MAX_ARTIFACT_BYTES raised.", "artifact_too_large")
        self.digest.update(piece)
        self._file.write(piece)

    def blocks(self) -> Iterator[bytes]:
        """All of it from the beginning, as it is stored."""
        self._file.seek(0)
        while block := self._file.read(BLOCK_BYTES):
            yield block


def _nothing(artifact: str) -> HardError:
    return HardError(f"This run has no file with the id {artifact[:100]!r}.", "no_such_artifact")
