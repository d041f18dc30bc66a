"""When a schedule is due: a cron expression in a time zone.

An expression that names its hours speaks of the clock on the wall, and each time on it is due once: where the clock is
set forward, a time that is left out is due as much later; where it is set back, a time that comes twice is due when it
comes first. One with `*` for the hour speaks of minutes that pass, and is due in each hour, the repeated one, too.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from croniter import CroniterBadDateError, CroniterError, croniter

from app.errors import Problem, UnprocessableError

MOST_FIELDS = 6
_RANDOM = re.compile(r"[rh](?=[\s,/(]|$)", re.IGNORECASE)
_SECOND = timedelta(seconds=1)


class Timetable:
    """The due times of a cron expression in an IANA time zone.

    Raises UnprocessableError with the pointer `/cron` or `/timezone` for what cannot be read, or never comes.
    """

    def __init__(self, cron: str, timezone: str) -> None:
        self._zone = _zone(timezone)
        self._cron = " ".join(cron.split())
        try:
            _must_be_plain(self._cron)
            found = self._after(datetime(2026, 1, 1))  # noqa: DTZ001  # a time on the wall, in no zone
        except CroniterBadDateError:
            raise _refusal(f"`{cron}` never comes. Write a day that its months have.") from None
        except (CroniterError, OverflowError) as error:
            raise _refusal(
                f"`{cron}` cannot be read as a cron expression ({str(error).rstrip('.')}). "
                "Write minute, hour, day of month, month and day of week, such as `30 9 * * mon-fri`, or `@hourly`."
            ) from None
        self._every_hour = croniter(self._cron, found, second_at_beginning=True).expanded[1] == ["*"]

    def after(self, moment: datetime) -> datetime | None:
        """The first due time after a moment, in UTC; None when there is none."""
        try:
            return self._by_elapsed_time(moment) if self._every_hour else self._by_the_wall(moment)
        except (CroniterBadDateError, OverflowError):
            return None

    def between(self, first: datetime, last: datetime) -> Iterator[datetime]:
        """`first`, which is a due time, and those that follow it up to `last`."""
        due: datetime | None = first
        while due is not None and due <= last:
            yield due
            due = self.after(due)

    def _by_the_wall(self, moment: datetime) -> datetime:
        # What the clock leaves out is due later than it says, so the search begins before the gap.
        wall = moment.astimezone(self._zone).replace(tzinfo=None) - self._gap(moment)
        while True:
            wall = self._after(wall)
            due = wall.replace(tzinfo=self._zone).astimezone(UTC)
            if due > moment:
                return due

    def _by_elapsed_time(self, moment: datetime) -> datetime:
        start, back = moment, timedelta(0)
        while True:
            offset = self._offset(start)
            wall = (start.astimezone(UTC) + offset).replace(tzinfo=None) - back
            due = (self._after(wall) - offset).replace(tzinfo=UTC)
            if self._offset(due) == offset:
                return due
            # The clock is set in between: what is due is looked for again from that moment on, itself included.
            start, back = self._change(start, due), _SECOND

    def _change(self, early: datetime, late: datetime) -> datetime:
        """The first second in between at which the clock differs from what it is at `early`."""
        offset, start = self._offset(early), early.astimezone(UTC).replace(microsecond=0)
        low, high = 0, int((late - start) / _SECOND)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self._offset(start + middle * _SECOND) == offset else (low, middle)
        return start + high * _SECOND

    def _gap(self, moment: datetime) -> timedelta:
        """By how much the clock was set forward in the last day."""
        return max(self._offset(moment) - self._offset(moment - timedelta(days=1)), timedelta(0))

    def _offset(self, moment: datetime) -> timedelta:
        return moment.astimezone(self._zone).utcoffset() or timedelta(0)

    def _after(self, wall: datetime) -> datetime:
        found: datetime = croniter(self._cron, wall, second_at_beginning=True).get_next(datetime)
        return found


def _must_be_plain(cron: str) -> None:
    """Raise CroniterError for what croniter reads and nobody should write: years, hashes and random numbers."""
    fields = cron.split()
    if len(fields) > MOST_FIELDS:
        raise CroniterError("it has more than six fields")
    if not cron.startswith("@") and any(_RANDOM.match(field) for field in fields):
        raise CroniterError("R and H are not known here")


@lru_cache(maxsize=1)
def _zones() -> set[str]:
    return available_timezones() - {"localtime", "Factory"}


def _zone(name: str) -> ZoneInfo:
    if name not in _zones():
        sentence = f"There is no time zone `{name}`. Write a name of the IANA list, such as Europe/Berlin or UTC."
        raise UnprocessableError(
            sentence, code="unknown_timezone", problems=[Problem("unknown_timezone", "/timezone", sentence)]
        )
    return ZoneInfo(name)


def _refusal(sentence: str) -> UnprocessableError:
    return UnprocessableError(sentence, code="invalid_cron", problems=[Problem("invalid_cron", "/cron", sentence)])
