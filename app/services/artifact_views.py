"""The files of a run as people see them."""

from dataclasses import dataclass
from uuid import UUID

from psycopg.rows import DictRow

from app.errors import NotFoundError
from app.schemas.artifact import ArtifactOut
from app.schemas.common import Page
from app.services import artifacts
from app.services.pages import decode_cursor, page, rfc3339
from app.services.work import Work


@dataclass(frozen=True, slots=True)
class ArtifactFilter:
    """Which files a list shows; None means all."""

    node_id: str | None = None
    iteration: int | None = None


@dataclass(frozen=True, slots=True)
class StoredFile:
    """What has to be known of a file to send it; `sha256` in hex."""

    id: UUID
    name: str
    media_type: str
    size: int
    sha256: str


async def list_artifacts(
    work: Work, project_id: UUID, run_id: UUID, wanted: ArtifactFilter, *, limit: int, cursor: str | None
) -> Page[ArtifactOut]:
    """The files that nodes have saved, oldest first. Raises NotFoundError."""
    after = decode_cursor(cursor, UUID)
    run = await work.first("SELECT 1 AS found FROM runs WHERE project_id = %s AND id = %s", (project_id, run_id))
    if run is None:
        raise NotFoundError("There is no such run in this project.")
    rows = await work.all(
        """SELECT * FROM artifacts
           WHERE run_id = %(run)s AND listed AND (%(after)s::uuid IS NULL OR id > %(after)s)
             AND (%(node)s::text IS NULL OR node_id = %(node)s)
             AND (%(iteration)s::int IS NULL OR iteration = %(iteration)s)
           ORDER BY id LIMIT %(limit)s""",
        {
            "run": run_id,
            "after": after[0] if after else None,
            "node": wanted.node_id,
            "iteration": wanted.iteration,
            "limit": limit + 1,
        },
    )
    return page(rows, limit, _view, lambda row: (str(row["id"]),))


async def stored_file(work: Work, project_id: UUID, run_id: UUID, artifact_id: UUID) -> StoredFile:
    """A file of the run, or one that its values may refer to. Raises NotFoundError."""
    row = await artifacts.find(await work.connection(), project_id, run_id, artifact_id)
    if row is None:
        raise NotFoundError("There is no such file in this run of this project.")
    return StoredFile(row["id"], row["name"], row["media_type"], row["size"], row["sha256"].hex())


def _view(row: DictRow) -> ArtifactOut:
    return {
        "id": str(row["id"]),
        "node_id": row["node_id"],
        "iteration": row["iteration"],
        "path": row["path"],
        "attempt": row["attempt"],
        "name": row["name"],
        "media_type": row["media_type"],
        "size": row["size"],
        "sha256": row["sha256"].hex(),
        "created_at": rfc3339(row["created_at"]),
    }
