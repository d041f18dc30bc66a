"""The registry: every node type and tool that graphs can be built with.

Decorators fill a catalogue when the module that uses them is imported; a `Registry` is a snapshot of it.
"""

import inspect
import typing
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import wraps
from types import MappingProxyType
from typing import Any, TypeVar, overload

from pydantic import BaseModel, JsonValue

from app.compiler.context import NodeContext
from app.compiler.jsonvalues import as_json
from app.compiler.tools import RegistrationError, Tool, make_tool

F = TypeVar("F", bound=Callable[..., Any])
Run = Callable[[NodeContext, Any], Awaitable[JsonValue]]
Check = Callable[[Mapping[str, Any], "Registry"], list[tuple[str, str]]]
BranchNames = Callable[[Mapping[str, Any]], tuple[str, ...]]
InnerNode = Callable[[Mapping[str, Any]], "Inner | None"]
_BUILT_IN = "app.compiler.nodes."


@dataclass(frozen=True, slots=True)
class Inner:
    """The node that a node runs for each of its items: its definition, and where in the outer config that stands."""

    definition: Mapping[str, Any]
    pointer: str
    config_pointer: str


@dataclass(frozen=True, slots=True)
class NodeType:
    """A kind of node.

    `config` is the model of its configuration, and forbids what it does not know. `expressions` are the config paths
    that hold bare expressions (`branches.*.when`), `literal` those that are never rendered. `check` finds problems in a
    raw config that its model cannot see, as (pointer into the config, sentence). `inner` finds in a raw config the node
    that `NodeContext.each` runs; its place is among `literal`.
    `by_config` is off where what a node gives depends on what it reads from its context, such as the run's input or the
    predecessors that led to it: then a result is never taken again for having been reached with the same config.
    `in_place` types only direct the run, so they run where it is executed, whatever their queue.
    """

    name: str
    title: str
    description: str
    config: type[BaseModel]
    run: Run
    expressions: tuple[str, ...] = ()
    literal: tuple[str, ...] = ()
    check: Check | None = None
    branch_names: BranchNames | None = None
    inner: InnerNode | None = None
    by_config: bool = True
    in_place: bool = False

    def branches(self, config: Mapping[str, Any]) -> tuple[str, ...] | None:
        """The names that a `branch` edge of such a node may use; None when the type has no branches."""
        return None if self.branch_names is None else self.branch_names(config)

    def config_schema(self) -> dict[str, Any]:
        """The JSON Schema of the configuration, as it is published."""
        return self.config.model_json_schema(by_alias=True)


@dataclass(slots=True)
class Catalogue:
    """What has been registered so far; a name can be taken once."""

    node_types: dict[str, NodeType] = field(default_factory=dict)
    tools: dict[str, Tool] = field(default_factory=dict)

    def add_tool(self, tool: Tool) -> None:
        """Take in a tool; raises RegistrationError when another function already has its name."""
        known = self.tools.get(tool.name)
        if known is not None and _place_of(known.function) != _place_of(tool.function):
            raise RegistrationError(
                f"Two tools are called {tool.name}: {_place_of(known.function)} and {_place_of(tool.function)}. "
                "Give one of them another name."
            )
        self.tools[tool.name] = tool

    def add_node_type(self, node_type: NodeType) -> None:
        """Take in a node type; raises RegistrationError when another function already has its name."""
        known = self.node_types.get(node_type.name)
        if known is not None and _place_of(known.run) != _place_of(node_type.run):
            raise RegistrationError(
                f"Two node types are called {node_type.name}: {_place_of(known.run)} and {_place_of(node_type.run)}. "
                "Give one of them another name."
            )
        self.node_types[node_type.name] = node_type

    def has_function(self, function: Callable[..., Any]) -> bool:
        """Whether a function has been registered as a tool, under whatever name."""
        return any(tool.function is function for tool in self.tools.values())

    def copy(self) -> "Catalogue":
        """A catalogue of its own with the same things."""
        return Catalogue(dict(self.node_types), dict(self.tools))

    def merge(self, other: "Catalogue") -> None:
        """Take in everything of another catalogue, or nothing when one of its names is taken."""
        trial = self.copy()
        for node_type in other.node_types.values():
            trial.add_node_type(node_type)
        for tool in other.tools.values():
            trial.add_tool(tool)
        self.node_types, self.tools = trial.node_types, trial.tools


@dataclass(frozen=True, slots=True)
class Registry:
    """What graphs can be built with, fixed at one moment; `problems` tell what could not be loaded."""

    node_types: Mapping[str, NodeType]
    tools: Mapping[str, Tool]
    problems: tuple[str, ...] = ()

    def node_type(self, name: str) -> NodeType | None:
        """The node type of that name, or None."""
        return self.node_types.get(name)

    def tool(self, name: str) -> Tool | None:
        """The tool of that name, or None."""
        return self.tools.get(name)


