"""The node by which a run's input enters the graph."""

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from app.compiler.context import NodeContext
from app.compiler.jsonschemas import UsableSchema
from app.compiler.registry import node_type


class InputConfig(BaseModel):
    """Optionally what an input must look like."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    schema_: UsableSchema | None = Field(
        default=None, alias="schema", description="A JSON Schema; a run whose input does not fit is not created."
    )


@node_type("input", config=InputConfig, title="Input", literal=("schema",), by_config=False, in_place=True)
async def input_node(context: NodeContext, _config: InputConfig) -> JsonValue:
    """Gives the run's input, which is checked against `schema` when the run is created."""
    return context.run.input
