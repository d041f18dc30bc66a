"""The node that calls a registered Python function."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from app.compiler.context import NodeContext
from app.compiler.failures import HardError
from app.compiler.registry import Registry, node_type
from app.errors import pointer_to


class ToolConfig(BaseModel):
    """Which function, and with what."""

    model_config = ConfigDict(extra="forbid")

    tool: str = Field(description="The name of a registered tool.")
    args: dict[str, Any] = Field(default_factory=dict, description="Its arguments by name, with templates.")


def check_tool(config: Mapping[str, Any], registry: Registry) -> list[tuple[str, str]]:
    """Whether the tool exists and the names of its arguments are right; values are known only when it is called."""
    name = config.get("tool")
    if not isinstance(name, str):
        return []
    tool = registry.tool(name)
    if tool is None:
        return [("/tool", f"There is no tool called {name}; register it, or use one of those that are listed.")]
    args = config.get("args", {})
    if not isinstance(args, Mapping):
        return []
    required = tool.args_schema.get("required", [])
    missing = [
        ("/args", f"The tool {name} needs the argument {argument}.") for argument in required if argument not in args
    ]
    if tool.args_schema.get("additionalProperties") is not False:
        return missing
    known = tool.args_schema.get("properties", {})
    return missing + [
        (pointer_to("args", argument), f"The tool {name} takes no argument called {argument}.")
        for argument in args
        if argument not in known
    ]


@node_type("tool", config=ToolConfig, title="Tool", literal=("tool",), check=check_tool)
async def tool_node(context: NodeContext, config: ToolConfig) -> JsonValue:
    """Calls a registered Python function with `args`, and gives what it returns as JSON."""
    tool = context.resources.registry.tool(config.tool)
    if tool is None:
        raise HardError(
            f"This worker has no tool called {config.tool}; start it with the folder or package that has it.",
            "unknown_tool",
        )
    return await tool.call(config.args, context.resources, context)
