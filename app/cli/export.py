"""`graphwright export`: a graph file as a Python program, a Mermaid flowchart, or in its normal form."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from app import log
from app.cli.configuration import settings_with
from app.cli.files import read_json
from app.cli.output import show_json
from app.compiler import CompileError, WorkflowGraphCompiler
from app.compiler.discovery import load_registry
from app.compiler.export import export_python
from app.services.catalog import examples
from app.services.mermaid import flowchart

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


class Form(StrEnum):
    PYTHON = "python"
    MERMAID = "mermaid"
    JSON = "json"


@app.command()
def export(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A graph as JSON; - reads standard input.")],
    *,
    form: Annotated[Form, typer.Option("--format", help="What to write.")] = Form.PYTHON,
    name: Annotated[str | None, typer.Option(help="What to call it. [default: the file's name]")] = None,
    tools: Annotated[list[Path] | None, typer.Option(help="Another folder with tools and node types.")] = None,
) -> None:
    """Print a graph file as a Python program that needs no Graphwright, or in another form."""
    settings = settings_with()
    log.configure("warning", settings.log_format)
    registry = load_registry([examples(), *settings.workflows, *(tools or ())])
    found = WorkflowGraphCompiler(registry).inspect(read_json(file))
    if found.problems or found.graph is None:
        raise CompileError(found.problems)
    if form is Form.JSON:
        show_json(found.graph)
    elif form is Form.MERMAID:
        sys.stdout.write(flowchart({"edges": [], **found.graph}))
    else:
        sys.stdout.write(
            export_python(found.graph, registry, name=name or ("Program" if file == "-" else Path(file).stem))
        )
