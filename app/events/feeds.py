"""Who reads what: the table of runs that have readers, and how far each has been handed out."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from app.events.store import EventRow, EventText, as_text
from app.events.subscriber import Subscriber

MOST_HANDED = 500
"""More events than this are read from the log instead, so that the loop has its turn in between."""


class Feed:
    """A run with readers. `seq` is how far those not behind were handed its events, `heard` how far wakes told of."""

    __slots__ = ("heard", "members", "run_id", "seq")

    def __init__(self, run_id: UUID) -> None:
        self.run_id = run_id
        self.members: set[Subscriber] = set()
        self.seq = 0
        self.heard = 0

    @property
    def live(self) -> bool:
        """Whether somebody waits for the next event rather than reading the log."""
        return any(self.run_id not in member.behind for member in self.members)


class Feeds:
    """All feeds of the process, the readers of whole projects, and what is to be read next. Never waits.

    A reader gets live events of a run once its cursor has reached what was handed out, and from then on every event:
    nothing can slip between the log and the feed, because both steps happen without waiting.
    """

    def __init__(self) -> None:
        self.by_run: dict[UUID, Feed] = {}
        self.by_project: dict[UUID, set[Subscriber]] = {}
        self.dirty: set[UUID] = set()
        self.unseen: dict[UUID, tuple[UUID, int]] = {}

    def hear(self, project_id: UUID, run_id: UUID, last_seq: int, written: Sequence[EventRow] = ()) -> bool:
        """Take note that a run's log has reached `last_seq`; whether anybody has to read it.

        Events that come along, and are just those that are next, are handed out: nobody has to read them.
        """
        wanted = False
        for reader in self.by_project.get(project_id, ()):
            if run_id not in reader.cursors and reader.ended.get(run_id, (0,))[0] < last_seq:
                self.unseen[run_id] = project_id, last_seq
                wanted = True
                break
        feed = self.by_run.get(run_id)
        if feed is not None:
            feed.heard = max(feed.heard, last_seq)
            # Not where more has been heard of: an end that something follows has to be seen with what follows it.
            fits = written and written[0][1] == feed.seq + 1 and written[-1][1] == feed.heard
            if fits and len(written) <= MOST_HANDED and feed.live:
                self.deliver(run_id, feed.seq, [as_text(row) for row in written])
        if feed is not None and last_seq > feed.seq:
            self.dirty.add(run_id)
            wanted = True
        return wanted

    def join(self, reader: Subscriber, run_id: UUID, cursor: int, head: int | None) -> None:
        """Let a reader have the events after `cursor`; `head` is the run's newest seq, or None if that is not known."""
        feed = self.by_run.setdefault(run_id, Feed(run_id))
        reader.cursors[run_id] = cursor
        reader.behind.add(run_id)
        feed.members.add(reader)
        if head is not None and cursor >= head:
            self.catch_up(reader, run_id, head)
            self.dirty.add(run_id)
        reader.news.set()

    def catch_up(self, reader: Subscriber, run_id: UUID, reached: int) -> bool:
        """Make a reader live that has read the log up to `reached`, unless more has been handed out meanwhile."""
        feed = self.by_run[run_id]
        if feed.live:
            if reader.cursors[run_id] < feed.seq:
                return False
        else:
            feed.seq = reached
        reader.behind.discard(run_id)
        return True

    def deliver(self, run_id: UUID, after: int, events: Sequence[EventText]) -> None:
        """Hand out what was read after the seq `after`; when the feed has moved meanwhile, it is to be read again."""
        feed = self.by_run.get(run_id)
        if feed is None or not events:
            return
        if feed.seq != after:
            self.dirty.add(run_id)
            return
        feed.seq = events[-1].seq
        size = sum(len(event.text) for event in events)
        for member in feed.members:
            if run_id not in member.behind:
                member.push(events, size)

    def meet(
        self, unseen: Mapping[UUID, tuple[UUID, int]], ends: Mapping[UUID, Sequence[tuple[int, datetime]]]
    ) -> None:
        """Give readers of whole projects the runs that are new to them.

        What had ended before such a reader came is skipped: `ends` tells seq and time of each run's terminal events.
        """
        for run_id, (project_id, last_seq) in unseen.items():
            for reader in self.by_project.get(project_id, ()):
                if run_id in reader.cursors:
                    continue
                known = reader.ended.pop(run_id, None)
                past = [seq for seq, at in ends.get(run_id, ()) if at <= reader.floor]
                cursor = known[0] if known else max(past, default=0)
                self.join(reader, run_id, cursor, head=cursor)
            if (feed := self.by_run.get(run_id)) is not None:
                feed.heard = max(feed.heard, last_seq)

    def leave(self, reader: Subscriber, run_ids: Iterable[UUID]) -> None:
        """Let a reader have no more of these runs."""
        for run_id in list(run_ids):
            reader.forget(run_id)
            feed = self.by_run.get(run_id)
            if feed is not None:
                feed.members.discard(reader)
                if not feed.members:
                    del self.by_run[run_id]

    def open_project(self, reader: Subscriber, project_id: UUID, floor: datetime) -> None:
        """Let a reader have every run of a project, also those to come."""
        if reader.project_id != project_id:  # who has them already is not to miss what ended since
            reader.project_id = project_id
            reader.floor = floor
        self.by_project.setdefault(project_id, set()).add(reader)

    def close_project(self, reader: Subscriber) -> None:
        """Let a reader have only the runs that it names."""
        readers = self.by_project.get(reader.project_id) if reader.project_id else None
        if readers is not None and reader.project_id is not None:
            readers.discard(reader)
            if not readers:
                del self.by_project[reader.project_id]
        reader.project_id = None
        reader.ended.clear()

    def gone(self, run_ids: Iterable[UUID]) -> None:
        """Runs that were deleted: their readers have nothing more to come."""
        for run_id in run_ids:
            feed = self.by_run.get(run_id)
            for member in list(feed.members) if feed else ():
                self.leave(member, [run_id])
                member.news.set()

    def pruned(self, run_id: UUID, seq: int) -> None:
        """Events up to a seq were deleted: readers that had not come so far have nothing more to come."""
        feed = self.by_run.get(run_id)
        for member in list(feed.members) if feed and seq else ():
            if member.cursors[run_id] < seq:
                self.leave(member, [run_id])
                member.news.set()

    def to_read(self) -> Iterator[tuple[UUID, int]]:
        """The runs with news for somebody who waits, each with the seq to read after; they count as read now."""
        dirty, self.dirty = self.dirty, set()
        for run_id in dirty:
            feed = self.by_run.get(run_id)
            if feed is not None and feed.live:
                yield run_id, feed.seq
