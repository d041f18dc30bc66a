"""Tools: Python functions, called with JSON arguments."""

import asyncio
import hashlib
import importlib.util
import inspect
import mimetypes
import os
import re
import sys
import typing
from collections.abc import AsyncIterable, Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from pydantic import TypeAdapter, ValidationError

from app.compiler.export.support.data import as_json
from app.compiler.export.support.errors import HardError, RetryableError
from app.compiler.export.support.see import See, _facts


class NodeContext:
    """What a tool is given that asks for a NodeContext."""

    def __init__(self, see: See) -> None:
        self.evaluate = see
        self.node_id, self.iteration, self.taken = see.node_id, see.more["iteration"], see.more["taken"]
        self.attempt = 1
        self.idempotency_key = see.key
        self.run = SimpleNamespace(**_facts(), input=see.find("input"))

    async def progress(self, done: float, total: float | None = None, message: str | None = None) -> None:
        """Nobody watches here."""

    async def log(self, message: str, level: str = "info", **fields: Any) -> None:
        """Nobody reads along here."""

    async def token(self, text: str) -> None:
        """Nobody reads along here."""

    async def save_artifact(self, name: str, data: Any, media_type: str | None = None) -> dict[str, Any]:
        """Write a file below GRAPHWRIGHT_FILES, else below `files` where this runs; its path stands for its id."""
        folder = Path(os.environ.get("GRAPHWRIGHT_FILES", "files")) / re.sub(r"[^\w-]", "_", self.idempotency_key)
        path = folder / (re.sub(r"[^\w. -]", "_", name).strip(". ") or "file")
        if isinstance(data, AsyncIterable):
            data = b"".join([piece async for piece in data])
        content = data.encode() if isinstance(data, str) else bytes(data)
        await asyncio.to_thread(folder.mkdir, parents=True, exist_ok=True)
        await asyncio.to_thread(path.write_bytes, content)
        kind = media_type or mimetypes.guess_type(name)[0] or "application/octet-stream"
        about = {"name": name, "media_type": kind, "size": len(content)}
        return {"artifact": str(path), **about, "sha256": hashlib.sha256(content).hexdigest()}

    async def read_artifact(self, reference: Any) -> bytes:
        """The bytes of a file that was saved here."""
        path = reference if isinstance(reference, str) else reference["artifact"]
        return await asyncio.to_thread(Path(path).read_bytes)

    def from_thread(self, coroutine: Any) -> Any:
        """What a call gives that a plain function cannot await."""
        return asyncio.run(coroutine)


async def call(see: See, function: Callable[..., Any], /, **args: Any) -> Any:
    """What a tool returns; its arguments are checked against its annotations, and it may be async or plain."""
    hints = typing.get_type_hints(function, include_extras=True)
    for name in inspect.signature(function).parameters:
        hint = hints.get(name, Any)
        if "NodeContext" in [getattr(kind, "__name__", "") for kind in (hint, *typing.get_args(hint))]:
            args[name] = NodeContext(see)
        elif name in args:
            try:
                args[name] = TypeAdapter(hint).validate_python(args[name])
            except ValidationError as error:
                message = f"{function.__name__} was called wrongly: {name}: {error.errors()[0]['msg']}."
                raise HardError(message, "invalid_arguments") from None
    try:
        if inspect.iscoroutinefunction(function):
            return as_json(await function(**args))
        return as_json(await asyncio.to_thread(lambda: function(**args)))
    except SystemExit as error:
        raise HardError(f"{function.__name__} called sys.exit({error.code!r}).", "SystemExit") from error


def without_graphwright() -> None:
    """Let modules of tools be imported where Graphwright is not installed: what they import from it stands here."""
    if "app.compiler" in sys.modules or (importlib.util.find_spec("app") and importlib.util.find_spec("app.compiler")):
        return
    module = ModuleType("app.compiler")

    def decorator(*given: Any, **_options: Any) -> Any:
        return given[0] if given and callable(given[0]) else lambda function: function

    vars(module).update(
        tool=decorator, node_type=decorator, NodeContext=NodeContext, HardError=HardError, RetryableError=RetryableError
    )
    sys.modules["app"] = sys.modules.get("app") or ModuleType("app")
    sys.modules["app.compiler"] = module


def load_file(name: str) -> ModuleType:
    """The module of a Python file with tools, which lies beside this program or in a folder of GRAPHWRIGHT_TOOLS."""
    folders = [*os.environ.get("GRAPHWRIGHT_TOOLS", "").split(os.pathsep), str(Path(__file__).parent)]
    folder = next((Path(place).resolve() for place in folders if place and (Path(place) / name).is_file()), None)
    if folder is None:
        raise FileNotFoundError(f"{name} is neither beside this program nor in a folder of GRAPHWRIGHT_TOOLS.")
    package = f"tools_of_{abs(hash(folder))}"
    if package not in sys.modules:  # a package, so that the files of the folder can import each other
        sys.modules[package] = ModuleType(package)
        sys.modules[package].__path__ = [str(folder)]
    return importlib.import_module(f"{package}.{Path(name).stem}")
