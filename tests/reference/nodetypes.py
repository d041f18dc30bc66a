"""What each type of node does, over a scope that is there already."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from tests.reference.expressions import ExpressionError, evaluate, render
from tests.reference.tools import TOOLS

Place = tuple[str, int, tuple[int, ...]]
Answers = Callable[[Place], Any]
ANSWERED_BY = "anybody"
UNDEFINED = {"type": "undefined", "message": "one of several that failed"}


class NodeFailedError(Exception):
    """A node's own work has failed; `error` is {type, message}."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.error = {"type": kind, "message": message}


def no_answers(place: Place) -> Any:
    """Say that nobody answers."""
    raise AssertionError(f"nobody answers at {place}")


class NodeTypes:
    """The types, for one run; `answers` says what people answer, by the place where they are asked."""

    def __init__(self, input_data: Any, answers: Answers = no_answers) -> None:
        self.input = input_data
        self.answers = answers

    def work(self, node: dict[str, Any], scope: dict[str, Any], place: Place, arrived: dict[str, Any]) -> Any:
        """Return the output of `node`; `arrived` are the outputs that led to it. Raises NodeFailedError."""
        kind, config = node["type"], node.get("config") or {}
        try:
            if kind == "condition":
                yes = (b["name"] for b in config["branches"] if evaluate(b["when"], scope))
                return {"branch": next(yes, config.get("default"))}
            if kind == "map":
                items = render(config["items"], scope)
                return self._map(config, items, scope, place)
            config = render(config, scope)
        except ExpressionError as error:
            raise NodeFailedError("ExpressionError", str(error)) from error
        return deepcopy(self._rendered(kind, config, place, arrived))

    def _rendered(self, kind: str, config: dict[str, Any], place: Place, arrived: dict[str, Any]) -> Any:
        if kind == "tool":
            try:
                return TOOLS[config["tool"]](**config.get("args", {}))
            except ValueError as error:
                raise NodeFailedError(type(error).__name__, str(error)) from error
        if kind == "approval":
            return {"answer": self.answers(place), "by": ANSWERED_BY}
        if kind == "output" and "value" not in config:
            return arrived
        given = {"transform": config.get("value"), "output": config.get("value"), "input": self.input, "delay": None}
        return given[kind]

    def _map(self, config: dict[str, Any], items: Any, scope: dict[str, Any], place: Place) -> list[Any]:
        """Do one node's work for each item; a failed item gives its error, or fails the map."""
        if not isinstance(items, list):
            raise NodeFailedError("invalid_items", "`items` is no list")
        results, errors = [], []
        for index, item in enumerate(items):
            try:
                inside = {**scope, "item": item, "index": index}
                results.append(self.work(config["node"], inside, (*place[:2], (*place[2], index)), {}))
            except NodeFailedError as failure:
                if config["node"].get("on_error") == "continue":
                    results.append(None)
                else:
                    results.append({"error": failure.error})
                    errors.append(failure.error)
        if errors and config.get("on_item_error", "fail") == "fail":
            # Which of several failed items is the one that fails the map depends on timing.
            error = errors[0] if all(other == errors[0] for other in errors) else UNDEFINED
            raise NodeFailedError(error["type"], error["message"])
        return results
