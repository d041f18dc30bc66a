"""Where in a config its references stand: found for all of them at once, when one has to be shown."""

from pydantic import JsonValue

from app.compiler.expressions import Reference, SyntaxProblems, parse_condition, parse_template
from app.errors import pointer_to


def whereabouts(value: JsonValue) -> dict[Reference, str]:
    """The JSON pointer of the first string in `value` that reads each reference."""
    found: dict[Reference, str] = {}
    todo: list[tuple[JsonValue, str]] = [(value, "")]
    while todo:
        item, pointer = todo.pop()
        if isinstance(item, str):
            for reference in _references(item):
                found.setdefault(reference, pointer)
        elif isinstance(item, dict):
            todo += [(inner, f"{pointer}{pointer_to(key)}") for key, inner in reversed(item.items())]
        elif isinstance(item, list):
            todo += [(inner, f"{pointer}/{n}") for n, inner in reversed(list(enumerate(item)))]
    return found


def _references(text: str) -> frozenset[Reference]:
    try:
        return parse_template(text).references if "{" in text else parse_condition(text).references
    except SyntaxProblems:
        return frozenset()
