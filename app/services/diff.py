"""What changed between two versions of a graph."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from app.errors import pointer_to
from app.schemas.common import JsonObject
from app.schemas.workflow import DiffOut, EdgeChange, EdgesDiff, FieldChange, NodesDiff

_MISSING: Any = object()


class _Ends(NamedTuple):
    source: str
    target: str


def difference(number_before: int, before: JsonObject, number_after: int, after: JsonObject) -> DiffOut:
    """The nodes and edges that were added, removed and changed, field by field, and the graph's own fields."""
    own = [
        {name: value for name, value in graph.items() if name not in ("nodes", "edges")} for graph in (before, after)
    ]
    return {
        "from": number_before,
        "to": number_after,
        "nodes": _nodes(before["nodes"], after["nodes"]),
        "edges": _edges(before.get("edges", []), after.get("edges", [])),
        "graph": list(changes(own[0], own[1])),
    }


def changes(before: Any, after: Any, pointer: str = "") -> Iterator[FieldChange]:
    """The innermost fields in which two JSON values differ. Lists differ as a whole."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in [*before, *(name for name in after if name not in before)]:
            place = pointer + pointer_to(name)
            yield from changes(before.get(name, _MISSING), after.get(name, _MISSING), place)
    elif not _same(before, after):
        change: FieldChange = {"pointer": pointer}
        if before is not _MISSING:
            change["before"] = before
        if after is not _MISSING:
            change["after"] = after
        yield change


def _same(before: Any, after: Any) -> bool:
    return before == after and isinstance(before, bool) == isinstance(after, bool)


def _nodes(before: list[JsonObject], after: list[JsonObject]) -> NodesDiff:
    old = {node["id"]: node for node in before}
    new = {node["id"]: node for node in after}
    pairs = ((name, list(changes(old[name], node))) for name, node in new.items() if name in old)
    return {
        "added": [node for name, node in new.items() if name not in old],
        "removed": [node for name, node in old.items() if name not in new],
        "changed": [{"id": name, "changes": found} for name, found in pairs if found],
    }


def _edges(before: list[JsonObject], after: list[JsonObject]) -> EdgesDiff:
    """An edge has changed, rather than gone and come, when it is the only one between its ends on either side."""
    known_before, known_after = ({_key(edge) for edge in edges} for edges in (before, after))
    gone = [edge for edge in before if _key(edge) not in known_after]
    come = [edge for edge in after if _key(edge) not in known_before]
    gone_of, come_of = (Counter(map(_ends, edges)) for edges in (gone, come))
    moved = {ends for ends in gone_of if gone_of[ends] == come_of[ends] == 1}
    old = {_ends(edge): edge for edge in gone}
    changed: list[EdgeChange] = [
        {**_ends(edge)._asdict(), "changes": list(changes(old[_ends(edge)], edge))}  # type: ignore[typeddict-item]
        for edge in come
        if _ends(edge) in moved
    ]
    return {
        "added": [edge for edge in come if _ends(edge) not in moved],
        "removed": [edge for edge in gone if _ends(edge) not in moved],
        "changed": changed,
    }


def _key(edge: JsonObject) -> str:
    return json.dumps(edge, sort_keys=True)


def _ends(edge: JsonObject) -> _Ends:
    return _Ends(edge["source"], edge["target"])
