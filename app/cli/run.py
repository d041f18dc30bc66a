"""`graphwright run`: a graph file, run here by a worker of this process."""

import asyncio
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from app import log
from app.cli.answers import NoAnswerError, answer, given_answers
from app.cli.board import Board, Display
from app.cli.configuration import settings_with
from app.cli.files import FileProblemError, parse_json, read_json
from app.cli.local import Local, open_local
from app.cli.output import clean, report, say, show_json
from app.cli.process import on_signal, run_async
from app.config import Settings
from app.errors import GraphwrightError
from app.schemas.run import ResultOut

REFUSED = 2
INTERRUPTED = 128 + signal.SIGINT

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def run(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A graph as JSON; - reads standard input.")],
    *,
    input_file: Annotated[str | None, typer.Option("--input", metavar="FILE", help="The run's input as JSON.")] = None,
    data: Annotated[str | None, typer.Option(metavar="JSON", help="The run's input itself.")] = None,
    tools: Annotated[list[Path] | None, typer.Option(help="Another folder with tools and node types.")] = None,
    answers: Annotated[
        list[str] | None,
        typer.Option("--answer", metavar="NODE=JSON", help="Answer of an approval; else it is asked for."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print run id, status, result and error.")] = False,
) -> None:
    """Run a graph file and print its result; exit code 1 when the run fails, 2 when it is refused. Ctrl-C cancels."""
    settings = settings_with()
    log.configure("warning", settings.log_format)
    try:
        document = read_json(file)
        value = (
            parse_json(data, "The value of --data")
            if data is not None
            else read_json(input_file)
            if input_file
            else None
        )
        given = given_answers(answers or [])
    except FileProblemError as error:
        report(error.message)
        sys.exit(REFUSED)
    settings = settings.model_copy(update={"workflows": (*settings.workflows, *(tools or ()))})
    name = "standard input" if file == "-" else Path(file).resolve().stem
    sys.exit(run_async(_run(settings, name, document, value, given, as_json=as_json)))


async def _run(
    settings: Settings, name: str, document: Any, value: Any, given: Mapping[str, Any], *, as_json: bool
) -> int:
    async with open_local(settings) as local:
        try:
            node_ids = await local.prepare(name, document, value)
        except GraphwrightError as error:
            report(error.message, [problem.as_json() for problem in error.problems])
            return REFUSED
        interrupted = asyncio.Event()
        board = Board(name)
        board.expect(node_ids)
        with Display(board) as display, on_signal(interrupted.set):
            await local.start()
            await _follow(local, display, interrupted, given)
        result = await local.result()
    return _finish(result, as_json=as_json, interrupted=interrupted.is_set())


async def _follow(local: Local, display: Display, interrupted: asyncio.Event, given: Mapping[str, Any]) -> None:
    """Show the run's events until it has ended; an interruption cancels it, and its events tell that, too.

    An approval without an answer, and nobody to ask, cancels it as well.
    """

    async def cancel() -> None:
        await interrupted.wait()
        display.tell("Cancelling the run …")
        await local.cancel()

    canceller = asyncio.create_task(cancel())
    try:
        async for event in local.events():
            display.take(event)
            try:
                await answer(local, display, event, given)
            except NoAnswerError as error:
                display.tell(error.message)
                await local.cancel()
    finally:
        canceller.cancel()
        await asyncio.gather(canceller, return_exceptions=True)


def _finish(result: ResultOut, *, as_json: bool, interrupted: bool) -> int:
    if as_json:
        show_json(result)
    elif result["status"] == "COMPLETED":
        show_json(result["result"])
    else:
        message = result["error"]["message"] if result["error"] else ""
        say(clean(f"The run is {result['status']}. {message}").rstrip())
    if result["status"] == "COMPLETED":
        return 0
    return INTERRUPTED if interrupted and result["status"] == "CANCELLED" else 1
