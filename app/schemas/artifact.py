"""Files of runs, as the API speaks of them."""

from typing_extensions import TypedDict

from app.schemas.common import Id, Time


class ArtifactOut(TypedDict):
    """A file that one turn of a node has saved; `path` is the item of a map, `sha256` in hex, `size` in bytes."""

    id: Id
    node_id: str
    iteration: int
    path: list[int]
    attempt: int
    name: str
    media_type: str
    size: int
    sha256: str
    created_at: Time
