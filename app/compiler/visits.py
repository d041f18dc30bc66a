"""A visit: one turn of one node, or of one item of a map."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import JsonValue

from app.compiler.plan import Unit
from app.compiler.turns import Outcome, RunContext, Turn
from app.compiler.waiting import Path, Place, Reason, later


@dataclass(slots=True)
class Visit:
    """`skip` is the code of the reason why the node does not run, `held` says that it stops at a breakpoint first.

    In a map `path` names the item, which is `item`, at `index`; `base` is what expressions see beside these two,
    `again` says that the item was tried in an earlier attempt of its map, and `started` when it first began. `waiting`
    is what the visit waits for, `deadline` when its attempt is over, and `spawned` tells that it has started child
    runs. `reused` is an earlier result that is taken again, so that the node does not run. `override` replaces parts of
    the config, as somebody said at a breakpoint; `elsewhere` says that another worker does the node's work.
    """

    context: RunContext
    turn: Turn
    unit: Unit
    node_id: str
    iteration: int
    attempt: int
    skip: str | None = None
    held: bool = False
    path: Path = ()
    item: JsonValue = None
    index: int = 0
    base: Mapping[str, Any] | None = None
    again: bool = False
    started: datetime | None = None
    began: datetime | None = None
    deadline: datetime | None = None
    waiting: Reason | None = None
    given: JsonValue = None
    override: Mapping[str, JsonValue] | None = None
    spawned: bool = False
    reused: Outcome | None = None
    elsewhere: bool = False

    @property
    def key(self) -> tuple[str, int]:
        return self.node_id, self.iteration

    @property
    def place(self) -> Place:
        return self.node_id, self.iteration, self.path

    def limit(self, began: datetime, seconds: float | None) -> None:
        """Set the time at which the attempt that began then is over."""
        self.began = began
        self.deadline = None if seconds is None else later(began, seconds)

    def wake_at(self, until: datetime | None) -> datetime | None:
        """When a visit that waits `until` a moment has to be visited again at the latest."""
        moments = [moment for moment in (until, self.deadline) if moment is not None]
        return min(moments, default=None)
