"""What LangGraph's state holds of a value: the value itself, or for a large one where it is stored.

Node states keep every output whole, and nothing reads values from LangGraph's state to go on. So the state of a thread,
which LangGraph copies into pending writes and into each checkpoint, can do with references.
"""

from collections.abc import Iterable
from typing import Any

from pydantic import JsonValue

LARGE_BYTES = 16_384
REFERENCE = "graphwright.value"


def output_in_state(run_id: str, node_id: str, iteration: int, output: JsonValue) -> JsonValue:
    """The output, or for a large one `{"graphwright.value": {"run_id", "node_id", "iteration"}}`."""
    if not is_large(output):
        return output
    return {REFERENCE: {"run_id": run_id, "node_id": node_id, "iteration": iteration}}


def input_in_state(run_id: str, value: JsonValue) -> JsonValue:
    """The run's input, or for a large one `{"graphwright.value": {"run_id", "field": "input"}}`."""
    return {REFERENCE: {"run_id": run_id, "field": "input"}} if is_large(value) else value


def is_large(value: JsonValue) -> bool:
    """Whether the value takes more than about LARGE_BYTES as JSON; no more of it is looked at."""
    if isinstance(value, str):
        return len(value) > LARGE_BYTES
    if not value or not isinstance(value, dict | list):
        return False
    left, pending = LARGE_BYTES, list[Any]([value])
    while pending:
        one = pending.pop()
        if isinstance(one, str):
            left -= len(one) + 3
        elif isinstance(one, dict | list):
            left -= 2 * len(one) + 2
            if left >= 0:
                pending += one
                if isinstance(one, dict):
                    pending += one.values()
        else:
            left -= 4
        if left < 0:
            return True
    return False


Part = tuple[list[str | int], JsonValue]
"""A piece of a value, and the way to it: names and indices."""


def split(value: JsonValue, config: Any) -> tuple[JsonValue, list[Part]]:
    """A node's input without its large pieces, which are null there, and these pieces.

    `config` is what the document says, so that each piece is what a template gave, and the same for all nodes that have
    it from the same place.
    """
    parts: list[Part] = []
    return _split(value, config, [], parts), parts


def _split(value: JsonValue, config: Any, way: list[str | int], parts: list[Part]) -> JsonValue:
    if isinstance(value, dict) and isinstance(config, dict):
        return {name: _split(inner, config.get(name), [*way, name], parts) for name, inner in value.items()}
    if isinstance(value, list) and isinstance(config, list) and len(value) == len(config):
        return [_split(inner, config[index], [*way, index], parts) for index, inner in enumerate(value)]
    if way and is_large(value):
        parts.append((way, value))
        return None
    return value


def join(value: JsonValue, parts: Iterable[Part]) -> JsonValue:
    """The input with its pieces in their places again; changes `value`."""
    for way, part in parts:
        inner: Any = value
        for step in way[:-1]:
            inner = inner[step]
        inner[way[-1]] = part
    return value
