"""`graphwright validate`: what is wrong with a graph file."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from app import log
from app.cli.configuration import settings_with
from app.cli.files import read_json
from app.cli.output import problem_line, show_json
from app.compiler import WorkflowGraphCompiler
from app.compiler.discovery import load_registry
from app.services.catalog import examples

SHOWN = 20

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def validate(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A graph as JSON; - reads standard input.")],
    *,
    tools: Annotated[list[Path] | None, typer.Option(help="Another folder with tools and node types.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the problems and the plan as JSON.")] = False,
) -> None:
    """Check a graph file and tell all its problems at once; exit code 1 when there are any."""
    settings = settings_with()
    log.configure("warning", settings.log_format)
    document = read_json(file)
    found = WorkflowGraphCompiler(load_registry([examples(), *settings.workflows, *(tools or ())])).inspect(document)
    if as_json:
        problems = [problem.as_json() for problem in found.problems]
        show_json({"valid": not problems, "problems": problems, "plan": found.plan})
    elif found.problems:
        for problem in found.problems:
            print(problem_line(problem.as_json()))
    elif found.plan is not None:
        _show_plan(found.plan)
    if found.problems:
        sys.exit(1)


def _show_plan(plan: dict[str, Any]) -> None:
    """How the graph would run."""
    print(f"valid: {plan['nodes']} nodes, {plan['edges']} edges, {len(plan['loops'])} loops, depth {plan['depth']}")
    print(f"begins with: {_listed(plan['entries'])}")
    print(f"longest chain: {_listed(plan['critical_path'], ' → ')}")
    print(f"at most {plan['width']} side by side: {_listed(max(plan['parallel'], key=len))}")
    for loop in plan["loops"]:
        inside = "" if loop["inside"] is None else f", inside the loop of {loop['inside']}"
        print(f"loop of {loop['header']}: {_listed(loop['nodes'])}; at most {loop['max_iterations']} laps{inside}")


def _listed(names: list[str], between: str = ", ") -> str:
    rest = len(names) - SHOWN
    return between.join(names[:SHOWN]) + (f" and {rest} more" if rest > 0 else "")
