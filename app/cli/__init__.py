"""The command line."""

import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from app.cli.lazy import LazyGroup
from app.cli.output import report
from app.errors import GraphwrightError

cli = typer.Typer(
    cls=LazyGroup,
    name="graphwright",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        try:
            typer.echo(version("graphwright"))
        except PackageNotFoundError:
            typer.echo("not installed")
        raise typer.Exit


@cli.callback()
def graphwright(
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and leave.")
    ] = False,
) -> None:
    """Store a graph, get a durable run, watch it live."""


def main() -> None:
    """Run the command that the arguments name; expected errors end as sentences with exit code 1."""
    try:
        cli(prog_name="graphwright")
    except GraphwrightError as error:
        report(error.message, [problem.as_json() for problem in error.problems])
        sys.exit(1)
    except BrokenPipeError:
        # Whoever read our output has seen enough; there is nobody to tell, also not when Python flushes at the end.
        sys.stderr.close()
        sys.exit(1)
