"""Tools: registered Python functions that nodes call by name."""

import asyncio
import inspect
import typing
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, create_model

from app.compiler.context import NodeContext
from app.compiler.failures import HardError
from app.compiler.jsonvalues import as_json
from app.compiler.resources import Resources
from app.errors import GraphwrightError

ToolFunction = Callable[..., Any]
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.VAR_POSITIONAL)


class RegistrationError(GraphwrightError):
    """A tool or a node type that cannot be registered as it is written."""

    code = "invalid_registration"
    title = "A tool or node type cannot be registered"


@dataclass(frozen=True, slots=True)
class Signature:
    """What a tool takes: a model of its arguments, the parameter behind each field, and where the context goes."""

    model: type[BaseModel]
    fields: Mapping[str, str]
    context_parameter: str | None


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that can be called by name with JSON arguments.

    `args_schema` is the JSON Schema of the arguments; `process` says that it runs in a process of its own, `is_async`
    that it is awaited.
    """

    name: str
    description: str
    function: ToolFunction
    signature: Signature
    args_schema: Mapping[str, Any]
    process: bool = False
    is_async: bool = False

    @property
    def takes_context(self) -> bool:
        """Whether the function is given the NodeContext."""
        return self.signature.context_parameter is not None

    async def call(
        self, args: Mapping[str, Any], resources: Resources, context: NodeContext | None = None
    ) -> JsonValue:
        """Check the arguments, run the function and return its result as JSON.

        An async function runs in the event loop, a plain one in a thread, one marked so in a process. Raises HardError
        `invalid_arguments`, `not_json`, and whatever the function raises. A cancelled call cancels an async function
        and kills a process; a thread cannot be stopped, so its result is thrown away.
        """
        if self.process:
            bind_arguments(self, args, None)
            return await resources.processes.call(self.function, self.name, args)
        arguments = bind_arguments(self, args, context)
        try:
            if self.is_async:
                return as_json(await self.function(**arguments))
            return await resources.in_thread(lambda: as_json(self.function(**arguments)))
        except SystemExit as error:
            raise HardError(f"The tool {self.name} called sys.exit({error.code!r}).", "SystemExit") from error
        except asyncio.CancelledError as error:
            if _is_being_cancelled():
                raise
            raise HardError(f"The tool {self.name} awaited something that was cancelled.", "CancelledError") from error


def make_tool(function: ToolFunction, name: str | None, description: str | None, process: bool) -> Tool:
    """Describe a function as a tool; raises RegistrationError when its signature cannot be called by name."""
    label = name or function.__name__
    signature = read_signature(function, label)
    if process and signature.context_parameter:
        raise RegistrationError(f"The tool {label} runs in a process and cannot take a NodeContext; take plain values.")
    return Tool(
        name=label,
        description=description if description is not None else inspect.getdoc(function) or "",
        function=function,
        signature=signature,
        args_schema=signature.model.model_json_schema(),
        process=process,
        is_async=inspect.iscoroutinefunction(function),
    )


def read_signature(function: ToolFunction, label: str) -> Signature:
    """The arguments of a function as a model that checks and describes them."""
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except (NameError, TypeError) as error:
        raise RegistrationError(f"The annotations of the tool {label} cannot be read: {error}.") from error
    fields: dict[str, Any] = {}
    names: dict[str, str] = {}
    context_parameter: str | None = None
    extra: typing.Literal["allow", "forbid"] = "forbid"
    for parameter in inspect.signature(function).parameters.values():
        hint = hints.get(parameter.name, Any)
        if parameter.kind in _POSITIONAL:
            raise RegistrationError(f"The tool {label} takes positional arguments; give {parameter.name} a keyword.")
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            extra = "allow"
        elif hint is NodeContext or NodeContext in typing.get_args(hint):
            context_parameter = parameter.name
        else:
            field = f"argument_{len(fields)}"
            names[field] = parameter.name
            fields[field] = _field(parameter, hint)
    config = ConfigDict(extra=extra, arbitrary_types_allowed=False, title=label)
    try:
        model = create_model("Arguments", __config__=config, **fields)
        model.model_json_schema()
    except Exception as error:
        # Pydantic raises many kinds for annotations it cannot check; all of them mean the same to the author.
        raise RegistrationError(f"The arguments of the tool {label} cannot be described: {error}") from error
    return Signature(model, names, context_parameter)


def bind_arguments(tool: Tool, args: Mapping[str, Any], context: NodeContext | None) -> dict[str, Any]:
    """The keyword arguments for one call; raises HardError `invalid_arguments` that names each wrong argument."""
    signature = tool.signature
    try:
        checked = signature.model.model_validate(dict(args))
    except ValidationError as error:
        raise HardError(f"The tool {tool.name} was called wrongly: {describe(error)}.", "invalid_arguments") from None
    arguments = {parameter: getattr(checked, field) for field, parameter in signature.fields.items()}
    arguments.update(checked.model_extra or {})
    if signature.context_parameter is not None:
        if context is None:
            raise HardError(f"The tool {tool.name} can only be called by a node.", "invalid_arguments")
        arguments[signature.context_parameter] = context
    return arguments


def describe(error: ValidationError) -> str:
    """Every problem of a validation error in one line: where, and what."""
    return "; ".join(
        f"{'.'.join(map(str, item['loc'])) or 'arguments'}: {item['msg']}"
        for item in error.errors(include_url=False, include_context=False, include_input=False)[:20]
    )


def _field(parameter: inspect.Parameter, hint: Any) -> tuple[Any, Any]:
    # Fields get names of their own, because a parameter may be called like a method of the model (`json`, `copy`).
    title = parameter.name.replace("_", " ").strip().capitalize() or parameter.name
    default = ... if parameter.default is inspect.Parameter.empty else parameter.default
    return Annotated[hint, Field(alias=parameter.name, title=title)], default


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
