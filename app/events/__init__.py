"""The event bus: rows carry the events, notifications only wake. `Wakeups` tells, `Hub` listens, `store` reads."""

from app.events.hub import Hub, Snapshot
from app.events.store import EventText, RunHead
from app.events.subscriber import Subscriber
from app.events.wakeups import Wakeups

__all__ = ["EventText", "Hub", "RunHead", "Snapshot", "Subscriber", "Wakeups"]
