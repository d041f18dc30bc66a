"""The state of a run's nodes as its events tell it, drawn live on a terminal or told line by line elsewhere."""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from app.cli.output import STYLES, clean, say

NODE_STATUS = {
    "started": "RUNNING",
    "retrying": "RETRYING",
    "waiting": "WAITING",
    "completed": "COMPLETED",
    "failed": "FAILED",
    "skipped": "SKIPPED",
    "cancelled": "CANCELLED",
}
ENDED = ("COMPLETED", "FAILED", "CANCELLED")
# Which nodes are shown first when not all fit.
URGENCY = ("RUNNING", "RETRYING", "WAITING", "FAILED", "CANCELLED", "PENDING", "COMPLETED", "SKIPPED")
FRAMES_PER_SECOND = 8
LINES_AROUND = 6
NOTE_CHARACTERS = 60


@dataclass(slots=True)
class Line:
    """What is known of one node's latest turn."""

    status: str = "PENDING"
    iteration: int = 0
    attempt: int = 1
    duration_ms: float | None = None
    note: str = ""


@dataclass(slots=True)
class Board:
    """A run and its nodes; `take` events in their order."""

    title: str
    status: str = "PENDING"
    nodes: dict[str, Line] = field(default_factory=dict)
    note: str = ""

    @property
    def ended(self) -> bool:
        """Whether the newest event of the run is its end."""
        return self.status in ENDED

    def expect(self, node_ids: Iterable[str]) -> None:
        """Show these nodes, in this order, before anything is known of them."""
        for node_id in node_ids:
            self.nodes.setdefault(node_id, Line())

    def take(self, event: Mapping[str, Any]) -> None:
        """Learn from one event."""
        data, (_, about, what) = event["data"], event["type"].split(".", 2)
        if about == "run":
            self.status = data.get("status", self.status)
            self.note = _note(data)
            return
        line = self.nodes.setdefault(event["node_id"], Line())
        line.status = NODE_STATUS.get(what, line.status)
        line.iteration, line.attempt = data.get("iteration", 0), data.get("attempt", 1)
        line.duration_ms = data.get("duration_ms")
        line.note = _note(data)

    def __rich__(self) -> Group:
        """The picture of this moment."""
        room = max(Console(stderr=True).height - LINES_AROUND, 5)
        shown = set(sorted(self.nodes, key=lambda name: URGENCY.index(self.nodes[name].status))[:room])
        table = Table("NODE", "STATUS", "TURN", "TIME", "", box=None, header_style="bold", pad_edge=False)
        for name, line in self.nodes.items():
            if name in shown:
                turn = f"{line.iteration}" + (f" (attempt {line.attempt})" if line.attempt > 1 else "")
                table.add_row(
                    Text(clean(name), overflow="ellipsis", no_wrap=True),
                    Text(line.status, style=STYLES.get(line.status, "")),
                    turn if line.status != "PENDING" else "",
                    _duration(line.duration_ms),
                    Text(line.note, style="dim", overflow="ellipsis", no_wrap=True),
                )
        ended = sum(line.status in (*ENDED, "SKIPPED") for line in self.nodes.values())
        head = Text.assemble(clean(self.title), "  ", (self.status, STYLES.get(self.status, "")))
        head.append(f"  {ended} of {len(self.nodes)} nodes  {self.note}")
        more = len(self.nodes) - len(shown)
        return Group(head, table, Text(f"and {more} more nodes", style="dim")) if more else Group(head, table)


class Display:
    """Shows a board while its block runs: a live picture on a terminal, a line for each change elsewhere.

    Both go to standard error, as standard output is for results.
    """

    def __init__(self, board: Board) -> None:
        self.board = board
        self._live: Live | None = None
        if sys.stderr.isatty():
            self._live = Live(board, console=Console(stderr=True), refresh_per_second=FRAMES_PER_SECOND)

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def take(self, event: Mapping[str, Any]) -> None:
        """Learn from one event, and show it."""
        self.board.take(event)
        if self._live is None:
            say(told(event))

    def ask(self, question: str) -> str:
        """Ask whoever sits at the terminal, and wait for the line that is typed; blocks."""
        if self._live is not None:
            self._live.stop()
        try:
            print(question, end="", file=sys.stderr, flush=True)
            return sys.stdin.readline()
        finally:
            if self._live is not None:
                self._live.start()

    def tell(self, sentence: str) -> None:
        """Say something about the display itself."""
        if self._live is None:
            say(sentence)
        else:
            self._live.console.print(Text(sentence))


def told(event: Mapping[str, Any]) -> str:
    """One event as a line: time, whom it is about, what happened, and what is worth knowing of it."""
    data, (_, about, what) = event["data"], event["type"].split(".", 2)
    time = event["at"][11:23]
    if about == "run":
        return f"{time} run {what} {_note(data)}".rstrip()
    turn = f" (turn {data['iteration']})" if data.get("iteration") else ""
    return f"{time} {clean(event['node_id'])} {what}{turn} {_duration(data.get('duration_ms'))} {_note(data)}".rstrip()


def _duration(milliseconds: float | None) -> str:
    if milliseconds is None:
        return ""
    return f"{milliseconds:.0f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.1f} s"  # noqa: PLR2004 - a second


def _note(data: Mapping[str, Any]) -> str:
    for name in ("error", "reason"):
        if isinstance(data.get(name), Mapping):
            return clean(data[name].get("message") or "")
    if data.get("total"):
        return clean(f"{data.get('done')} of {data['total']} {data.get('message') or ''}")[:NOTE_CHARACTERS]
    return clean(data.get("message") or "")[:NOTE_CHARACTERS]
