"""The stored document: its shape, and the forms it may come in.

`read_document` takes any JSON value and gives the normal form together with every problem of shape. The normal form is
what is stored: edges by `source` and `target`, node types by their own names.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, JsonValue, TypeAdapter, ValidationError

from app.config import LONGEST_QUEUE_NAME, QUEUE_NAME
from app.errors import Problem, pointer_to

MAX_NODES = 10_000
MAX_EDGES = 50_000
MAX_BYTES = 5_000_000

HANDLERS = {"call_external_service": "http", "llm_service": "llm"}
EDGE_ALIASES = {"from_node_id": "source", "from": "source", "to_node_id": "target", "to": "target"}


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Retry(_Part):
    """How a node is tried again after a retryable error; times in seconds."""

    max_attempts: int = Field(default=3, ge=1, le=100, description="All attempts, the first one counted.")
    initial_interval: float = Field(default=1.0, ge=0, le=86_400, description="Seconds before the second attempt.")
    backoff: float = Field(default=2.0, ge=1, le=100, description="Each wait is so many times the one before.")
    max_interval: float = Field(default=60.0, ge=0, le=86_400, description="The longest wait in seconds.")
    jitter: bool = Field(default=True, description="Wait between half of the time and all of it, by chance.")


class Position(_Part):
    """Where the editor draws the node."""

    x: float = Field(description="To the right.")
    y: float = Field(description="Downwards.")


QueueName = Annotated[str, Field(min_length=1, max_length=LONGEST_QUEUE_NAME, pattern=QUEUE_NAME)]
"""Letters and digits of ASCII, and dots, dashes and underscores behind the first."""


class Node(_Part):
    """One node of the graph."""

    id: str = Field(min_length=1, max_length=128, description="Unique in the graph; expressions call the node so.")
    type: str = Field(description="What the node does: a built-in or registered type.")
    name: str | None = Field(default=None, description="A label for people.")
    description: str | None = Field(default=None, description="More words for people.")
    config: dict[str, JsonValue] = Field(
        default_factory=dict, description="As the type asks for it; any string may hold templates, {{ expression }}."
    )
    retry: Retry | None = Field(default=None, description="Without it the node is tried once.")
    timeout: float | None = Field(default=None, gt=0, description="Seconds for one attempt.")
    join: Literal["any", "all", "first"] = Field(
        default="any",
        description="Which incoming edges must be taken: any or all of them, once all are decided; or the first one.",
    )
    on_error: Literal["fail", "continue"] = Field(
        default="fail", description='"continue": a failure counts as completed, with a null output.'
    )
    writes: dict[str, JsonValue] = Field(
        default_factory=dict, description="What is written to the shared state, by key; templates may read `output`."
    )
    queue: QueueName = Field(default="default", description="The node runs on a worker that serves this queue.")
    max_iterations: int | None = Field(default=None, ge=1, description="Laps of the loop that this node heads.")
    position: Position | None = Field(default=None, description="Where an editor draws the node.")
    metadata: dict[str, JsonValue] | None = Field(default=None, description="Anything; it is only kept.")


class Edge(_Part):
    """One edge: unconditional, or with exactly one of `condition`, `branch` and `on`."""

    source: str = Field(description="The id of the node where it begins.")
    target: str = Field(description="The id of the node to which it leads.")
    condition: str | None = Field(
        default=None,
        description='An expression: taken if it is true; "else": taken if no other condition of the source is.',
    )
    branch: str | None = Field(default=None, description="Taken if the condition node chose this branch.")
    on: Literal["error"] | None = Field(default=None, description='"error": taken if the source failed.')
    name: str | None = Field(default=None, description="A label for people.")
    metadata: dict[str, JsonValue] | None = Field(default=None, description="Anything; it is only kept.")


class StateKey(_Part):
    """One key of the shared state: how writes to it are put together, and what it starts from."""

    reducer: Literal["replace", "add", "append", "merge"] = Field(
        default="replace", description="How a write is put to what is there."
    )
    default: JsonValue = Field(default=None, description="What the key starts from.")


class Resume(_Part):
    """How a run that failed with a retryable error goes on by itself."""

    after: float = Field(gt=0, description="Seconds until the run goes on.")
    max_attempts: int = Field(default=5, ge=1, le=100, description="How often it goes on at most.")


class GraphSettings(_Part):
    """Settings of the whole graph."""

    on_failure: Literal["finish_branches", "stop"] = Field(
        default="finish_branches",
        description="After a failure that nobody handles: finish what does not depend on it, or stop all.",
    )
    max_iterations: int = Field(default=100, ge=1, description="Laps of each loop, unless its header says otherwise.")
    timeout: float | None = Field(default=None, gt=0, description="Seconds for the whole run.")
    resume: Resume | None = Field(default=None, description="Let a failed run go on by itself.")


class Document(_Part):
    """A workflow graph in its normal form."""

    nodes: list[Node] = Field(max_length=MAX_NODES, description="The steps.")
    edges: list[Edge] = Field(default_factory=list, max_length=MAX_EDGES, description="What follows on what.")
    state: dict[str, StateKey] = Field(default_factory=dict, description="The keys of the shared state.")
    settings: GraphSettings = Field(default=GraphSettings(), description="What holds for the whole graph.")
    entry: str | None = Field(default=None, description="Where a run begins if every node has an incoming edge.")
    name: str | None = Field(default=None, description="What the graph is called.")
    description: str | None = Field(default=None, description="What it is for.")
    metadata: dict[str, JsonValue] | None = Field(default=None, description="Anything; it is only kept.")

    def as_json(self) -> dict[str, Any]:
        """The document to be stored: what was said, without the defaults."""
        return self.model_dump(exclude_unset=True)


class ReadDocument(_Part):
    """What `read_document` found: every problem of the shape, and the document as far as it can be read at all."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    document: Document | None
    problems: Annotated[list[Problem], Field(default_factory=list)]


