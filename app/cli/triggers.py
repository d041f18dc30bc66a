"""`graphwright triggers`."""

from typing import Annotated, Any

import typer

from app.cli.api import Api
from app.cli.options import AsJson, Most, ProjectName, WorkflowId, commands
from app.cli.output import say, show_fields, show_json, show_table

app = commands("Addresses that start runs by signed webhooks.")

TriggerId = Annotated[str, typer.Argument(metavar="ID", help="A trigger's id.")]


@app.command("list")
def list_triggers(
    workflow: WorkflowId, *, project: ProjectName = None, most: Most = 50, as_json: AsJson = False
) -> None:
    """List the triggers of a workflow, newest first."""
    api, place = _triggers_of(project, workflow)
    found = list(api.items(place, most))
    if as_json:
        show_json(found)
        return
    rows = [
        (one["id"], one["name"], one["signature"], "active" if one["active"] else "paused", api.url + one["path"])
        for one in found
    ]
    show_table(("ID", "NAME", "SIGNATURE", "STATE", "ADDRESS"), rows)


@app.command()
def create(
    workflow: WorkflowId,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call it.")],
    *,
    signature: Annotated[str, typer.Option(help="standard, github or token.")] = "standard",
    secret: Annotated[str | None, typer.Option(help="One that the sender has made. [default: a new one]")] = None,
    version: Annotated[
        int | None, typer.Option(help="The workflow's version. [default: the newest at the time]")
    ] = None,
    envelope: Annotated[bool, typer.Option("--envelope", help="The input is {body, headers, query}.")] = False,
    project: ProjectName = None,
    as_json: AsJson = False,
) -> None:
    """Make a trigger; print its id, its address and its secret, which is not shown again."""
    body: dict[str, Any] = {"name": name, "signature": signature, "version": version, "envelope": envelope}
    if secret is not None:
        body["secret"] = secret
    api, place = _triggers_of(project, workflow)
    _show_secret(api, api.post(place, body), as_json=as_json)


@app.command()
def rotate(
    workflow: WorkflowId,
    trigger: TriggerId,
    *,
    secret: Annotated[str | None, typer.Option(help="One that the sender has made. [default: a new one]")] = None,
    keep: Annotated[int, typer.Option(metavar="SECONDS", help="How long the old one counts, too.")] = 0,
    project: ProjectName = None,
    as_json: AsJson = False,
) -> None:
    """Give a trigger another secret, and print it."""
    api, place = _triggers_of(project, workflow)
    body = {"secret": secret, "keep_old_seconds": keep}
    _show_secret(api, api.post(f"{place}/{trigger}/rotate", body), as_json=as_json)


@app.command()
def pause(workflow: WorkflowId, trigger: TriggerId, *, project: ProjectName = None) -> None:
    """Refuse webhooks until the trigger is resumed."""
    api, place = _triggers_of(project, workflow)
    api.patch(f"{place}/{trigger}", {"active": False})


@app.command()
def resume(workflow: WorkflowId, trigger: TriggerId, *, project: ProjectName = None) -> None:
    """Take webhooks again."""
    api, place = _triggers_of(project, workflow)
    api.patch(f"{place}/{trigger}", {"active": True})


@app.command()
def delete(workflow: WorkflowId, trigger: TriggerId, *, project: ProjectName = None) -> None:
    """Delete a trigger; its runs stay."""
    api, place = _triggers_of(project, workflow)
    api.ask("DELETE", f"{place}/{trigger}")


def _show_secret(api: Api, made: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        show_json(made)
        return
    show_fields({"id": made["id"], "address": api.url + made["path"], "secret": made["secret"]})
    say("The secret is not shown again.")


def _triggers_of(project: str | None, workflow: str) -> tuple[Api, str]:
    api = Api()
    return api, f"{api.project(project)}/workflows/{workflow}/triggers"
