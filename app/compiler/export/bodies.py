"""The body of each node's function, by the node's type."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from app.compiler.document import Edge, Node
from app.compiler.export.layout import Code, Group, call, literal, quoted, statement
from app.compiler.export.sources import ToolSources
from app.compiler.export.values import Values
from app.compiler.registry import Registry

FindChild = Callable[[Mapping[str, Any]], str | None]
BUILT_IN = (
    "input",
    "output",
    "transform",
    "condition",
    "delay",
    "http",
    "tool",
    "approval",
    "subworkflow",
    "map",
    "llm",
)
_MODEL = (
    "prompt",
    "messages",
    "system",
    "temperature",
    "max_tokens",
    "max_tool_rounds",
    "base_url",
    "api_key",
    "timeout",
)
_HTTP = ("headers", "query", "json", "body", "expect_status", "follow_redirects")


class Bodies:
    """Writes bodies, and remembers what they need: support, features, and notes for the program's header."""

    def __init__(self, registry: Registry, sources: ToolSources, child: FindChild) -> None:
        """`child` gives the function that runs a workflow, by the config of a node that names one, if it is known."""
        self.values = Values()
        self.needs: set[str] = set()
        self.features: set[str] = set()
        self.notes: list[str] = []
        self.packages: set[str] = set()
        self.edges: Sequence[Edge] = ()
        self.is_native = False
        self._registry = registry
        self._sources = sources
        self._child = child

    def body(self, node: Node, depth: int = 1) -> list[str]:
        """The statements of the node's function."""
        write = getattr(self, f"_{node.type}", None) if node.type in BUILT_IN else None
        if write is None:
            return self._impossible(
                node, f"its type {node.type!r} is no part of this program; write here what it does", depth
            )
        lines: list[str] = write(node, depth)
        return lines

    def _impossible(self, node: Node, reason: str, depth: int) -> list[str]:
        self.notes.append(f"Node {node.id!r} cannot stand alone: {reason}.")
        message = call("NotImplementedError", quoted(f"{node.id}: {reason}"))
        return statement("raise ", message, depth)

    def _input(self, _node: Node, depth: int) -> list[str]:
        return statement("return ", 'see("input")', depth)

    def _output(self, node: Node, depth: int) -> list[str]:
        if "value" in node.config:
            return statement("return ", self.values.value(node.config["value"]), depth)
        self.features.add("taken")
        sources = dict.fromkeys(edge.source for edge in self.edges if edge.target == node.id)
        if self.is_native:
            lines = statement("sources = ", literal(list(sources)), depth)
            lines += statement("outputs = ", 'see.more["taken"]', depth)
            return [
                *lines,
                *statement("return ", "{name: outputs[name] for name in sources if name in outputs}", depth),
            ]
        return statement("return ", 'see.more["taken"]', depth)

    def _transform(self, node: Node, depth: int) -> list[str]:
        return statement("return ", self.values.value(node.config.get("value")), depth)

    def _condition(self, node: Node, depth: int) -> list[str]:
        indent, lines = "    " * depth, []
        branches: Any = node.config["branches"]
        for branch in branches:
            lines += statement("if ", self.values.condition(branch["when"]), depth)
            lines[-1] += ":"
            lines.append(f'{indent}    return {{"branch": {quoted(branch["name"])}}}')
        if node.config.get("default") is not None:
            return [*lines, *statement("return ", literal({"branch": node.config["default"]}), depth)]
        self.needs.add("HardError")
        return [*lines, f'{indent}raise HardError("No branch is true, and there is no default.", "no_branch")']

    def _delay(self, node: Node, depth: int) -> list[str]:
        self.needs.add("sleep")
        return statement("await ", self._call("sleep", node.config), depth)

    def _http(self, node: Node, depth: int) -> list[str]:
        self.needs.add("http")
        self.features.add("key")
        config = node.config
        first = [self.values.value(config.get("method", "GET")), self.values.value(config["url"])]
        named = {key: self.values.value(config[key]) for key in _HTTP if key in config}
        return statement("return await ", call("http", "see", *first, **named), depth)

    def _tool(self, node: Node, depth: int) -> list[str]:
        name = str(node.config["tool"])
        tool = self._registry.tool(name)
        function = None if tool is None else self._sources.reference(tool)
        if function is None:
            return self._impossible(node, f"the tool {name!r} is no function that can be imported", depth)
        self.needs.add("call")
        self.features.update(("taken", "key"))
        args: Any = node.config.get("args") or {}
        return statement("return await ", self._call("call", args, "see", function), depth)

    def _approval(self, node: Node, depth: int) -> list[str]:
        self.needs.add("ask")
        self.features.add("answers")
        config = node.config
        more = {key: self.values.value(config[key]) for key in ("timeout", "on_timeout") if config.get(key) is not None}
        if "schema" in config:
            more["schema"] = literal(config["schema"])
        return statement(
            "return await ", call("ask", "see", self.values.value(config.get("prompt", "")), **more), depth
        )

    def _subworkflow(self, node: Node, depth: int) -> list[str]:
        run = self._child(node.config)
        if run is None:
            return self._impossible(
                node, f"the workflow {node.config.get('workflow')!r} was not given to the export", depth
            )
        self.needs.add("child_result")
        value = self.values.value(node.config.get("input"))
        return statement("return await ", call("child_result", "see", run, value), depth)

    def _map(self, node: Node, depth: int) -> list[str]:
        self.needs.add("each")
        self.features.add("map")
        config, inner, indent = node.config, _inner(node), "    " * depth
        options: dict[str, Code] = {}
        options |= {key: self.values.value(config[key]) for key in ("concurrency", "on_item_error") if key in config}
        options |= tries(inner, self)
        if inner.on_error != "fail":
            options["on_error"] = quoted(inner.on_error)
        lines = ["", f"{indent}async def one(see: See) -> Any:", f'{indent}    """For each item ({inner.type})."""']
        lines += [*self.body(inner, depth + 1), ""]
        made = call("each", "see", self.values.value(config["items"]), "one", **options)
        return [*lines, *statement("return await ", made, depth)]

    def _llm(self, node: Node, depth: int) -> list[str]:
        self.needs.add("ask_model")
        config = node.config
        model = str(config["model"])
        options = {key: self.values.value(config[key]) for key in _MODEL if config.get(key) is not None}
        options |= {key: literal(config[key]) for key in ("schema", "prices") if config.get(key) is not None}
        if config.get("options"):
            options["options"] = self.values.value(config["options"])
        self.features.update(["fake"] if model.startswith("fake:") else [])
        self.packages |= _package(model)
        if config.get("tools"):
            tools = self._model_tools(config["tools"])
            if tools is None:
                return self._impossible(node, "one of its tools is no function that can be imported", depth)
            options["tools"] = tools
        return statement("return await ", call("ask_model", "see", self.values.value(model), **options), depth)

    def _model_tools(self, names: Any) -> Code | None:
        """The tools of a model: by the name that it knows, the function and what it is told of it."""
        self.features.update(("model_tools", "taken", "key"))
        pairs: list[tuple[str, Code]] = []
        for name in names:
            tool = self._registry.tool(name)
            function = None if tool is None else self._sources.reference(tool)
            if tool is None or function is None:
                return None
            alias = re.sub(r"[^a-zA-Z0-9_-]", "_", name)[:64]
            said = {"name": alias, "description": tool.description, "parameters": dict(tool.args_schema)}
            spec = literal({"type": "function", "function": said})
            pairs.append((f"{quoted(alias)}: ", Group("(", [("", function), ("", spec)], ")")))
        return Group("{", pairs, "}")

    def _call(self, function: str, config: Mapping[str, Any], *first: str) -> Code:
        """A call with a config's values by name; names that Python cannot say go into a mapping."""
        plain = {key: self.values.value(value) for key, value in config.items() if key.isidentifier() and key.isascii()}
        odd = {key: value for key, value in config.items() if key not in plain}
        group = call(function, *first, **plain)
        return Group(group.opening, [*group.items, *([("**", self.values.value(odd))] if odd else [])], ")")