_document = TypeAdapter(Document)


def read_document(value: Any) -> ReadDocument:
    """The document that `value` says, in whatever accepted form, or every problem of its shape."""
    if not isinstance(value, Mapping):
        return _refused(Problem("invalid_config", "", "A graph is a JSON object with `nodes` and `edges`."))
    if problem := _too_large(value):
        return _refused(problem)
    plain, pointers = _normal_form(value)
    problems = _identity_problems(plain, pointers)
    try:
        return ReadDocument(document=_document.validate_python(plain), problems=problems)
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
        places = [detail["loc"] for detail in details]
        problems += [_shape_problem(plain, pointers, detail["loc"], detail["msg"]) for detail in details]
    try:
        document = _document.validate_python(_without(plain, places))
    except (ValidationError, KeyError):
        document = None
    return ReadDocument(document=document, problems=_once(problems))


_SPARE = {
    "nodes": frozenset(Node.model_fields) - {"id", "type", "config", "writes"},
    "edges": frozenset(Edge.model_fields) - {"source", "target", "condition", "branch", "on"},
}


def _without(plain: Mapping[str, Any], places: list[tuple[int | str, ...]]) -> dict[str, Any]:
    """The document without what has a wrong shape, as far as the rest means the same without it, to be checked as well.

    Raises KeyError when something is wrong that no document can do without.
    """
    parts = {kind: list(items) for kind in ("nodes", "edges") if isinstance(items := plain.get(kind), list)}
    rest = {name: item for name, item in plain.items() if name not in parts}
    for place in places:
        kind, index = str(place[0]), place[1] if len(place) > 1 else None
        if kind in parts and isinstance(index, int):
            field = place[2] if len(place) > 2 else None  # noqa: PLR2004  # nodes, index, field
            known = Node.model_fields if kind == "nodes" else Edge.model_fields
            if field is None or (field in known and field not in _SPARE[kind]):
                raise KeyError(field)
            parts[kind][index] = {name: item for name, item in parts[kind][index].items() if name != field}
        elif kind in ("nodes", "edges", "state"):
            raise KeyError(kind)
        else:
            rest.pop(kind, None)
    return {**rest, **parts}


def _refused(problem: Problem) -> ReadDocument:
    return ReadDocument(document=None, problems=[problem])


def _too_large(value: Mapping[str, Any]) -> Problem | None:
    source = value.get("dag") if isinstance(value.get("dag"), Mapping) else value
    for key, limit in (("nodes", MAX_NODES), ("edges", MAX_EDGES)):
        items = source.get(key) if isinstance(source, Mapping) else None
        if isinstance(items, list) and len(items) > limit:
            message = f"A graph may have {limit:,} {key}; this one has {len(items):,}. Split it into several workflows."
            return Problem("too_large", f"/{key}", message)
    try:
        size = len(orjson.dumps(value))
    except TypeError:
        return None  # a lone surrogate or a huge number: its place is named later
    if size > MAX_BYTES:
        message = f"A graph may have {MAX_BYTES:,} bytes; this one has {size:,}. Keep data out of the graph."
        return Problem("too_large", "", message)
    return None


Pointers = dict[tuple[str, int], str]
"""Where the nodes and edges of the normal form stood in the document as it came."""


