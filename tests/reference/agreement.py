"""How what the product says of a run is held against the reference."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from unittest.mock import ANY

from tests.reference.interpreter import Outcome
from tests.reference.nodetypes import UNDEFINED

Turns = dict[tuple[str, int], tuple[Any, ...]]
_OWN = "ValueError"  # what the tools raise; the texts of all other errors are the product's own
_ITEM = re.compile(r"\A(?:Item \d+: )+")  # which items failed, the outermost first


def expected_turns(outcome: Outcome) -> Turns:
    """Return (status, output, reason, error, edges) of each turn, as the reference has it."""
    return {
        key: (turn.status, comparable(turn.output), turn.reason, _error(turn.error), turn.edges)
        for key, turn in outcome.nodes.items()
    }


def found_turns(outcomes: Mapping[tuple[str, int], Any]) -> Turns:
    """Return the same of the outcomes of a product's run."""
    return {
        key: (
            outcome.status,
            comparable(outcome.output),
            (outcome.reason or {}).get("code") if outcome.status == "SKIPPED" else None,
            _error(outcome.error),
            outcome.edges,
        )
        for key, outcome in outcomes.items()
    }


def comparable(value: Any) -> Any:
    """Return `value` with the errors of failed items as far as they are defined."""
    if isinstance(value, list):
        return [comparable(item) for item in value]
    if not isinstance(value, dict):
        return value
    if value.keys() == {"error"} and isinstance(value["error"], dict) and value["error"].keys() == {"type", "message"}:
        return {"error": _error(value["error"])}
    return {key: comparable(item) for key, item in value.items()}


def _error(error: Mapping[str, Any] | None) -> Any:
    if error is None:
        return None
    if error == UNDEFINED:
        return ANY
    return (_OWN, _ITEM.sub("", error["message"])) if error["type"] == _OWN else "another"
