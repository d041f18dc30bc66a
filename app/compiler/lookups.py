"""Reading paths over a scope, and saying what is missing where one leads nowhere."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from app.compiler.references import Path

_SEQUENCES: Final = (list, str)


@dataclass(frozen=True, slots=True)
class MissingError(Exception):
    """A path that leads nowhere; carries a sentence to where the template is known."""

    sentence: str


def read_value(path: Path, scope: Mapping[str, Any]) -> Any:
    """The value at a path; raises MissingError."""
    try:
        value: Any = scope[path.root]
        for key in path.keys:
            if type(value) is not dict and not (type(key) is int and type(value) in _SEQUENCES):
                break
            value = value[key]
        else:
            return value
    except (KeyError, IndexError):
        pass
    raise MissingError(what_is_missing(path, scope) or f"`{path.text}` cannot be read")


def what_is_missing(path: Path, scope: Mapping[str, Any]) -> str | None:
    """One sentence about the first step of a path that is not there; None where all are."""
    if path.root not in scope:
        return absent(path.root, scope)
    value: Any = scope[path.root]
    where = path.root
    for key in path.keys:
        is_item = isinstance(key, int) and type(value) in _SEQUENCES and key < len(value)
        if not is_item and not (isinstance(value, dict) and key in value):
            return f"`{path.text}`: {no_field(where, value, key)}"
        value = value[key]
        where += spelled_step(key)
    return None


def absent(name: str, scope: Mapping[str, Any]) -> str:
    return f"there is no `{name}` here; there are: {_listed(scope)}"


def no_field(where: str, value: Any, key: object) -> str:
    if value is None:
        return f"`{where}` is null, so it has no field `{key}`"
    if isinstance(value, dict):
        return f"`{where}` has no field `{key}`; it has: {_listed(value)}"
    if isinstance(value, list):
        return f"`{where}` is a list of {len(value)}; it has no item `{key}`"
    kinds = ((bool, "true or false"), (int | float, "a number"), (str, "a text"))
    kind = next((name for types, name in kinds if isinstance(value, types)), "no object")
    return f"`{where}` is {kind}; it has no field `{key}`"


def _listed(names: Mapping[str, Any]) -> str:
    shown = ", ".join(str(name) for name in islice(names, 20)) or "nothing"
    text = shown + (", …" if len(names) > 20 else "")  # noqa: PLR2004 - as above
    return text[:500].encode("utf-8", "replace").decode()


def spelled_step(key: str | int) -> str:
    return f".{key}" if isinstance(key, str) and key.isidentifier() else f"[{json.dumps(key, ensure_ascii=False)}]"
