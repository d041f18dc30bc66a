"""Expressions and templates in an exported program."""

import json
import os
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any
from uuid import uuid4

from minijinja import Environment, TemplateError

from app.compiler.export.support.errors import HardError
from app.compiler.export.support.filters import FILTERS, RENAMED

# What may be missing is followed by `default` or `is defined`; every other path of an expression must be there.
STEP = r"""(?:\.[^\W\d]\w*|\[\d+\]|\["[^"\\]*"\]|\['[^'\\]*'\])"""
NEEDED = re.compile(
    rf"""("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?<![\w.\])])([^\W\d]\w*{STEP}+)(?![\w.\[(])"""
    r"(?!\s*\|\s*(?:default|d)\b|\s+is\s+(?:not\s+)?(?:un)?defined\b)"
)
TAG = re.compile(r"\{#.*?#\}|\{%[-+]?\s*raw.*?endraw\s*[-+]?%\}|(\{\{.*?\}\}|\{%.*?%\})", re.DOTALL)


class See:
    """What a node sees of its run: `see("fetch.output.name")` is the value of an expression, `see.text("{{ me }}!")`
    a text with the templates in it filled in. Expressions are MiniJinja over `input`, the nodes that ran before by id,
    `nodes["any id"]` and so on; a field that is not there is an error.
    """

    def __init__(self, find: Callable[[str], Any], node_id: str, **more: Any) -> None:
        """`find` gives what a name means, or raises KeyError; `more` is what tools and special nodes ask for."""
        self.find = find
        self.node_id = node_id
        self.more = more

    @property
    def key(self) -> str:  #: key
        """The same in every attempt, and different for each turn of each node."""
        return f"{RUN_ID}/{self.node_id}/{self.more['iteration']}{self.more.get('path', '')}"

    def __call__(self, expression: str) -> Any:
        """The value of an expression."""
        value = "{{ __it|tojson if __it is defined else __missing('it') }}"
        return json.loads(self._render("{% set __it = (" + _strict(expression) + "\n) %}" + value, expression))

    def text(self, template: str) -> str:
        """A template filled in; what is no text stands in it as JSON."""
        return self._render(TAG.sub(lambda tag: _strict(tag[1]) if tag[1] else tag[0], template), template)

    def of_item(self, item: Any, index: int) -> "See":  #: map
        """What is seen for one item of a list: `item` and `index`, too."""
        names = {"item": item, "index": index}
        more = {**self.more, "path": f"{self.more.get('path', '')}/{index}"}
        return See(lambda name: names[name] if name in names else self.find(name), self.node_id, **more)

    def _render(self, source: str, shown: str) -> str:
        names: dict[str, Any] = {}
        for name in set(re.findall(r"[^\W\d]\w*", source)):
            with suppress(KeyError):
                names[name] = self.find(name)
                names[name] = _data(names[name])  #: methods
        try:
            return ENGINE.render_str(source, **names)
        except TemplateError as error:
            raise HardError(f"`{shown}` cannot be evaluated: {error.message}", "template_error") from None


class Data(dict[str, Any]):
    """An object without Python's methods: a field called `items` that is not there shall not be found."""

    def __missing__(self, key: str) -> Any:
        vars(self)["asked"] = key
        raise KeyError(key)

    def __getattribute__(self, name: str) -> Any:
        if name in dir(dict) and not name.startswith("__"):
            asked = super().__getattribute__("__dict__").pop("asked", None)
            if name != "items" or asked == "items":  # the engine itself asks for `items`, to go through an object
                raise AttributeError(name)
        return super().__getattribute__(name)


def _data(value: Any) -> Any:
    if isinstance(value, dict):
        return Data({key: _data(item) for key, item in value.items()})
    return [_data(item) for item in value] if isinstance(value, list) else value


def _strict(expression: str) -> str:
    """The expression as the engine gets it: MiniJinja lets a missing field pass in lists and objects, we do not."""
    for written, meant in RENAMED.items():  #: filters
        expression = re.sub(written, meant, expression)
    return NEEDED.sub(lambda m: m[1] or f"({m[2]} if {m[2]} is defined else __missing({json.dumps(m[2])}))", expression)


def _missing(path: str) -> Any:
    raise HardError(f"`{path}` is not there.", "template_error")


def _in_text(value: Any) -> Any:
    plain = isinstance(value, str | int | float) and not isinstance(value, bool)
    return NotImplemented if plain else json.dumps(value, ensure_ascii=False)


RUN_ID = str(uuid4())


def _facts() -> dict[str, Any]:
    """What `run` means in expressions."""
    return {"id": RUN_ID, "project_id": "local", "workflow_id": "local", "attempt": 1}


def _secrets() -> dict[str, str]:
    """What `secrets` means in expressions: the environment's variables GRAPHWRIGHT_SECRET_<NAME>, in lower case."""
    prefix = "GRAPHWRIGHT_SECRET_"
    return {name.removeprefix(prefix).lower(): value for name, value in os.environ.items() if name.startswith(prefix)}


ENGINE = Environment(
    undefined_behavior="strict",
    pycompat=False,
    fuel=1_000_000,
    keep_trailing_newline=True,
    auto_escape_callback=lambda _name: None,
    finalizer=_in_text,
    globals={"__missing": _missing},
    filters=FILTERS,  #: filters
)
