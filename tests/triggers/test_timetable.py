from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import UnprocessableError
from app.services.timetable import Timetable

BERLIN = "Europe/Berlin"


def due(cron: str, zone: str, start: str, count: int) -> list[str]:
    """The first due times after a time in UTC, as day, time and offset on the wall."""
    table, moment = Timetable(cron, zone), datetime.fromisoformat(start).replace(tzinfo=UTC)
    found = []
    for _ in range(count):
        moment = table.after(moment)
        assert moment is not None
        found.append(moment.astimezone(ZoneInfo(zone)).strftime("%d %H:%M:%S %z")[:-2])
    return found


@pytest.mark.spec("SCHED-1")
@pytest.mark.parametrize(
    ("cron", "first"),
    [
        ("30 9 * * *", "2026-06-01T09:30:00"),
        ("0 9 * * mon-fri", "2026-06-01T09:00:00"),
        ("0 0 1 JAN *", "2027-01-01T00:00:00"),
        ("*/15 8-10 * * *", "2026-06-01T08:15:00"),
        ("0 0 L * *", "2026-06-30T00:00:00"),
        ("0 0 * * 7", "2026-06-07T00:00:00"),
        ("0 12 13 * fri", "2026-06-05T12:00:00"),
        ("0 0 29 2 *", "2028-02-29T00:00:00"),
        ("10 30 9 * * *", "2026-06-01T09:30:10"),
        ("@hourly", "2026-06-01T09:00:00"),
        ("@daily", "2026-06-02T00:00:00"),
        ("@weekly", "2026-06-07T00:00:00"),
        ("@monthly", "2026-07-01T00:00:00"),
        ("@yearly", "2027-01-01T00:00:00"),
    ],
)
def test_expressions_are_read_as_cron_reads_them(cron: str, first: str) -> None:
    start = datetime(2026, 6, 1, 8, 0, 1, tzinfo=UTC)

    assert Timetable(cron, "UTC").after(start) == datetime.fromisoformat(first).replace(tzinfo=UTC)


@pytest.mark.spec("SCHED-2")
@pytest.mark.parametrize(
    "cron",
    [
        *("", "hello", "* * * *", "60 * * * *", "* * * * * * *", "*/0 * * * *", "5-1-2 * * * *"),
        *("@reboot", "@every 5m", "0 0 30 2 *", "0 0 31 4,6 *"),
        *("R * * * *", "H H * * *", "0 R(1-5) * * *", "\uff10 0 * * *"),
    ],
)
def test_what_cannot_be_read_or_never_comes_is_refused(cron: str) -> None:
    with pytest.raises(UnprocessableError) as refused:
        Timetable(cron, "UTC")

    problem = refused.value.problems[0]
    assert (problem.code, problem.pointer) == ("invalid_cron", "/cron")
    assert "Write" in problem.message


@pytest.mark.spec("SCHED-2")
@pytest.mark.parametrize("zone", ["", "Berlin", "../../etc/passwd", "localtime", "europe/berlin"])
def test_an_unknown_time_zone_is_refused(zone: str) -> None:
    with pytest.raises(UnprocessableError) as refused:
        Timetable("@daily", zone)

    assert (refused.value.problems[0].code, refused.value.problems[0].pointer) == ("unknown_timezone", "/timezone")


@pytest.mark.spec("SCHED-3")
def test_a_time_that_the_clock_leaves_out_is_due_once_after_the_gap() -> None:
    before = "2026-03-28 12:00"

    assert due("30 2 * * *", BERLIN, before, 2) == ["29 03:30:00 +02", "30 02:30:00 +02"]
    assert due("*/30 2 * * *", BERLIN, before, 3) == ["29 03:00:00 +02", "29 03:30:00 +02", "30 02:00:00 +02"]
    assert due("30 2,3 * * *", BERLIN, before, 2) == ["29 03:30:00 +02", "30 02:30:00 +02"]
    assert due("0 3 * * *", BERLIN, before, 2) == ["29 03:00:00 +02", "30 03:00:00 +02"]


@pytest.mark.spec("SCHED-3")
def test_a_time_that_comes_twice_is_due_once() -> None:
    before = "2026-10-24 12:00"

    assert due("30 2 * * *", BERLIN, before, 2) == ["25 02:30:00 +02", "26 02:30:00 +01"]
    assert due("0,30 1-3 * * *", BERLIN, before, 6)[2:] == [
        "25 02:00:00 +02",
        "25 02:30:00 +02",
        "25 03:00:00 +01",
        "25 03:30:00 +01",
    ]


@pytest.mark.spec("SCHED-3")
def test_every_hour_is_every_hour_that_passes() -> None:
    assert due("30 * * * *", BERLIN, "2026-10-24 23:00", 4) == [
        "25 01:30:00 +02",
        "25 02:30:00 +02",
        "25 02:30:00 +01",
        "25 03:30:00 +01",
    ]
    assert due("@hourly", BERLIN, "2026-03-28 23:30", 3) == ["29 01:00:00 +01", "29 03:00:00 +02", "29 04:00:00 +02"]
    assert due("15 * * * *", "Australia/Lord_Howe", "2026-04-04 13:30", 3) == [
        "05 01:15:00 +11",
        "05 02:15:00 +10",
        "05 03:15:00 +10",
    ]


@pytest.mark.spec("SCHED-3")
@settings(max_examples=60, deadline=None)
@given(
    minute=st.sampled_from(["0", "30", "*/7", "59"]),
    hour=st.sampled_from(["*", "2", "1-3", "*/2", "0,23"]),
    zone=st.sampled_from([BERLIN, "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Santiago"]),
    minutes=st.integers(0, 365 * 24 * 60),
)
def test_due_times_rise_and_none_is_more_than_a_day_away(minute: str, hour: str, zone: str, minutes: int) -> None:
    table = Timetable(f"{minute} {hour} * * *", zone)
    moments = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)]
    for _ in range(40):
        found = table.after(moments[-1])
        assert found is not None
        moments.append(found)

    gaps = [later - earlier for earlier, later in pairwise(moments)]
    assert all(timedelta(0) < gap <= timedelta(hours=26) for gap in gaps)
    longest = timedelta(hours=1) if hour == "*" and minute != "*/7" else timedelta(hours=26)
    assert all(gap <= longest + timedelta(minutes=30) for gap in gaps)


@pytest.mark.spec("SCHED-3")
def test_a_due_time_is_found_from_any_moment_before_it() -> None:
    """Whoever asks from a later start gets the same times: nothing hangs on where the search began."""
    for cron in ("30 2 * * *", "*/20 * * * *", "0 */2 * * *"):
        table = Timetable(cron, BERLIN)
        for day in (datetime(2026, 3, 28, 22, tzinfo=UTC), datetime(2026, 10, 24, 22, tzinfo=UTC)):
            known = list(table.between(table.after(day) or day, day + timedelta(hours=8)))
            for minute in range(0, 480, 7):
                start = day + timedelta(minutes=minute)
                assert table.after(start) == next((one for one in known if one > start), table.after(known[-1]))
