"""`graphwright openapi`: the description of the API, to make clients from."""

import json

import typer

from app.cli.configuration import settings_with
from app.main import create_app

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def openapi() -> None:
    """Print the OpenAPI description of the API; it needs no server and is the same whatever the settings."""
    described = create_app(settings_with(host="127.0.0.1"), worker=False).openapi()
    typer.echo(json.dumps(described, indent=2, ensure_ascii=False))
