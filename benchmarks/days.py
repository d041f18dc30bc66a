"""What a busy day brings: graphs of all kinds, and people who start them, watch, answer, cancel and try again."""

import asyncio
import json
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import httpx

from benchmarks.client import BadAnswerError
from benchmarks.shapes import chain, fan

API = "/api/v1"
ENDED = ("COMPLETED", "FAILED", "CANCELLED")
RUN_SECONDS = 60.0
LOOK_SECONDS = 0.2
CONNECTIONS = httpx.Limits(max_connections=100, max_keepalive_connections=20)


def _graph(*nodes: dict[str, Any], edges: list[dict[str, Any]] | None = None, **more: Any) -> dict[str, Any]:
    row = [{"source": one["id"], "target": other["id"]} for one, other in pairwise(nodes)]
    return {"nodes": list(nodes), "edges": row if edges is None else edges, **more}


def _node(name: str, kind: str, config: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"id": name, "type": kind, "config": config, **more}


LOOP = _graph(
    _node("roll", "transform", {"value": "{{ loop.iteration }}"}, writes={"seen": "{{ output }}"}, max_iterations=20),
    _node("enough", "condition", {"branches": [{"name": "yes", "when": "loop.iteration > 8"}], "default": "no"}),
    _node("end", "output", {"value": "{{ state }}"}),
    edges=[
        {"source": "roll", "target": "enough"},
        {"source": "enough", "target": "roll", "branch": "no"},
        {"source": "enough", "target": "end", "branch": "yes"},
    ],
    entry="roll",
    state={"seen": {"reducer": "append", "default": []}},
)
GRAPHS: dict[str, dict[str, Any]] = {
    "chain": chain(10).document(),
    "fan": fan(20).document(),
    "slow": chain(5, seconds=0.2).document(),
    "loop": LOOP,
    "map": _graph(
        _node(
            "each",
            "map",
            {"items": "{{ range(30) | list }}", "node": {"type": "transform", "config": {"value": "{{ item * 2 }}"}}},
        )
    ),
    "tokens": _graph(_node("say", "llm", {"model": "fake:echo", "prompt": "word " * 60, "options": {"delay": 0.01}})),
    "asking": _graph(
        _node("first", "transform", {"value": 1}),
        _node("ask", "approval", {"prompt": "Go on?"}),
        _node("last", "transform", {"value": 2}),
    ),
    "failing": _graph(
        _node("first", "transform", {"value": 1}),
        _node(
            "call",
            "http",
            {"url": "http://127.0.0.1:1/"},
            retry={"max_attempts": 3, "initial_interval": 0.05},
        ),
    ),
    "endless": _graph(_node("first", "transform", {"value": 1}), _node("wait", "delay", {"seconds": 3600})),
}


def parent(child: str) -> dict[str, Any]:
    """A graph that runs the workflow with this id twice."""
    calls = [_node(f"call{turn}", "subworkflow", {"workflow": child, "input": {}}) for turn in range(2)]
    return _graph(*calls)


@dataclass(slots=True)
class Tally:
    """What happened: runs by how they ended, and what should not have."""

    ended: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)


class Person:
    """Works in one project, one run after the other, until told to stop."""

    def __init__(self, url: str, tally: Tally, seed: int) -> None:
        self._http = httpx.AsyncClient(base_url=url + API, timeout=30, limits=CONNECTIONS)
        self._tally = tally
        self._dice = random.Random(seed)
        self._runs = ""
        self._workflows: dict[str, str] = {}

    async def settle(self, name: str) -> None:
        """Make a project with a workflow of each graph."""
        project = (await self._call("POST", "/projects", {"name": name}))["id"]
        place = f"/projects/{project}/workflows"
        self._runs = f"{place}/runs"
        for kind, graph in GRAPHS.items():
            self._workflows[kind] = (await self._call("POST", place, {"name": kind, "graph": graph}))["id"]
        both = {"name": "parent", "graph": parent(self._workflows["chain"])}
        self._workflows["parent"] = (await self._call("POST", place, both))["id"]

    async def work(self, stop: asyncio.Event, pause: float) -> None:
        """Start runs of all kinds with a pause after each, and see each to its end."""
        while not stop.is_set():
            kind = self._dice.choice(list(self._workflows))
            try:
                async with asyncio.timeout(RUN_SECONDS):
                    await self._one(kind)
            except (httpx.HTTPError, TimeoutError, BadAnswerError) as error:
                self._tally.wrong[f"{kind}: {type(error).__name__} {error}"[:200]] += 1
            await asyncio.sleep(pause * self._dice.random() * 2)
        await self._http.aclose()

    async def _one(self, kind: str) -> None:
        key = {"Idempotency-Key": f"{self._dice.random()}"} if self._dice.random() < 0.3 else {}
        body = {"workflow_id": self._workflows[kind], "input_data": {"text": "x" * self._dice.randrange(200)}}
        run = await self._call("POST", f"{self._runs}?execute=true", body, headers=key)
        path = f"{self._runs}/{run['id']}"
        deeds: dict[str, Callable[[str], Awaitable[None]]] = {
            "asking": self._answer,
            "endless": self._cancel,
            "failing": self._try_again,
        }
        await deeds.get(kind, self._watch)(path)
        ended = await self._until(path, ENDED)
        self._tally.ended[f"{kind} {ended['status']}"] += 1
        if self._dice.random() < 0.2:
            await self._call("GET", f"{path}/nodes")
            await self._call("GET", f"{self._runs}?limit=20")

    async def _watch(self, path: str) -> None:
        """Read the stream to its end, sometimes leaving and coming back."""
        seen, leave_after = 0, self._dice.choice((None, 3, 6))
        while True:
            taken, over = 0, False
            async with self._http.stream("GET", f"{path}/events", headers={"Last-Event-ID": str(seen)}) as stream:
                if stream.status_code == httpx.codes.NO_CONTENT:
                    return
                stream.raise_for_status()
                async for line in stream.aiter_lines():
                    if not line.startswith("data:"):
                        continue
                    event = json.loads(line[5:])
                    if event["seq"] != seen + 1:
                        self._tally.wrong["a gap in a stream"] += 1
                    seen, taken = event["seq"], taken + 1
                    over = event["type"].removeprefix("workflow.run.").upper() in ENDED
                    if taken == leave_after:
                        break
            if over:
                return

    async def _answer(self, path: str) -> None:
        await self._until(path, ("WAITING", *ENDED))
        await self._call("POST", f"{path}/resume", {"node_id": "ask", "answer": {"yes": True}})

    async def _cancel(self, path: str) -> None:
        await self._until(path, ("RUNNING", "WAITING"))
        await self._call("POST", f"{path}/cancel")

    async def _try_again(self, path: str) -> None:
        await self._until(path, ("FAILED",))
        await self._call("POST", f"{path}/retry")

    async def _until(self, path: str, statuses: tuple[str, ...]) -> dict[str, Any]:
        while (run := await self._call("GET", path))["status"] not in statuses:
            await asyncio.sleep(LOOK_SECONDS)
        return run

    async def _call(self, method: str, path: str, body: Any = None, **more: Any) -> dict[str, Any]:
        answer = await self._http.request(method, path, json=body, **more)
        if answer.is_error:
            raise BadAnswerError(
                f"{method} …/{path.rsplit('/', 1)[-1]}: {answer.status_code} {answer.json()['detail']}"
            )
        found: dict[str, Any] = answer.json()
        return found
