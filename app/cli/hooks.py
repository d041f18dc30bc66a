"""`graphwright hooks`."""

from typing import Annotated, Any

import typer

from app.cli.api import Api
from app.cli.options import AsJson, Most, ProjectName, commands
from app.cli.output import say, show_fields, show_json, show_table

app = commands("Addresses that are told of events.")

HookId = Annotated[str, typer.Argument(metavar="ID", help="A hook's id.")]


@app.command("list")
def list_hooks(*, project: ProjectName = None, most: Most = 50, as_json: AsJson = False) -> None:
    """List the hooks of a project, newest first."""
    api, place = _hooks_of(project)
    found = list(api.items(place, most))
    if as_json:
        show_json(found)
        return
    rows = [(one["id"], one["name"], one["url"], ",".join(one["events"]), _state(one)) for one in found]
    show_table(("ID", "NAME", "ADDRESS", "EVENTS", "STATE"), rows)


@app.command()
def create(
    url: Annotated[str, typer.Argument(metavar="URL", help="Where to send events.")],
    *,
    name: Annotated[str, typer.Option(help="What to call it.")] = "Hook",
    events: Annotated[
        list[str] | None, typer.Option("--event", help="A type, a prefix.* or *. [default: the ends of runs]")
    ] = None,
    workflow: Annotated[str | None, typer.Option(help="Only runs of this workflow, by its id.")] = None,
    secret: Annotated[str | None, typer.Option(help="What to sign with. [default: a new one]")] = None,
    project: ProjectName = None,
    as_json: AsJson = False,
) -> None:
    """Make a hook; print its id and its secret, which is not shown again."""
    body: dict[str, Any] = {"url": url, "name": name, "workflow_id": workflow, "secret": secret}
    if events:
        body["events"] = events
    api, place = _hooks_of(project)
    _show_secret(api.post(place, body), as_json=as_json)


@app.command()
def rotate(
    hook: HookId,
    *,
    keep: Annotated[int, typer.Option(metavar="SECONDS", help="How long to sign with the old one, too.")] = 0,
    project: ProjectName = None,
    as_json: AsJson = False,
) -> None:
    """Give a hook another secret, and print it."""
    api, place = _hooks_of(project)
    _show_secret(api.post(f"{place}/{hook}/rotate", {"keep_old_seconds": keep}), as_json=as_json)


@app.command()
def deliveries(
    hook: HookId,
    *,
    status: Annotated[str | None, typer.Option(help="pending, delivered or failed.")] = None,
    project: ProjectName = None,
    most: Most = 20,
    as_json: AsJson = False,
) -> None:
    """List what a hook was sent or is to be sent, newest first."""
    api, place = _hooks_of(project)
    found = list(api.items(f"{place}/{hook}/deliveries", most, status=status))
    if as_json:
        show_json(found)
        return
    rows = [
        (one["id"], one["type"], one["run_id"], one["status"], one["attempts"], _answer(one["answer"]), one["next_at"])
        for one in found
    ]
    show_table(("ID", "EVENT", "RUN", "STATUS", "ATTEMPTS", "ANSWER", "NEXT"), rows)


@app.command()
def redeliver(
    hook: HookId,
    delivery: Annotated[str, typer.Argument(metavar="DELIVERY", help="A delivery's id.")],
    *,
    project: ProjectName = None,
) -> None:
    """Send a delivery again."""
    api, place = _hooks_of(project)
    api.post(f"{place}/{hook}/deliveries/{delivery}/redeliver")


@app.command()
def ping(hook: HookId, *, project: ProjectName = None) -> None:
    """Send an event of the type hook.ping, and print the delivery's id."""
    api, place = _hooks_of(project)
    print(api.post(f"{place}/{hook}/ping")["id"])


@app.command()
def pause(hook: HookId, *, project: ProjectName = None) -> None:
    """Send nothing until the hook is resumed."""
    api, place = _hooks_of(project)
    api.patch(f"{place}/{hook}", {"active": False})


@app.command()
def resume(hook: HookId, *, project: ProjectName = None) -> None:
    """Send what happens from now on."""
    api, place = _hooks_of(project)
    api.patch(f"{place}/{hook}", {"active": True})


@app.command()
def delete(hook: HookId, *, project: ProjectName = None) -> None:
    """Delete a hook with its deliveries."""
    api, place = _hooks_of(project)
    api.ask("DELETE", f"{place}/{hook}")


def _state(hook: dict[str, Any]) -> str:
    if not hook["active"]:
        return "paused" if hook["problem"] is None else hook["problem"]["code"]
    return "active" if hook["failing_since"] is None else f"failing since {hook['failing_since']}"


def _answer(answer: dict[str, Any] | None) -> str | None:
    return None if answer is None else answer["error"] or str(answer["status"])


def _show_secret(made: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        show_json(made)
        return
    show_fields({"id": made["id"], "url": made["url"], "secret": made["secret"]})
    say("The secret is not shown again.")


def _hooks_of(project: str | None) -> tuple[Api, str]:
    api = Api()
    return api, f"{api.project(project)}/hooks"