_catalogue = Catalogue()
_current: ContextVar[Catalogue] = ContextVar("catalogue", default=_catalogue)


def installed() -> Catalogue:
    """The catalogue of the process: what imported modules have registered."""
    return _catalogue


def current() -> Catalogue:
    """The catalogue that decorators fill now."""
    return _current.get()


def snapshot(catalogue: Catalogue | None = None, problems: tuple[str, ...] = ()) -> Registry:
    """A Registry of what a catalogue holds now: the given one, else that of the process."""
    source = catalogue or _catalogue
    return Registry(MappingProxyType(dict(source.node_types)), MappingProxyType(dict(source.tools)), problems)


@contextmanager
def collecting() -> Iterator[Catalogue]:
    """While open, decorators fill a new catalogue instead of that of the process."""
    catalogue = Catalogue()
    token = _current.set(catalogue)
    try:
        yield catalogue
    finally:
        _current.reset(token)


@overload
def tool(function: F, /) -> F: ...
@overload
def tool(*, name: str | None = None, description: str | None = None, process: bool = False) -> Callable[[F], F]: ...
def tool(
    function: F | None = None,
    /,
    *,
    name: str | None = None,
    description: str | None = None,
    process: bool = False,
) -> F | Callable[[F], F]:
    """Register a function as a tool, and leave it as it is.

    Its name and docstring are the tool's unless given; its signature is what the tool takes. `process` runs it in a
    process of its own, for work that keeps a CPU busy. Raises RegistrationError.
    """

    def register(decorated: F) -> F:
        _current.get().add_tool(make_tool(decorated, name, description, process))
        return decorated

    return register if function is None else register(function)


@overload
def node_type(function: F, /) -> F: ...
@overload
def node_type(
    name: str | None = None,
    *,
    config: type[BaseModel] | None = None,
    title: str | None = None,
    description: str | None = None,
    expressions: tuple[str, ...] = (),
    literal: tuple[str, ...] = (),
    check: Check | None = None,
    branch_names: BranchNames | None = None,
    inner: InnerNode | None = None,
    by_config: bool = True,
    in_place: bool = False,
) -> Callable[[F], F]: ...
def node_type(
    name: str | F | None = None,
    *,
    config: type[BaseModel] | None = None,
    title: str | None = None,
    description: str | None = None,
    expressions: tuple[str, ...] = (),
    literal: tuple[str, ...] = (),
    check: Check | None = None,
    branch_names: BranchNames | None = None,
    inner: InnerNode | None = None,
    by_config: bool = True,
    in_place: bool = False,
) -> F | Callable[[F], F]:
    """Register a function `(context, config)` as a node type, and leave it as it is.

    Name, title and description come from the function, the config model from its second parameter, unless given.
    Plain functions run in a thread. A type that reads more of its context than its config says has to say so with
    `by_config=False`; one that waits, starts runs or has an inner node runs `in_place`. Raises RegistrationError.
    """

    def register(decorated: F) -> F:
        label = name if isinstance(name, str) else decorated.__name__
        entry = NodeType(
            name=label,
            title=title or label.replace("_", " ").capitalize(),
            description=description if description is not None else inspect.getdoc(decorated) or "",
            config=config or _config_of(decorated, label),
            run=_runner(decorated),
            expressions=expressions,
            literal=literal,
            check=check,
            branch_names=branch_names,
            inner=inner,
            by_config=by_config,
            in_place=in_place or inner is not None,
        )
        if entry.config.model_config.get("extra") != "forbid":
            raise RegistrationError(f'The config model of the node type {label} must set extra="forbid".')
        _current.get().add_node_type(entry)
        return decorated

    return register(name) if callable(name) else register


def _config_of(function: Callable[..., Any], label: str) -> type[BaseModel]:
    names = list(inspect.signature(function).parameters)
    hint = typing.get_type_hints(function).get(names[1]) if len(names) > 1 else None
    if isinstance(hint, type) and issubclass(hint, BaseModel):
        return hint
    raise RegistrationError(f"The node type {label} needs a pydantic model of its config as its second parameter.")


def _runner(function: Callable[..., Any]) -> Run:
    if function.__module__.startswith(_BUILT_IN):
        return function

    @wraps(function)
    async def run(context: NodeContext, config: Any) -> JsonValue:
        if inspect.iscoroutinefunction(function):
            return as_json(await function(context, config))
        return await context.resources.in_thread(lambda: as_json(function(context, config)))

    return run


def _place_of(function: Callable[..., Any]) -> str:
    return f"{function.__module__}.{function.__qualname__}"
