"""`graphwright runs`."""

import sys
from typing import Annotated, Any

import typer

from app import jsontext
from app.cli.api import AnswerError, Api
from app.cli.artifacts import artifacts
from app.cli.board import ENDED, Board, Display
from app.cli.files import FileProblemError, parse_json, read_json
from app.cli.options import AsJson, Most, ProjectName, commands
from app.cli.output import clean, say, show_fields, show_json, show_table

app = commands("The runs of a server.")
app.command()(artifacts)

INTERRUPTED = 130
FIELDS = ("id", "workflow_name", "version", "status", "attempt", "created_at", "started_at", "finished_at", "wake_at")

RunId = Annotated[str, typer.Argument(metavar="ID", help="A run's id.")]
Watch = Annotated[bool, typer.Option("--watch", help="Follow it to its end; exit code 1 unless it completes.")]


@app.command()
def create(
    workflow: Annotated[str, typer.Argument(metavar="WORKFLOW", help="A workflow's id.")],
    *,
    input_file: Annotated[str | None, typer.Option("--input", metavar="FILE", help="The run's input as JSON.")] = None,
    data: Annotated[str | None, typer.Option(metavar="JSON", help="The run's input itself.")] = None,
    version: Annotated[int | None, typer.Option(help="The workflow's version. [default: the newest]")] = None,
    priority: Annotated[int, typer.Option(min=-100, max=100, help="Higher ones are taken up first.")] = 0,
    start_it: Annotated[bool, typer.Option("--start", help="Start it at once.")] = False,
    watch_it: Watch = False,
    project: ProjectName = None,
    as_json: AsJson = False,
) -> None:
    """Make a run of a workflow and print its id; `--watch` starts it, too."""
    body: dict[str, Any] = {"workflow_id": workflow}
    if data is not None:
        body["input_data"] = parse_json(data, "The value of --data")
    elif input_file is not None:
        body["input_data"] = read_json(input_file)
    if version is not None:
        body["version"] = version
    if priority:
        body["priority"] = priority
    api, place = _runs_of(project)
    made = api.post(place, body, execute="true" if start_it or watch_it else "false")
    _tell(api, place, made, watch_it=watch_it, as_json=as_json)


@app.command()
def start(
    run: RunId,
    *,
    step: Annotated[bool, typer.Option("--step", help="Stop before every node.")] = False,
    breakpoints: Annotated[list[str] | None, typer.Option("--breakpoint", help="Stop before this node.")] = None,
    watch_it: Watch = False,
    project: ProjectName = None,
    as_json: AsJson = False,
) -> None:
    """Start a run that is PENDING."""
    api, place = _runs_of(project)
    body = {"mode": "step" if step else "run", "breakpoints": breakpoints or []}
    _tell(api, place, api.post(f"{place}/{run}/execute", body), watch_it=watch_it, as_json=as_json)


@app.command("list")
def list_runs(
    *,
    status: Annotated[str | None, typer.Option(help="Only these statuses, by commas.")] = None,
    workflow: Annotated[str | None, typer.Option(help="Only runs of this workflow.")] = None,
    most: Most = 20,
    project: ProjectName = None,
    as_json: AsJson = False,
) -> None:
    """List the runs, newest first."""
    api, place = _runs_of(project)
    found = list(api.items(place, most, status=status, workflow_id=workflow))
    if as_json:
        show_json(found)
        return
    rows = [
        (one["id"], one["workflow_name"], one["status"], f"{one['progress']['percentage']:g}%", one["created_at"])
        for one in found
    ]
    show_table(("ID", "WORKFLOW", "STATUS", "DONE", "CREATED"), rows)


@app.command()
def show(run: RunId, *, project: ProjectName = None, as_json: AsJson = False) -> None:
    """Show a run."""
    api, place = _runs_of(project)
    found = api.get(f"{place}/{run}")
    if as_json:
        show_json(found)
        return
    progress, why = found["progress"], found["error"] or found["reason"] or {}
    done = f"{progress['percentage']:g}%: {progress['completed']} of {progress['total']} nodes completed"
    show_fields({**{name: found[name] for name in FIELDS}, "progress": done, "because": why.get("message")})


