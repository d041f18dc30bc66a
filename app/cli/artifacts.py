"""`graphwright runs artifacts`: the files of a run, listed or written to a folder."""

import hashlib
from itertools import count
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.api import Api
from app.cli.options import AsJson, ProjectName
from app.cli.output import clean, say, show_json, show_table
from app.errors import UnavailableError
from app.filenames import file_name

PIECE_BYTES = 1 << 20
PARTIAL = ".part"


def artifacts(
    run: Annotated[str, typer.Argument(metavar="ID", help="A run's id.")],
    *,
    node: Annotated[str | None, typer.Option(help="Only those of this node.")] = None,
    folder: Annotated[
        Path | None, typer.Option("--save", metavar="DIR", help="Write them below this folder, one for each node.")
    ] = None,
    project: ProjectName = None,
    as_json: AsJson = False,
) -> None:
    """List the files that nodes of a run have saved, or write them all to a folder; what is there already stays."""
    api = Api()
    place = f"{api.project(project)}/workflows/runs/{run}/artifacts"
    found = list(api.items(place, node_id=node))
    if as_json:
        show_json(found)
    elif folder is None:
        rows = [
            (one["node_id"], _turn(one), one["name"], one["media_type"], one["size"], one["created_at"], one["id"])
            for one in found
        ]
        show_table(("NODE", "TURN", "NAME", "TYPE", "BYTES", "SAVED", "ID"), rows)
    if folder is not None:
        for one in found:
            path = _save(api, f"{place}/{one['id']}", one, folder / _folder_of(one))
            if not as_json:
                say(clean(path))


def _turn(one: dict[str, Any]) -> str:
    """The iteration, and the item of a map behind it."""
    return ".".join(map(str, [one["iteration"], *one["path"]]))


def _folder_of(one: dict[str, Any]) -> str:
    node = file_name(one["node_id"].replace("/", "_").replace("\\", "_"))
    return f"{node}.{_turn(one)}" if one["iteration"] or one["path"] else node


def _save(api: Api, place: str, one: dict[str, Any], folder: Path) -> Path:
    """Write one file, under another name if there is a different one of that name; where it is."""
    folder.mkdir(parents=True, exist_ok=True)
    path = _free(folder, file_name(one["name"]), one["sha256"])
    if path.exists():
        return path
    partial, digest = path.with_name(f"{path.name}{PARTIAL}"), hashlib.sha256()
    with partial.open("wb") as file:
        for piece in api.content(place):
            digest.update(piece)
            file.write(piece)
    if digest.hexdigest() != one["sha256"]:
        raise UnavailableError(f"What has arrived of {one['name']!r} is not what was saved. Try again.")
    return partial.rename(path)


def _free(folder: Path, name: str, sha256: str) -> Path:
    """The first path of the name, or of the name with a number, where nothing is, or this very file."""
    stem, dot, ending = name.rpartition(".")
    for number in count(1):
        shown = name if number == 1 else f"{stem} ({number}).{ending}" if dot else f"{name} ({number})"
        path = folder / shown
        if not path.exists() or (path.is_file() and _digest(path) == sha256):
            return path
    raise AssertionError("there is always another number")


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            digest.update(piece)
    return digest.hexdigest()
