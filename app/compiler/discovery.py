"""Finding node types, tools and templates: built in, in installed packages, and in folders of workflows.

A folder of workflows holds one sub-folder per workflow: `graph.json`, any Python files with tools and node types, and
optionally `template.json` with name, description, input, source and licence. A folder with a `graph.json` of its own is
one workflow, and Python files directly in the folder belong to no workflow. What begins with `.` or `_` is left out.
"""

import importlib.metadata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import structlog
from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

import app.compiler.nodes  # noqa: F401 - importing it registers the built-in node types
from app import jsontext
from app.compiler import registry
from app.compiler.modules import forget_folder, import_file
from app.compiler.registry import Catalogue, NodeType, Registry, collecting
from app.compiler.tools import RegistrationError, describe, make_tool

TOOLS_GROUP = "graphwright.tools"
NODE_TYPES_GROUP = "graphwright.node_types"
_log = structlog.stdlib.get_logger(__name__)


class TemplateText(BaseModel):
    """What `template.json` may say; `input` is a run input to begin with."""

    model_config = ConfigDict(extra="forbid")

    name: str | None = None
    description: str = ""
    input: JsonValue = None
    source: str | None = None
    licence: str | None = None


@dataclass(frozen=True, slots=True)
class TemplateFile:
    """A workflow found in a folder, to be copied into projects; `id` is the folder's name."""

    id: str
    name: str
    description: str
    graph: JsonValue
    input: JsonValue
    source: str | None
    licence: str | None


def load_registry(folders: Sequence[Path] = ()) -> Registry:
    """Everything that graphs can be built with: built-in, from installed packages and from the folders' Python files.

    Files of folders are run again by each call. What cannot be loaded is logged and told in the registry's `problems`;
    nothing of it is taken in. Never raises.
    """
    problems: list[str] = []
    for group in (TOOLS_GROUP, NODE_TYPES_GROUP):
        for entry in importlib.metadata.entry_points(group=group):
            source = f"entry point {entry.name} of {entry.dist.name if entry.dist else entry.value}"
            _take_in(registry.installed(), partial(_load_entry_point, entry), source, problems)
    found = registry.installed().copy()
    for folder in folders:
        if not folder.is_dir():
            _note(problems, str(folder), "there is no such folder")
            continue
        for place in (folder, *_sub_folders(folder)):
            forget_folder(place)
            for file in sorted(place.glob("*.py")):
                if not file.name.startswith(("_", ".")):
                    _take_in(found, partial(import_file, file), str(file), problems)
    return registry.snapshot(found, tuple(problems))


def discover_templates(folders: Sequence[Path]) -> list[TemplateFile]:
    """The workflows in folders, by id; one that cannot be read, or whose id is taken, is logged and left out."""
    found: dict[str, TemplateFile] = {}
    for place in _workflow_folders(folders):
        try:
            template = read_template(place)
        except (OSError, ValueError, RecursionError) as error:
            _log.error("template cannot be read", folder=str(place), error=_sentence(error))
            continue
        if template.id in found:
            _log.error("template id is taken", folder=str(place), id=template.id)
            continue
        found[template.id] = template
    return [found[name] for name in sorted(found)]


def read_template(place: Path) -> TemplateFile:
    """The workflow of one folder; raises OSError or ValueError when a file cannot be read."""
    graph = _read_json(place / "graph.json")
    file = place / "template.json"
    text = TemplateText.model_validate(_read_json(file) if file.is_file() else {})
    return TemplateFile(
        id=place.resolve().name,
        name=text.name or place.resolve().name.replace("_", " ").replace("-", " ").capitalize(),
        description=text.description,
        graph=graph,
        input=text.input,
        source=text.source,
        licence=text.licence,
    )


def _workflow_folders(folders: Sequence[Path]) -> Iterator[Path]:
    for folder in folders:
        if folder.is_dir():
            yield from (place for place in (folder, *_sub_folders(folder)) if (place / "graph.json").is_file())


def _sub_folders(folder: Path) -> list[Path]:
    return sorted(place for place in folder.iterdir() if place.is_dir() and not place.name.startswith(("_", ".")))


def _read_json(file: Path) -> Any:
    try:
        return jsontext.loads(file.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise ValueError(f"{file} is not JSON: {error}") from error


def _load_entry_point(entry: importlib.metadata.EntryPoint) -> None:
    value = entry.load()
    if isinstance(value, NodeType):
        registry.current().add_node_type(value)
    elif entry.group == TOOLS_GROUP and callable(value) and not registry.current().has_function(value):
        registry.current().add_tool(make_tool(value, entry.name, None, process=False))


def _take_in(catalogue: Catalogue, load: Callable[[], object], source: str, problems: list[str]) -> None:
    try:
        with collecting() as loaded:
            load()
        catalogue.merge(loaded)
    except RegistrationError as error:
        _note(problems, source, error.message)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the code is anybody's, and one bad file must not stop all
        _note(problems, source, _sentence(error))


def _note(problems: list[str], source: str, reason: str) -> None:
    _log.error("cannot be loaded", source=source, reason=reason)
    problems.append(f"{source}: {reason}")


def _sentence(error: BaseException) -> str:
    if isinstance(error, ValidationError):
        return describe(error)
    return f"{type(error).__name__}: {error}" if not isinstance(error, ValueError) else str(error)