def _normal_form(value: Mapping[str, Any]) -> tuple[dict[str, Any], Pointers]:
    """The same document with `source` and `target` on its edges, `type` on its nodes, dependencies made edges."""
    inner = value.get("dag")
    source = {**inner, **{k: v for k, v in value.items() if k != "dag"}} if isinstance(inner, Mapping) else dict(value)
    prefix = "/dag" if isinstance(inner, Mapping) else ""
    pointers: Pointers = {}
    nodes, edges = source.get("nodes"), source.get("edges", [])
    plain: dict[str, Any] = {key: item for key, item in source.items() if item is not None}
    if isinstance(edges, list):
        plain["edges"] = [_plain_edge(edge) for edge in edges]
        pointers |= {("edges", n): f"{prefix}/edges/{n}" for n in range(len(edges))}
    if isinstance(nodes, list):
        plain["nodes"] = [_plain_node(node) for node in nodes]
        pointers |= {("nodes", n): f"{prefix}/nodes/{n}" for n in range(len(nodes))}
        if isinstance(plain.get("edges"), list):
            _add_dependencies(nodes, plain["edges"], pointers, prefix)
    return plain, pointers


def _plain_node(node: Any) -> Any:
    if not isinstance(node, Mapping):
        return node
    plain = {key: item for key, item in node.items() if key not in ("handler", "dependencies") and item is not None}
    handler = node.get("handler")
    if "type" not in plain and isinstance(handler, str):
        plain["type"] = HANDLERS.get(handler, handler)
    return plain


def _plain_edge(edge: Any) -> Any:
    if not isinstance(edge, Mapping):
        return edge
    return {EDGE_ALIASES.get(key, key): item for key, item in edge.items() if item is not None}


def _add_dependencies(nodes: list[Any], edges: list[Any], pointers: Pointers, prefix: str) -> None:
    for n, node in enumerate(nodes):
        dependencies = node.get("dependencies") if isinstance(node, Mapping) else None
        if not isinstance(dependencies, list):
            continue
        for d, dependency in enumerate(dependencies):
            pointers["edges", len(edges)] = f"{prefix}/nodes/{n}/dependencies/{d}"
            edges.append({"source": dependency, "target": node.get("id")})


def _identity_problems(plain: Mapping[str, Any], pointers: Pointers) -> list[Problem]:
    """Ids that the database cannot keep, and edges that say two things at once."""
    problems: list[Problem] = []
    nodes, edges = plain.get("nodes"), plain.get("edges")
    for n, node in enumerate(nodes if isinstance(nodes, list) else []):
        node_id = node.get("id") if isinstance(node, Mapping) else None
        if isinstance(node_id, str) and not _storable(node_id):
            message = "A node id may hold any Unicode but NUL and lone surrogates; choose another id."
            problems.append(Problem("invalid_config", f"{pointers['nodes', n]}/id", message))
    for n, edge in enumerate(edges if isinstance(edges, list) else []):
        said = [key for key in ("condition", "branch", "on") if isinstance(edge, Mapping) and edge.get(key) is not None]
        if len(said) > 1:
            message = f"An edge has one of `condition`, `branch` and `on`; this one has {' and '.join(said)}. Keep one."
            problems.append(Problem("invalid_condition", pointers["edges", n], message, edge=n))
    return problems


def _storable(text: str) -> bool:
    return "\0" not in text and text.encode(errors="replace").decode() == text


def _shape_problem(
    plain: Mapping[str, Any], pointers: Pointers, location: tuple[int | str, ...], message: str
) -> Problem:
    pointer = pointer_to(*location)
    node_id: str | None = None
    edge: int | None = None
    if len(location) > 1 and location[0] in ("nodes", "edges") and isinstance(location[1], int):
        kind, n = str(location[0]), location[1]
        item = plain[kind][n]
        pointer = pointers[kind, n] + pointer_to(*location[2:])
        edge = n if kind == "edges" else None
        if kind == "nodes" and isinstance(item, Mapping) and isinstance(item.get("id"), str):
            node_id = item["id"]
    said = " is missing; add it." if message == "Field required" else f": {message}."
    return Problem(_shape_code(location), pointer, _last(location) + said, node_id=node_id, edge=edge)


def _shape_code(location: tuple[int | str, ...]) -> str:
    field = (str(location[0]), str(location[2])) if len(location) > 2 else ("", "")  # noqa: PLR2004  # nodes, index, field
    codes = {
        ("nodes", "type"): "unknown_node_type",
        ("edges", "source"): "unknown_source",
        ("edges", "target"): "unknown_target",
        ("edges", "condition"): "invalid_condition",
        ("edges", "branch"): "unknown_branch",
        ("nodes", "writes"): "invalid_template",
    }
    return codes.get(field, "invalid_config")


def _last(location: tuple[int | str, ...]) -> str:
    return f"`{location[-1]}`" if location else "The graph"


def _once(problems: list[Problem]) -> list[Problem]:
    return list({(p.code, p.pointer): p for p in problems}.values())
