"""Calls as the node that waits for one sees them: an attempt that a worker with another queue makes."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from pydantic import JsonValue

from app.compiler.failures import Failure
from app.compiler.waiting import Place

WAITING_FOR_WORKER = "waiting_for_worker"
WORKING_ELSEWHERE = "working_elsewhere"

Ear = Callable[[str, dict[str, Any], int], Awaitable[bool]]
"""Hears of a call by kind, data and number; True when that is taken down already, and no event will tell of it."""


@dataclass(frozen=True, slots=True)
class NewCall:
    """What is asked of another worker; `laps` is the path of the turn's events."""

    place: Place
    attempt: int
    laps: list[int]
    queue: str
    request: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Call:
    """A call as the node that waits for it sees it; `reason` is why it waits as long as nobody has taken it up."""

    status: str
    reason: Mapping[str, Any]
    output: JsonValue = None
    failure: Failure | None = None


class NodeCalls(Protocol):
    """Where the calls of one execution of one run are made; each place has at most one."""

    @property
    def listening(self) -> list[UUID]:
        """The calls that nodes wait for now."""

    def serves(self, queue: str) -> bool:
        """Whether nodes of that queue run here."""

    def remember(self, places: set[Place]) -> None:
        """Take note of the calls that earlier executions have left, and that count."""

    def knows(self, place: Place) -> bool:
        """Whether an earlier execution has left a call there that counts."""

    async def make(self, call: NewCall, ear: Ear) -> Call:
        """The call of the place, made now if there is none for the same attempt of the same thing."""

    async def look(self, place: Place) -> Call:
        """The call of the place as it stands now."""

    def leave(self, place: Place) -> None:
        """Listen no more to the call of the place."""

    async def abandon(self, place: Place) -> None:
        """Cancel the calls of the place, and those of the items below it."""

    async def abandon_all(self) -> None:
        """Cancel what is left: the run has ended, or begins again later."""

    async def hear(self, call_id: UUID, number: int, kind: str, data: Mapping[str, Any]) -> None:
        """Take in what has become of a call, once, if its node listens."""
