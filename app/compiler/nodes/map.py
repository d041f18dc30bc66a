"""The node that runs a node for each item of a list."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from app.compiler.context import NodeContext
from app.compiler.document import QueueName, Retry
from app.compiler.registry import Inner, Registry, node_type

OF_WORKFLOW = ("workflow", "version", "input")
NOT_INSIDE = ("input", "output")


class InnerDefinition(BaseModel):
    """The node that runs for each item."""

    model_config = ConfigDict(extra="forbid")

    type: str = Field(description="Any type but input and output.")
    config: dict[str, Any] = Field(default_factory=dict, description="Its templates see `item` and `index`, too.")
    retry: Retry | None = Field(default=None, description="How an item is tried again.")
    timeout: float | None = Field(default=None, gt=0, description="Seconds for one attempt of one item.")
    queue: QueueName = Field(default="default", description="As of any node; without it, that of the map.")
    on_error: Literal["fail", "continue"] = Field(
        default="fail", description='"continue": the result of an item that fails is null.'
    )


class MapConfig(BaseModel):
    """Which items, what runs for each, and how many at once."""

    model_config = ConfigDict(extra="forbid")

    items: list[Any] = Field(description="A list, normally a template that gives one.")
    node: InnerDefinition | None = Field(default=None, description="What runs for each item; or give a `workflow`.")
    workflow: str | None = Field(default=None, min_length=1, description="A workflow to run for each item, as its run.")
    version: int | str | None = Field(default=None, description="The version of `workflow`; default: the newest.")
    input: Any = Field(default=None, description="The input of `workflow`, with templates; default: the item.")
    concurrency: int = Field(default=10, ge=1, le=1000, description="How many items are under way at once.")
    on_item_error: Literal["fail", "collect"] = Field(
        default="fail",
        description='"fail": the first item that fails ends the map. "collect": every item runs, and `{"error": …}` '
        "stands in the place of the result of one that failed.",
    )


def inner_node(config: Mapping[str, Any]) -> Inner | None:
    """The node of a raw config that runs for each item; a workflow is a `subworkflow` node over the item."""
    node = config.get("node")
    if isinstance(node, Mapping):
        return Inner(node, "/node", "/node/config")
    if config.get("workflow") is None:
        return None
    called = {"input": "{{ item }}", **{name: config[name] for name in OF_WORKFLOW if name in config}}
    return Inner({"type": "subworkflow", "config": called}, "", "")


def check_map(config: Mapping[str, Any], _registry: Registry) -> list[tuple[str, str]]:
    """Whether the config says in one way what runs for each item, and whether that can run there."""
    node, workflow = config.get("node"), config.get("workflow")
    if (node is None) == (workflow is None):
        return [("", "A map needs either a `node` or a `workflow` to run for each item.")]
    stray = [name for name in OF_WORKFLOW if name in config] if workflow is None else []
    problems = [(f"/{name}", f"`{name}` belongs to `workflow`; take it out.") for name in stray]
    kind = node.get("type") if isinstance(node, Mapping) else None
    if kind in NOT_INSIDE:
        problems.append(("/node/type", f"`{kind}` cannot run for an item; use `transform` to build a value."))
    return problems


@node_type("map", config=MapConfig, title="Map", literal=("node", *OF_WORKFLOW), check=check_map, inner=inner_node)
async def map_node(context: NodeContext, config: MapConfig) -> JsonValue:
    """Runs a node, or a workflow, for each item of a list; gives the results in the order of the items.

    Its templates see `item` and `index`. Progress counts the items that are done. Items that have completed are not run
    again when the worker is lost, or the run is retried.
    """
    return await context.each(config.items, concurrency=config.concurrency, collect=config.on_item_error == "collect")
