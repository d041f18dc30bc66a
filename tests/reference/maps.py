"""Random configs of maps: one node for each item of a list, maps in maps included."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.reference.phrases import Cast, Phrases

if TYPE_CHECKING:
    import random

SLEEP_SECONDS = 900
_KINDS = ("transform", "transform", "echo", "echo", "condition", "check", "check", "fail", "delay")


class MapWriter:
    """Writes maps for the node `name`; `trouble` is how often something is made to fail, `waits` permits approvals."""

    def __init__(self, rng: random.Random, cast: Cast, name: str, trouble: float, *, waits: bool, sleeps: bool) -> None:
        self.rng, self.cast, self.name = rng, cast, name
        self.trouble = trouble
        self.waits = waits
        self.sleeps = sleeps

    def config(self, *, deeper: int = 2, item: str | None = None) -> dict[str, Any]:
        """Return the config of a map with maps in it at most `deeper` deep; `item` is what the item around it is."""
        rng, say = self.rng, Phrases(self.rng, self.cast, self.name, item=item)
        expression, kind = say.items()
        if rng.random() < self.trouble:
            expression = say.no_items()
        collects = rng.random() < 0.4
        node = self._node(deeper, kind, self.trouble or 0.05 if collects else self.trouble)
        items = f"{{{{ {expression} }}}}" if isinstance(expression, str) else expression
        config: dict[str, Any] = {"items": items, "node": node}
        if rng.random() < 0.6:
            config["concurrency"] = rng.choice([1, 1, 2, 3, 10])
        if collects or rng.random() < 0.3:
            config["on_item_error"] = "collect" if collects else "fail"
        return config

    def _node(self, deeper: int, item: str, trouble: float) -> dict[str, Any]:
        """Return the node for each item; `trouble` is how often its work is made to fail."""
        rng, say = self.rng, Phrases(self.rng, self.cast, self.name, item=item)
        kind = rng.choice([*_KINDS, "map", "map"] if deeper else _KINDS)
        kind = "approval" if self.waits and rng.random() < 0.25 else kind
        if kind == "fail" and rng.random() > trouble * 5:
            kind = "echo"
        node: dict[str, Any] = {"type": "tool" if kind in ("echo", "check", "fail") else kind}
        node["config"] = (
            self.config(deeper=deeper - 1, item=item) if kind == "map" else self._config(kind, say, trouble)
        )
        if rng.random() < (0.3 if kind in ("check", "fail") else 0.05):
            node["on_error"] = "continue"
        return node

    def _config(self, kind: str, say: Phrases, trouble: float) -> dict[str, Any]:
        rng = self.rng
        if kind in ("transform", "echo"):
            value = {"value": say.record(lap=False, trouble=trouble * 3)}
            return value if kind == "transform" else {"tool": "ref.echo", "args": value}
        if kind == "check":
            fail = rng.choice([f"index == {rng.randrange(3)}", say.truth(), "index < 0"]) if trouble else "index < 0"
            value = {"value": say.record(lap=False, trouble=0.0), "fail": f"{{{{ {fail} }}}}", "message": "checked"}
            return {"tool": "ref.check", "args": value}
        if kind == "condition":
            branches = [{"name": name, "when": say.truth()} for name in ("b0", "b1")]
            return {"branches": branches, "default": "rest"}
        others: dict[str, dict[str, Any]] = {
            "delay": {
                "seconds": SLEEP_SECONDS if self.sleeps and rng.random() < 0.5 else rng.choice([0, 0.001, 0.003])
            },
            "approval": {"prompt": say.text()},
            "fail": {"tool": "ref.fail", "args": {"message": say.text()}},
        }
        return others[kind]