def tries(node: Node, bodies: Bodies) -> dict[str, Code]:
    """How often a node is tried, and how long."""
    options: dict[str, Code] = {}
    if node.timeout is not None:
        options["timeout"] = f"{node.timeout:g}"
        bodies.features.add("timeout")
    if node.retry is not None and node.retry.max_attempts > 1:
        bodies.features.add("retry")
        bodies.needs.add("Retry")
        said = {key: repr(value) for key, value in node.retry.model_dump(exclude_defaults=True).items()}
        options["retry"] = call("Retry", **said)
    return options


def _package(model: str) -> set[str]:
    """The package of a model's provider, as far as its name says it."""
    provider, colon, _ = model.partition(":")
    if not colon or not provider.isidentifier():
        known = {"gpt": "openai", "claude": "anthropic"}
        provider = known.get(model.partition("-")[0], "fake")
    return set() if provider == "fake" else {f"langchain-{provider.replace('_', '-')}"}


def _inner(node: Node) -> Node:
    """The node that a map runs for each item."""
    given: Any = node.config.get("node")
    if given is not None:
        return Node(id=node.id, **given)
    named = {key: node.config[key] for key in ("workflow", "version", "input") if key in node.config}
    return Node(id=node.id, type="subworkflow", config={"input": "{{ item }}", **named})
