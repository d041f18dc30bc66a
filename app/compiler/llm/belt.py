"""The registered tools of one node, as a model sees and calls them."""

import asyncio
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import AIMessage, ToolMessage
from pydantic import JsonValue

from app import jsontext
from app.compiler.context import NodeContext
from app.compiler.failures import HardError, failure_of

_UNFIT = re.compile(r"[^a-zA-Z0-9_-]")
_LONGEST_NAME = 64
_SHOWN = 2_000


class ToolBelt:
    """Some registered tools; models know them by names of letters, digits, `_` and `-`, which is all they take.

    Raises HardError `unknown_tool` for a tool that this worker does not have.
    """

    def __init__(self, names: Sequence[str], context: NodeContext) -> None:
        self._context = context
        self._names: dict[str, str] = {}
        self.specs: list[dict[str, Any]] = []
        for name in dict.fromkeys(names):
            tool = context.resources.registry.tool(name)
            if tool is None:
                raise HardError(
                    f"This worker has no tool called {name}; start it with the folder or package that has it.",
                    "unknown_tool",
                )
            alias = self.free_name(name)
            self._names[alias] = name
            self.specs.append(function_spec(alias, tool.description, tool.args_schema))

    def free_name(self, wanted: str) -> str:
        """A name like the wanted one that models take and no tool here has."""
        name = _UNFIT.sub("_", wanted)[:_LONGEST_NAME] or "_"
        number = 1
        while name in self._names:
            number += 1
            ending = f"_{number}"
            name = _UNFIT.sub("_", wanted)[: _LONGEST_NAME - len(ending)] + ending
        return name

    async def answer(self, message: AIMessage) -> list[ToolMessage]:
        """What the tools say to the calls of a message, in their order; the calls run side by side."""
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._call(call["id"], call["name"], call["args"])) for call in message.tool_calls
            ]
        answers = [task.result() for task in tasks]
        for broken in message.invalid_tool_calls:
            text = f"The arguments of {broken['name']} are no JSON object: {broken['error'] or broken['args']}"
            await self._context.log(text[:_SHOWN], "warning", tool=broken["name"])
            answers.append(_message(broken["id"], broken["name"], text, status="error"))
        return answers

    async def _call(self, call_id: str | None, alias: str, args: Mapping[str, Any]) -> ToolMessage:
        name = self._names.get(alias, alias)
        begin = time.monotonic()
        try:
            text, level = _text(await self._run(name, alias, args)), "info"
        except Exception as error:  # noqa: BLE001  # whatever a tool raises, the model is told and may do better
            failure = failure_of(error)
            text, level = f"Error: {failure.type}: {failure.message}", "warning"
        milliseconds = round((time.monotonic() - begin) * 1000, 1)
        shown = jsontext.dumps(args)[:_SHOWN]
        said = f"The model called {name}." if level == "info" else f"The model called {name}, which failed."
        await self._context.log(said, level, tool=name, args=shown, result=text[:_SHOWN], duration_ms=milliseconds)
        return _message(call_id, alias, text, status="success" if level == "info" else "error")

    async def _run(self, name: str, alias: str, args: Mapping[str, Any]) -> JsonValue:
        tool = self._context.resources.registry.tool(name) if alias in self._names else None
        if tool is None:
            known = ", ".join(self._names) or "none"
            raise HardError(f"There is no tool called {alias} here. Known tools: {known}.", "unknown_tool")
        return await tool.call(args, self._context.resources, self._context)


def function_spec(name: str, description: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
    """A function in the form that all providers of LangChain read."""
    function = {"name": name, "description": description, "parameters": dict(parameters)}
    return {"type": "function", "function": function}


def _message(call_id: str | None, name: str | None, text: str, *, status: str) -> ToolMessage:
    return ToolMessage(content=text, tool_call_id=call_id or "", name=name, status=status)


def _text(result: JsonValue) -> str:
    return result if isinstance(result, str) else jsontext.dumps(result)
