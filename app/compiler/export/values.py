"""Values of a graph as Python: templates become what a node sees, all else literals."""

import re
from collections.abc import Mapping
from typing import Any

from pydantic import JsonValue

from app.compiler.export.layout import Code, Group, call, literal, quoted, text
from app.compiler.tokens import MARKERS, cut_template

_FILTER = re.compile(r"\|\s*(\w+)")
_NAMED = re.compile(r"\b(nodes|loop|run|secrets)\b")
_METHOD = re.compile(r"\.(?:" + "|".join(name for name in dir(dict) if not name.startswith("_")) + r")\b")
_OWN = {"tojson": "json_text", "fromjson": "fromjson", "replace": "replace", "indent": "indent", "format": "format"}


class Values:
    """Writes values, and remembers every expression that it wrote."""

    def __init__(self) -> None:
        self.expressions: list[str] = []

    def value(self, value: JsonValue) -> Code:
        """Any JSON with templates."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return Group("{", [(f"{quoted(key)}: ", self.value(item)) for key, item in value.items()], "}")
        if isinstance(value, list):
            return Group("[", [("", self.value(item)) for item in value], "]")
        return literal(value)

    def text(self, value: str) -> Code:
        """A text: its one expression's value, a template filled in, or just the text."""
        if MARKERS.search(value) is None:
            return text(value)
        stripped = value.strip()
        parts = cut_template(stripped)
        if len(parts) == 1 and parts[0].kind == "output":
            closing = len(parts[0].closing.lstrip())
            return self.expression(stripped[len(parts[0].opening) : -closing])
        self.expressions.append(value)
        return call("see.text", text(value))

    def condition(self, value: bool | str) -> Code:
        """A condition of a branch."""
        return repr(value) if isinstance(value, bool) else self.expression(bare(value))

    def expression(self, source: str) -> Code:
        """The value of an expression."""
        self.expressions.append(source)
        return call("see", quoted(source.strip()))

    def names(self) -> set[str]:
        """Names with a meaning of their own that the expressions may use."""
        return {name for source in self.expressions for name in _NAMED.findall(source)}

    def has_methods(self) -> bool:
        """Whether a field is called like a method of Python's dict."""
        return any(_METHOD.search(source) for source in self.expressions)

    def filters(self) -> set[str]:
        """Filters of ours that the expressions use, by the names that the program gives them."""
        used = {name for source in self.expressions for name in _FILTER.findall(source)}
        found = {_OWN[name] for name in used & _OWN.keys()}
        everything = "\n".join(self.expressions)
        found |= {"pluck"} if re.search(r"\bmap\(\s*attribute\s*=", everything) else set()
        return found | ({"json_text"} if re.search(r"""\bmap\(\s*["']tojson""", everything) else set())


def bare(condition: str) -> str:
    """A condition without the braces that it may be wrapped in."""
    source = condition.strip()
    if not source.startswith("{{"):
        return source
    part = cut_template(source)[0]
    return source[len(part.opening) : -len(part.closing.lstrip())].strip()


def arguments(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that are there."""
    return {name: value for name, value in values.items() if value is not None}
