"""Writes one random document over a drawn sketch: types, configs, conditions, settings, ids."""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING, Any

from tests.reference.maps import SLEEP_SECONDS, MapWriter
from tests.reference.phrases import Cast, Phrases
from tests.reference.topology import Drawer, survey

_ODD_IDS = [
    "größe", "a:b", "a|b", "two words", "x-y", "日本", "1", "input", "loop", "state", "nodes", "__start__", "a.b",
    'say "hi"', "it's", "none", "if", "END", "a/b#c", "x" * 128, "output", "🙂", "back\\slash", " ", "é" * 3, "__end__",
]  # fmt: skip
if TYPE_CHECKING:
    from collections.abc import Callable

_GIVES = {"transform": "int", "echo": "int", "check": "int", "condition": "branch", "map": "list", "approval": "answer"}
_VALUES = ("transform", "transform", "transform", "echo")


class Author:
    """Draws a sketch of `size` nodes with loops nested up to `depth`, and writes a document over it."""

    def __init__(
        self,
        rng: random.Random,
        size: int,
        depth: int,
        *,
        state: bool,
        first: bool,
        maps: bool,
        waits: bool,
        sleeps: bool,
    ) -> None:
        self.rng, self.state = rng, state
        self.maps, self.waits, self.sleeps = maps, waits, sleeps
        self.sketch = Drawer(rng, size, depth).sketch
        self.trouble = rng.choice([0.0, 0.02, 0.08])  # how often a node or a condition is made to fail
        incoming = Counter(target for _, target in self.sketch.links)
        self.joins = {name: rng.choice(["any", None, None, "all"]) for name in self.sketch.nodes}
        for name in self.sketch.nodes:
            if first and incoming[name] > 1 and rng.random() < 0.15:
                self.joins[name] = "first"
        self.facts = survey(self.sketch, {name for name, join in self.joins.items() if join == "first"})
        self.out: dict[str, list[int]] = {name: [] for name in self.sketch.nodes}
        for index, (source, _) in enumerate(self.sketch.links):
            self.out[source].append(index)
        self.limits = {
            unit.header: rng.choice([None, None, None, 1, 2, 3, 5])
            for units in self.facts.loops.values()
            for unit in units
        }
        nested = any(len(units) > 1 for units in self.facts.loops.values())
        self.limit = rng.choice([3, 4, 5]) if nested else rng.choice([None, 2, 3, 4, 5, 6, 8])

    def document(self, *, odd_ids: bool, delays: bool) -> dict[str, Any]:
        self.types = {name: self._type(name, delays=delays) for name in self.sketch.nodes}
        gives = {name: _GIVES.get(kind, "other") for name, kind in self.types.items()}
        mixed = {"transform", "map", "output"}
        flat = {
            n
            for n, kind in self.types.items()
            if kind not in mixed or (kind in ("transform", "map") and self.rng.random() < 0.6)
        }
        self.cast = Cast(self._ids(odd=odd_ids), gives, flat, self.facts, self.state)
        self.branches: dict[str, dict[str, str]] = {}
        edges = [edge for name in self.sketch.nodes for edge in self._edges(name)]
        self.handled = {edge["source"] for edge in edges if edge.get("on") == "error"}
        nodes = {name: self._node(name) for name in self.sketch.nodes}
        self.rng.shuffle(edges)
        graph: dict[str, Any] = {"nodes": [nodes[name] for name in self._order()], "edges": edges}
        if self.sketch.entry is not None:
            graph["entry"] = self.cast.ids[self.sketch.entry]
        settings = {"max_iterations": self.limit} if self.limit else {}
        graph["settings"] = settings | self.rng.choice([{}, {"on_failure": "finish_branches"}])
        if self.state:
            graph["state"] = {
                "total": {"reducer": "add", "default": self.rng.randrange(3)},
                "log": {"reducer": "append", "default": []},
                "last": {"reducer": "replace", "default": 0},
                "info": {"reducer": "merge", "default": {"start": True}},
            }
        return graph

    # --- what the nodes are

    def _ids(self, *, odd: bool) -> dict[str, str]:
        names = self.sketch.nodes
        odd_ones = self.rng.sample(_ODD_IDS, min(len(_ODD_IDS), len(names)))
        share = self.rng.choice([0.0, 0.0, 0.2, 0.6]) if odd else 0.0
        return {name: odd_ones.pop() if odd_ones and self.rng.random() < share else name for name in names}

    def _order(self) -> list[str]:
        """Return the nodes in document order: any, but a loop's header first, as ties between loops go by headers."""
        order = list(self.sketch.nodes)
        self.rng.shuffle(order)
        bodies = {unit.header: unit.nodes for units in self.facts.loops.values() for unit in units}
        for header, body in bodies.items() if self.state else ():
            place = min(order.index(name) for name in body)
            order.remove(header)
            order.insert(place, header)
        return order

    def _type(self, name: str, *, delays: bool) -> str:
        out, loops = self.out[name], self.facts.loops[name]
        deep = {self.facts.back[i] for n in self.sketch.nodes for i in self.out[n] if self._is_outer(n, i)}
        roll = self.rng.random()
        start = not any(target == name for _, target in self.sketch.links)
        chances = [
            ("transform", name in deep),  # its `lap` is what ends the loop from deeper inside
            ("output", not out and not loops and self.rng.random() < 0.4),
            ("map", self.maps and self.rng.random() < 0.2),
            ("approval", self.waits and self.rng.random() < 0.12),
            ("sleep", self.sleeps and self.rng.random() < 0.05),
            ("fail", roll < self.trouble),
            ("check", roll < self.trouble * 3 or (out and roll < 0.03)),
            ("condition", out and roll < 0.4),
            ("delay", roll < 0.46 and delays),
            ("input", start and self.rng.random() < 0.5),
        ]
        return next((kind for kind, yes in chances if yes), self.rng.choice(_VALUES))

    def _is_outer(self, source: str, index: int) -> bool:
        """Say whether the link goes back to a header other than that of the source's innermost loop."""
        return index in self.facts.back and self.facts.loops[source][-1].header != self.facts.back[index]

    def _node(self, name: str) -> dict[str, Any]:
        kind, rng = self.types[name], self.rng
        node: dict[str, Any] = {"id": self.cast.ids[name], "type": kind, "config": self._config(name, kind)}
        if kind in ("echo", "check", "fail", "sleep"):
            node["type"] = "delay" if kind == "sleep" else "tool"
        if self.joins[name]:
            node["join"] = self.joins[name]
        risky = kind in ("fail", "check") and name not in self.handled
        if rng.random() < (0.5 if risky else 0.06):
            node["on_error"] = "continue"
        elif rng.random() < 0.05:
            node["on_error"] = "fail"
        if self.limits.get(name):
            node["max_iterations"] = self.limits[name]
        if self.state and rng.random() < 0.4:
            node["writes"] = self._writes(name)
        return node

    def _config(self, name: str, kind: str) -> dict[str, Any]:
        say = Phrases(self.rng, self.cast, name)
        if kind in ("transform", "echo"):
            value = {"value": say.record(lap=bool(self.facts.loops[name]), trouble=self.trouble)}
            return value if kind == "transform" else {"tool": "ref.echo", "args": value}
        if kind == "output":
            if self.joins[name] != "first" and self.rng.random() > 0.6:
                return {}
            return {"value": self.rng.choice([f"{{{{ {say.whole()} }}}}", say.record(lap=False, trouble=0.0)])}
        writers: dict[str, Callable[[], dict[str, Any]]] = {
            "fail": lambda: {"tool": "ref.fail", "args": {"message": say.text()}},
            "check": lambda: {"tool": "ref.check", "args": self._check(name, say)},
            "condition": lambda: self._choice(name, say),
            "map": lambda: MapWriter(
                self.rng, self.cast, name, self.trouble, waits=self.waits, sleeps=self.sleeps
            ).config(),
            "approval": lambda: {"prompt": say.text()},
            "delay": lambda: {"seconds": self.rng.choice([0, 0.001, 0.005])},
            "sleep": lambda: {"seconds": SLEEP_SECONDS},
            "input": dict,
        }
        return writers[kind]()

    def _check(self, name: str, say: Phrases) -> dict[str, Any]:
        again = [i for i in self.out[name] if i in self.facts.back and name in self.handled]
        fail = self._again(name, again[0], say) if again else f"{say.truth()} and {say.truth()}"
        return {"value": say.record(lap=False, trouble=0.0), "fail": f"{{{{ {fail} }}}}", "message": "checked"}

    def _choice(self, name: str, say: Phrases) -> dict[str, Any]:
        loose = say.broken() if self.rng.random() < self.trouble else say.truth()
        named = self.branches.get(name, {})
        branches = [{"name": branch, "when": when} for branch, when in named.items()]
        branches.insert(self.rng.choice([0, len(branches)]), {"name": "b0", "when": loose})
        branches.append({"name": "b1", "when": say.truth()})
        return {"branches": branches, "default": self.rng.choice(["b1", "rest"])}

    def _writes(self, name: str) -> dict[str, str]:
        number = "output.i" if self.cast.gives[name] == "int" else str(self.rng.randrange(4))
        loop = "loop.iteration" if self.facts.loops[name] else "7"
        writes = {
            "total": f"{{{{ {number} }}}}",
            "log": f"{name}:{{{{ {loop} }}}}",
            "last": f"{{{{ {number} + 1 }}}}",
            "info": f"{{{{ {{'{name}': {number}, 'who': '{name}'}} }}}}",
        }
        return {key: value for key, value in writes.items() if self.rng.random() < 0.5}

    # --- what the edges carry

    def _edges(self, name: str) -> list[dict[str, Any]]:
        kinds = [self._kind(name, index) for index in self.out[name]]
        likely = {"fail": 0.6, "check": 0.6, "map": 0.2}.get(self.types[name], 0.0)
        if kinds and likely and self.rng.random() < likely:
            kinds[self.rng.randrange(len(kinds))] = "error"
        exits = [
            n for n, index in enumerate(self.out[name]) if index not in self.facts.back and kinds[n] == "condition"
        ]
        edges = []
        for index, kind in zip(self.out[name], kinds, strict=True):
            back = index in self.facts.back
            kind = "condition" if kind == "else" and back and not exits else kind  # noqa: PLW2901
            edges.append(self._edge(name, index, kind))
        if exits and "else" in [kinds[n] for n, index in enumerate(self.out[name]) if index in self.facts.back]:
            again = self._again(name, next(i for i in self.out[name] if i in self.facts.back), self._own(name))
            edges[exits[0]]["condition"] = f"not ({again})"
        unique = {tuple(sorted(edge.items())): edge for edge in edges}
        return list(unique.values())

    def _kind(self, name: str, index: int) -> str:
        chooser, back = self.types[name] == "condition", index in self.facts.back
        roll = self.rng.random()
        if roll < 0.04:
            return "error"
        if chooser:
            return "branch" if back or roll < 0.75 else "condition" if roll < 0.85 else "plain"
        if back:
            return "else" if roll < 0.15 else "condition"
        return "plain" if roll < 0.6 else "else" if roll < 0.7 else "condition"

    def _edge(self, name: str, index: int, kind: str) -> dict[str, Any]:
        source, target = self.sketch.links[index]
        edge = {"source": self.cast.ids[source], "target": self.cast.ids[target]}
        say, back = self._own(name), index in self.facts.back
        if kind == "error":
            return edge | {"on": "error"}
        if kind == "else":
            return edge | {"condition": "else"}
        if kind == "branch":
            branch = self.rng.choice(["b0", "b1"])
            if back:
                branch = f"again{len(self.branches.get(name, {})) or ''}"
                self.branches.setdefault(name, {})[branch] = self._again(
                    name, index, Phrases(self.rng, self.cast, name)
                )
            return edge | {"branch": branch}
        if kind == "condition":
            if self.rng.random() < self.trouble:
                return edge | {"condition": say.broken()}
            return edge | {"condition": self._again(name, index, say) if back else self._condition(name, say)}
        return edge

    def _own(self, name: str) -> Phrases:
        return Phrases(self.rng, self.cast, name, own=True)

    def _condition(self, name: str, say: Phrases) -> str:
        """Return a condition over the node's own output, by either of its names, or over what it can see."""
        own = self.rng.choice(["output", "output", f"{say.ref(name)}.output"])
        if self.cast.gives[name] == "int" and self.rng.random() < 0.5:
            return f"{own}.i {self.rng.choice(['<', '>='])} {self.rng.randrange(1, 5)}"
        if self.cast.gives[name] == "branch" and self.rng.random() < 0.7:
            return f'{own}.branch == "b0"'
        return say.truth()

    def _again(self, name: str, index: int, say: Phrases) -> str:
        """Return the condition of a back edge: mostly one that ends below the loop's limit of laps."""
        header = self.facts.back[index]
        lap = f"({say.ref(header)}.output.lap|default(0))" if self._is_outer(name, index) else "loop.iteration"
        limit = self.limits[header] or self.limit or 100
        bound = f"{lap} < {self.rng.randint(1, max(1, min(limit - 1, 3)))}"
        roll = self.rng.random()
        if roll < 0.06:
            return say.truth()
        return bound if roll < 0.8 else f"{bound} and ({say.truth()})"
