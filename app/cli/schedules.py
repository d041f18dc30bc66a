"""`graphwright schedules`."""

from typing import Annotated, Any

import typer

from app.cli.api import Api
from app.cli.files import parse_json, read_json
from app.cli.options import AsJson, Most, ProjectName, WorkflowId, commands
from app.cli.output import show_fields, show_json, show_table

app = commands("Runs by the clock.")

FIELDS = ("id", "name", "cron", "timezone", "active", "next_at", "last_at", "last_run_id", "catch_up", "overlap")
COUNTS = ("missed", "skipped", "failed")

ScheduleId = Annotated[str, typer.Argument(metavar="ID", help="A schedule's id.")]


@app.command("list")
def list_schedules(
    workflow: WorkflowId, *, project: ProjectName = None, most: Most = 50, as_json: AsJson = False
) -> None:
    """List the schedules of a workflow, newest first."""
    api, place = _schedules_of(project, workflow)
    found = list(api.items(place, most))
    if as_json:
        show_json(found)
        return
    rows = [
        (one["id"], one["name"], one["cron"], one["timezone"], one["next_at"] or "paused", one["last_at"])
        for one in found
    ]
    show_table(("ID", "NAME", "CRON", "TIME ZONE", "NEXT", "LAST"), rows)


@app.command()
def create(
    workflow: WorkflowId,
    cron: Annotated[str, typer.Argument(metavar="CRON", help='Such as "0 9 * * mon-fri", or @hourly.')],
    *,
    name: Annotated[str | None, typer.Option(help="What to call it. [default: the cron expression]")] = None,
    timezone: Annotated[str, typer.Option(help="An IANA name.")] = "UTC",
    version: Annotated[
        int | None, typer.Option(help="The workflow's version. [default: the newest at the time]")
    ] = None,
    input_file: Annotated[str | None, typer.Option("--input", metavar="FILE", help="The runs' input as JSON.")] = None,
    data: Annotated[str | None, typer.Option(metavar="JSON", help="The runs' input itself.")] = None,
    catch_up: Annotated[str, typer.Option(help="Of what was missed: none, last or all.")] = "last",
    overlap: Annotated[str, typer.Option(help="skip, queue, allow or cancel_previous.")] = "skip",
    project: ProjectName = None,
    as_json: AsJson = False,
) -> None:
    """Make a schedule and print its id."""
    body: dict[str, Any] = {"name": name or cron, "cron": cron, "timezone": timezone, "version": version}
    body |= {"catch_up": catch_up, "overlap": overlap}
    if data is not None:
        body["input_data"] = parse_json(data, "The value of --data")
    elif input_file is not None:
        body["input_data"] = read_json(input_file)
    api, place = _schedules_of(project, workflow)
    made = api.post(place, body)
    if as_json:
        show_json(made)
    else:
        print(made["id"])


@app.command()
def show(workflow: WorkflowId, schedule: ScheduleId, *, project: ProjectName = None, as_json: AsJson = False) -> None:
    """Show a schedule, with what became of its newest due times."""
    api, place = _schedules_of(project, workflow)
    found = api.get(f"{place}/{schedule}")
    if as_json:
        show_json(found)
        return
    why = (found["problem"] or {}).get("message")
    show_fields({name: found[name] for name in (*FIELDS, *COUNTS)} | {"because": why})
    firings = api.items(f"{place}/{schedule}/firings", 10)
    show_table(
        ("DUE", "STATUS", "RUN", "BECAUSE"),
        [(one["scheduled_for"], one["status"], one["run_id"], (one["reason"] or {}).get("message")) for one in firings],
    )


@app.command()
def trigger(
    workflow: WorkflowId, schedule: ScheduleId, *, project: ProjectName = None, as_json: AsJson = False
) -> None:
    """Make and start a run of a schedule now, and print its id."""
    api, place = _schedules_of(project, workflow)
    run = api.post(f"{place}/{schedule}/trigger")
    if as_json:
        show_json(run)
    else:
        print(run["id"])


@app.command()
def pause(workflow: WorkflowId, schedule: ScheduleId, *, project: ProjectName = None, as_json: AsJson = False) -> None:
    """Let nothing be due until the schedule is resumed."""
    _set_active(project, workflow, schedule, active=False, as_json=as_json)


@app.command()
def resume(workflow: WorkflowId, schedule: ScheduleId, *, project: ProjectName = None, as_json: AsJson = False) -> None:
    """Go on with a schedule from now on."""
    _set_active(project, workflow, schedule, active=True, as_json=as_json)


@app.command()
def delete(workflow: WorkflowId, schedule: ScheduleId, *, project: ProjectName = None) -> None:
    """Delete a schedule; its runs stay."""
    api, place = _schedules_of(project, workflow)
    api.ask("DELETE", f"{place}/{schedule}")


def _set_active(project: str | None, workflow: str, schedule: str, *, active: bool, as_json: bool) -> None:
    api, place = _schedules_of(project, workflow)
    changed = api.patch(f"{place}/{schedule}", {"active": active})
    if as_json:
        show_json(changed)
    else:
        show_fields({"id": changed["id"], "active": changed["active"], "next_at": changed["next_at"]})


def _schedules_of(project: str | None, workflow: str) -> tuple[Api, str]:
    api = Api()
    return api, f"{api.project(project)}/workflows/{workflow}/schedules"
