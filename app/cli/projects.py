"""`graphwright projects`."""

from typing import Annotated

import typer

from app.cli.api import Api
from app.cli.options import AsJson, Most, commands
from app.cli.output import show_json, show_table

app = commands("The projects of a server.")


@app.command("list")
def list_projects(*, most: Most = 50, as_json: AsJson = False) -> None:
    """List the projects, oldest first."""
    found = list(Api().items("/projects", most))
    if as_json:
        show_json(found)
    else:
        show_table(("ID", "NAME", "CREATED"), [(one["id"], one["name"], one["created_at"]) for one in found])


@app.command()
def create(name: Annotated[str, typer.Argument(help="What to call it.")], *, as_json: AsJson = False) -> None:
    """Make a project and print its id."""
    made = Api().post("/projects", {"name": name})
    if as_json:
        show_json(made)
    else:
        print(made["id"])
