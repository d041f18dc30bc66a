"""Runs of every shape, each with the result that it has to come to, whatever happens meanwhile."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Self

import httpx

from tests.chaos.world import World
from tests.support import ENDED, Project, until
from tests.worker.runs import graph

SHAPES = ("chain", "fan", "loop", "map", "child", "approval", "delay")


def step(name: str, value: str, seconds: float = 0.05) -> dict[str, Any]:
    args = {"value": value, "seconds": seconds}
    return {"id": name, "type": "tool", "config": {"tool": "chaos.step", "args": args}}


def output(value: str) -> dict[str, Any]:
    return {"id": "end", "type": "output", "config": {"value": value}}


def chain(length: int = 4, seconds: float = 0.05) -> dict[str, Any]:
    nodes = [step("n0", "{{ input.n }}", seconds)]
    nodes += [step(f"n{i}", f"{{{{ n{i - 1}.output + 1 }}}}", seconds) for i in range(1, length)]
    names = [node["id"] for node in nodes] + ["end"]
    return graph([*nodes, output(f"{{{{ n{length - 1}.output }}}}")], *pairwise(names))


def _fan() -> dict[str, Any]:
    middle = [step(f"m{i}", f"{{{{ s.output * {i} }}}}") for i in range(5)]
    edges = [edge for node in middle for edge in (("s", node["id"]), (node["id"], "end"))]
    total = " + ".join(f"m{i}.output" for i in range(5))
    return graph([step("s", "{{ input.n }}"), *middle, output(f"{{{{ {total} }}}}")], *edges)


def _loop() -> dict[str, Any]:
    nodes = [step("x", "{{ input.n + loop.iteration * 10 }}"), step("y", "{{ x.output }}"), output("{{ y.output }}")]
    again = ("y", "x", {"condition": "loop.iteration < 3"})
    return graph(nodes, ("x", "y"), again, ("y", "end", {"condition": "else"}), entry="x")


def _map() -> dict[str, Any]:
    each = {"type": "tool", "config": {"tool": "chaos.step", "args": {"value": "{{ item * 2 }}", "seconds": 0.05}}}
    items = "{{ [input.n, input.n + 1, input.n + 2, input.n + 3] }}"
    node = {"id": "each", "type": "map", "config": {"items": items, "concurrency": 2, "node": each}}
    return graph([node, output("{{ each.output }}")], ("each", "end"))


def _child() -> dict[str, Any]:
    call = {"id": "call", "type": "subworkflow", "config": {"workflow": "chain", "input": {"n": "{{ input.n }}"}}}
    return graph([step("s", "{{ input.n }}"), call, output("{{ call.output }}")], ("s", "call"), ("call", "end"))


def _approval() -> dict[str, Any]:
    ask = {"id": "ask", "type": "approval", "config": {"prompt": "Go on?"}}
    nodes = [ask, step("beside", "{{ input.n }}", 0.2), output("{{ ask.output.answer.n + beside.output }}")]
    return graph(nodes, ("ask", "end"), ("beside", "end"))


def _delay() -> dict[str, Any]:
    wait = {"id": "wait", "type": "delay", "config": {"seconds": 1.2}}
    return graph([step("s", "{{ input.n }}"), wait, output("{{ s.output }}")], ("s", "wait"), ("wait", "end"))


DOCUMENTS = {
    "chain": chain(), "fan": _fan(), "loop": _loop(), "map": _map(), "child": _child(), "approval": _approval(),
    "delay": _delay(),
}  # fmt: skip


def expected(shape: str, n: int) -> Any:
    """The result of a run of the shape."""
    return {
        "chain": n + 3, "child": n + 3, "fan": 10 * n, "loop": n + 30, "map": [2 * (n + i) for i in range(4)],
        "approval": 2 * n, "delay": n,
    }[shape]  # fmt: skip


@dataclass
class Story:
    """One run and what has to become of it."""

    project: Project
    shape: str
    n: int
    id: str
    result: Any = None

    @property
    def path(self) -> str:
        return f"{self.project.runs}/{self.id}"


@dataclass
class Load:
    """Starts runs in both projects, answers their approvals, and knows what each has to give."""

    world: World
    stories: list[Story] = field(default_factory=list)
    _workflows: dict[tuple[str, str], str] = field(default_factory=dict)
    _answering: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        for project in self.world.projects:
            for shape, document in DOCUMENTS.items():
                workflow = await project.workflow(document, shape)
                self._workflows[project.id, shape] = workflow["id"]
        self._answering = asyncio.create_task(self._answer())
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._answering is not None:
            self._answering.cancel()
            await asyncio.gather(self._answering, return_exceptions=True)

    async def start(self, count: int, shapes: Sequence[str] = SHAPES) -> None:
        """Start so many runs of the shapes in turn, a client each that repeats what was not answered."""
        first = len(self.stories)
        slots = asyncio.Semaphore(10)

        async def one(n: int) -> None:
            async with slots:
                await self._start(shapes[n % len(shapes)], n)

        await asyncio.gather(*(one(first + n) for n in range(count)))

    async def _start(self, shape: str, n: int) -> None:
        project = self.world.projects[n % 2]
        body = {"workflow_id": self._workflows[project.id, shape], "input_data": {"n": n}}
        answer = await self.world.post(project.runs, body, execute="true")
        assert answer.status_code == 201, answer.text
        self.stories.append(Story(project, shape, n, answer.json()["id"], expected(shape, n)))

    async def finished(self, *, seconds: float = 60) -> None:
        """Wait until all runs have ended, and check that each was a success with its very result."""
        left = {story.id: story for story in self.stories}

        async def all_ended() -> bool:
            query = "select id::text, status, result from runs where id::text = any(%s) and status = any(%s)"
            try:
                for run_id, status, result in await self.world.rows(query, (list(left), list(ENDED))):
                    story = left.pop(run_id)
                    assert (status, result) == ("COMPLETED", story.result), (story, status, result)
            except OSError:
                return False
            return not left

        try:
            await until(all_ended, seconds=seconds)
        except TimeoutError:
            query = "select id::text, status, claim, losses, job_id, reason, wake_at from runs where id::text = any(%s)"
            raise AssertionError(await self.world.rows(query, (list(left),))) from None

    async def _answer(self) -> None:
        """Answer every approval, as a person would who tries again when the server is away."""
        answered: set[str] = set()
        while True:
            await asyncio.sleep(0.1)
            for story in [s for s in self.stories if s.shape == "approval" and s.id not in answered]:
                try:
                    said = {"node_id": "ask", "answer": {"n": story.n}}
                    answer = await self.world.client.post(f"{story.path}/resume", json=said)
                except httpx.TransportError:
                    continue
                if answer.status_code == 202:
                    answered.add(story.id)
