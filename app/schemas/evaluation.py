"""Expressions that are tried over a run, as the API speaks of them."""

from typing import Any, Self
from uuid import UUID

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from app.schemas.common import Id, Index, ProblemOut, Request
from app.schemas.workflow import GRAPH_EXAMPLE, GraphValue


class EvaluateIn(Request):
    """An expression, or any JSON with templates, and where it stands."""

    expression: str | None = Field(default=None, description="An expression without braces, as conditions are.")
    template: Any = Field(
        default=None, description="Any JSON, with templates in its texts.", examples=["{{ double.output + 1 }}"]
    )
    run_id: UUID | None = Field(default=None, description="The run whose results it reads.")
    workflow_id: UUID | None = Field(default=None, description="Without a run: the newest run of this workflow.")
    node_id: str | None = Field(default=None, description="The node at which it stands; without it all nodes are read.")
    iteration: Index | None = Field(
        default=None,
        description="The turn of the node in which it stands, from 0, as states of nodes count; default: last.",
    )
    after: bool = Field(default=False, description="It stands in `writes` or at an edge: `output` is the node's own.")
    item: Index | None = Field(default=None, description="Inside of a map: the item, by its index.")
    graph: GraphValue = Field(
        default=None, description="The graph in which it stands; default: that of the run.", examples=[GRAPH_EXAMPLE]
    )

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if ("template" in self.model_fields_set) == (self.expression is not None):
            raise PydanticCustomError("one_of_both", "Send either expression or template.")
        if self.iteration is not None and self.node_id is None:
            raise PydanticCustomError("whose_iteration", "Send the node_id whose iteration it is.")
        return self


class EvaluationOut(TypedDict):
    """The value, or the problems because of which there is none.

    Of a large value `text` is the beginning of its JSON, and `value` null. `not_run` lists the nodes that it reads and
    that have not run in this run.
    """

    value: Any
    text: str | None
    problems: list[ProblemOut]
    run_id: Id | None
    not_run: list[str]
