"""The node that builds JSON from what came before."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from app.compiler.context import NodeContext
from app.compiler.registry import node_type


class TransformConfig(BaseModel):
    """The value to build."""

    model_config = ConfigDict(extra="forbid")

    value: Any = Field(description="Any JSON with templates.")


@node_type("transform", config=TransformConfig, title="Transform")
async def transform_node(_context: NodeContext, config: TransformConfig) -> JsonValue:
    """Gives `value`, with its templates filled in."""
    value: JsonValue = config.value
    return value
