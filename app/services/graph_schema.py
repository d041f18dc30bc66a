"""The JSON Schema of a graph, for editors and for models that write graphs.

It is made of the models that check graphs. They see values whose templates are filled in; here a text with a template
stands for any of them, wherever a node's type lets templates be.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from app.compiler.document import EDGE_ALIASES, HANDLERS, Document
from app.compiler.nodes.map import NOT_INSIDE, InnerDefinition
from app.compiler.registry import NodeType, Registry
from app.schemas.common import JsonObject
from app.services.graph_examples import CONFIGS, GRAPHS

MARK = r"\{\{|\{%"
TEMPLATE = {"$ref": "#/$defs/Template"}
_ANY_TEXT = frozenset({"title", "description", "type", "default", "minLength", "examples"})
_FORMS = ("anyOf", "oneOf", "allOf")


def graph_schema(registry: Registry) -> JsonObject:
    """The schema: a node's `type` decides what its `config` is, a tool's name what its `args` are."""
    schema: dict[str, Any] = Document.model_json_schema()
    definitions: dict[str, Any] = schema.pop("$defs")
    kinds = [registry.node_types[name] for name in sorted(registry.node_types)]
    definitions["Template"] = {
        "title": "Template",
        "description": "A text with {{ expression }} in it. One that is nothing else gives the expression's own value.",
        "type": "string",
        "pattern": MARK,
        "examples": ["{{ input.n }}", "Hello {{ fetch.output.json.name }}"],
    }
    for kind in kinds:
        definitions[f"config-{kind.name}"] = _config(kind, registry)
    _finish_node(definitions["Node"], kinds)
    definitions["InnerNode"] = _inner_node(kinds)
    _finish_edge(definitions["Edge"])
    for part in ("Node", "Edge", "GraphSettings"):
        _let_null(definitions[part])
    definitions["Graph"] = {**schema, "title": "Graph", "examples": GRAPHS}
    _let_null(definitions["Graph"])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "/api/v1/schema/graph.json",
        "title": "Workflow graph",
        "description": "Nodes, and edges between them. Write `nodes` and `edges`; `dag` is another form that is taken.",
        "type": "object",
        "if": {"required": ["dag"]},
        "then": {"$ref": "#/$defs/Dag"},
        "else": {"$ref": "#/$defs/Graph"},
        "examples": GRAPHS,
        "$defs": {**definitions, "Dag": _dag(definitions["Graph"])},
    }


def _config(kind: NodeType, registry: Registry) -> JsonObject:
    """The config of a node type, with templates wherever they may be."""
    own = kind.config_schema()
    literal = {tuple(path.split(".")) for path in (*kind.literal, *kind.expressions)}
    schema: JsonObject = _opened(own, own.get("$defs", {}), (), literal)
    schema.pop("$defs", None)
    schema["title"] = kind.title
    schema["description"] = kind.description
    if kind.name in CONFIGS:
        schema["examples"] = CONFIGS[kind.name]
    if kind.name == "map":
        schema["properties"]["node"] = {"anyOf": [{"$ref": "#/$defs/InnerNode"}, {"type": "null"}]}
    if kind.name == "tool":
        schema["properties"]["tool"]["enum"] = sorted(registry.tools)
        schema["allOf"] = list(_tools(registry))
    if kind.name == "llm":
        schema["properties"]["tools"]["items"]["enum"] = sorted(registry.tools)
    return schema


def _tools(registry: Registry) -> Iterator[JsonObject]:
    """For each tool what it takes."""
    for name in sorted(registry.tools):
        tool = registry.tools[name]
        args = _opened(dict(tool.args_schema), tool.args_schema.get("$defs", {}), (), set())
        args.pop("$defs", None)
        needed = ["args"] if args.get("required") else []
        yield {
            "if": {"properties": {"tool": {"const": name}}, "required": ["tool"]},
            "then": {
                "properties": {"args": {"description": tool.description, "anyOf": [args, TEMPLATE]}},
                "required": needed,
            },
        }


def _opened(
    schema: Any, definitions: Mapping[str, Any], path: tuple[str, ...], literal: set[tuple[str, ...]], depth: int = 0
) -> Any:
    """A schema that takes a template in place of any value, but at the literal paths; references are written out."""
    if not isinstance(schema, Mapping):
        return schema
    if "$ref" in schema:
        name = str(schema["$ref"]).rpartition("/")[2]
        if depth > 8:  # noqa: PLR2004  # a schema that refers to itself
            return {}
        rest = {key: value for key, value in schema.items() if key != "$ref"}
        return _opened({**definitions.get(name, {}), **rest}, definitions, path, literal, depth + 1)
    result: dict[str, Any] = dict(schema)
    for key, inner in (schema.get("properties") or {}).items():
        result["properties"] = {**result["properties"], key: _value(inner, definitions, (*path, key), literal, depth)}
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), Mapping):
            result[key] = _value(schema[key], definitions, (*path, "*"), literal, depth)
    for form in _FORMS:
        if form in schema:
            result[form] = [_opened(option, definitions, path, literal, depth + 1) for option in schema[form]]
    return result


def _value(
    schema: Any, definitions: Mapping[str, Any], path: tuple[str, ...], literal: set[tuple[str, ...]], depth: int
) -> Any:
    opened = _opened(schema, definitions, path, literal, depth)
    if path in literal or _takes_any_text(opened):
        return opened
    about = {key: opened.pop(key) for key in ("title", "description", "default", "examples") if key in opened}
    return {**about, "anyOf": [*opened.pop("anyOf"), TEMPLATE]} if set(opened) == {"anyOf"} else {
        **about, "anyOf": [opened, TEMPLATE]
    }  # fmt: skip


def _takes_any_text(schema: Mapping[str, Any]) -> bool:
    if any(_takes_any_text(option) for option in schema.get("anyOf", ())):
        return True
    kinds = schema.get("type")
    if not (set(schema) - {"title", "description", "default", "examples"}):
        return True
    return (kinds == "string" or (isinstance(kinds, list) and "string" in kinds)) and set(schema) <= _ANY_TEXT


def _finish_node(node: dict[str, Any], kinds: Sequence[NodeType]) -> None:
    names = [kind.name for kind in kinds]
    about = {key: node["properties"]["type"][key] for key in ("title", "description")}
    node["properties"]["type"] = {**about, "enum": names}
    node["properties"]["handler"] = {
        "description": "Another name of `type`.", "deprecated": True, "enum": [*names, *HANDLERS],
    }  # fmt: skip
    node["properties"]["dependencies"] = {
        "description": "Another way to write edges: the ids of the nodes before this one.",
        "deprecated": True,
        "type": ["array", "null"],
        "items": {"type": "string"},
    }
    node["required"] = ["id"]
    node["anyOf"] = [{"required": ["type"]}, {"required": ["handler"]}]
    node["allOf"] = [_case("type", kind, kind.name) for kind in kinds]
    called = [(name, name) for name in names] + list(HANDLERS.items())
    by_name = {kind.name: kind for kind in kinds}
    node["allOf"] += [_case("handler", by_name[name], said) for said, name in called if name in by_name]


def _case(field: str, kind: NodeType, said: str) -> JsonObject:
    """What a node of a type holds, where `field` says so."""
    config: JsonObject = {"$ref": f"#/$defs/config-{kind.name}"}
    then: JsonObject = {"properties": {"config": {"anyOf": [config, {"type": "null"}]}}}
    if kind.config_schema().get("required"):
        then = {"properties": {"config": config}, "required": ["config"]}
    when: JsonObject = {"properties": {field: {"const": said}}, "required": [field]}
    if field == "handler":
        when["not"] = {"required": ["type"]}
    return {"if": when, "then": then}


def _inner_node(kinds: Sequence[NodeType]) -> JsonObject:
    """The node that a map runs for each item."""
    inside = [kind for kind in kinds if kind.name not in NOT_INSIDE]
    schema = InnerDefinition.model_json_schema()
    schema["properties"]["type"]["enum"] = [kind.name for kind in inside]
    schema.pop("$defs")
    return {**schema, "title": "InnerNode", "allOf": [_case("type", kind, kind.name) for kind in inside]}


def _finish_edge(edge: dict[str, Any]) -> None:
    """An edge has one of its conditions, and its ends by any of their names."""
    ends: dict[str, list[str]] = {"source": ["source"], "target": ["target"]}
    for alias, field in EDGE_ALIASES.items():
        ends[field].append(alias)
        edge["properties"][alias] = {
            "description": f"Another name of `{field}`.", "deprecated": True, "type": "string",
        }  # fmt: skip
    edge.pop("required")
    said = [("condition", "branch"), ("condition", "on"), ("branch", "on")]
    edge["allOf"] = [{"anyOf": [{"required": [name]} for name in names]} for names in ends.values()]
    edge["allOf"] += [
        {"not": {"required": list(pair), "properties": {name: {"type": "string"} for name in pair}}} for pair in said
    ]


def _dag(graph: Mapping[str, Any]) -> JsonObject:
    """The form in which the nodes stand in `dag`, and the rest inside or beside it."""
    rest = {key: value for key, value in graph["properties"].items() if key not in ("nodes", "edges")}
    return {
        "title": "Dag",
        "description": "The dependency form: nodes with `handler` and `dependencies`.",
        "type": "object",
        "properties": {"dag": {"$ref": "#/$defs/Graph"}, **rest},
        "required": ["dag"],
        "additionalProperties": False,
        "deprecated": True,
    }


def _let_null(part: dict[str, Any]) -> None:
    """Null is as good as nothing where a field need not be there."""
    for name, field in part["properties"].items():
        kinds = [option.get("type") for option in field.get("anyOf", ())]
        if name not in part.get("required", ()) and "null" not in kinds and field.get("type") != ["array", "null"]:
            about = {key: field.pop(key) for key in ("title", "description", "default", "deprecated") if key in field}
            part["properties"][name] = {**about, "anyOf": [field, {"type": "null"}]}
