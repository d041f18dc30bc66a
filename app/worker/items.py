"""Where the items of an execution's maps stand, as rows of the journal."""

from collections.abc import Iterable, Mapping
from typing import Any

from app.clock import now
from app.compiler.items import ItemState
from app.compiler.waiting import Place
from app.statuses import NODE_ENDED
from app.worker.entries import RunLog
from app.worker.journal import Journal


class Items:
    """The ItemLog of one execution of one run; `known` is where earlier ones left them."""

    def __init__(self, journal: Journal, run: RunLog, known: Iterable[ItemState] = ()) -> None:
        self._journal = journal
        self._run = run
        self._open = {state.place: state for state in known if state.status not in NODE_ENDED}

    def put(self, state: ItemState) -> None:
        """Write where an item stands; the newest state before a flush is the one that is written."""
        if state.status not in NODE_ENDED:
            before = self._open.get(state.place)
            self._open[state.place] = state
            if before is not None and _waits_on(before, state):
                return
        elif self._open:
            self._open.pop(state.place, None)
        self._journal.item(self._run, state)

    def close(self, place: Place, reason: Mapping[str, Any]) -> None:
        """Write that the items of a map that had begun and not ended are CANCELLED."""
        node_id, iteration, path = place
        for state in list(self._open.values()):
            if state.place[:2] == (node_id, iteration) and state.place[2][: len(path)] == path:
                self._cancel(state, reason)

    def close_all(self, reason: Mapping[str, Any]) -> None:
        """The same for all maps of the run."""
        for state in list(self._open.values()):
            self._cancel(state, reason)

    async def room(self) -> None:
        """Return when the journal can take more."""
        await self._journal.room()

    def _cancel(self, state: ItemState, reason: Mapping[str, Any]) -> None:
        state.status, state.reason, state.wake_at, state.finished_at = "CANCELLED", reason, None, now()
        self.put(state)


def _waits_on(before: ItemState, state: ItemState) -> bool:
    """Whether an item that is visited again waits for the same thing as before."""
    return before.status == state.status == "WAITING" and (before.reason, before.wake_at) == (
        state.reason,
        state.wake_at,
    )
