"""Workflows, their versions and templates, as the API speaks of them."""

from typing import Annotated, Any, Literal, NotRequired, Self

from pydantic import Field, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from app.schemas.common import Id, JsonObject, MaxRunning, Name, ProblemOut, Request, Text, Time

GraphValue = Annotated[
    Any, WithJsonSchema({"type": "object", "description": "The graph: GET /api/v1/schema/graph.json has its schema."})
]

GRAPH_EXAMPLE = {
    "nodes": [
        {"id": "start", "type": "input"},
        {"id": "double", "type": "transform", "config": {"value": "{{ input.n * 2 }}"}},
    ],
    "edges": [{"source": "start", "target": "double"}],
}


class WorkflowIn(Request):
    """A new workflow: its graph, or the template to take it from."""

    name: Name | None = Field(default=None, examples=["Double it"])
    description: Text | None = None
    graph: GraphValue = Field(default=None, examples=[GRAPH_EXAMPLE])
    dag: GraphValue = Field(default=None, description="The graph in the dependency form, instead of `graph`.")
    template: str | None = Field(default=None, description="Id of a template, instead of a graph.")
    max_running: MaxRunning | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        given = [source for source in ("graph", "dag", "template") if source in self.model_fields_set]
        if len(given) != 1:
            raise PydanticCustomError("one_source", "Send exactly one of graph, dag and template.")
        if self.template is None and self.name is None:
            raise PydanticCustomError("name_missing", "Send a name.")
        return self

    def document(self) -> Any:
        """The graph that was sent, whichever form it has."""
        return {"dag": self.dag} if "dag" in self.model_fields_set else self.graph


class WorkflowChange(Request):
    """What is to change; what is left out stays."""

    name: Name | None = None
    description: Text | None = None
    active: bool | None = None
    max_running: MaxRunning | None = None


class WorkflowReplacement(WorkflowChange):
    """A workflow with a new graph; without one only the rest changes."""

    graph: GraphValue = Field(default=None, examples=[GRAPH_EXAMPLE])


class GraphIn(Request):
    graph: GraphValue = Field(examples=[GRAPH_EXAMPLE])


class WorkflowOut(TypedDict):
    id: Id
    project_id: Id
    name: str
    description: str
    active: bool
    max_running: int | None
    version: int
    graph: JsonObject
    created_at: Time
    updated_at: Time


class VersionOut(TypedDict):
    workflow_id: Id
    version: int
    graph: JsonObject
    content_hash: str
    created_at: Time


class VersionSummary(TypedDict):
    workflow_id: Id
    version: int
    node_count: int
    content_hash: str
    created_at: Time


class FieldChange(TypedDict):
    """One field with what it was and what it is; absent on the side where the field is not there."""

    pointer: str
    before: NotRequired[Any]
    after: NotRequired[Any]


class NodeChange(TypedDict):
    id: str
    changes: list[FieldChange]


class EdgeChange(TypedDict):
    source: str
    target: str
    changes: list[FieldChange]


class NodesDiff(TypedDict):
    added: list[JsonObject]
    removed: list[JsonObject]
    changed: list[NodeChange]


class EdgesDiff(TypedDict):
    added: list[JsonObject]
    removed: list[JsonObject]
    changed: list[EdgeChange]


DiffOut = TypedDict(
    "DiffOut",
    {"from": int, "to": int, "nodes": NodesDiff, "edges": EdgesDiff, "graph": list[FieldChange]},
)


class PlanLoop(TypedDict):
    """A loop by its header; `back_edges` are indices of edges, `inside` is the header of the loop around it."""

    header: str
    nodes: list[str]
    back_edges: list[int]
    max_iterations: int
    inside: str | None


class PlanRegion(TypedDict):
    """A part that runs as a graph of its own: the whole graph, or a loop's body, with inner loops by their headers."""

    header: str | None
    inside: str | None
    units: list[str]
    loops: list[str]
    depth: int


class PlanOut(TypedDict):
    """How a graph would run; `parallel` lists what may run side by side, from the entries on.

    `critical_path` is the longest chain of nodes, a loop gone through once; `depth` is its length.
    """

    nodes: int
    edges: int
    entries: list[str]
    depth: int
    width: int
    critical_path: list[str]
    parallel: list[list[str]]
    regions: list[PlanRegion]
    loops: list[PlanLoop]


class ValidationOut(TypedDict):
    valid: bool
    problems: list[ProblemOut]
    plan: PlanOut | None


ExportFormat = Literal["json", "mermaid", "python"]


class TemplateOut(TypedDict):
    """A graph to begin with, as it was written, an input that it runs on, and the path of its picture."""

    id: str
    name: str
    description: str
    graph: JsonObject
    input: Any
    picture: str
    source: NotRequired[str]
    licence: NotRequired[str]
