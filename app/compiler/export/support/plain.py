"""Graphs whose edges mean the same in LangGraph itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Any, TypedDict

from app.compiler.export.support.errors import Retry, in_time, tried
from app.compiler.export.support.see import See, _facts, _secrets

Work = Callable[[See], Awaitable[Any]]


def _merge(old: dict[str, Any] | None, new: dict[str, Any] | None) -> dict[str, Any]:
    return {**(old or {}), **(new or {})}


class State(TypedDict, total=False):
    """What goes in is `input`; each node puts its output under its id into `outputs`."""

    input: Any
    answers: dict[str, Any]  #: answers
    outputs: Annotated[dict[str, Any], _merge]


def see_of(state: State, node_id: str) -> See:
    """What a node sees of its run."""
    outputs = state.get("outputs") or {}

    def seen(name: str) -> dict[str, Any]:
        status = "COMPLETED" if name in outputs else "SKIPPED"
        return {"output": outputs.get(name), "status": status, "error": None}

    special: dict[str, Callable[[], Any]] = {"input": lambda: state.get("input"), "output": lambda: outputs[node_id]}
    special["nodes"] = lambda: {name: seen(name) for name in NODES}  #: nodes_used
    special["loop"] = lambda: {"iteration": 0}  #: loop_used
    special["run"] = _facts  #: run_used
    special["secrets"] = _secrets  #: secrets_used

    def find(name: str) -> Any:
        if name not in special and name not in NODES:
            raise KeyError(name)
        return special[name]() if name in special else seen(name)

    return See(find, node_id, answers=state.get("answers") or {}, taken=outputs, iteration=0)


def step(
    node_id: str,
    work: Work,
    timeout: float | None = None,  #: timeout
    retry: Retry | None = None,  #: retry
) -> Callable[[State], Awaitable[State]]:
    """A node of the graph: does `work` and keeps its output."""

    async def run(state: State) -> State:
        attempt: Callable[[], Awaitable[Any]] = partial(work, see_of(state, node_id))
        attempt = partial(in_time, attempt, timeout)  #: timeout
        attempt = partial(tried, attempt, retry)  #: retry
        return {"outputs": {node_id: await attempt()}}

    return run


NODES: tuple[str, ...] = ()