@app.command()
def watch(run: RunId, *, project: ProjectName = None, as_json: AsJson = False) -> None:
    """Follow a run to its end; `--json` prints each event on a line. Exit code 1 unless the run completes."""
    api, place = _runs_of(project)
    _watch(api, f"{place}/{run}", as_json=as_json)


@app.command()
def cancel(run: RunId, *, project: ProjectName = None, as_json: AsJson = False) -> None:
    """Cancel a run and all its nodes that have not ended."""
    api, place = _runs_of(project)
    _tell(api, place, api.post(f"{place}/{run}/cancel"), watch_it=False, as_json=as_json)


@app.command()
def resume(
    run: RunId,
    *,
    node: Annotated[str | None, typer.Option(help="Which node is meant, where several wait.")] = None,
    answer: Annotated[str | None, typer.Option(metavar="JSON", help="The answer to an approval.")] = None,
    mode: Annotated[str | None, typer.Option(help="At a breakpoint: run or step.")] = None,
    watch_it: Watch = False,
    project: ProjectName = None,
    as_json: AsJson = False,
) -> None:
    """Answer an approval, step on from a breakpoint, or go on at once with a run that is RETRYING."""
    api, place = _runs_of(project)
    body = _given_fields(node_id=node, mode=mode)
    if answer is not None:
        body["answer"] = parse_json(answer, "The value of --answer")
    _tell(api, place, api.post(f"{place}/{run}/resume", body), watch_it=watch_it, as_json=as_json)


@app.command()
def retry(
    run: RunId,
    *,
    from_node: Annotated[str | None, typer.Option(help="This node and all behind it run again, too.")] = None,
    version: Annotated[int | None, typer.Option(help="Go on with this version of the workflow.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would run and what be reused.")] = False,
    watch_it: Watch = False,
    project: ProjectName = None,
    as_json: AsJson = False,
) -> None:
    """Go on with a failed or cancelled run from what has completed."""
    api, place = _runs_of(project)
    body = _given_fields(from_node=from_node, version=version)
    if dry_run:
        _foretell(api.post(f"{place}/{run}/retry", body, dry_run="true"), as_json=as_json)
        return
    _tell(api, place, api.post(f"{place}/{run}/retry", body), watch_it=watch_it, as_json=as_json)


@app.command()
def fork(
    run: RunId,
    *,
    from_node: Annotated[str | None, typer.Option(help="This node and all behind it run again.")] = None,
    version: Annotated[int | None, typer.Option(help="Go on with this version of the workflow.")] = None,
    data: Annotated[str | None, typer.Option("--input", metavar="JSON", help="Another input.")] = None,
    outputs: Annotated[
        list[str] | None, typer.Option("--output", metavar="NODE=JSON", help="What a node gives without running.")
    ] = None,
    execute: Annotated[bool, typer.Option("--execute", help="Start it at once.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would run and what be reused.")] = False,
    watch_it: Watch = False,
    project: ProjectName = None,
    as_json: AsJson = False,
) -> None:
    """Make a run that starts from what another one has completed, and print its id; `--watch` starts it, too."""
    body = _given_fields(from_node=from_node, version=version)
    if data is not None:
        body["input_data"] = parse_json(data, "The value of --input")
    if outputs:
        body["outputs"] = dict(map(_given, outputs))
    api, place = _runs_of(project)
    if dry_run:
        _foretell(api.post(f"{place}/{run}/fork", body, dry_run="true"), as_json=as_json)
        return
    made = api.post(f"{place}/{run}/fork", body, execute="true" if execute or watch_it else "false")
    _tell(api, place, made, watch_it=watch_it, as_json=as_json)


