"""Random expressions and templates for one node, over what the node may read."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import random

    from tests.reference.topology import Survey

# Names that mean something else in an expression: what the scope reserves, and words of MiniJinja.
_HIDDEN = {"input", "state", "loop", "nodes", "output", "run", "item", "index", "secrets"}
_HIDDEN |= {"none", "true", "false", "if", "else", "and", "or", "not", "is", "in"}


@dataclass
class Cast:
    """The nodes of a graph as far as expressions care: what they are called and what they give."""

    ids: dict[str, str]  # the sketch's name to the node's id
    gives: dict[str, str]  # int ({"i": …}), branch ({"branch": …}), list, answer ({"answer": {"n": …}}), other
    flat: set[str]  # nodes whose output holds no other node's whole output
    survey: Survey
    stateful: bool


class Phrases:
    """Expressions for the node `name`; `own` is true where its own output can be read as `output`.

    `item` is what the item of a map is known to be, where there is one: int, record ({"i": …}), list (of int), any.
    """

    def __init__(
        self, rng: random.Random, cast: Cast, name: str, *, own: bool = False, item: str | None = None
    ) -> None:
        self.rng, self.cast, self.name, self.own, self.item = rng, cast, name, own, item
        self.current = sorted(cast.survey.current[name])
        self.visible = sorted(cast.survey.current[name] | cast.survey.previous[name])
        self.laps = bool(cast.survey.loops[name])
        self.state = cast.stateful and name in cast.survey.settled

    def ref(self, name: str) -> str:
        """Return the expression for a node: its id where that is an identifier, else through `nodes`."""
        node = self.cast.ids[name]
        if node.isascii() and node.isidentifier() and node not in _HIDDEN and self.rng.random() < 0.8:
            return node
        return f"nodes[{json.dumps(node, ensure_ascii=False)}]"

    def number(self) -> str:
        """Return an expression that gives a small integer whatever has happened."""
        atoms = ["const", "input"]
        atoms += ["lap"] * 2 if self.laps else []
        atoms += ["own"] * 2 if self.own and self.cast.gives[self.name] == "int" else []
        atoms += ["state"] * 2 if self.state else []
        atoms += ["item"] * 6 if self.item else []
        sources = [name for name in self.visible if self.cast.gives[name] in ("int", "list", "answer")]
        atoms += ["read"] * 5 if sources else []
        atom = self.rng.choice(atoms)
        if atom == "item":
            return self._item()
        if atom == "read":
            return self._read(self.rng.choice(sources))
        if atom == "own":
            # Not for a node whose failure is passed over: its output is null, and that fails the condition.
            return "output.i" if self.rng.random() < 0.5 else "(output.i|default(0))"
        if atom == "state":
            return self.rng.choice(["state.total", "state.last", "(state.log|length)"])
        return {"const": str(self.rng.randrange(6)), "input": "input.n", "lap": "loop.iteration"}[atom]

    def _item(self) -> str:
        fields = {"int": "item", "record": "item.i", "list": "(item|length)", "any": "(item.i|default(0))"}
        return self.rng.choice([fields[self.item or "any"], fields[self.item or "any"], "index"])

    def _read(self, name: str) -> str:
        ref = self.ref(name)
        if self.cast.gives[name] == "list":
            return f"(({ref}.output or [])|length)"
        if self.cast.gives[name] == "answer":
            return f'({ref}.output or {{"answer": {{"n": 0}}}}).answer.n'
        return self.rng.choice(
            [
                f"({ref}.output.i|default(0))",
                f'({ref}.output or {{"i": 0}}).i',
                f"({ref}.output.i if {ref}.output else 0)",
            ]
        )

    def items(self) -> tuple[str | list[Any], str]:
        """Return an expression for the items of a map, or the list itself, and what they are then known to be."""
        one, two = self.number(), self.number()
        options: list[tuple[str | list[Any], str]] = [
            ([f"{{{{ {one} }}}}", 3], "int"),
            ([{"i": f"{{{{ {one} }}}}"}], "record"),
            (f"[{one}, {two}]", "int"),
            (f"[{self.number()}, {one}, {two}]", "int"),
            (f"range(1 + ({one}) % 3)|list", "int"),
            (f'[{{"i": {one}}}, {{"i": {two}}}]', "record"),
            (f"[[{one}, {two}], [], [{self.number()}]]", "list"),
            ("input.list", "int"),
            (f"[{one}] if {self.truth()} else []", "int"),
            (self.rng.choice(["[]", "input.list", "input.list"]), "int"),
        ]
        options += [("state.log", "any")] if self.state else []
        options += [("item", "int")] * 6 if self.item == "list" else []
        lists = [name for name in self.visible if name in self.cast.flat and self.cast.gives[name] == "list"]
        if lists:
            options += [(f"({self.ref(self.rng.choice(lists))}.output or [])", "any")] * 4
        return self.rng.choice(options)

    def no_items(self) -> str:
        """Return an expression for something that is no list."""
        return self.rng.choice([self.number(), "input", "none", '"abc"', self.broken()])

    def sum(self) -> str:
        """Return an expression over two numbers."""
        one, two = self.number(), self.number()
        return self.rng.choice([one, f"({one} + {two}) % 7", f"({one} * 2 + {two} + 1) % 9", f"[{one}, {two}]|max"])

    def truth(self, depth: int = 1) -> str:
        """Return an expression that gives a boolean whatever has happened."""
        if depth and self.rng.random() < 0.3:
            one, two = self.truth(depth - 1), self.truth(depth - 1)
            return self.rng.choice([f"({one}) and ({two})", f"({one}) or ({two})", f"not ({one})"])
        kind = self.rng.choice(["compare", "compare", "compare", "parity", "status", "null", "branch"])
        if kind == "status" and (self.current or self.item == "any"):
            return self._fact()
        if kind == "null" and self.visible:
            return f"{self.ref(self.rng.choice(self.visible))}.output is none"
        choosers = [name for name in self.visible if self.cast.gives[name] == "branch"]
        if kind == "branch" and choosers:
            ref = self.ref(self.rng.choice(choosers))
            return f'({ref}.output.branch|default("")) == "{self.rng.choice(["b0", "b1", "again"])}"'
        if kind == "parity":
            return f"({self.sum()}) % 2 == {self.rng.randrange(2)}"
        return f"{self.number()} {self.rng.choice(['<', '<=', '>', '>=', '==', '!='])} {self.number()}"

    def _fact(self) -> str:
        """Return what may be true of a node that has ended, or of the item."""
        if self.item == "any" and (not self.current or self.rng.random() < 0.6):
            return self.rng.choice(['(item is mapping and "error" in item)', "item is none", "item is mapping"])
        name = self.rng.choice(self.current)
        ref = self.ref(name)
        facts = [f'{ref}.status == "COMPLETED"', f'{ref}.status in ["SKIPPED", "FAILED"]', f"{ref}.error is none"]
        if self.cast.gives[name] != "list":  # what fails a map is not defined where several items fail
            facts.append(f'({ref}.error or {{"message": ""}}).message == "checked"')
        return self.rng.choice(facts)

    def broken(self) -> str:
        """Return an expression that cannot be evaluated, always or in some runs."""
        options = [
            "none + 1",
            "1 // 0",
            "input.missing > 1",
            "input.missing.deep",
            "input.missing",
            f"3 // {self.number()}",
        ]
        sources = [name for name in self.visible if self.cast.gives[name] == "int"]
        if sources:
            ref = self.ref(self.rng.choice(sources))
            options += [f"{ref}.output.i + 1", f"{ref}.output.missing", f"{ref}.output.i"]
        return self.rng.choice([*options, "output.missing.deep > 0"] if self.own else options)

    def whole(self) -> str:
        """Return an expression for the whole output of a node that does not hold other nodes' outputs."""
        sources = [name for name in self.visible if name in self.cast.flat]
        if self.item and self.rng.random() < 0.5:
            return "item"
        return f"{self.ref(self.rng.choice(sources))}.output" if sources else "input"

    def text(self) -> str:
        """Return a template that gives text."""
        return self.rng.choice(["{{ %s }}:{{ %s }}", "nach {{ %s }} käme {{ %s }}", "{{ %s }}{{ %s }}"]) % (
            self.number(),
            self.number(),
        )

    def record(self, *, lap: bool, trouble: float) -> dict[str, Any]:
        """Return a value with templates that gives an object with an integer `i`, unless there is trouble."""
        expression = self.broken() if self.rng.random() < trouble else self.sum()
        record: dict[str, Any] = {"i": f"{{{{ {expression} }}}}"}
        if lap:
            record["lap"] = "{{ loop.iteration }}"
        extras = {
            "text": self.text(),
            "list": [1, f"{{{{ {self.number()} }}}}", {"deep": [f"{{{{ {self.truth()} }}}}"]}, None],
            "ok": f"{{{{ {self.truth()} }}}}",
            "plain": "no template",
        }
        record |= {key: value for key, value in extras.items() if self.rng.random() < 0.25}
        if self.name not in self.cast.flat:
            record["saw"] = f"{{{{ {self.whole()} }}}}"
        return record
