"""How long things took, as the API tells it."""

from datetime import UTC, datetime, timedelta

from app.services.pages import milliseconds

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


def test_a_duration_is_told_in_milliseconds_and_is_not_negative_though_the_clock_was_set_back() -> None:
    assert milliseconds(NOON, NOON + timedelta(seconds=1, microseconds=1234)) == 1001.234
    assert milliseconds(NOON, NOON - timedelta(seconds=1)) == 0.0
    assert milliseconds(NOON, None) is None