@app.command()
def result(run: RunId, *, project: ProjectName = None, as_json: AsJson = False) -> None:
    """Print the result of a run that has ended; exit code 1 unless it completed."""
    api, place = _runs_of(project)
    found = api.get(f"{place}/{run}/result")
    good = found["status"] == "COMPLETED"
    if as_json:
        show_json(found)
    elif good:
        show_json(found["result"])
    else:
        say(clean(f"The run is {found['status']}. {(found['error'] or {}).get('message', '')}").rstrip())
    sys.exit(0 if good else 1)


@app.command()
def nodes(run: RunId, *, project: ProjectName = None, as_json: AsJson = False) -> None:
    """List the states of a run's nodes, each turn of a loop on its own."""
    api, place = _runs_of(project)
    found = list(api.items(f"{place}/{run}/nodes"))
    if as_json:
        show_json(found)
        return
    rows = [
        (one["node_id"], one["iteration"], one["type"], one["status"], one["duration_ms"], _because(one))
        for one in found
    ]
    show_table(("NODE", "TURN", "TYPE", "STATUS", "MS", "BECAUSE"), rows)


def _given(option: str) -> tuple[str, Any]:
    name, sign, text = option.partition("=")
    if not sign:
        raise FileProblemError(f"--output takes NODE=JSON, such as --output fetch=true; this is {option!r}.")
    return name, parse_json(text, f"The output of {name}")


def _foretell(plan: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        show_json(plan)
        return
    rows = [
        (step["node_id"], step.get("iteration", 0), step["action"], step["reason"]["message"]) for step in plan["nodes"]
    ]
    show_table(("NODE", "TURN", "ACTION", "BECAUSE"), rows)


def _because(state: dict[str, Any]) -> str:
    return str((state["error"] or state["reason"] or {}).get("message", ""))


def _given_fields(**fields: Any) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}


def _runs_of(project: str | None) -> tuple[Api, str]:
    """The server, and the path of the project's runs."""
    api = Api()
    return api, f"{api.project(project)}/workflows/runs"


def _tell(api: Api, place: str, run: dict[str, Any], *, watch_it: bool, as_json: bool) -> None:
    if watch_it:
        say(run["id"])
        _watch(api, f"{place}/{run['id']}", as_json=as_json)
    elif as_json:
        show_json(run)
    else:
        print(run["id"])


def _watch(api: Api, path: str, *, as_json: bool) -> None:
    try:
        board = _follow_what_is_kept(api, path, as_json=as_json)
    except KeyboardInterrupt:
        say("The run goes on; only the watching has ended.")
        sys.exit(INTERRUPTED)
    if not as_json and board.status == "COMPLETED":
        show_json(api.get(f"{path}/result")["result"])
    sys.exit(0 if board.status == "COMPLETED" else 1)


def _follow_what_is_kept(api: Api, path: str, *, as_json: bool) -> Board:
    """The run's end, also where its events, or the first of them, have been deleted."""
    try:
        return _follow(api, path, as_json=as_json)
    except AnswerError as error:
        if error.problem_code != "events_pruned":
            raise
        say(clean(error.message))
    run = api.get(path)
    if run["status"] not in ENDED:
        return _follow(api, path, as_json=as_json, after=run["last_seq"])
    say(f"The run is {run['status']}.")
    return Board(run["workflow_name"], run["status"])


def _follow(api: Api, path: str, *, as_json: bool, after: int = 0) -> Board:
    run = api.get(path)
    board = Board(run["workflow_name"], run["status"])
    if as_json:
        for event in api.events(f"{path}/events", after):
            if isinstance(event, str):
                say(event)
            else:
                board.take(event)
                print(jsontext.dumps(event), flush=True)
        return board
    board.expect(state["node_id"] for state in api.items(f"{path}/nodes"))
    with Display(board) as display:
        for event in api.events(f"{path}/events", after):
            if isinstance(event, str):
                display.tell(event)
            else:
                display.take(event)
    return board
