"""Answers to the approvals of a run without a server: given beforehand, or asked for on the terminal."""

import asyncio
import sys
from collections.abc import Mapping
from typing import Any

from app.cli.board import Display
from app.cli.files import FileProblemError, parse_json
from app.cli.local import Local
from app.cli.output import clean
from app.errors import GraphwrightError


class NoAnswerError(GraphwrightError):
    """An approval waits, and there is nobody to ask."""

    code = "no_answer"
    title = "An approval has no answer"


def given_answers(options: list[str]) -> dict[str, Any]:
    """The answers of `--answer NODE=JSON` options, by node id. Raises FileProblemError."""
    found: dict[str, Any] = {}
    for option in options:
        name, sign, text = option.partition("=")
        if not sign:
            raise FileProblemError(f"--answer takes NODE=JSON, such as --answer ask=true; this is {option!r}.")
        found[name] = parse_json(text, f"The answer for {name}")
    return found


async def answer(local: Local, display: Display, event: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """Answer the approval that an event tells of; does nothing for other events. Raises NoAnswerError."""
    reason = event["data"].get("reason") or {}
    if event["type"] != "workflow.node.waiting" or reason.get("code") != "waiting_for_approval":
        return
    name = event["node_id"]
    if name in given:
        await local.answer(event, given[name])
        return
    if not sys.stdin.isatty():
        raise NoAnswerError(f"`{name}` waits for an answer; give one with --answer '{name}=JSON'.")
    while True:
        text = await asyncio.to_thread(display.ask, f"{clean(reason['message'])}\nAnswer of {clean(name)} as JSON: ")
        try:
            await local.answer(event, parse_json(text, "The answer"))
        except GraphwrightError as error:
            display.tell(error.message)
            for problem in error.problems:
                display.tell(f"{problem.pointer}: {problem.message}")
        else:
            return
