"""The node that says what a run results in."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from app.compiler.context import NodeContext
from app.compiler.registry import node_type


class OutputConfig(BaseModel):
    """What the result is; left out, it is a mapping of the predecessors that led here to their outputs."""

    model_config = ConfigDict(extra="forbid")

    value: Any = Field(default=None, description="The result: any JSON with templates.")


@node_type("output", config=OutputConfig, title="Output", by_config=False, in_place=True)
async def output_node(context: NodeContext, config: OutputConfig) -> JsonValue:
    """Gives the run's result: `value`, or else the outputs of the nodes that led here, by node id."""
    value: JsonValue = config.value if "value" in config.model_fields_set else dict(context.taken)
    return value
