"""Results that are taken again instead of running a node: kept from an older version of the graph, or given."""

import json
from collections.abc import Callable

import orjson
from pydantic import JsonValue

from app.compiler.program import NodeProgram
from app.compiler.reads import OF_ITEMS
from app.compiler.turns import Outcome
from app.compiler.visits import Visit

EVERY = -1
"""The iteration of a result that was given for every turn of a node, whatever its input."""


def depends_on_config_only(program: NodeProgram) -> bool:
    """Whether the same config, once its templates are filled in, means the same to the node.

    Not where it evaluates expressions by itself, reads its context, or runs a node that reads more than its item.
    """
    kind, inner = program.type, program.inner
    if not kind.by_config or kind.expressions:
        return False
    return inner is None or (
        inner.before.roots <= OF_ITEMS and not inner.before.lookups and depends_on_config_only(inner)
    )


def kept_result(visit: Visit, program: NodeProgram, show_input: Callable[[Visit], None]) -> Outcome | None:
    """What the node is to give without running: what it was given, or gave before with the same input.

    `show_input` sets the visit's input, its secrets masked; so secrets are not compared.
    """
    kept = visit.context.kept
    if not kept:
        return None
    given = kept.get((visit.node_id, EVERY))
    if given is not None:
        return given
    found = kept.get(visit.key)
    if found is None or not depends_on_config_only(program):
        return None
    show_input(visit)
    return found if visit.given is not None and same_json(visit.given, found.input) else None


def same_json(one: JsonValue, other: JsonValue) -> bool:
    """Whether two values are the same JSON: the order of names does not matter, and 1 is neither 1.0 nor true."""
    return _text(one) == _text(other)


def _text(value: JsonValue) -> bytes:
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS)
    except (TypeError, orjson.JSONEncodeError):
        # Lone surrogates and integers over 64 bits.
        return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
