"""Which nodes of a newer graph have to run again, when a run goes on with it."""

import json
from typing import Any

from app.schemas.common import JsonObject

ONLY_SHOWN = ("name", "description", "position", "metadata")


def changed_nodes(before: JsonObject, after: JsonObject) -> set[str]:
    """The nodes that are new, or whose definition or incoming edges are; and those that are gone.

    What stands behind them is not counted here. Where the shared state is declared differently, all have changed.
    """
    old, new = _definitions(before), _definitions(after)
    if before.get("state") != after.get("state"):
        return set(old) | set(new)
    return {name for name in set(old) | set(new) if old.get(name) != new.get(name)}


def _definitions(graph: JsonObject) -> dict[str, tuple[str, list[str]]]:
    incoming: dict[str, list[str]] = {node["id"]: [] for node in graph["nodes"]}
    for edge in graph.get("edges", []):
        incoming[edge["target"]].append(_text(edge))
    return {node["id"]: (_text(node), sorted(incoming[node["id"]])) for node in graph["nodes"]}


def _text(part: dict[str, Any]) -> str:
    return json.dumps({name: value for name, value in part.items() if name not in ONLY_SHOWN}, sort_keys=True)
