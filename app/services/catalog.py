"""What graphs can be built with: node types, tools, templates, the schema of the document."""

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NotRequired
from urllib.parse import quote

from typing_extensions import TypedDict

from app import jsontext
from app.compiler import Registry, plan_of
from app.compiler.discovery import discover_templates
from app.errors import NotFoundError
from app.schemas.common import JsonObject
from app.schemas.workflow import TemplateOut
from app.services.graph_schema import graph_schema
from app.services.pictures import picture

REMEMBERED = 64


class NodeTypeOut(TypedDict):
    """A node type; `config` is the JSON Schema of its configuration.

    In the places of `expressions` stand bare expressions, in those of `literal` no templates, as in `branches.*.when`.
    """

    name: str
    title: str
    description: str
    config: JsonObject
    expressions: list[str]
    literal: list[str]


class ToolOut(TypedDict):
    """A tool; `args` is the JSON Schema of what it takes."""

    name: str
    description: str
    args: JsonObject
    title: NotRequired[str]


class Catalog:
    """Fixed when the server starts, as node types and tools are."""

    def __init__(self, registry: Registry, folders: Sequence[Path]) -> None:
        self.node_types: list[NodeTypeOut] = [
            {
                "name": kind.name,
                "title": kind.title,
                "description": kind.description,
                "config": kind.config_schema(),
                "expressions": list(kind.expressions),
                "literal": list(kind.literal),
            }
            for _, kind in sorted(registry.node_types.items())
        ]
        self.tools: list[ToolOut] = [
            {"name": tool.name, "description": tool.description, "args": dict(tool.args_schema)}
            for _, tool in sorted(registry.tools.items())
        ]
        self.graph_schema = graph_schema(registry)
        self._folders = folders

    def templates(self) -> list[TemplateOut]:
        """The workflows found in the folders now, the examples that come with us among them."""
        found: list[TemplateOut] = []
        for file in discover_templates(self._folders):
            if not isinstance(file.graph, dict):
                continue
            template: TemplateOut = {
                "id": file.id,
                "name": file.name,
                "description": file.description,
                "graph": file.graph,
                "input": file.input,
                "picture": f"/api/v1/templates/{quote(file.id, safe='')}/picture.svg",
            }
            if file.source is not None:
                template["source"] = file.source
            if file.licence is not None:
                template["licence"] = file.licence
            found.append(template)
        return found

    def template(self, template_id: str) -> TemplateOut:
        """Raises NotFoundError."""
        for template in self.templates():
            if template["id"] == template_id:
                return template
        raise NotFoundError(f"There is no template `{template_id}`. GET /api/v1/templates lists them.")

    def template_picture(self, template_id: str) -> str:
        """The template's graph as SVG. Raises NotFoundError, and CompileError for a graph that has no right form."""
        template = self.template(template_id)
        return _drawn(jsontext.dumps(template["graph"]), template["name"])


def examples() -> Path:
    """The folder of examples: `app/examples` where we are installed, `examples/` in a checkout."""
    package = Path(__file__).resolve().parents[1]
    installed = package / "examples"
    return installed if installed.is_dir() else package.parent / "examples"


@lru_cache(maxsize=REMEMBERED)
def _drawn(graph: str, title: str) -> str:
    return picture(plan_of(json.loads(graph)), title)
