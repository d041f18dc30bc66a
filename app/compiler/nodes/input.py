"""The node by which a run's input enters the graph."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator

from app.compiler.context import NodeContext
from app.compiler.jsonschemas import Schema, schema_problem
from app.compiler.registry import node_type


class InputConfig(BaseModel):
    """Optionally what an input must look like."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    schema_: dict[str, Any] | bool | None = Field(
        default=None, alias="schema", description="A JSON Schema; a run whose input does not fit is not created."
    )

    @field_validator("schema_")
    @classmethod
    def _check_schema(cls, value: Schema | None) -> Schema | None:
        problem = None if value is None else schema_problem(value)
        if problem is not None:
            raise ValueError(problem)
        return value


@node_type("input", config=InputConfig, title="Input", literal=("schema",))
async def input_node(context: NodeContext, _config: InputConfig) -> JsonValue:
    """Gives the run's input, which is checked against `schema` when the run is created."""
    return context.run.input
