"""`graphwright workflows`."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.api import Api
from app.cli.files import read_json
from app.cli.options import AsJson, Most, ProjectName, commands
from app.cli.output import show_fields, show_json, show_table

app = commands("The workflows of a server.")

WorkflowId = Annotated[str, typer.Argument(metavar="ID", help="A workflow's id.")]


@app.command("list")
def list_workflows(*, project: ProjectName = None, most: Most = 50, as_json: AsJson = False) -> None:
    """List the workflows, newest first."""
    api = Api()
    found = list(api.items(f"{api.project(project)}/workflows", most))
    if as_json:
        show_json(found)
        return
    rows = [(one["id"], one["name"], one["version"], len(one["graph"]["nodes"]), one["updated_at"]) for one in found]
    show_table(("ID", "NAME", "VERSION", "NODES", "CHANGED"), rows)


@app.command()
def create(
    file: Annotated[
        str | None, typer.Argument(metavar="[FILE]", help="A graph as JSON; - reads standard input.")
    ] = None,
    *,
    name: Annotated[str | None, typer.Option(help="What to call it. [default: the file's name]")] = None,
    template: Annotated[str | None, typer.Option(help="Id of a template, instead of a file.")] = None,
    project: ProjectName = None,
    as_json: AsJson = False,
) -> None:
    """Make a workflow of a graph file or a template, and print its id."""
    if (file is None) == (template is None):
        raise typer.BadParameter("Name a FILE or a --template, one of the two.")
    body: dict[str, Any] = {"template": template}
    if file is not None:
        body = {"graph": read_json(file), "name": "standard input" if file == "-" else Path(file).stem}
    if name is not None:
        body["name"] = name
    api = Api()
    made = api.post(f"{api.project(project)}/workflows", body)
    if as_json:
        show_json(made)
    else:
        print(made["id"])


@app.command()
def show(workflow: WorkflowId, *, project: ProjectName = None, as_json: AsJson = False) -> None:
    """Show a workflow with its nodes."""
    api = Api()
    found = api.get(f"{api.project(project)}/workflows/{workflow}")
    if as_json:
        show_json(found)
        return
    show_fields(
        {key: found[key] for key in ("id", "name", "description", "active", "version", "created_at", "updated_at")}
    )
    show_table(
        ("NODE", "TYPE", "NAME"), [(node["id"], node["type"], node.get("name")) for node in found["graph"]["nodes"]]
    )


@app.command()
def templates(*, as_json: AsJson = False) -> None:
    """List the templates that workflows can be made of."""
    found = Api().get("/templates")["items"]
    if as_json:
        show_json(found)
    else:
        show_table(("ID", "NAME", "DESCRIPTION"), [(one["id"], one["name"], one["description"]) for one in found])


@app.command()
def export(
    workflow: WorkflowId,
    *,
    form: Annotated[str, typer.Option("--format", help="json, mermaid or python.")] = "json",
    version: Annotated[int | None, typer.Option(help="A version of it. [default: the newest]")] = None,
    project: ProjectName = None,
) -> None:
    """Print a workflow's graph: as JSON, as a Mermaid diagram, or as a Python program."""
    api = Api()
    path = f"{api.project(project)}/workflows/{workflow}/export"
    wanted = {"format": form} if version is None else {"format": form, "version": str(version)}
    if form == "json":
        show_json(api.get(path, **wanted))
    else:
        sys.stdout.write(api.ask("GET", path, params=wanted).text.rstrip("\n") + "\n")
