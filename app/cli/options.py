"""The options that client commands share."""

from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
ProjectName = Annotated[
    str | None, typer.Option("--project", help="Id or name. [default: GRAPHWRIGHT_PROJECT, or the only project]")
]
WorkflowId = Annotated[str, typer.Argument(metavar="WORKFLOW", help="A workflow's id.")]
Most = Annotated[int, typer.Option("--limit", min=1, help="At most so many.")]


def commands(sentence: str) -> typer.Typer:
    """A group of commands."""
    return typer.Typer(
        help=sentence,
        add_completion=False,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
    )
