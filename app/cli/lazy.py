"""Commands whose modules are imported when they are called, so that help and small commands start at once."""

import gc
from importlib import import_module
from typing import Any

import typer.main
from typer.core import TyperCommand, TyperGroup

COMMANDS = {
    "serve": "Run the API, the pages and a worker.",
    "worker": "Run a worker, on this or any other machine.",
    "migrate": "Bring the database up to date.",
    "prune": "Delete what is no longer kept, or say what that would be.",
    "workers": "List the workers of the database.",
    "validate": "Check a graph file.",
    "export": "Write a graph file as a Python program, or in another form.",
    "openapi": "Print the description of the API, to make clients from.",
    "run": "Run a graph file here, without a server.",
    "projects": "The projects of a server.",
    "workflows": "The workflows of a server.",
    "runs": "The runs of a server: start, follow, cancel, retry.",
    "schedules": "Runs by the clock: make, list, pause, trigger.",
    "triggers": "Addresses that start runs by signed webhooks.",
    "hooks": "Addresses that are told of events.",
}


class LazyGroup(TyperGroup):
    """Lists the commands by name and sentence; loads `app.cli.<name>` for the one that is called.

    Each of these modules keeps its commands in `app`, a Typer.
    """

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for name, sentence in COMMANDS.items():
            self.add_command(TyperCommand(name, help=sentence, rich_markup_mode=None))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The real command in place of its entry in the list."""
        name, _, rest = super().resolve_command(ctx, args)
        # What modules make while they are loaded is not garbage, and looking for some takes a quarter of the time.
        gc.disable()
        command = typer.main.get_command(import_module(f"app.cli.{name}").app)
        gc.freeze()
        gc.enable()
        command.name = name
        return name, command, rest
